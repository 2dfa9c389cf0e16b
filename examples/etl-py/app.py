"""Extract, transform, load: orders of many users, side by side, into one export. Every night, and whenever somebody asks."""

import asyncio
import json
import os
import urllib.request
from dataclasses import dataclass, field

import abide
from abide import http
from report import Row, summarise

app = abide.App("etl-py")


@dataclass
class Request:
    """Data of `etl/requested`. A tick of the schedule brings none of it, and the defaults hold."""

    export: str = "orders-of-the-night"
    users: list[str] = field(default_factory=lambda: ["ada", "bob"])


@dataclass
class Extract:
    """What the source knows of a user."""

    user: str
    email: str
    totals: list[int]


@dataclass
class Loaded:
    """What is in the export."""

    export: str
    rows: int
    total_cents: int


@app.function(
    id="etl",
    name="Orders into an export",
    triggers=["etl/requested", abide.CronTrigger("TZ=Europe/Berlin 0 3 * * *")],
    # The source bears four requests at once; a run with a hundred users takes its turn.
    concurrency=4,
    backoff=abide.Backoff("exponential", base="1s", max="1m"),
)
async def etl(ctx: abide.Context[Request]) -> Loaded:
    request = ctx.event.data
    # Every branch makes progress on its own: a user whose data come late holds up nobody's transformation.
    rows = await asyncio.gather(*(one_user(ctx, user) for user in request.users))
    ctx.logger.info("%d rows", len(rows))
    return await ctx.step.run("load", load, request.export, list(rows))


async def one_user(ctx: abide.Context[Request], user: str) -> Row:
    extract = await ctx.step.run(f"extract-{user}", extract_user, user)
    return await ctx.step.run(f"transform-{user}", transform, extract)


async def extract_user(user: str) -> Extract:
    """Two requests side by side, within one step: they are repeated together."""
    source = f"{os.environ['STAND_IN_URL']}/users/{user}"
    profile, orders = await asyncio.gather(http.get(f"{source}/profile"), http.get(f"{source}/orders"))
    totals = [order["total"] for order in orders.raise_for_status().json()]
    return Extract(user, profile.raise_for_status().json()["email"], totals)


def transform(extract: Extract) -> Row:
    """Ordinary code; a step of its own because it would take long with real data."""
    return summarise(extract.user, extract.email, extract.totals)


def load(export: str, rows: list[Row]) -> Loaded:
    """With the standard library's client. The key makes a second attempt do nothing twice."""
    request = urllib.request.Request(
        f"{os.environ['STAND_IN_URL']}/exports/{export}",
        data=json.dumps([vars(row) for row in rows]).encode(),
        headers={"Content-Type": "application/json", "Idempotency-Key": abide.execution().step_key},
        method="PUT",
    )
    with urllib.request.urlopen(request) as answer:
        stored = json.load(answer)
    return Loaded(stored["name"], len(rows), sum(row.cents for row in rows))
