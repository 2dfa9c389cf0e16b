//! One function for each control of flow, a schedule, and one that only ends when it is stopped.

use abide_sdk::prelude::*;

use crate::order::Order;
use crate::outside::report;

/// Sleeps for `ms` unless `soak/stop` with the same key comes, or somebody cancels it.
#[abide::function(
    id = "stopped",
    on = "soak/stopped",
    retries = 20,
    cancel_on(event = "soak/stop", matching = "data.key")
)]
pub(crate) async fn stopped(ctx: Context, event: Event<Order>) -> Result<()> {
    ctx.step("before").run(async { Ok(1_u64) }).await?;
    ctx.sleep("long", event.data.time()).await?;
    Ok(())
}

/// One run for a flurry of events with the same key.
#[abide::function(
    id = "debounced",
    on = "soak/debounced",
    retries = 20,
    debounce(period = "1s", key = "event.data.key", timeout = "5s")
)]
pub(crate) async fn debounced(ctx: Context) -> Result<usize> {
    let events = ctx.events::<Order>()?.len();
    Ok(ctx.step("count").run(async move { Ok(events) }).await?)
}

/// One run for up to ten events with the same key.
#[abide::function(
    id = "batched",
    on = "soak/batched",
    retries = 20,
    batch_events(max_size = 10, timeout = "2s", key = "event.data.key")
)]
pub(crate) async fn batched(ctx: Context, events: Vec<Event<Order>>) -> Result<usize> {
    let events = events.len();
    Ok(ctx.step("count").run(async move { Ok(events) }).await?)
}

/// Two starts a second for each key.
#[abide::function(
    id = "throttled",
    on = "soak/throttled",
    retries = 20,
    throttle(limit = 2, period = "1s", key = "event.data.key")
)]
pub(crate) async fn throttled(ctx: Context) -> Result<u64> {
    Ok(ctx.step("only").run(async { Ok(1_u64) }).await?)
}

/// One step at a time for each key, while the witness is told.
#[abide::function(
    id = "limited",
    on = "soak/limited",
    retries = 20,
    concurrency(limit = 1, key = "event.data.key")
)]
pub(crate) async fn limited(ctx: Context) -> Result<u64> {
    report(&ctx, "first").await?;
    report(&ctx, "second").await
}

/// Three events a minute for each key; the others are skipped.
#[abide::function(
    id = "rated",
    on = "soak/rated",
    retries = 20,
    rate_limit(limit = 3, period = "1m", key = "event.data.key")
)]
pub(crate) async fn rated(ctx: Context) -> Result<u64> {
    Ok(ctx.step("only").run(async { Ok(1_u64) }).await?)
}

/// One run at a time for each key; the others are skipped.
#[abide::function(
    id = "single",
    on = "soak/single",
    retries = 20,
    singleton(skip, key = "event.data.key")
)]
pub(crate) async fn single(ctx: Context, event: Event<Order>) -> Result<()> {
    ctx.sleep("nap", event.data.time()).await?;
    Ok(())
}

/// At every full minute.
#[abide::function(id = "every-minute", cron = "* * * * *", retries = 20)]
pub(crate) async fn every_minute(ctx: Context) -> Result<u64> {
    Ok(ctx.step("only").run(async { Ok(1_u64) }).await?)
}
