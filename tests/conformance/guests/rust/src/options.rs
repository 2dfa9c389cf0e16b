//! Functions that only show their configuration.

use abide_sdk::prelude::*;

#[abide::function(
    id = "options",
    name = "Every option",
    on("conformance/options", if = "event.data.n > 1"),
    on("conformance/options.*"),
    cron("TZ=Europe/Berlin 30 4 * * MON-FRI", jitter = "30s", catchup = all),
    cron("0 0 1 * *"),
    retries = 7,
    backoff(exponential, base = "5s", factor = 3.0, max = "10m", jitter = "1s"),
    concurrency = 5,
    concurrency(limit = 2, key = "event.data.shop", scope = env, per = run),
    throttle(limit = 10, period = "1m", burst = 3, key = "event.data.shop"),
    rate_limit(limit = 100, period = "1h", key = "event.data.user"),
    debounce(period = "5s", key = "event.data.doc", timeout = "1m"),
    priority = "event.data.plan == 'gold' ? 120 : 0",
    singleton(skip, key = "event.data.user"),
    cancel_on(event = "conformance/cancelled", matching = "data.id"),
    cancel_on(event = "conformance/closed", if = "async.data.shop == event.data.shop", timeout = "2h"),
    cancel_on(event = "conformance/all", all),
    timeouts(start = "10m", finish = "2h"),
    retention = "90 days",
    on_failure(nothing, retries = 9)
)]
pub(crate) async fn options(_ctx: Context) -> Result<()> {
    Ok(())
}

async fn nothing(_ctx: Context, _failure: FunctionFailure) -> Result<()> {
    Ok(())
}

#[abide::function(
    id = "options-batch",
    on = "conformance/options-batch",
    batch_events(
        max_size = 100,
        timeout = "10s",
        key = "event.data.user",
        if = "event.data.urgent != true"
    ),
    backoff(linear, base = "2s")
)]
pub(crate) async fn options_batch(_ctx: Context) -> Result<()> {
    Ok(())
}

#[abide::function(
    id = "options-once",
    on = "conformance/options-once",
    idempotency = "event.data.checkout",
    singleton(cancel),
    backoff(constant, base = "1s", jitter = "500ms")
)]
pub(crate) async fn options_once(_ctx: Context) -> Result<()> {
    Ok(())
}

#[abide::function(id = "options-none")]
pub(crate) async fn options_none(_ctx: Context) -> Result<()> {
    Ok(())
}
