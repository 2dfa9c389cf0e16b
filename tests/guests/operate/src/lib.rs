//! Runs that operators have something to do with: they fail until somebody mends what they need, sleep for as long as they are told, queue, and
//! merge.

use abide_sdk::prelude::*;

abide::app!(pay, remind, one_by_one, index; schemas: [
    EventSchema::new("operate/order", json!({
        "required": ["amount"],
        "properties": {"amount": {"type": "integer", "minimum": 0}},
    })),
]);

/// The most that is charged unless the variable `LIMIT` says otherwise.
const USUAL_LIMIT: u64 = 100;

#[derive(Serialize, Deserialize)]
struct Order {
    amount: u64,
}

#[derive(Serialize, Deserialize)]
struct Charge {
    sum: u64,
}

/// Fails at once when the sum is above the limit.
#[abide::function(id = "pay", on = "operate/order", retries = 0)]
async fn pay(ctx: Context, event: Event<Order>) -> Result<Value> {
    let amount = event.data.amount;
    abide::tracing::info!(amount, "an order");
    let sum: u64 = ctx.step("price").run(async move { Ok(amount * 2) }).await?;
    let charged: u64 = ctx
        .step("charge")
        .with_input(Charge { sum })
        .run(async |charge| {
            let limit = std::env::var("LIMIT").ok();
            let limit = limit.and_then(|limit| limit.parse().ok());
            let limit = limit.unwrap_or(USUAL_LIMIT);
            let asking = abide::tracing::info_span!(
                "ask the bank",
                charge.sum,
                limit = abide::tracing::field::Empty
            );
            let _asking = asking.enter();
            asking.record("limit", limit);
            if charge.sum > limit {
                let problem = format!("{} is more than {limit}", charge.sum);
                abide::tracing::error!(retry = false, "the bank declines");
                return Err(Error::non_retriable(problem).named("Declined"));
            }
            Ok(charge.sum)
        })
        .await?;
    Ok(json!({"price": sum, "charged": charged}))
}

#[derive(Deserialize)]
struct Reminder {
    n: u64,
    sleep_ms: u64,
}

async fn sleep_and_answer(ctx: Context, reminder: Reminder) -> Result<u64> {
    let time = std::time::Duration::from_millis(reminder.sleep_ms);
    ctx.sleep("until-then", time).await?;
    Ok(reminder.n)
}

/// Sleeps.
#[abide::function(id = "remind", on = "operate/remind")]
async fn remind(ctx: Context, event: Event<Reminder>) -> Result<u64> {
    sleep_and_answer(ctx, event.data).await
}

/// Sleeps, one run at a time for each tenant.
#[abide::function(
    id = "one-by-one",
    on = "operate/one-by-one",
    concurrency(limit = 1, key = "event.data.tenant", per = run)
)]
async fn one_by_one(ctx: Context, event: Event<Reminder>) -> Result<u64> {
    sleep_and_answer(ctx, event.data).await
}

#[derive(Deserialize)]
struct Change {
    n: u64,
}

/// One run for a burst of changes.
#[abide::function(id = "index", on = "operate/changed", debounce = "5s")]
async fn index(ctx: Context, _event: Event<Change>) -> Result<Vec<u64>> {
    let changes = ctx.events::<Change>()?;
    Ok(changes.into_iter().map(|change| change.data.n).collect())
}
