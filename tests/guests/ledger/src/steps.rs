//! Steps one after the other, side by side, with failures, and with sleeps between them.

use abide_sdk::prelude::*;

use crate::effect::{Order, Outcome, doomed_step, flaky_step, step};

/// `count` steps one after the other, all with the same id.
#[abide::function(id = "sequence", on = "ledger/sequence", retries = 20)]
pub(crate) async fn sequence(ctx: Context, event: Event<Order>) -> Result<Outcome> {
    let order = event.data;
    let mut values = Vec::new();
    for number in 0..order.count {
        values.push(step(&ctx, &order, "step", number).await?);
    }
    Ok(Outcome::of(order, values))
}

/// `count` steps side by side.
#[abide::function(id = "parallel", on = "ledger/parallel", retries = 20)]
pub(crate) async fn parallel(ctx: Context, event: Event<Order>) -> Result<Outcome> {
    let order = event.data;
    let branches = (0..order.count).map(|n| Box::pin(step(&ctx, &order, format!("branch-{n}"), n)));
    let values = try_join_all(branches).await?;
    Ok(Outcome::of(order, values))
}

/// A step that fails `failures` times, one that fails for good and is caught, one after them.
#[abide::function(id = "retry", on = "ledger/retry", retries = 20)]
pub(crate) async fn retry(ctx: Context, event: Event<Order>) -> Result<Outcome> {
    let order = event.data;
    let flaky = flaky_step(&ctx, &order, "flaky", 0, order.failures).await?;
    let caught = match doomed_step(&ctx, &order, "doomed").await {
        Ok(_) => "nothing".to_owned(),
        Err(error) => error.name().to_owned(),
    };
    let after = step(&ctx, &order, "after", 1).await?;
    Ok(Outcome::of(
        order,
        [json!(flaky), json!(caught), json!(after)],
    ))
}

/// `count` times a step and a sleep.
#[abide::function(id = "sleeper", on = "ledger/sleep", retries = 20)]
pub(crate) async fn sleeper(ctx: Context, event: Event<Order>) -> Result<Outcome> {
    let order = event.data;
    let mut values = Vec::new();
    for number in 0..order.count {
        values.push(step(&ctx, &order, "before-nap", number).await?);
        ctx.sleep("nap", Duration::from_millis(order.sleep_ms))
            .await?;
    }
    Ok(Outcome::of(order, values))
}
