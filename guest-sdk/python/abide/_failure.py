"""Exceptions in the form in which they are journaled, and back."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Literal

from . import _json
from ._time import duration_ms, time_ms
from .errors import Error, NonRetriableError, RetryAfterError, StepError

__all__ = ["Failure", "Retry", "from_exception", "to_step_error"]


@dataclass(frozen=True)
class Retry:
    """What the author says about trying again. `ms` is a length of time for `after` and a point in time for `at`."""

    kind: Literal["retriable", "non-retriable", "after", "at"]
    ms: int = 0


_RETRIABLE = Retry("retriable")
_NEVER = Retry("non-retriable")


@dataclass(frozen=True)
class Failure:
    """An error as the contract has it. `data` is JSON text."""

    name: str
    message: str
    stack: str | None = None
    data: str | None = None
    retry: Retry = _RETRIABLE


# Classes that say nothing about the kind of error.
_UNNAMED = (Exception, BaseException, Error, NonRetriableError, RetryAfterError)

_SDK = os.path.dirname(__file__)
_ASYNCIO = os.path.dirname(asyncio.__file__)


def from_exception(error: BaseException) -> Failure:
    """The failure that an uncaught exception is."""
    if isinstance(error, BaseExceptionGroup):
        leaves = list(_leaves(error))
        if len(leaves) == 1:
            return from_exception(leaves[0])
        return _of_group(error, [from_exception(leaf) for leaf in leaves])
    if isinstance(error, StepError):
        stack = "\n".join(part for part in (error.stack, _stack(error)) if part)
        return Failure(error.name, str(error), stack or None, _data(error.data), _NEVER)
    if isinstance(error, SystemExit):
        message = f"the code called exit({error.code}); a function must return its result or raise an error instead"
        return Failure("SystemExit", message, _stack(error), None, _NEVER)
    if isinstance(error, asyncio.CancelledError):
        return Failure("CancelledError", str(error) or "the code was cancelled by itself", _stack(error))
    message = str(error) or type(error).__name__
    retry = _RETRIABLE
    if isinstance(error, NonRetriableError):
        retry = _NEVER
    elif isinstance(error, RetryAfterError):
        retry, problem = _retry_after(error)
        message = f"{message} ({problem})" if problem else message
    data = _data(error.data) if isinstance(error, Error) else None
    return Failure(_name(error), message, _stack(error), data, retry)


def to_step_error(step: str, failure: Failure) -> StepError:
    """What the workflow catches."""
    data = _json.parse(failure.data) if failure.data is not None else None
    return StepError(step, failure.name, failure.message, stack=failure.stack, data=data)


def _of_group(error: BaseExceptionGroup[BaseException], failures: list[Failure]) -> Failure:
    message = f"{len(failures)} errors: {'; '.join(failure.message for failure in failures)}"
    final = all(failure.retry == _NEVER for failure in failures)
    stack = "\n".join(line for failure in failures for line in (f"{failure.name}: {failure.message}", failure.stack) if line)
    return Failure(type(error).__name__, message, stack, None, _NEVER if final else _RETRIABLE)


def _leaves(group: BaseExceptionGroup[BaseException]) -> Iterator[BaseException]:
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from _leaves(error)
        else:
            yield error


def _name(error: BaseException) -> str:
    if isinstance(error, Error) and error.name is not None:
        return error.name
    return "Error" if type(error) in _UNNAMED else type(error).__name__


def _retry_after(error: RetryAfterError) -> tuple[Retry, str | None]:
    when = error.retry_after
    try:
        return Retry("after", duration_ms(when)), None  # type: ignore[arg-type]  # a time is tried next
    except (TypeError, ValueError) as not_a_length:
        try:
            return Retry("at", time_ms(when)), None  # type: ignore[arg-type]  # text or a datetime, or an error
        except (TypeError, ValueError):
            return _RETRIABLE, str(not_a_length)


def _data(value: Any) -> str | None:
    """What JSON cannot express is left out: an error about an error helps nobody."""
    try:
        return None if value is None else _json.encode(value)
    except ValueError:
        return None


def _stack(error: BaseException) -> str | None:
    """The author's frames, innermost first, and below them those of the causes."""
    lines = list(_frames(error.__traceback__))
    seen = {id(error)}
    cause = _cause(error)
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        lines.append(f"caused by {type(cause).__name__}: {cause}")
        lines.extend(_frames(cause.__traceback__))
        cause = _cause(cause)
    return "\n".join(lines) or None


def _cause(error: BaseException) -> BaseException | None:
    return error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def _frames(trace: TracebackType | None) -> Iterator[str]:
    frames: list[tuple[str, str, int]] = []
    while trace is not None:
        code = trace.tb_frame.f_code
        frames.append((code.co_qualname, code.co_filename, trace.tb_lineno))
        trace = trace.tb_next
    for name, file, line in reversed(frames):
        if not file.startswith((_SDK + os.sep, _ASYNCIO + os.sep)):
            yield f"at {name} ({source_path(file)}:{line})"


_roots: dict[str, str] = {}


def set_source_roots(roots: dict[str, str]) -> None:
    """What stands in a component for which folder of the author's: `{"/1/": "src/"}`."""
    _roots.update(roots)


def source_path(file: str) -> str:
    """The path of a source file as its author knows it."""
    for root, folder in _roots.items():
        if file.startswith(root):
            return folder + file[len(root) :]
    return file
