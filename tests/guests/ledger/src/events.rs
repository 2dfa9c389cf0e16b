//! Functions that tell others, and functions that wait to be told.

use abide_sdk::prelude::*;

use crate::effect::{Order, Outcome, step, value};

/// What another run or the harness tells.
#[derive(Deserialize)]
struct Told {
    value: u64,
}

/// Sends `count` events in one atomic operation; each starts a `leaf`.
#[abide::function(id = "fanout", on = "ledger/fanout", retries = 20)]
pub(crate) async fn fanout(ctx: Context, event: Event<Order>) -> Result<Outcome> {
    let order = event.data;
    let before = step(&ctx, &order, "before", 0).await?;
    let events = (0..order.count).map(|n| {
        let key = format!("{}/leaf-{n}", order.key);
        NewEvent::new("ledger/leaf").data(&json!({"key": key, "seed": order.seed + n}))
    });
    let ids = ctx.send_events("leaves", events).await?;
    let sent = u64::try_from(ids.len())?;
    let after = step(&ctx, &order, "after", 1).await?;
    Ok(Outcome::of(order, [before, sent, after]))
}

/// One step.
#[abide::function(id = "leaf", on = "ledger/leaf", retries = 20)]
pub(crate) async fn leaf(ctx: Context, event: Event<Order>) -> Result<Outcome> {
    let order = event.data;
    let value = step(&ctx, &order, "only", 0).await?;
    Ok(Outcome::of(order, [value]))
}

/// Waits for `ledger/go` with the same key; null if it does not come in time.
#[abide::function(id = "waiter", on = "ledger/wait", retries = 20)]
pub(crate) async fn waiter(ctx: Context, event: Event<Order>) -> Result<Outcome> {
    let order = event.data;
    let before = step(&ctx, &order, "before", 0).await?;
    let told = ctx
        .wait_for_event::<Told>("go")
        .event("ledger/go")
        .matching("data.key")
        .lookback("1 h")
        .timeout(order.timeout())
        .await?;
    let told = told.map(|event| event.data.value);
    let after = step(&ctx, &order, "after", 1).await?;
    Ok(Outcome::of(
        order,
        [json!(before), json!(told), json!(after)],
    ))
}

/// Answers a ping with a pong.
#[abide::function(id = "echo", on = "ledger/ping", retries = 20)]
pub(crate) async fn echo(ctx: Context, event: Event<Order>) -> Result<Outcome> {
    let order = event.data;
    let told = value(order.seed, 99);
    let pong = NewEvent::new("ledger/pong").data(&json!({"key": order.key, "value": told}));
    ctx.send_event("pong", pong).await?;
    Ok(Outcome::of(order, [told]))
}

/// Sends a ping and waits for its pong, which may come before the wait begins.
pub(crate) async fn pong(ctx: &Context, order: &Order) -> Result<u64> {
    let data = json!({"key": order.key, "seed": order.seed});
    ctx.send_event("ping", NewEvent::new("ledger/ping").data(&data))
        .await?;
    let pong = ctx
        .wait_for_event::<Told>("pong")
        .event("ledger/pong")
        .matching("data.key")
        .lookback("1 h")
        .timeout("1 h")
        .await?;
    let pong = pong.ok_or_else(|| Error::non_retriable("the pong never came").named("NoPong"))?;
    Ok(pong.data.value)
}

/// Waits for the signal that is called as its key; null if it does not come in time.
#[abide::function(id = "signal-wait", on = "ledger/signal-wait", retries = 20)]
pub(crate) async fn signal_wait(ctx: Context, event: Event<Order>) -> Result<Outcome> {
    let order = event.data;
    let told: Option<u64> = ctx
        .wait_for_signal("signal", order.key.clone())
        .timeout(order.timeout())
        .await?;
    let after = step(&ctx, &order, "after", 1).await?;
    Ok(Outcome::of(order, [json!(told), json!(after)]))
}

/// Sends the signal that is called as its key.
#[abide::function(id = "signal-send", on = "ledger/signal-send", retries = 20)]
pub(crate) async fn signal_send(ctx: Context, event: Event<Order>) -> Result<Outcome> {
    let order = event.data;
    let told = value(order.seed, 99);
    ctx.send_signal("signal", order.key.clone())
        .data(&told)
        .ttl("1 h")
        .await?;
    Ok(Outcome::of(order, [told]))
}
