"""What a handler is given: its run, the event that started it, and the operations."""

from __future__ import annotations

import logging
import time
import typing
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, Generic

from . import event as events
from ._runtime import Runtime
from .errors import NonRetriableError
from .event import Event, FunctionFailure
from .step import Step

if TYPE_CHECKING:
    from typing_extensions import TypeVar

    D = TypeVar("D", default=dict[str, Any])
else:
    D = typing.TypeVar("D")

__all__ = ["Context", "RunInfo"]


@dataclass(frozen=True)
class RunInfo:
    """What a workflow knows of its run when it begins."""

    app_id: str
    function_id: str
    run_id: str
    attempt: int
    max_attempts: int
    event: Event[Any]
    events: list[Event[Any]]


class Context(Generic[D]):
    """One attempt at a run. `Context[Order]` reads the event's data as an `Order` (a dataclass, a `TypedDict`…); data that are none fail the run at
    once. Without a type the data are a `dict`."""

    def __init__(self, runtime: Runtime, run: RunInfo, data: Any = None, *, of_failure: bool = False) -> None:
        self._run = run
        self._data = data
        self._of_failure = of_failure
        self.step = Step(runtime)
        """The operations: `run`, `sleep`, `wait_for_event`…"""
        self.logger = logging.getLogger(f"{run.app_id}.{run.function_id}")
        """Log lines that belong to the run; any other logger of `logging` does the same."""
        self.event: Event[D] = run.event if data is None or of_failure else events.typed(run.event, data)
        """The event that started the run: of a debounced function the newest, of a batch the first."""
        self.events: list[Event[D]] = (
            run.events if data is None or of_failure else [events.typed(one, data) for one in run.events]
        )
        """All of them, where several did; otherwise just `event`."""

    @property
    def app_id(self) -> str:
        """The app's id."""
        return self._run.app_id

    @property
    def function_id(self) -> str:
        """The function's id."""
        return self._run.function_id

    @property
    def run_id(self) -> str:
        """A ULID."""
        return self._run.run_id

    @property
    def attempt(self) -> int:
        """How often the workflow code (not a step) failed before, from 0."""
        return self._run.attempt

    @property
    def max_attempts(self) -> int:
        """How many attempts at the workflow code there can be."""
        return self._run.max_attempts

    @property
    def failure(self) -> FunctionFailure[D]:
        """What failed. Only in a handler of failures (`on_failure`)."""
        if not self._of_failure:
            raise NonRetriableError("`ctx.failure` is known in a handler of failures (`on_failure`) only", name="NoFailure")
        return events.failure_of(self._run.event, Any if self._data is None else self._data)

    def now(self) -> datetime:
        """The time of the last result, in UTC. `datetime.now()` says the same."""
        return datetime.fromtimestamp(time.time(), timezone.utc)
