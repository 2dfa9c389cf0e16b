//! One function a control of flow: each starts and ends, so that what is measured is the way there.

use abide_sdk::prelude::*;

#[abide::function(
    id = "flow-concurrency",
    on = "flow/concurrency",
    concurrency(limit = 4, key = "event.data.key")
)]
pub(crate) async fn concurrency(_ctx: Context) -> Result<()> {
    std::future::ready(Ok(())).await
}

#[abide::function(
    id = "flow-throttle",
    on = "flow/throttle",
    throttle(limit = 1_000_000, period = "1s", key = "event.data.key")
)]
pub(crate) async fn throttle(_ctx: Context) -> Result<()> {
    std::future::ready(Ok(())).await
}

#[abide::function(
    id = "flow-rate-limit",
    on = "flow/rate-limit",
    rate_limit(limit = 10, period = "1 hour", key = "event.data.key")
)]
pub(crate) async fn rate_limit(_ctx: Context) -> Result<()> {
    std::future::ready(Ok(())).await
}

#[abide::function(
    id = "flow-debounce",
    on = "flow/debounce",
    debounce(period = "1 hour", key = "event.data.key")
)]
pub(crate) async fn debounce(_ctx: Context) -> Result<()> {
    std::future::ready(Ok(())).await
}

#[abide::function(
    id = "flow-batch",
    on = "flow/batch",
    batch_events(max_size = 100, timeout = "1 hour", key = "event.data.key")
)]
pub(crate) async fn batch(_ctx: Context) -> Result<()> {
    std::future::ready(Ok(())).await
}

#[abide::function(
    id = "flow-priority",
    on = "flow/priority",
    priority = "event.data.key > 500 ? 10 : 0"
)]
pub(crate) async fn priority(_ctx: Context) -> Result<()> {
    std::future::ready(Ok(())).await
}

#[abide::function(
    id = "flow-idempotency",
    on = "flow/idempotency",
    idempotency = "event.data.key"
)]
pub(crate) async fn idempotency(_ctx: Context) -> Result<()> {
    std::future::ready(Ok(())).await
}

#[abide::function(
    id = "flow-singleton",
    on = "flow/singleton",
    singleton(skip, key = "event.data.key")
)]
pub(crate) async fn singleton(_ctx: Context) -> Result<()> {
    std::future::ready(Ok(())).await
}

#[abide::function(
    id = "flow-cancel-on",
    on = "flow/cancel-on",
    cancel_on(event = "flow/cancelled", matching = "data.key")
)]
pub(crate) async fn cancel_on(_ctx: Context) -> Result<()> {
    std::future::ready(Ok(())).await
}

/// Queues by key while it is paused; one run of each key at a time.
#[abide::function(
    id = "flow-queue",
    on = "flow/queue",
    concurrency(limit = 1, key = "event.data.key")
)]
pub(crate) async fn queue(ctx: Context) -> Result<u64> {
    Ok(ctx.step("one").run(async { Ok(1) }).await?)
}
