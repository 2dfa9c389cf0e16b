//! Batches, and what a run says.

use abide_sdk::prelude::*;

use crate::Number;

#[abide::function(
    id = "batch",
    on = "conformance/batch",
    retries = 0,
    batch_events(max_size = 3, timeout = "10s")
)]
pub(crate) async fn batch(ctx: Context, events: Vec<Event<Number>>) -> Result<Value> {
    let all: Vec<i64> = events.iter().map(|event| event.data.n).collect();
    Ok(json!({"first": ctx.event::<Number>()?.data.n, "all": all}))
}

#[abide::function(id = "logs", on = "conformance/logs", retries = 0)]
pub(crate) async fn logs(ctx: Context) -> Result<()> {
    abide::tracing::info!(order = 42, to = "Ann", "begins");
    ctx.step("work")
        .run(async {
            log::debug!(n = 1; "in the body");
            Ok(())
        })
        .await?;
    ctx.sleep("rest", "1s").await?;
    log::warn!("ends");
    log::error!("really");
    Ok(())
}

#[abide::function(id = "spans", on = "conformance/spans", retries = 0)]
pub(crate) async fn spans(ctx: Context) -> Result<()> {
    use abide::tracing::{Instrument, info_span};
    let work = ctx.step("work").run(async {
        info_span!("ask", n = 2).in_scope(|| info_span!("answer").in_scope(|| ()));
        Ok(())
    });
    work.into_future()
        .instrument(info_span!("order", n = 1))
        .await?;
    let declined = info_span!("declined", error = "no");
    drop(declined);
    Ok(())
}

#[abide::function(id = "print", on = "conformance/print", retries = 0)]
pub(crate) async fn print(ctx: Context) -> Result<()> {
    ctx.step("work")
        .run(async {
            println!("printed in the body");
            Ok(())
        })
        .await?;
    println!("printed in the workflow");
    Ok(())
}
