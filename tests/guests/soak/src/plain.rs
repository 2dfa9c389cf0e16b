//! Steps that reach nothing outside, sleeps, large values, and a run that fails.

use abide_sdk::prelude::*;

use crate::order::{Charge, Order};

/// Two steps: what the soak measures the latency of.
#[abide::function(id = "probe", on = "soak/probe", retries = 20)]
pub(crate) async fn probe(ctx: Context) -> Result<u64> {
    let one = ctx.step("one").run(async { Ok(1_u64) }).await?;
    Ok(ctx.step("two").run(async move { Ok(one + 1) }).await?)
}

/// `n` steps one after the other; how many there were.
#[abide::function(id = "quiet", on = "soak/quiet", retries = 20)]
pub(crate) async fn quiet(ctx: Context, event: Event<Order>) -> Result<u64> {
    let mut done = 0;
    for _ in 0..event.data.n {
        done += ctx.step("step").run(async { Ok(1_u64) }).await?;
    }
    Ok(done)
}

/// `n` steps side by side; how many there were.
#[abide::function(id = "parallel", on = "soak/parallel", retries = 20)]
pub(crate) async fn parallel(ctx: Context, event: Event<Order>) -> Result<u64> {
    let branches = (0..event.data.n).map(|_| ctx.step("branch").run(async { Ok(1_u64) }));
    Ok(try_join_all(branches).await?.into_iter().sum())
}

/// `n` times a step and a sleep of `ms`.
#[abide::function(id = "sleeper", on = "soak/sleeper", retries = 20)]
pub(crate) async fn sleeper(ctx: Context, event: Event<Order>) -> Result<u64> {
    let mut done = 0;
    for _ in 0..event.data.n {
        done += ctx.step("before").run(async { Ok(1_u64) }).await?;
        ctx.sleep("nap", event.data.time()).await?;
    }
    Ok(done)
}

/// Turns its ballast around in one step and measures it in the next; its length.
#[abide::function(id = "big", on = "soak/big", retries = 20)]
pub(crate) async fn big(ctx: Context, event: Event<Order>) -> Result<usize> {
    let ballast = event.data.ballast;
    let turned: String = ctx
        .step("turn")
        .run(async move { Ok(ballast.chars().rev().collect()) })
        .await?;
    let length = ctx.step("measure").run(async move { Ok(turned.len()) });
    Ok(length.await?)
}

/// Fails for good after two retries, unless a replay gives the charge another input. A handler is told.
#[abide::function(
    id = "failing",
    on = "soak/failing",
    retries = 20,
    on_failure(mourn, retries = 20)
)]
pub(crate) async fn failing(ctx: Context) -> Result<u64> {
    ctx.step("before").run(async { Ok(1_u64) }).await?;
    let charge = ctx
        .step("charge")
        .retries(2)
        .backoff(Backoff::constant("200ms"));
    let charged = charge
        .with_input(Charge { refuse: true })
        .run(async |charge| {
            if charge.refuse {
                return Err(Error::retriable("the charge is refused as asked").named("Refused"));
            }
            Ok(1)
        })
        .await?;
    Ok(charged)
}

async fn mourn(ctx: Context, failure: FunctionFailure) -> Result<String> {
    let name = failure.error.name.clone();
    Ok(ctx.step("mourn").run(async move { Ok(name) }).await?)
}
