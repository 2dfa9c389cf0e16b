//! What the benchmark runs. No body touches the outside, except that of `effect` and those of the comparison that are given a URL.

mod compare;
mod flow;

use abide_sdk::prelude::*;

/// The data that the events of this app have.
#[derive(Deserialize)]
struct Order {
    /// How many steps, 10 by default.
    #[serde(default = "ten")]
    n: u64,
    /// How long to sleep.
    #[serde(default)]
    sleep_ms: u64,
    /// Where to send the request of `effect`.
    #[serde(default)]
    url: String,
}

fn ten() -> u64 {
    10
}

/// Starts and ends.
#[abide::function(id = "noop", on = "bench/noop")]
async fn noop(_ctx: Context) -> Result<()> {
    std::future::ready(Ok(())).await
}

/// Ten steps one after the other; their sum is 45.
#[abide::function(id = "ten", on = "bench/ten")]
async fn ten_steps(ctx: Context) -> Result<u64> {
    sequence(&ctx, 10).await
}

/// `n` steps one after the other; the sum of the numbers below `n`.
#[abide::function(id = "steps", on = "bench/steps")]
async fn steps(ctx: Context, event: Event<Order>) -> Result<u64> {
    sequence(&ctx, event.data.n).await
}

/// `n` steps side by side; the same sum.
#[abide::function(id = "parallel", on = "bench/parallel")]
async fn parallel(ctx: Context, event: Event<Order>) -> Result<u64> {
    let branches = (0..event.data.n).map(|number| ctx.step("step").run(async move { Ok(number) }));
    Ok(try_join_all(branches).await?.into_iter().sum())
}

/// Sleeps for `sleep_ms`; returns what the run's clock says then, in milliseconds.
#[abide::function(id = "sleeper", on = "bench/sleeper")]
async fn sleeper(ctx: Context, event: Event<Order>) -> Result<u64> {
    ctx.sleep("nap", Duration::from_millis(event.data.sleep_ms))
        .await?;
    Ok(ctx.now().as_millis())
}

/// `n` steps, then a wait of up to a day for `bench/wake` with the same `data.key`, then the sum: for the time that it takes to resume
/// a run with a history.
#[abide::function(id = "resume", on = "bench/resume")]
async fn resume(ctx: Context, event: Event<Order>) -> Result<u64> {
    let sum = sequence(&ctx, event.data.n).await?;
    let wake = ctx
        .wait_for_event::<Value>("wake")
        .event("bench/wake")
        .matching("data.key");
    wake.timeout("1 day").await?;
    Ok(sum)
}

/// One step that sends a request to `url`: what the effect barrier costs.
#[abide::function(id = "effect", on = "bench/effect")]
async fn effect(ctx: Context, event: Event<Order>) -> Result<u16> {
    let url = event.data.url;
    let status = ctx
        .step("request")
        .run(async move { Ok(http::post(url).json(&json!({})).send().await?.status()) })
        .await?;
    Ok(status)
}

async fn sequence(ctx: &Context, n: u64) -> Result<u64> {
    let mut sum = 0;
    for number in 0..n {
        sum += ctx.step("step").run(async move { Ok(number) }).await?;
    }
    Ok(sum)
}

abide::app!(
    noop,
    ten_steps,
    steps,
    parallel,
    sleeper,
    resume,
    effect,
    flow::concurrency,
    flow::throttle,
    flow::rate_limit,
    flow::debounce,
    flow::batch,
    flow::priority,
    flow::idempotency,
    flow::singleton,
    flow::cancel_on,
    flow::queue,
    compare::sequence,
    compare::parallel,
    compare::sleep,
    compare::wait,
    compare::fan_out,
    compare::child
);
