//! What the comparison with other engines runs. Every function takes a `url`: with it each step posts `{}` there, without it no step
//! touches the outside. The same programs, for the others, are in `tests/bench/compare`.

use abide_sdk::prelude::*;

/// What the events of the comparison carry.
#[derive(Deserialize)]
pub(crate) struct Work {
    /// How many steps or children.
    #[serde(default)]
    n: u64,
    /// How long to sleep.
    #[serde(default)]
    sleep_ms: u64,
    /// Where each step sends a request, if anywhere.
    url: Option<String>,
}

/// What the fan-out gives each of its children.
#[derive(Serialize, Deserialize)]
pub(crate) struct Part {
    number: u64,
    url: Option<String>,
}

/// `n` steps one after the other; the sum of the numbers below `n`.
#[abide::function(id = "compare-sequence", on = "compare/sequence")]
pub(crate) async fn sequence(ctx: Context, event: Event<Work>) -> Result<u64> {
    let mut sum = 0;
    for number in 0..event.data.n {
        sum += step(&ctx, number, event.data.url.clone()).await?;
    }
    Ok(sum)
}

/// `n` steps side by side; the same sum.
#[abide::function(id = "compare-parallel", on = "compare/parallel")]
pub(crate) async fn parallel(ctx: Context, event: Event<Work>) -> Result<u64> {
    let branches = (0..event.data.n).map(|number| step(&ctx, number, event.data.url.clone()));
    Ok(try_join_all(branches).await?.into_iter().sum())
}

/// Sleeps for `sleep_ms`, then one step.
#[abide::function(id = "compare-sleep", on = "compare/sleep")]
pub(crate) async fn sleep(ctx: Context, event: Event<Work>) -> Result<u64> {
    ctx.sleep("nap", Duration::from_millis(event.data.sleep_ms))
        .await?;
    step(&ctx, 1, event.data.url).await
}

/// One step, then a wait for `compare/wake` with the same `data.key`, then one step.
#[abide::function(id = "compare-wait", on = "compare/wait")]
pub(crate) async fn wait(ctx: Context, event: Event<Work>) -> Result<u64> {
    let first = step(&ctx, 1, event.data.url.clone()).await?;
    let wake = ctx
        .wait_for_event::<Value>("wake")
        .event("compare/wake")
        .matching("data.key")
        .timeout("10 minutes")
        .await?;
    if wake.is_none() {
        return Err(Error::non_retriable("nothing came"));
    }
    Ok(first + step(&ctx, 1, event.data.url).await?)
}

/// Starts `n` children at once and waits for all of them; the sum of the numbers below `n`.
#[abide::function(id = "compare-fan-out", on = "compare/fan-out")]
pub(crate) async fn fan_out(ctx: Context, event: Event<Work>) -> Result<u64> {
    let children = (0..event.data.n).map(|number| {
        let part = Part {
            number,
            url: event.data.url.clone(),
        };
        ctx.invoke::<u64>("child", "compare-child").data(&part)
    });
    Ok(try_join_all(children).await?.into_iter().sum())
}

/// One step: what the fan-out starts.
#[abide::function(id = "compare-child", on = "compare/child")]
pub(crate) async fn child(ctx: Context, event: Event<Part>) -> Result<u64> {
    step(&ctx, event.data.number, event.data.url).await
}

async fn step(ctx: &Context, number: u64, url: Option<String>) -> Result<u64> {
    let body = async move {
        if let Some(url) = url {
            http::post(url)
                .json(&json!({}))
                .send()
                .await?
                .error_for_status()?;
        }
        Ok(number)
    };
    Ok(ctx.step("step").run(body).await?)
}
