"""The component's side: the exported functions, and the imported ones as a `Host`.

Only this module and `_wasi_*.py` know the bindings that componentize-py makes from `wit/`, and they are imported while a component is built and in it, nowhere
else. Here records of the contract are converted and nothing is decided.
"""

from __future__ import annotations

import sys
from typing import Any

from componentize_py_types import Err, Ok
from wit_world import exports
from wit_world.imports import abide_durable_types as wit
from wit_world.imports import operations

from . import _json, _operations as ops, _sandbox
from ._failure import Failure, Retry
from ._records import FailureTrigger, FunctionRecord
from ._time import duration_ms
from .app import App, run
from .config import CancelOn, Concurrency, CronTrigger, EventTrigger
from .context import RunInfo
from .event import Event

__all__ = ["Functions", "use_app"]

_app: App | None = None


def use_app(app: App) -> None:
    """The app that the component is."""
    global _app
    _app = app


def _the_app() -> App:
    assert _app is not None, "the build calls use_app"
    return _app


class Functions(exports.Functions):
    """What the host calls."""

    def describe(self) -> list[wit.FunctionConfig]:
        return [_config(function.record) for function in _the_app().functions.values()]

    def event_schemas(self) -> list[wit.EventSchema]:
        return [wit.EventSchema(one.event, one.v, _json.encode(one.schema)) for one in _the_app().schemas]

    def run(self, ctx: wit.RunContext) -> str:
        _sandbox.begin_run()
        info = RunInfo(
            ctx.app_id,
            ctx.function_id,
            ctx.run_id,
            ctx.attempt,
            ctx.max_attempts,
            _event(ctx.event),
            [_event(one) for one in ctx.events],
        )
        output = run(_the_app(), _Imports(), info)
        _flush()
        if isinstance(output, Failure):
            raise Err(_failure(output))
        return output


class _Imports:
    """The host, as the runtime sees it."""

    def start(self, id: str, operation: ops.Operation) -> int:
        return operations.start(id, _operation(operation))

    def next(self) -> tuple[int, ops.News]:
        _flush()
        ticket, news = operations.next()
        return ticket, _news(news)

    def finish(self, ticket: int, outcome: str | Failure) -> None:
        _flush()
        operations.finish(ticket, Ok(outcome) if isinstance(outcome, str) else Err(_failure(outcome)))

    def cancel(self, ticket: int) -> None:
        operations.cancel(ticket)


def _flush() -> None:
    """What was printed belongs to what executed until now."""
    sys.stdout.flush()
    sys.stderr.flush()


def _event(event: wit.Event) -> Event[Any]:
    user = _json.parse(event.user) if event.user is not None else None
    return Event(event.id, event.name, _json.parse(event.data), event.ts, user, event.v)


def _news(news: wit.News) -> ops.News:
    match news:
        case wit.News_Done(json):
            return ops.Done(json)
        case wit.News_Failed(failure):
            return ops.Failed(Failure(failure.name, failure.message, failure.stack, failure.data))
        case wit.News_Empty():
            return ops.Empty()
        case wit.News_Execute(it):
            return ops.Execute(ops.Execution(it.attempt, it.max_attempts, it.idempotency_key, it.step_key, it.input))


def _failure(failure: Failure) -> wit.Failure:
    return wit.Failure(failure.name, failure.message, failure.stack, failure.data, _retry(failure.retry))


def _retry(retry: Retry) -> wit.RetryAdvice:
    match retry.kind:
        case "retriable":
            return wit.RetryAdvice_Retriable()
        case "non-retriable":
            return wit.RetryAdvice_NonRetriable()
        case "after":
            return wit.RetryAdvice_RetryAfter(retry.ms)
        case "at":
            return wit.RetryAdvice_RetryAt(retry.ms)


def _backoff(backoff: ops.BackoffRecord | None) -> wit.Backoff | None:
    if backoff is None:
        return None
    factor = None if backoff.factor is None else float(backoff.factor)
    return wit.Backoff(wit.BackoffKind[backoff.kind.upper()], backoff.base_ms, factor, backoff.max_ms, backoff.jitter_ms)


def _operation(operation: ops.Operation) -> wit.Operation:
    match operation:
        case ops.Run(retries, timeout, backoff, input):
            return wit.Operation_Run(wit.RunOptions(retries, timeout, _backoff(backoff), input))
        case ops.Sleep(ms):
            return wit.Operation_Sleep(ms)
        case ops.SleepUntil(ms):
            return wit.Operation_SleepUntil(ms)
        case ops.WaitForEvent(event, timeout_ms, if_, match_, lookback):
            return wit.Operation_WaitForEvent(wit.WaitForEventOptions(event, timeout_ms, if_, match_, lookback))
        case ops.WaitForSignal(signal, timeout_ms, conflict):
            on_conflict = None if conflict is None else wit.SignalConflict[conflict.upper()]
            return wit.Operation_WaitForSignal(wit.WaitForSignalOptions(signal, timeout_ms, on_conflict))
        case ops.SendEvents(events):
            return wit.Operation_SendEvents([wit.NewEvent(one.id, one.name, one.data, one.user, one.ts, one.v) for one in events])
        case ops.SendSignal(signal, data, ttl):
            return wit.Operation_SendSignal(wit.SendSignalOptions(signal, data, ttl))
        case ops.Invoke(function, data, timeout):
            return wit.Operation_Invoke(wit.InvokeOptions(function, data, timeout))
        case ops.Fetch(method, url, headers, body, timeout, retries, backoff):
            return wit.Operation_Fetch(wit.FetchOptions(method, url, list(headers), body, timeout, retries, _backoff(backoff)))
        case ops.AiInfer(format, model, body_json, url_or_none, key_variable, timeout, retries):
            kind = wit.AiFormat[format.upper().replace("-", "_")]
            return wit.Operation_AiInfer(wit.AiInferOptions(kind, model, url_or_none, key_variable, body_json, timeout, retries))


def _ms(duration: Any) -> int | None:
    return None if duration is None else duration_ms(duration)


def _config(it: FunctionRecord) -> wit.FunctionConfig:
    throttle, rate, debounce, batch = it.throttle, it.rate_limit, it.debounce, it.batch_events
    singleton, timeouts = it.singleton, it.timeouts
    return wit.FunctionConfig(
        id=it.id,
        name=it.name,
        triggers=[_trigger(one) for one in it.triggers],
        retries=it.retries,
        backoff=_backoff(it.backoff),
        concurrency=[_concurrency(one) for one in it.concurrency],
        throttle=None if throttle is None else wit.Throttle(throttle.limit, duration_ms(throttle.period), throttle.burst, throttle.key),
        rate_limit=None if rate is None else wit.RateLimit(rate.limit, duration_ms(rate.period), rate.key),
        debounce=None if debounce is None else wit.Debounce(duration_ms(debounce.period), debounce.key, _ms(debounce.timeout)),
        batch_events=None if batch is None else wit.BatchEvents(batch.max_size, duration_ms(batch.timeout), batch.key, batch.if_),
        priority=it.priority,
        idempotency=it.idempotency,
        singleton=None if singleton is None else wit.Singleton(singleton.key, wit.SingletonMode[singleton.mode.upper()]),
        cancel_on=[_cancel_on(one) for one in it.cancel_on],
        timeouts=None if timeouts is None else wit.Timeouts(_ms(timeouts.start), _ms(timeouts.finish)),
        retention=_ms(it.retention),
    )


def _trigger(trigger: EventTrigger | CronTrigger | FailureTrigger) -> wit.Trigger:
    match trigger:
        case EventTrigger(event, if_):
            return wit.Trigger_Event(wit.EventTrigger(event, if_))
        case CronTrigger(schedule, jitter, catchup):
            missed = None if catchup is None else wit.Catchup[catchup.upper()]
            return wit.Trigger_Cron(wit.CronTrigger(schedule, _ms(jitter), missed))
        case FailureTrigger(function):
            return wit.Trigger_FailureOf(function)


def _concurrency(it: Concurrency) -> wit.Concurrency:
    scope = None if it.scope is None else wit.ConcurrencyScope[it.scope.upper()]
    unit = None if it.per is None else wit.ConcurrencyUnit[it.per.upper()]
    return wit.Concurrency(it.limit, it.key, scope, unit)


def _cancel_on(it: CancelOn) -> wit.CancelOn:
    return wit.CancelOn(it.event, it.if_, it.match, it.all, _ms(it.timeout))
