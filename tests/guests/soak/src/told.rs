//! Functions that are told something, or tell others.

use abide_sdk::prelude::*;

use crate::order::Order;

/// Waits up to `ms` for `soak/go` with the same key; whether it came.
#[abide::function(id = "waiter", on = "soak/waiter", retries = 20)]
pub(crate) async fn waiter(ctx: Context, event: Event<Order>) -> Result<bool> {
    ctx.step("before").run(async { Ok(1_u64) }).await?;
    let told = ctx
        .wait_for_event::<Value>("go")
        .event("soak/go")
        .matching("data.key")
        .lookback("1 h")
        .timeout(event.data.time())
        .await?;
    let came = told.is_some();
    Ok(ctx.step("after").run(async move { Ok(came) }).await?)
}

/// Waits up to `ms` for the signal that is called as its key; whether it came.
#[abide::function(id = "signal", on = "soak/signal", retries = 20)]
pub(crate) async fn signal(ctx: Context, event: Event<Order>) -> Result<bool> {
    let told: Option<Value> = ctx
        .wait_for_signal("signal", event.data.key.clone())
        .timeout(event.data.time())
        .await?;
    let came = told.is_some();
    Ok(ctx.step("after").run(async move { Ok(came) }).await?)
}

/// Sends `n` events in one operation; each starts a `leaf`. Their ids.
#[abide::function(id = "fanout", on = "soak/fanout", retries = 20)]
pub(crate) async fn fanout(ctx: Context, event: Event<Order>) -> Result<Vec<String>> {
    let order = event.data;
    let events = (0..order.n).map(|_| NewEvent::new("soak/leaf").data(&order));
    Ok(ctx.send_events("leaves", events).await?)
}

/// One step.
#[abide::function(id = "leaf", on = "soak/leaf", retries = 20)]
pub(crate) async fn leaf(ctx: Context) -> Result<u64> {
    Ok(ctx.step("only").run(async { Ok(1_u64) }).await?)
}
