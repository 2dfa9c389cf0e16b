"""What all operations have in common: options become a record of the contract, the record is performed, its result becomes a value.

Here are no options of any one operation: those are in `step.py`. `_runtime.py` does the waiting.
"""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from . import _annotations, _body, _json
from ._failure import to_step_error
from ._operations import BackoffRecord, Done, Execution, Failed, Operation, Run, SendEvents
from ._records import Lengths, backoff_record
from ._runtime import Body, Outcome, Runtime
from ._time import Duration, duration_ms
from .config import Backoff
from .errors import NonRetriableError, StepError

__all__ = ["NOT_GIVEN", "NotGiven", "Operations", "annotated", "json_object", "longer_than_nothing", "make_body", "run_record"]


class NotGiven:
    """No value, not even `None`."""


NOT_GIVEN = NotGiven()


class Operations:
    """Operations of one run."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    async def _perform(self, id: str, prepare: Callable[[Lengths], Operation], body: Body | None = None) -> Outcome:
        """Starts the operation and waits for its result; raises why there is none."""
        if _body.executing():
            message = (
                "a step's body cannot use the context: start operations in workflow code, and return from the body what they need"
            )
            raise StepError(id, "NestedOperation", message)
        lengths = Lengths()
        try:
            operation = prepare(lengths)
            lengths.faults += _faults(id, operation)
        except (TypeError, ValueError) as problem:
            lengths.faults.append(str(problem))
        if lengths.faults:
            raise StepError(id, "InvalidOptions", "; ".join(lengths.faults))
        outcome = await self._runtime.perform(id, operation, body)
        if isinstance(outcome, Failed):
            raise to_step_error(id, outcome.failure)
        return outcome

    def _value(self, id: str, outcome: Outcome, annotation: Any) -> Any:
        value = _json.parse(outcome.json) if isinstance(outcome, Done) else None
        if annotation is None or not _json.is_structured(annotation):
            return value
        try:
            return _json.decode(value, annotation)
        except _json.Misfit as problem:
            message = f"its result is not a `{_json.name_of(annotation)}`: {problem}"
            raise StepError(id, "InvalidResult", message) from None


def annotated(id: str, fn: Callable[..., Any], count: int) -> tuple[tuple[Any, ...] | None, Any]:
    """The types of a body's first parameters, and of its result."""
    try:
        return _annotations.of_parameters(fn, count), _annotations.of_result(fn)
    except _annotations.Unresolved as problem:
        raise StepError(id, "InvalidOptions", str(problem)) from None


def longer_than_nothing(lengths: Lengths, timeout: Duration) -> int:
    ms = duration_ms(timeout)
    if ms == 0:
        lengths.faults.append("timeout: it must be longer than nothing")
    return ms


def json_object(option: str, value: Any) -> str:
    text = _json.encode(value)
    if not text.startswith("{"):
        raise ValueError(f"{option}: it must be an object in JSON")
    return text


def run_record(
    lengths: Lengths,
    *,
    input: Any = NOT_GIVEN,
    retries: int | None = None,
    timeout: Duration | None = None,
    backoff: Backoff | None = None,
) -> Run:
    schedule = backoff_record(backoff, lengths) if backoff is not None else None
    written = None if isinstance(input, NotGiven) else _json.encode(input)
    return Run(retries, lengths.ms("timeout", timeout), schedule, written)


def make_body(fn: Callable[..., Any], args: tuple[Any, ...], *, given: bool, annotation: Any) -> Body:
    """What executes in a twin: calls `fn`, with what an operator put in the place of its input, and writes the result."""

    def body(execution: Execution) -> Coroutine[Any, Any, str] | str:
        handed = args
        if given and execution.replacement is not None:
            handed = (_replaced(execution.replacement, annotation), *args[1:])
        result = fn(*handed)
        return _awaited(result) if inspect.isawaitable(result) else _written(result)

    return body


async def _awaited(result: Awaitable[Any]) -> str:
    return _written(await result)


def _written(result: Any) -> str:
    try:
        return _json.encode(result)
    except ValueError as problem:
        raise NonRetriableError(f"the result: {problem}", name="InvalidResult") from None


def _replaced(text: str, annotation: Any) -> Any:
    value = _json.parse(text)
    try:
        return value if annotation is None else _json.decode(value, annotation)
    except _json.Misfit as problem:
        message = f"the input that an operator put in its place is not a `{_json.name_of(annotation)}`: {problem}"
        raise NonRetriableError(message, name="InvalidInput") from None


# The longest number of retries, and the greatest numbers that the contract holds.
_BOUNDS = {"retries": 20, "ts": 2**64 - 1}


def _faults(id: Any, operation: Operation) -> list[str]:
    """Values that the contract has no place for; the rest is the host's to judge."""
    faults = [] if isinstance(id, str) else [f"the id of a step is text, not {type(id).__name__}"]
    records: list[Any] = list(operation.events) if isinstance(operation, SendEvents) else [operation]
    for record in records:
        for field in dataclasses.fields(record):
            value, option = getattr(record, field.name), field.name.rstrip("_").removesuffix("_ms")
            greatest = 2**64 - 1 if field.name.endswith("ms") else _BOUNDS.get(field.name)
            if value is None or isinstance(value, (bytes, tuple, BackoffRecord)):
                continue
            if greatest is not None:
                if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= greatest:
                    faults.append(f"{option}: must be 0 to {greatest}, not {value}")
            elif not isinstance(value, str):
                faults.append(f"{option}: must be text, not {type(value).__name__}")
    return faults
