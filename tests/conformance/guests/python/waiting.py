"""Time, events and signals."""

import asyncio
import time
from datetime import datetime, timedelta, timezone
from typing import Any

import abide
from base import error_of, scenario


def at(ms: int) -> datetime:
    """A time that an event brings."""
    return datetime.fromtimestamp(0, timezone.utc) + timedelta(milliseconds=ms)


@scenario("sleep")
async def sleep(ctx: abide.Context) -> int:
    before = time.time()
    await ctx.step.sleep("short", "1s")
    await ctx.step.sleep("long", timedelta(days=30))
    return round((time.time() - before) * 1000)


@scenario("sleep-until")
async def sleep_until(ctx: abide.Context) -> str:
    await ctx.step.sleep_until("past", at(1_577_836_800_000))
    await ctx.step.sleep_until("future", at(ctx.event.data["at"]))
    return "awake"


@scenario("sleep-too-long")
async def sleep_too_long(ctx: abide.Context) -> None:
    await ctx.step.sleep("too-long", timedelta(milliseconds=34_560_000_000))


def shown(answer: abide.Event | None) -> dict[str, Any]:
    """What an answer looks like in the output."""
    if answer is None:
        raise abide.NonRetriableError("nobody answered")
    return {"name": answer.name, "data": answer.data}


@scenario("wait-match")
async def wait_match(ctx: abide.Context) -> dict[str, Any]:
    return shown(await ctx.step.wait_for_event("answer", event="conformance/answer", match="data.key", timeout="1h"))


@scenario("wait-if")
async def wait_if(ctx: abide.Context) -> dict[str, Any]:
    condition = "async.data.n > event.data.above"
    return shown(await ctx.step.wait_for_event("answer", event="conformance/answer", if_=condition, timeout="1h"))


@scenario("wait-timeout")
async def wait_timeout(ctx: abide.Context) -> dict[str, Any]:
    return {"answer": await ctx.step.wait_for_event("answer", event="conformance/answer", timeout="1h")}


@scenario("wait-lookback")
async def wait_lookback(ctx: abide.Context) -> dict[str, Any]:
    return shown(
        await ctx.step.wait_for_event("answer", event="conformance/answer", match="data.key", timeout="1h", lookback="1h")
    )


@scenario("signal")
async def signal(ctx: abide.Context) -> Any:
    return await ctx.step.wait_for_signal("approval", "conformance-approval", timeout="1h")


@scenario("signal-timeout")
async def signal_timeout(ctx: abide.Context) -> dict[str, Any]:
    return {"approval": await ctx.step.wait_for_signal("approval", "conformance-approval", timeout="1h")}


@scenario("signal-conflict")
async def signal_conflict(ctx: abide.Context) -> list[Any]:
    wait = ctx.step.wait_for_signal
    first = asyncio.create_task(wait("first", "conformance-taken", timeout="1h"))
    second = await error_of(asyncio.create_task(wait("second", "conformance-taken", timeout="1h")))
    third = asyncio.create_task(wait("third", "conformance-taken", timeout="1h", on_conflict="replace"))
    replaced = await error_of(first)
    return [second.name, replaced.name, await third]
