"""Functions that only show their configuration."""

import abide
from base import app


async def nothing(ctx: abide.Context) -> None:
    """A handler of failures."""


@app.function(
    id="options",
    name="Every option",
    triggers=[
        abide.EventTrigger("conformance/options", if_="event.data.n > 1"),
        "conformance/options.*",
        abide.CronTrigger("TZ=Europe/Berlin 30 4 * * MON-FRI", jitter="30s", catchup="all"),
        abide.CronTrigger("0 0 1 * *"),
    ],
    retries=7,
    backoff=abide.Backoff("exponential", base="5s", factor=3, max="10m", jitter="1s"),
    concurrency=[
        abide.Concurrency(5),
        abide.Concurrency(2, key="event.data.shop", scope="env", per="run"),
    ],
    throttle=abide.Throttle(10, "1m", burst=3, key="event.data.shop"),
    rate_limit=abide.RateLimit(100, "1h", key="event.data.user"),
    debounce=abide.Debounce("5s", key="event.data.doc", timeout="1m"),
    priority="event.data.plan == 'gold' ? 120 : 0",
    singleton=abide.Singleton("skip", key="event.data.user"),
    cancel_on=[
        abide.CancelOn("conformance/cancelled", match="data.id"),
        abide.CancelOn("conformance/closed", if_="async.data.shop == event.data.shop", timeout="2h"),
        abide.CancelOn("conformance/all", all=True),
    ],
    timeouts=abide.Timeouts(start="10m", finish="2h"),
    retention="90 days",
    on_failure=abide.OnFailure(nothing, retries=9),
)
async def options(ctx: abide.Context) -> None:
    """Shows every option."""


@app.function(
    id="options-batch",
    trigger="conformance/options-batch",
    batch_events=abide.BatchEvents(100, "10s", key="event.data.user", if_="event.data.urgent != true"),
    backoff=abide.Backoff("linear", base="2s"),
)
async def options_batch(ctx: abide.Context) -> None:
    """Shows what cannot stand beside the others."""


@app.function(
    id="options-once",
    trigger="conformance/options-once",
    idempotency="event.data.checkout",
    singleton=abide.Singleton("cancel"),
    backoff=abide.Backoff("constant", base="1s", jitter="500ms"),
)
async def options_once(ctx: abide.Context) -> None:
    """Shows the other forms."""


@app.function(id="options-none")
async def options_none(ctx: abide.Context) -> None:
    """Shows nothing."""
