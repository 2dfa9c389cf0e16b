//! Functions that call functions, and one function that does a little of everything.

use abide_sdk::prelude::*;

use crate::effect::{Order, Outcome, flaky_step, step};
use crate::events::pong;

/// Invokes `child` `count` times side by side.
#[abide::function(id = "parent", on = "ledger/parent", retries = 20)]
pub(crate) async fn parent(ctx: Context, event: Event<Order>) -> Result<Outcome> {
    let order = event.data;
    let calls = (0..order.count).map(|n| invoke_child(&ctx, &order, n));
    let values = try_join_all(calls).await?;
    Ok(Outcome::of(order, values))
}

fn invoke_child(
    ctx: &Context,
    order: &Order,
    n: u64,
) -> impl IntoFuture<Output = Result<u64, StepError>> + use<> {
    ctx.invoke(format!("child-{n}"), "child")
        .data(&json!({"key": format!("{}/child-{n}", order.key), "seed": order.seed + n}))
        .timeout("1 h")
}

/// One step; returns its value.
#[abide::function(id = "child", retries = 20)]
pub(crate) async fn child(ctx: Context, event: Event<Order>) -> Result<u64> {
    step(&ctx, &event.data, "only", 0).await
}

/// A step, three side by side, a sleep, a flaky step, a child, an atomic send to two leaves, an echo through events.
#[abide::function(id = "everything", on = "ledger/everything", retries = 20)]
pub(crate) async fn everything(ctx: Context, event: Event<Order>) -> Result<Outcome> {
    let order = event.data;
    let mut values = vec![step(&ctx, &order, "first", 0).await?];
    let (a, b, c) = try_join!(
        step(&ctx, &order, "left", 1),
        step(&ctx, &order, "middle", 2),
        step(&ctx, &order, "right", 3),
    )?;
    values.extend([a, b, c]);
    ctx.sleep("rest", Duration::from_millis(order.sleep_ms))
        .await?;
    values.push(flaky_step(&ctx, &order, "flaky", 4, order.failures).await?);
    values.push(invoke_child(&ctx, &order, 5).await?);
    let leaves = (0..2).map(|n| {
        let key = format!("{}/leaf-{n}", order.key);
        NewEvent::new("ledger/leaf").data(&json!({"key": key, "seed": order.seed + n}))
    });
    let ids = ctx.send_events("leaves", leaves).await?;
    values.push(u64::try_from(ids.len())?);
    values.push(pong(&ctx, &order).await?);
    values.push(step(&ctx, &order, "last", 6).await?);
    Ok(Outcome::of(order, values))
}
