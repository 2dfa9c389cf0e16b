"""Steps and values."""

import asyncio
import math
from dataclasses import dataclass
from typing import Any

import abide
from base import EVERY_SECOND, Number, error_of, scenario


@scenario("run")
async def run(ctx: abide.Context) -> dict[str, int]:
    first = await ctx.step.run("first", lambda: 1)
    second = await ctx.step.run("second", lambda: first + 1)
    return {"first": first, "second": second}


@scenario("context")
async def context(ctx: abide.Context) -> dict[str, Any]:
    return {
        "app": ctx.app_id,
        "function": ctx.function_id,
        "runIdLength": len(ctx.run_id),
        "attempt": ctx.attempt,
        "maxAttempts": ctx.max_attempts,
        "event": ctx.event,
        "events": len(ctx.events),
    }


@scenario("values")
async def values(ctx: abide.Context) -> list[Any]:
    given: list[Any] = [None, True, 0, "", [], {}, {"a": [1, {"b": None}]}]
    return [await ctx.step.run("value", lambda: value) for value in given]


@scenario("nothing")
async def nothing(ctx: abide.Context) -> None:
    await ctx.step.run("nothing", lambda: None)


@dataclass
class Text:
    text: str


@scenario("unicode")
async def unicode(ctx: abide.Context[Text]) -> dict[str, Any]:
    text = ctx.event.data.text
    echoed = await ctx.step.run("größe 🧭", lambda: text)
    return {"echoed": echoed, "same": echoed == text}


@scenario("numbers")
async def numbers(ctx: abide.Context) -> dict[str, Any]:
    data = ctx.event.data
    same = await ctx.step.run("same", lambda: data)
    return {
        "same": same,
        "sum": data["max"] + data["min"],
        "tenths": data["tenth"] + 0.2,
        "third": 1 / 3,
        # Python refuses to divide by zero; the sign is what the division would show.
        "negativeZero": data["zero"] == 0 and math.copysign(1, data["zero"]) < 0,
        "odd": data["odd"],
    }


@scenario("large")
async def large(ctx: abide.Context[Text]) -> dict[str, Any]:
    sent = ctx.event.data.text
    text = await ctx.step.run("echo", lambda: sent)
    more = await ctx.step.run("more", lambda: text + "b")
    return {"length": len(more), "text": more}


class Again(abide.Error):
    """Another attempt is wanted."""


@scenario("keys", retries=2, backoff=EVERY_SECOND)
async def keys(ctx: abide.Context) -> dict[str, Any]:
    def told() -> dict[str, Any]:
        execution = abide.execution()
        if execution.attempt < 1:
            raise Again("once more")
        return {
            "attempt": execution.attempt,
            "maxAttempts": execution.max_attempts,
            "idempotencyKey": execution.idempotency_key,
            "stepKey": execution.step_key,
        }

    return await ctx.step.run("told", told)


def square(side: Number) -> int:
    return side.n * side.n


@scenario("step-input")
async def step_input(ctx: abide.Context[Number]) -> int:
    return await ctx.step.run("square", square, input=ctx.event.data)


@scenario("loop")
async def loop(ctx: abide.Context) -> list[int]:
    return [await ctx.step.run("item", lambda: i * i) for i in range(5)]


@scenario("many")
async def many(ctx: abide.Context) -> int:
    total = 0
    for i in range(100):
        total += await ctx.step.run("add", lambda: i)
    return total


async def load_and_store(ctx: abide.Context, name: str) -> str:
    loaded = await ctx.step.run("load", lambda: name)
    await ctx.step.sleep("pause", "1s")
    return await ctx.step.run("store", lambda: loaded + "!")


@scenario("helper")
async def helper(ctx: abide.Context) -> list[str]:
    x = await load_and_store(ctx, "x")
    return [x, *await asyncio.gather(load_and_store(ctx, "y"), load_and_store(ctx, "z"))]


@scenario("nested-operation")
async def nested_operation(ctx: abide.Context) -> dict[str, str]:
    async def outer() -> int:
        return await ctx.step.run("inner", lambda: 1)

    error = await error_of(ctx.step.run("outer", outer))
    return {"name": error.name}

