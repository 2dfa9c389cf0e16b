//! Steps that reach outside, alone and in runs that others invoke.

use abide_sdk::prelude::*;

use crate::order::Order;

/// A step that tells the witness at `WITNESS_URL`, and tries again for long: it answers late at times, or not well.
pub(crate) async fn report(ctx: &Context, id: impl Into<String>) -> Result<u64> {
    let step = ctx.step(id).retries(20).backoff(Backoff::constant("300ms"));
    let told = step
        .run_with(|execution| async move {
            let url = std::env::var("WITNESS_URL")
                .map_err(|_| Error::non_retriable("WITNESS_URL is not configured"))?;
            let request = http::post(url).header("idempotency-key", &execution.idempotency_key);
            request.timeout("5s").send().await?.error_for_status()?;
            Ok(1)
        })
        .await?;
    Ok(told)
}

/// `n` reports one after the other.
#[abide::function(id = "outside", on = "soak/outside", retries = 20)]
pub(crate) async fn outside(ctx: Context, event: Event<Order>) -> Result<u64> {
    let mut done = 0;
    for _ in 0..event.data.n {
        done += report(&ctx, "report").await?;
    }
    Ok(done)
}

/// Invokes `child` `n` times side by side, with a report before and a step after.
#[abide::function(id = "parent", on = "soak/parent", retries = 20)]
pub(crate) async fn parent(ctx: Context, event: Event<Order>) -> Result<u64> {
    report(&ctx, "before").await?;
    let calls = (0..event.data.n).map(|_| {
        let call = ctx.invoke("child", "child").data(&event.data);
        call.timeout("1 h")
    });
    let values: Vec<u64> = try_join_all(calls).await?;
    let sum = values.into_iter().sum();
    Ok(ctx.step("after").run(async move { Ok(sum) }).await?)
}

/// One report.
#[abide::function(id = "child", retries = 20)]
pub(crate) async fn child(ctx: Context) -> Result<u64> {
    report(&ctx, "only").await
}
