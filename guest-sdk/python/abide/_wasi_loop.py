"""The event loop of bodies: callbacks, timers, and WASI's pollables. Only in a component.

A body may wait for anything: `asyncio.sleep` and `asyncio.timeout` are real, and `abide.http` awaits its connections here.
"""

from __future__ import annotations

import asyncio
import contextvars
import heapq
from collections.abc import Callable
from typing import Any, NoReturn

from wit_world.imports import monotonic_clock, poll
from wit_world.imports.poll import Pollable

from ._loop import Loop
from .errors import NonRetriableError

__all__ = ["BodyLoop", "wait"]


class BodyLoop(Loop):
    """Waits for timers and pollables when no callback is ready."""

    def __init__(self) -> None:
        super().__init__()
        self._timers: list[tuple[float, int, asyncio.TimerHandle]] = []
        self._waiting: list[tuple[Pollable, asyncio.Future[None]]] = []

    def time(self) -> float:
        return monotonic_clock.now() / 1e9

    def call_later(  # type: ignore[override]  # typeshed describes `args` by a TypeVarTuple
        self, delay: float, callback: Callable[..., object], *args: Any, context: contextvars.Context | None = None
    ) -> asyncio.TimerHandle:
        return self.call_at(self.time() + delay, callback, *args, context=context)

    def call_at(  # type: ignore[override]
        self, when: float, callback: Callable[..., object], *args: Any, context: contextvars.Context | None = None
    ) -> asyncio.TimerHandle:
        timer = asyncio.TimerHandle(when, callback, args, self, context)
        heapq.heappush(self._timers, (when, self._next_number(), timer))
        return timer

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        """It is left out when its time comes."""

    async def until(self, pollable: Pollable) -> None:
        """Waits until a pollable is ready."""
        ready: asyncio.Future[None] = self.create_future()
        entry = (pollable, ready)
        self._waiting.append(entry)
        try:
            await ready
        finally:
            if entry in self._waiting:
                self._waiting.remove(entry)

    def _idle(self) -> None:
        while self._timers and self._timers[0][2].cancelled():
            heapq.heappop(self._timers)
        if not self._timers and not self._waiting:
            raise NonRetriableError("the body waits for something that nothing can bring about", name="BodyDeadlock")
        watched = [pollable for pollable, _ in self._waiting]
        if self._timers:
            ns = max(0, round((self._timers[0][0] - self.time()) * 1e9))
            with monotonic_clock.subscribe_duration(ns) as alarm:
                woken = poll.poll([*watched, alarm])
        else:
            woken = poll.poll(watched)
        for index in sorted(woken):
            if index < len(watched):
                future = self._waiting[index][1]
                if not future.done():
                    future.set_result(None)
        self._ring()

    def _ring(self) -> None:
        # WASI's clock counts whole milliseconds: a timer that is due within one is due.
        now = self.time() + 1e-3
        while self._timers and self._timers[0][0] <= now:
            timer = heapq.heappop(self._timers)[2]
            if not timer.cancelled():
                self._ready.append(timer)

    def _no(self, what: str) -> NoReturn:
        raise NonRetriableError(f"{what} cannot be used in the sandbox that bodies run in", name="Sandbox")


async def wait(pollable: Pollable) -> None:
    """Waits on the loop that runs."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, BodyLoop), "requests are made by bodies only"
    await loop.until(pollable)
