"""Branches side by side, races, losers."""

import asyncio
import time
from typing import Any

import abide
from base import scenario


@scenario("parallel")
async def parallel(ctx: abide.Context) -> int:
    a, b, c = await asyncio.gather(
        ctx.step.run("a", lambda: 1),
        ctx.step.run("b", lambda: 2),
        ctx.step.run("c", lambda: 3),
    )
    return await ctx.step.run("sum", lambda: a + b + c)


@scenario("parallel-branches")
async def parallel_branches(ctx: abide.Context) -> list[str]:
    trace: list[str] = []

    async def branch(name: str, pause: str) -> None:
        await ctx.step.run(f"{name}1", lambda: 0)
        trace.append(f"{name}1")
        await ctx.step.sleep(name, pause)
        await ctx.step.run(f"{name}2", lambda: 0)
        trace.append(f"{name}2")

    async with asyncio.TaskGroup() as group:
        group.create_task(branch("a", "2s"))
        group.create_task(branch("b", "1s"))
    return trace


@scenario("repeat-parallel")
async def repeat_parallel(ctx: abide.Context) -> list[int]:
    def body(n: int) -> int:
        return n

    return await asyncio.gather(*(ctx.step.run("same", body, n) for n in range(3)))


class Bad(Exception):
    """Fails among others."""


@scenario("settled")
async def settled(ctx: abide.Context) -> list[Any]:
    def bad() -> None:
        raise Bad("no")

    good, failed, rested = await asyncio.gather(
        ctx.step.run("good", lambda: 1),
        ctx.step.run("bad", bad),
        ctx.step.sleep("rest", "1s"),
        return_exceptions=True,
    )
    return [good, getattr(failed, "name", None), rested]


@scenario("race-cancelled")
async def race_cancelled(ctx: abide.Context) -> dict[str, Any]:
    slow = asyncio.create_task(ctx.step.sleep("slow", "1h"))
    fast = asyncio.create_task(ctx.step.run("fast", lambda: "won"))
    await asyncio.wait([slow, fast], return_when=asyncio.FIRST_COMPLETED)
    slow.cancel()
    await ctx.step.sleep("after", "2h")
    return {"winner": fast.result()}


@scenario("race-left")
async def race_left(ctx: abide.Context) -> dict[str, Any]:
    slow = asyncio.create_task(ctx.step.sleep("slow", "1h"))
    fast = asyncio.create_task(ctx.step.run("fast", lambda: "won"))
    await asyncio.wait([slow, fast], return_when=asyncio.FIRST_COMPLETED)
    await ctx.step.sleep("after", "2h")
    return {"winner": fast.result()}


@scenario("race-body")
async def race_body(ctx: abide.Context) -> str:
    def slow() -> str:
        time.sleep(60)
        return "late"

    return await abide.race(ctx.step.run("slow", slow), ctx.step.run("fast", lambda: "won"))


@scenario("left-behind")
async def left_behind(ctx: abide.Context) -> str:
    asyncio.create_task(ctx.step.sleep("forgotten", "1h"))
    # A task begins when the code that made it waits for the first time.
    await asyncio.sleep(0)
    return "done"
