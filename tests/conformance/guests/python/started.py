"""Batches, and what a run says."""

import logging
from typing import Any

import abide
from base import Number, scenario


@scenario("batch", batch_events=abide.BatchEvents(max_size=3, timeout="10s"))
async def batch(ctx: abide.Context[Number]) -> dict[str, Any]:
    return {"first": ctx.event.data.n, "all": [event.data.n for event in ctx.events]}


@scenario("logs")
async def logs(ctx: abide.Context) -> None:
    ctx.logger.info("begins", extra={"order": 42, "to": "Ann"})
    await ctx.step.run("work", lambda: logging.debug("in the body", extra={"n": 1}))
    await ctx.step.sleep("rest", "1s")
    logging.getLogger("of.another.module").warning("ends")
    ctx.logger.error("really")


@scenario("spans")
async def spans(ctx: abide.Context) -> None:
    with abide.span("order", n=1):
        await ctx.step.run("work", ask)
    try:
        with abide.span("declined"):
            raise ValueError("no")
    except ValueError:
        pass


def ask() -> None:
    with abide.span("ask", n=2), abide.span("answer"):
        pass


@scenario("print")
async def print_lines(ctx: abide.Context) -> None:
    await ctx.step.run("work", lambda: print("printed in the body"))
    print("printed in the workflow")
