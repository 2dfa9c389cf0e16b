//! Time, events and signals.

use abide_sdk::prelude::*;

#[abide::function(id = "sleep", on = "conformance/sleep", retries = 0)]
pub(crate) async fn sleep(ctx: Context) -> Result<u64> {
    let before = crate::cheats::clock_ms();
    ctx.sleep("short", "1s").await?;
    ctx.sleep("long", "30 days").await?;
    Ok(crate::cheats::clock_ms() - before)
}

#[derive(Deserialize)]
pub(crate) struct At {
    at: Timestamp,
}

#[abide::function(id = "sleep-until", on = "conformance/sleep-until", retries = 0)]
pub(crate) async fn sleep_until(ctx: Context, event: Event<At>) -> Result<&'static str> {
    let past = Timestamp::from_millis(1_577_836_800_000);
    ctx.sleep_until("past", past).await?;
    ctx.sleep_until("future", event.data.at).await?;
    Ok("awake")
}

#[abide::function(id = "sleep-too-long", on = "conformance/sleep-too-long", retries = 0)]
pub(crate) async fn sleep_too_long(ctx: Context) -> Result<()> {
    ctx.sleep("too-long", Duration::from_hours(400 * 24))
        .await?;
    Ok(())
}

/// What an answer looks like in the output.
fn shown(answer: Option<Event>) -> Result<Value> {
    let answer = answer.ok_or_else(|| Error::non_retriable("nobody answered"))?;
    Ok(json!({"name": answer.name, "data": answer.data}))
}

#[abide::function(id = "wait-match", on = "conformance/wait-match", retries = 0)]
pub(crate) async fn wait_match(ctx: Context) -> Result<Value> {
    let answer = ctx
        .wait_for_event("answer")
        .event("conformance/answer")
        .matching("data.key")
        .timeout("1h");
    shown(answer.await?)
}

#[abide::function(id = "wait-if", on = "conformance/wait-if", retries = 0)]
pub(crate) async fn wait_if(ctx: Context) -> Result<Value> {
    let answer = ctx
        .wait_for_event("answer")
        .event("conformance/answer")
        .when("async.data.n > event.data.above")
        .timeout("1h");
    shown(answer.await?)
}

#[abide::function(id = "wait-timeout", on = "conformance/wait-timeout", retries = 0)]
pub(crate) async fn wait_timeout(ctx: Context) -> Result<Value> {
    let answer = ctx
        .wait_for_event::<Value>("answer")
        .event("conformance/answer")
        .timeout("1h");
    Ok(json!({"answer": answer.await?}))
}

#[abide::function(id = "wait-lookback", on = "conformance/wait-lookback", retries = 0)]
pub(crate) async fn wait_lookback(ctx: Context) -> Result<Value> {
    let answer = ctx
        .wait_for_event("answer")
        .event("conformance/answer")
        .matching("data.key")
        .lookback("1h")
        .timeout("1h");
    shown(answer.await?)
}

#[abide::function(id = "signal", on = "conformance/signal", retries = 0)]
pub(crate) async fn signal(ctx: Context) -> Result<Option<Value>> {
    let approval = ctx.wait_for_signal("approval", "conformance-approval");
    Ok(approval.timeout("1h").await?)
}

#[abide::function(id = "signal-timeout", on = "conformance/signal-timeout", retries = 0)]
pub(crate) async fn signal_timeout(ctx: Context) -> Result<Value> {
    let approval = ctx.wait_for_signal::<Value>("approval", "conformance-approval");
    Ok(json!({"approval": approval.timeout("1h").await?}))
}

#[abide::function(
    id = "signal-conflict",
    on = "conformance/signal-conflict",
    retries = 0
)]
pub(crate) async fn signal_conflict(ctx: Context) -> Result<Value> {
    let wait = |id: &str| {
        ctx.wait_for_signal::<Value>(id, "conformance-taken")
            .timeout("1h")
    };
    let first = wait("first").start();
    let second = crate::error_of(wait("second").await)?;
    let third = wait("third").replace().start();
    let first = crate::error_of(first.await)?;
    Ok(json!([second.name(), first.name(), third.await?]))
}
