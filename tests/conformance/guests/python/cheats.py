"""Workflow code that tries to learn what replay could not repeat."""

import os
import random
import time
import urllib.request
from typing import Any

import abide
from base import Service, scenario


def clock_ms() -> int:
    """What the clock shows."""
    return round(time.time() * 1000)


@scenario("clock")
async def clock(ctx: abide.Context) -> dict[str, int]:
    a = clock_ms()
    turns = 0
    for _ in range(1_000_000):
        turns += 1
    b = clock_ms()
    await ctx.step.run("work", lambda: time.sleep(0.05))
    await ctx.step.sleep("hour", "1h")
    return {"spin": b - a, "hour": clock_ms() - a}


@scenario("body-clock")
async def body_clock(ctx: abide.Context) -> bool:
    def measure() -> bool:
        a = clock_ms()
        time.sleep(0.05)
        return clock_ms() - a >= 50

    return await ctx.step.run("measure", measure)


async def observe(ctx: abide.Context[Any], id: str, seen: str) -> str:
    """Records what the workflow code saw: replay compares the input."""
    return await ctx.step.run(id, lambda given: given, input=seen)


@scenario("randomness")
async def randomness(ctx: abide.Context) -> dict[str, bool]:
    a = str(random.random())
    await observe(ctx, "observe", a)
    mine = await ctx.step.run("observe-body", lambda: str(random.random()))
    await ctx.step.sleep("rest", "1s")
    b = str(random.random())
    kept = await observe(ctx, "observe-again", b)
    return {"kept": kept == b, "moves": a != b, "body": mine != a}


counter = 0


@scenario("globals")
async def globals_(ctx: abide.Context) -> list[int]:
    global counter

    def touch() -> None:
        global counter
        counter += 10

    counter += 1
    seen = [counter]
    await ctx.step.run("touch", touch)
    seen.append(counter)
    await ctx.step.sleep("rest", "1s")
    seen.append(counter)
    await ctx.step.run("touch", touch)
    seen.append(counter)
    return seen


@scenario("captured")
async def captured(ctx: abide.Context) -> dict[str, Any]:
    n = 0

    def change() -> int:
        nonlocal n
        n += 1
        return n

    returned = await ctx.step.run("change", change)
    before = n
    await ctx.step.sleep("rest", "1s")
    return {"returned": returned, "seen": [before, n]}


@scenario("environment")
async def environment(ctx: abide.Context) -> dict[str, str | None]:
    body = await ctx.step.run("read", lambda: os.environ.get("CONFORMANCE_VARIABLE"))
    return {"body": body, "workflow": os.environ.get("CONFORMANCE_VARIABLE")}


@scenario("network")
async def network(ctx: abide.Context[Service]) -> dict[str, bool]:
    try:
        urllib.request.urlopen(ctx.event.data.url + "/ok")
        refused = False
    except OSError:
        refused = True
    await ctx.step.sleep("rest", "1s")
    return {"refused": refused}


def keys() -> str:
    """The members of a new set, as they come."""
    return ",".join({f"key-{n}" for n in range(20)})


@scenario("hash-order")
async def hash_order(ctx: abide.Context) -> dict[str, Any]:
    order = await observe(ctx, "observe", keys())
    await ctx.step.sleep("rest", "1s")
    again = keys()
    kept = await observe(ctx, "observe-again", again)
    return {"count": len(order.split(",")), "kept": kept == again}


@scenario("addresses")
async def addresses(ctx: abide.Context) -> bool:
    def waste() -> None:
        [bytearray(1000) for _ in range(100)]

    await observe(ctx, "observe", str(id(object())))
    await ctx.step.run("waste", waste)
    other = str(id(object()))
    kept = await observe(ctx, "observe-again", other)
    await ctx.step.sleep("rest", "1s")
    return kept == other
