"""Running a step's body to its end, on an event loop of its own, and what a body may know of its attempt.

Whether a body executes is one flag for the whole instance: it executes at most one, and no workflow code runs meanwhile.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

from ._failure import Failure, from_exception
from ._operations import Execution
from .errors import NonRetriableError

__all__ = ["executing", "execution", "on_body", "run"]

_current: Execution | None = None
_surroundings: list[Callable[[], contextlib.AbstractContextManager[None]]] = []


def executing() -> bool:
    """Whether a body is executing."""
    return _current is not None


def execution() -> Execution:
    """The attempt at the body that calls it: its number, and the keys for services that deduplicate.

    >>> async def charge() -> None:
    ...     key = execution().step_key
    """
    if _current is None:
        raise NonRetriableError("`abide.execution()` is known in a step's body only", name="NoExecution")
    return _current


def on_body(surroundings: Callable[[], contextlib.AbstractContextManager[None]]) -> None:
    """Makes something true while bodies execute: the sandbox's real randomness, for example."""
    _surroundings.append(surroundings)


def run(body: Callable[[Execution], Coroutine[Any, Any, str] | str], attempt: Execution) -> str | Failure:
    """Runs a body to its end."""
    with _executing(attempt):
        try:
            result = body(attempt)
            return result if isinstance(result, str) else _run_on_loop(result)
        except BaseException as error:
            return from_exception(error)


@contextlib.contextmanager
def _executing(attempt: Execution) -> Iterator[None]:
    global _current
    with contextlib.ExitStack() as stack:
        for surroundings in _surroundings:
            stack.enter_context(surroundings())
        _current = attempt
        try:
            yield
        finally:
            _current = None


def _run_on_loop(body: Coroutine[Any, Any, str]) -> str:
    # In tests, the test itself may run on a loop.
    outer = asyncio._get_running_loop()
    asyncio._set_running_loop(None)
    loop = asyncio.new_event_loop()
    try:
        try:
            return loop.run_until_complete(body)
        finally:
            _end_tasks(loop)
    finally:
        loop.close()
        asyncio._set_running_loop(outer)


def _end_tasks(loop: asyncio.AbstractEventLoop) -> None:
    """Tasks that the body left behind are cancelled, and may clean up."""
    left = sorted(asyncio.all_tasks(loop), key=hash)
    for task in left:
        task.cancel()
    if left:
        loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
    loop.run_until_complete(loop.shutdown_asyncgens())
