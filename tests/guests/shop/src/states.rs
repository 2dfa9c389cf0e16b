//! A function for each state that a run can be found in.

use abide_sdk::prelude::*;

#[derive(Deserialize)]
pub(crate) struct Payment {
    id: u64,
}

#[derive(Deserialize)]
struct Approval {
    by: String,
}

/// Waits until somebody says yes.
#[abide::function(id = "approve", name = "Ask for approval", on = "shop/payment.large")]
pub(crate) async fn approve(ctx: Context, event: Event<Payment>) -> Result<Value> {
    let id = event.data.id;
    let approval = ctx
        .wait_for_event::<Approval>("approval")
        .event("shop/payment.approved")
        .matching("data.id")
        .timeout("7 days")
        .await?;
    Ok(json!({"id": id, "by": approval.map(|event| event.data.by)}))
}

/// Waits until the driver says that it is done.
#[abide::function(id = "deliver", name = "Deliver a parcel", on = "shop/parcel.left")]
pub(crate) async fn deliver(ctx: Context, event: Event<Payment>) -> Result<Value> {
    let id = event.data.id;
    let signal = ctx
        .wait_for_signal::<Value>("delivered", format!("delivered-{id}"))
        .timeout("7 days")
        .await?;
    Ok(json!({"id": id, "signal": signal}))
}

/// The most that can be charged.
const LIMIT: u64 = 100;

#[derive(Serialize, Deserialize)]
pub(crate) struct Sum {
    amount: u64,
}

/// Fails at once, and may be tried again with another amount.
#[abide::function(
    id = "charge",
    name = "Charge a card",
    on = "shop/charge.asked",
    retries = 0
)]
pub(crate) async fn charge(ctx: Context, event: Event<Sum>) -> Result<Value> {
    let fee: u64 = ctx.step("fee").run(async { Ok(3) }).await?;
    let amount = event.data.amount;
    let charged: u64 = ctx
        .step("charge")
        .with_input(Sum { amount })
        .run(async |sum: Sum| {
            if sum.amount > LIMIT {
                log::error!("{} is declined", sum.amount);
                let problem = format!("{} is more than the card's limit of {LIMIT}", sum.amount);
                return Err(Error::non_retriable(problem).named("Declined"));
            }
            Ok(sum.amount)
        })
        .await?;
    Ok(json!({"charged": charged, "fee": fee}))
}

/// Fails again and again, with a long time between.
#[abide::function(
    id = "import",
    name = "Import a catalogue",
    on = "shop/catalogue.published",
    retries = 4,
    backoff(constant, base = "1h")
)]
pub(crate) async fn import(ctx: Context, _event: Event<Value>) -> Result<()> {
    ctx.step("download")
        .run(async {
            let gone = Error::retriable("503 from the catalogue's server");
            Err::<(), _>(gone.named("Unavailable"))
        })
        .await?;
    Ok(())
}

#[derive(Deserialize)]
pub(crate) struct Nap {
    sleep_ms: u64,
}

/// Sleeps as long as it is told.
#[abide::function(id = "nap", name = "Remind later", on = "shop/reminder.set")]
pub(crate) async fn nap(ctx: Context, event: Event<Nap>) -> Result<&'static str> {
    ctx.sleep("until-then", Duration::from_millis(event.data.sleep_ms))
        .await?;
    Ok("reminded")
}

/// One run at a time for each tenant; the others stand behind it.
#[abide::function(
    id = "one-by-one",
    name = "Bill a tenant",
    on = "shop/bill.due",
    concurrency(limit = 1, key = "event.data.tenant", per = run)
)]
pub(crate) async fn one_by_one(ctx: Context, event: Event<Nap>) -> Result<&'static str> {
    ctx.sleep("until-then", Duration::from_millis(event.data.sleep_ms))
        .await?;
    Ok("billed")
}

/// Every morning.
#[abide::function(
    id = "report",
    name = "Report the day",
    cron("TZ=Europe/Berlin 0 7 * * *")
)]
pub(crate) async fn report(ctx: Context, _event: Event<Value>) -> Result<u64> {
    Ok(ctx.step("count").run(async { Ok(1) }).await?)
}

/// The second run of an hour is skipped.
#[abide::function(
    id = "seldom",
    name = "Warn seldom",
    on = "shop/stock.low",
    rate_limit(limit = 1, period = "1h")
)]
pub(crate) async fn seldom(ctx: Context, _event: Event<Value>) -> Result<u64> {
    Ok(ctx.step("warn").run(async { Ok(1) }).await?)
}

#[derive(Deserialize)]
pub(crate) struct Many {
    count: u64,
}

/// As many steps as it is told, ten side by side.
#[abide::function(id = "steps", name = "Count the stock", on = "shop/stock.count")]
pub(crate) async fn steps(ctx: Context, event: Event<Many>) -> Result<u64> {
    let count = event.data.count;
    let mut sum = 0;
    for row in (0..count).step_by(10) {
        let shelf = |n: u64| ctx.step(format!("shelf-{n}")).run(async move { Ok(n) });
        let counted = try_join_all((row..count.min(row + 10)).map(shelf)).await?;
        sum += counted.len() as u64;
    }
    Ok(sum)
}
