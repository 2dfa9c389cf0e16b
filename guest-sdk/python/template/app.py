"""An app for Abide. Change it while `abide dev` runs: it is built and deployed again."""

from dataclasses import dataclass

import abide

app = abide.App("{{name}}")


@dataclass
class Visit:
    """Data of the event that starts the function."""

    name: str
    stay: str = "1 day"
    """How long to wait before the farewell."""


@dataclass
class Visited:
    greeting: str
    farewell: str


@app.function(id="hello", trigger="visitor/arrived")
async def hello(ctx: abide.Context[Visit]) -> Visited:
    visit = ctx.event.data

    # A step's body may use the network, the clock and the environment. Its result is recorded: it is never done again.
    greeting = await ctx.step.run("greet", greet, visit.name)

    # Costs nothing while it lasts, and survives restarts and deploys.
    await ctx.step.sleep("stay", visit.stay)

    farewell = await ctx.step.run("part", lambda: f"Goodbye, {visit.name}!")
    ctx.logger.info("%s has left", visit.name)
    return Visited(greeting, farewell)


async def greet(name: str) -> str:
    print(f"attempt {abide.execution().attempt} to greet {name}")
    return f"Hello, {name}!"
