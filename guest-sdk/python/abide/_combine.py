"""Branches side by side, beyond what asyncio has."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

__all__ = ["race"]

T = TypeVar("T")


async def race(*branches: Coroutine[Any, Any, T] | asyncio.Task[T]) -> T:
    """The result of the branch that is complete first, or its error. The others are cancelled, and with them their operations: timers and waits are
    withdrawn, bodies ended.

    >>> # answer = await abide.race(ctx.step.wait_for_event("answer", …), ctx.step.run("ask-elsewhere", ask))
    """
    if not branches:
        raise ValueError("a race needs branches")
    tasks = [asyncio.ensure_future(branch) for branch in branches]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        # Where several are complete at once, the first of them in the order of the arguments.
        return next(task for task in tasks if task in done).result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
