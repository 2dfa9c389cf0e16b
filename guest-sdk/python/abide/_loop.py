"""The part of an asyncio event loop that a sandbox can have: callbacks, tasks and futures, in one thread.

`Loop` runs callbacks in the order in which they were asked for. What happens when none is left is up to its two subclasses: the workflow's loop
(`_runtime.py`) asks the host for news, the loop of bodies (`_wasi_loop.py`) waits for timers and connections. Sockets, threads, processes and
signals are in neither.

Invariant: nothing in it depends on time, on addresses in memory or on the hash seed, so that two instances that are told the same do the same.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
from collections import deque
from collections.abc import Callable
from typing import Any, NoReturn, TypeVar

__all__ = ["Future", "Loop"]

T = TypeVar("T")

_log = logging.getLogger("abide")


class _Numbered:
    """Hashes by number: the members of a set of tasks come in an order that follows from the code, not from their addresses."""

    _number = 0

    def __hash__(self) -> int:
        return self._number


class Task(_Numbered, asyncio.Task[T]):
    __hash__ = _Numbered.__hash__


class Future(_Numbered, asyncio.Future[T]):
    """A future that says at once that it was cancelled, and not when the task that waits for it has its turn."""

    __hash__ = _Numbered.__hash__

    on_cancel: Callable[[], None] | None = None

    def cancel(self, msg: Any | None = None) -> bool:
        cancelled = super().cancel(msg)
        if cancelled and self.on_cancel is not None:
            self.on_cancel()
        return cancelled


class Loop(asyncio.AbstractEventLoop):
    """Runs callbacks first in, first out."""

    def __init__(self) -> None:
        self._ready: deque[asyncio.Handle] = deque()
        self._numbers = 0
        self._closed = False
        self._running = False
        self._stopping = False
        self._outer: asyncio.AbstractEventLoop | None = None
        self._exception_handler: Callable[[asyncio.AbstractEventLoop, dict[str, Any]], object] | None = None

    # What subclasses say.

    def _idle(self) -> None:
        """No callback is ready: wait for something that makes one ready."""
        raise NotImplementedError

    def _no(self, what: str) -> NoReturn:
        raise NotImplementedError(f"{what} cannot be used in the sandbox that functions run in")

    # Callbacks.

    def call_soon(  # type: ignore[override]  # typeshed describes `args` by a TypeVarTuple
        self, callback: Callable[..., object], *args: Any, context: contextvars.Context | None = None
    ) -> asyncio.Handle:
        handle = asyncio.Handle(callback, args, self, context)
        self._ready.append(handle)
        return handle

    call_soon_threadsafe = call_soon  # type: ignore[assignment]

    def run_ready(self, until: Callable[[], bool]) -> None:
        """Runs callbacks until none is left, or until the condition holds."""
        while self._ready and not until():
            handle = self._ready.popleft()
            if not handle.cancelled():
                handle._run()

    # Running.

    def run_until_complete(self, future: Any) -> Any:
        task: asyncio.Future[Any] = asyncio.ensure_future(future, loop=self)
        self._run(task.done)
        if not task.done():
            raise RuntimeError("the event loop was stopped before the task was complete")
        return task.result()

    def run_forever(self) -> None:
        self._run(lambda: False)

    def _run(self, done: Callable[[], bool]) -> None:
        if self._closed:
            raise RuntimeError("the event loop is closed")
        if self._running or asyncio._get_running_loop() is not None:
            raise RuntimeError("this event loop is already running, or another one is")
        self._stopping = False
        self._enter()
        try:
            while True:
                self.run_ready(lambda: done() or self._stopping)
                if done() or self._stopping:
                    return
                self._idle()
        finally:
            self._leave()

    def _enter(self) -> None:
        self._running = True
        self._outer = asyncio._get_running_loop()
        asyncio._set_running_loop(self)

    def _leave(self) -> None:
        self._running = False
        asyncio._set_running_loop(self._outer)

    def stop(self) -> None:
        self._stopping = True

    def is_running(self) -> bool:
        return self._running

    def is_closed(self) -> bool:
        return self._closed

    def close(self) -> None:
        self._closed = True
        self._ready.clear()

    async def shutdown_asyncgens(self) -> None:
        """Generators are closed by whoever uses them, or by the end of the instance."""

    async def shutdown_default_executor(self, timeout: float | None = None) -> None:
        """There is none."""

    # Tasks and futures.

    def create_future(self) -> Future[Any]:
        future: Future[Any] = Future(loop=self)
        future._number = self._next_number()
        return future

    def create_task(self, coro: Any, **options: Any) -> asyncio.Task[Any]:
        eager = options.pop("eager_start", None)
        if eager:
            self._no("a task that starts eagerly")
        task: Task[Any] = Task(coro, loop=self, **options)
        task._number = self._next_number()
        # That a task is pending when the run ends, or is given up, is no mistake of anybody's.
        task._log_destroy_pending = False  # type: ignore[attr-defined]
        return task

    def _next_number(self) -> int:
        self._numbers += 1
        return self._numbers

    def set_task_factory(self, factory: Any) -> None:
        if factory is not None:
            self._no("a task factory")

    def get_task_factory(self) -> None:
        return None

    # Errors that nobody looks at.

    def set_exception_handler(self, handler: Callable[[asyncio.AbstractEventLoop, dict[str, Any]], object] | None) -> None:
        self._exception_handler = handler

    def get_exception_handler(self) -> Callable[[asyncio.AbstractEventLoop, dict[str, Any]], object] | None:
        return self._exception_handler

    def default_exception_handler(self, context: dict[str, Any]) -> None:
        error = context.get("exception")
        message = context.get("message") or "an error that nobody looked at"
        _log.error("%s%s", message, f": {type(error).__name__}: {error}" if error is not None else "")

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        if self._exception_handler is None:
            self.default_exception_handler(context)
        else:
            self._exception_handler(self, context)

    def get_debug(self) -> bool:
        return False

    def set_debug(self, enabled: bool) -> None:
        """Debugging measures time, which there is none of."""

    # What the sandbox has not.

    def run_in_executor(self, executor: Any, func: Any, *args: Any) -> NoReturn:  # type: ignore[override]
        self._no("a thread (`asyncio.to_thread`, `run_in_executor`)")

    async def getaddrinfo(self, *args: Any, **options: Any) -> NoReturn:
        self._no("a socket")

    async def create_connection(self, *args: Any, **options: Any) -> NoReturn:
        self._no("a socket: use `abide.http` or `urllib.request` in a step's body; it")

    async def create_server(self, *args: Any, **options: Any) -> NoReturn:
        self._no("a server")

    async def subprocess_exec(self, *args: Any, **options: Any) -> NoReturn:
        self._no("a process")

    async def subprocess_shell(self, *args: Any, **options: Any) -> NoReturn:
        self._no("a process")

    def add_signal_handler(self, *args: Any) -> NoReturn:  # type: ignore[override]
        self._no("a signal")
