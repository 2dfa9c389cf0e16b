"""`n` steps, then a wait: what a run with a history costs."""

from dataclasses import dataclass

import abide

app = abide.App("bench")


@dataclass
class Order:
    n: int
    key: str


@app.function(id="resume", trigger="bench/resume")
async def resume(ctx: abide.Context[Order]) -> int:
    total = 0
    for number in range(ctx.event.data.n):
        total += await ctx.step.run("step", lambda number=number: number)
    await ctx.step.wait_for_event("wake", event="bench/wake", match="data.key", timeout="1 day")
    return total
