"""Tests of workflows as ordinary Python, without a host: the test plays the host's part and reads like a story.

    from abide.testing import Run, event

    run = Run(drip, event("user/signed.up", {"user_id": "u-1"}))
    run.execute("welcome")
    assert run.asked("pause") == {"kind": "sleep", "ms": 259_200_000}
    run.complete("pause")
    run.time_out("done")
    assert run.output() is False

A test that names an operation that is not pending gets an `AssertionError` that lists what the run is waiting for. Several events make a run of a batch;
`after_failure` makes a run of a handler of failures; `config` shows a configuration.
"""

from __future__ import annotations

import dataclasses
import enum
from dataclasses import dataclass
from typing import Any

from . import _json
from ._failure import Failure, from_exception, to_step_error
from ._operations import BackoffRecord, Done, Empty, Execution, Failed, Fetch, News, Operation, SendEvents
from ._records import FailureTrigger, FunctionRecord
from ._runtime import Runtime
from ._time import duration_ms
from .app import Function
from .config import EventTrigger
from .context import RunInfo
from .event import Event

__all__ = ["Run", "RunFailed", "after_failure", "config", "event"]

_RUN_ID = "01JTESTRUN000000000000000"


def event(
    name: str, data: Any = None, *, id: str = "01JTESTEVENT00000000000000", user: Any = None, ts: int = 1_767_225_600_000, v: str | None = None
) -> Event[Any]:
    """An event as it arrives; `data` may be a dataclass."""
    written = _json.parse(_json.encode({} if data is None else data))
    return Event(id, name, written, ts, None if user is None else _json.parse(_json.encode(user)), v)


class RunFailed(Exception):
    """The error that ended a run: what `Run.output` raises."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(f"{failure.name}: {failure.message}")
        self.name = failure.name
        self.message = failure.message
        self.stack = failure.stack
        self.data = _json.parse(failure.data) if failure.data is not None else None
        self.retriable = failure.retry.kind != "non-retriable"


@dataclass
class _Pending:
    id: str
    operation: Operation


class _Scripted:
    """A host that only takes notes."""

    def __init__(self) -> None:
        self.tickets = 0
        self.pending: dict[int, _Pending] = {}
        self.cancelled: list[str] = []
        self.names: dict[str, int] = {}

    def start(self, id: str, operation: Operation) -> int:
        ticket, self.tickets = self.tickets, self.tickets + 1
        repeat = self.names.get(id, 0)
        self.names[id] = repeat + 1
        self.pending[ticket] = _Pending(f"{id}:{repeat}" if repeat else id, operation)
        return ticket

    def next(self) -> tuple[int, News]:
        raise AssertionError("a test says itself what comes next")

    def finish(self, ticket: int, outcome: str | Failure) -> None:
        raise AssertionError("a test executes bodies itself")

    def cancel(self, ticket: int) -> None:
        self.cancelled.append(self.pending.pop(ticket).id)


class Run:
    """A run of a function whose host is the test. It goes on at once until it waits for something."""

    def __init__(self, function: Function[Any], *events: Event[Any], attempt: int = 0) -> None:
        newest = bool(function.record.debounce)
        given = list(events) or [event("test/started")]
        started = given[-1] if newest else given[0]
        info = RunInfo("test", function.id, _RUN_ID, attempt, max(5, attempt + 1), started, given)
        self._host = _Scripted()
        self._runtime = Runtime(self._host)
        self._output: str | Failure | None = None
        self._runtime.begin(function.begin(self._runtime, info))
        self._go_on()

    def pending(self) -> list[str]:
        """The ids of the operations that the run waits for, in the order of their start. A repeated id is `id:1`, `id:2`…"""
        return [one.id for one in self._host.pending.values()]

    def cancelled(self) -> list[str]:
        """The ids of the operations that the run gave up, in that order."""
        return list(self._host.cancelled)

    def asked(self, id: str) -> dict[str, Any]:
        """What the run asked for with a pending operation: its `kind` and the options that were given."""
        return _shown(self._host.pending[self._ticket(id)].operation)

    def execute(self, id: str, *, input: Any = dataclasses.MISSING, attempt: int = 0) -> Any:
        """Executes the body of a pending step and hands its outcome to the run: gives the result, or raises the failure, as though no attempt were
        left. `input` is what an operator put in the place of the step's own."""
        ticket = self._ticket(id)
        replaced = None if input is dataclasses.MISSING else _json.encode(input)
        execution = Execution(attempt, max(5, attempt + 1), f"{_RUN_ID}/{id}/{attempt}", f"{_RUN_ID}/{id}", replaced)
        outcome = self._runtime.execute(ticket, execution)
        if isinstance(outcome, Failure):
            self._deliver(ticket, Failed(outcome))
            raise to_step_error(id, outcome)
        self._deliver(ticket, Done(outcome))
        return _json.parse(outcome)

    def complete(self, id: str, result: Any = None) -> None:
        """Completes a pending operation with this result, without executing anything. An `Event` is what a wait for one gives."""
        self._deliver(self._ticket(id), Done(_json.encode(result)))

    def fail(self, id: str, error: BaseException) -> None:
        """Lets a pending operation fail for good."""
        self._deliver(self._ticket(id), Failed(from_exception(error)))

    def time_out(self, id: str) -> None:
        """Lets a pending wait time out."""
        self._deliver(self._ticket(id), Empty())

    def ended(self) -> bool:
        """Whether the run is over."""
        return self._output is not None

    def output(self) -> Any:
        """The run's output; raises `RunFailed` if it failed."""
        if self._output is None:
            raise AssertionError(f"the run is not over; it waits for {self.pending()}")
        if isinstance(self._output, Failure):
            raise RunFailed(self._output)
        return _json.parse(self._output)

    def _deliver(self, ticket: int, news: News) -> None:
        del self._host.pending[ticket]
        self._runtime.handle(ticket, news)
        self._go_on()

    def _go_on(self) -> None:
        self._output = self._runtime.run_ready()

    def _ticket(self, id: str) -> int:
        for ticket, one in self._host.pending.items():
            if one.id == id:
                return ticket
        said = "" if self._output is None else f"; the run is over: {self._output}"
        raise AssertionError(f"no operation `{id}` is pending, but {self.pending()}{said}")


def after_failure(function: Function[Any], error: BaseException, *events: Event[Any]) -> Run:
    """A run of the handler of a function's failures, as though a run that these events had started had failed with this error."""
    handler = function.failure_handler
    if handler is None:
        raise AssertionError(f"the function `{function.id}` has no `on_failure`")
    failure = from_exception(error)
    given = [dataclasses.asdict(one) for one in events or (event("test/started"),)]
    told = {"name": failure.name, "message": failure.message, "stack": failure.stack}
    data = {"function_id": f"test/{function.id}", "run_id": _RUN_ID, "error": told, "event": given[0], "events": given}
    return Run(handler, event("inngest/function.failed", data))


def config(function: Function[Any]) -> dict[str, Any]:
    """A function's configuration, without the options that were not given: durations are in milliseconds and their names end in `_ms`. The handler of
    its failures is under `on_failure`."""
    shown = _record(function.record)
    if function.failure_handler is not None:
        shown["on_failure"] = config(function.failure_handler)
    return shown


_LENGTHS = ("jitter", "period", "timeout", "start", "finish", "retention")


def _record(record: FunctionRecord) -> dict[str, Any]:
    shown: dict[str, Any] = {}
    for field in dataclasses.fields(record):
        value = getattr(record, field.name)
        if value in (None, []):
            continue
        name = f"{field.name}_ms" if field.name in _LENGTHS else field.name
        shown[name] = _option(field.name, value)
    return shown


def _option(name: str, value: Any) -> Any:
    if name in _LENGTHS:
        return duration_ms(value)
    if isinstance(value, list):
        return [_option("", one) for one in value]
    if isinstance(value, EventTrigger):
        return _given({"event": value.event, "if": value.if_})
    if isinstance(value, FailureTrigger):
        return {"failure_of": value.failure_of}
    if isinstance(value, BackoffRecord):
        return _given(dataclasses.asdict(value))
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        members = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
        members = {"cron" if key == "schedule" else key: one for key, one in members.items() if one is not False}
        return _given({_member(key): _option(key, one) for key, one in members.items() if one is not None})
    return value.value if isinstance(value, enum.Enum) else value


def _member(name: str) -> str:
    return f"{name}_ms" if name in _LENGTHS else name.rstrip("_")


def _given(members: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in members.items() if value is not None}


_KINDS = {"SendEvents": "send-events", "AiInfer": "ai-infer", "SleepUntil": "sleep-until", "WaitForEvent": "wait-for-event"}
_KINDS |= {"WaitForSignal": "wait-for-signal", "SendSignal": "send-signal"}
_PAYLOADS = ("input", "data", "user")


def _shown(operation: Operation) -> dict[str, Any]:
    kind = type(operation).__name__
    shown: dict[str, Any] = {"kind": _KINDS.get(kind, kind.lower())}
    if isinstance(operation, SendEvents):
        shown["events"] = [_members(one) for one in operation.events]
        return shown
    shown |= _members(operation)
    if isinstance(operation, Fetch) and operation.body is not None:
        shown["body"] = operation.body.decode(errors="replace")
    elif isinstance(shown.get("body"), str):
        shown["body"] = _json.parse(shown["body"])
    return shown


def _members(record: Any) -> dict[str, Any]:
    members = {field.name: getattr(record, field.name) for field in dataclasses.fields(record)}
    shown: dict[str, Any] = {}
    for name, value in members.items():
        if value is None or value == ():
            continue
        if name in _PAYLOADS:
            value = _json.parse(value)
        elif isinstance(value, BackoffRecord):
            value = _given(dataclasses.asdict(value))
        shown[name.rstrip("_")] = value
    return shown

