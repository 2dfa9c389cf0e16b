//! An order with a little of everything: side by side, again after a failure, asleep, in another run, told to others.

use abide_sdk::prelude::*;

#[derive(Deserialize)]
pub(crate) struct Order {
    id: u64,
    #[serde(default)]
    amount: u64,
    /// How often the courier is out of reach.
    #[serde(default)]
    failures: u32,
    #[serde(default)]
    sleep_ms: u64,
}

/// Prices, reserves side by side, packs in a run of its own, calls a courier that may fail, tells the others.
#[abide::function(
    id = "fulfil",
    name = "Fulfil an order",
    on = "shop/order.placed",
    cancel_on(event = "shop/order.cancelled", matching = "data.id"),
    retries = 5,
    backoff(constant, base = "1s")
)]
pub(crate) async fn fulfil(ctx: Context, event: Event<Order>) -> Result<Value> {
    let Order {
        id,
        amount,
        failures,
        sleep_ms,
    } = event.data;
    log::info!("order {id} over {amount}");
    let price: u64 = ctx
        .step("price")
        .with_input(json!({"amount": amount, "currency": "EUR"}))
        .run(async |asked: Value| {
            log::debug!("the price list is of today");
            Ok(asked["amount"].as_u64().unwrap_or(0) * 119 / 100)
        })
        .await?;
    let reserve = |what: &'static str| {
        ctx.step(format!("reserve-{what}")).run(async move {
            log::info!("{what} is reserved");
            Ok(what.to_owned())
        })
    };
    let (goods, van, slot) = try_join!(reserve("goods"), reserve("van"), reserve("slot"))?;
    let packed: Value = ctx
        .invoke("pack", "pack")
        .data(&json!({"id": id}))
        .timeout("1 h")
        .await?;
    ctx.sleep("let-the-glue-dry", Duration::from_millis(sleep_ms))
        .await?;
    ctx.step("call-courier")
        .run_with(async move |execution| {
            if execution.attempt < failures {
                log::warn!("the courier does not answer, attempt {}", execution.attempt);
                let busy = Error::retriable("503 from the courier: all vans are on the road");
                return Err(busy.named("CourierBusy").with_data(json!({"status": 503})));
            }
            Ok(json!({"courier": "north", "attempt": execution.attempt}))
        })
        .await?;
    let shipped = NewEvent::new("shop/order.shipped").data(&json!({"id": id, "amount": amount}));
    ctx.send_event("tell", shipped).await?;
    Ok(json!({"id": id, "price": price, "reserved": [goods, van, slot], "packed": packed}))
}

#[derive(Deserialize)]
pub(crate) struct Parcel {
    id: u64,
}

/// Has no trigger: it is invoked.
#[abide::function(id = "pack", name = "Pack a parcel")]
pub(crate) async fn pack(ctx: Context, event: Event<Parcel>) -> Result<Value> {
    let id = event.data.id;
    let weight: u64 = ctx
        .step("weigh")
        .run(async move { Ok(id % 10 + 1) })
        .await?;
    Ok(json!({"id": id, "kg": weight}))
}

/// One run for a flurry of shipments.
#[abide::function(
    id = "thank",
    name = "Thank the customer",
    on = "shop/order.shipped",
    rate_limit(limit = 50, period = "1h")
)]
pub(crate) async fn thank(ctx: Context, event: Event<Parcel>) -> Result<u64> {
    let id = event.data.id;
    Ok(ctx.step("mail").run(async move { Ok(id) }).await?)
}

/// Looks at large orders only.
#[abide::function(
    id = "review",
    name = "Review large orders",
    on("shop/order.placed", if = "event.data.amount > 100000")
)]
pub(crate) async fn review(ctx: Context, event: Event<Order>) -> Result<u64> {
    let amount = event.data.amount;
    Ok(ctx.step("look").run(async move { Ok(amount) }).await?)
}
