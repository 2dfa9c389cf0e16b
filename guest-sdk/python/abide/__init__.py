"""Durable functions in Python: async code whose steps are recorded, so that it survives crashes, restarts, deploys and waits of months.

    import abide

    app = abide.App("shop")

    @app.function(id="welcome", trigger="user/signed.up", retries=4)
    async def welcome(ctx: abide.Context) -> bool:
        await ctx.step.run("send-welcome", send_mail, ctx.event.data["email"], "Welcome!")
        await ctx.step.sleep("let-them-try", "3 days")
        done = await ctx.step.wait_for_event("onboarded", event="user/onboarded", match="data.user_id", timeout="7 days")
        return done is not None

The README of the package is the tutorial.
"""

from . import http
from ._body import execution
from ._combine import race
from ._operations import Execution
from ._span import Span, span
from ._time import Duration, Time
from .app import App, Function, OnFailure
from .config import (
    Backoff, BatchEvents, CancelOn, Concurrency, CronTrigger, Debounce, EventTrigger, RateLimit, Singleton, Throttle, Timeouts, Trigger,
)  # fmt: skip
from .context import Context
from .errors import ConfigurationError, Error, NonRetriableError, RetryAfterError, StepError
from .event import Event, EventSchema, FunctionFailure, NewEvent, RunError
from .response import Response
from .step import Model, Step

__all__ = [
    "App", "Backoff", "BatchEvents", "CancelOn", "Concurrency", "ConfigurationError", "Context", "CronTrigger", "Debounce", "Duration",
    "Error", "Event", "EventSchema", "EventTrigger", "Execution", "Function", "FunctionFailure", "Model", "NewEvent",
    "NonRetriableError", "OnFailure", "RateLimit", "Response", "RetryAfterError", "RunError", "Singleton", "Span", "Step",
    "StepError", "Throttle", "Time", "Timeouts", "Trigger", "execution", "http", "race", "span",
]  # fmt: skip
