//! An order: stock checks side by side, an early exit when something is sold out, and otherwise four events in one send that start
//! four functions.

use abide_sdk::prelude::*;

/// Data of `order/placed`, and of the four events that follow it.
#[derive(Clone, Serialize, Deserialize)]
struct Order {
    order_id: String,
    email: String,
    address: String,
    card: String,
    items: Vec<Item>,
}

#[derive(Clone, Serialize, Deserialize)]
struct Item {
    sku: String,
    quantity: u32,
    /// In cents.
    unit_price: u64,
}

impl Order {
    fn total(&self) -> u64 {
        self.items
            .iter()
            .map(|item| u64::from(item.quantity) * item.unit_price)
            .sum()
    }
}

#[derive(Serialize)]
#[serde(tag = "status", rename_all = "lowercase")]
enum Placed {
    Accepted {
        order_id: String,
        total: u64,
    },
    Rejected {
        order_id: String,
        missing: Vec<String>,
    },
}

#[abide::function(id = "place-order", on = "order/placed")]
async fn place_order(ctx: Context, event: Event<Order>) -> Result<Placed> {
    let order = event.data;

    let checks = order.items.iter().cloned().map(|item| {
        ctx.step(format!("check-stock-{}", item.sku))
            .input(&item)
            .run(in_stock(item))
    });
    let in_stock = try_join_all(checks).await?;

    let missing: Vec<String> = std::iter::zip(&order.items, in_stock)
        .filter(|(_, available)| !available)
        .map(|(item, _)| item.sku.clone())
        .collect();
    if !missing.is_empty() {
        let rejected = json!({"order_id": order.order_id, "missing": missing});
        ctx.send_event("reject", NewEvent::new("order/rejected").data(&rejected))
            .await?;
        return Ok(Placed::Rejected {
            order_id: order.order_id,
            missing,
        });
    }

    // All four or none, and exactly once, whatever happens to this machine.
    let steps = ["charge", "invoice", "shipment", "confirmation"];
    let events = steps.map(|step| NewEvent::new(format!("order/{step}.requested")).data(&order));
    ctx.send_events("fan-out", events).await?;
    Ok(Placed::Accepted {
        total: order.total(),
        order_id: order.order_id,
    })
}

async fn in_stock(item: Item) -> Result<bool> {
    #[derive(Deserialize)]
    struct Stock {
        available: bool,
    }
    let url = service(&format!("/stock/{}?quantity={}", item.sku, item.quantity))?;
    let stock: Stock = http::get(url).send().await?.error_for_status()?.json()?;
    Ok(stock.available)
}

#[abide::function(id = "charge-order", on = "order/charge.requested")]
async fn charge_order(ctx: Context, event: Event<Order>) -> Result<Value> {
    let order = event.data;
    let total = order.total();
    let charge = json!({"reference": order.order_id, "amount": total, "currency": "EUR", "card": order.card});
    ctx.step("charge")
        .run_with(|exec| call(exec, "POST", "/charges".to_owned(), charge))
        .await?;
    Ok(json!({"order_id": order.order_id, "charged": total}))
}

#[abide::function(id = "write-invoice", on = "order/invoice.requested")]
async fn write_invoice(ctx: Context, event: Event<Order>) -> Result<Value> {
    let order = event.data;
    let name = format!("invoice-{}", order.order_id);
    let (path, invoice) = (
        format!("/exports/{name}"),
        json!({"items": order.items, "total": order.total()}),
    );
    ctx.step("store-invoice")
        .run_with(|exec| call(exec, "PUT", path, invoice))
        .await?;
    Ok(json!({"order_id": order.order_id, "invoice": name}))
}

#[abide::function(id = "ship-order", on = "order/shipment.requested")]
async fn ship_order(ctx: Context, event: Event<Order>) -> Result<Value> {
    let order = event.data;
    let parcel = json!({"kind": "parcel", "trip_id": order.order_id, "what": order.address});
    ctx.step("book-courier")
        .run_with(|exec| call(exec, "POST", "/bookings".to_owned(), parcel))
        .await?;
    Ok(json!({"order_id": order.order_id, "shipped": true}))
}

#[abide::function(id = "confirm-order", on = "order/confirmation.requested")]
async fn confirm_order(ctx: Context, event: Event<Order>) -> Result<Value> {
    let order = event.data;
    let mail = json!({"to": order.email, "subject": format!("Your order {}", order.order_id)});
    ctx.step("send-confirmation")
        .run_with(|exec| call(exec, "POST", "/emails".to_owned(), mail))
        .await?;
    Ok(json!({"order_id": order.order_id, "confirmed": true}))
}

/// Asks the stand-in service to do something, once however often the step is tried.
async fn call(exec: Execution, method: &'static str, path: String, body: Value) -> Result<()> {
    http::request(method, service(&path)?)
        .header("idempotency-key", exec.step_key)
        .json(&body)
        .send()
        .await?
        .error_for_status()?;
    Ok(())
}

/// The URL of something that the stand-in service offers. The environment is open in bodies only.
fn service(path: &str) -> Result<String> {
    let base = std::env::var("STAND_IN_URL").map_err(|_| {
        Error::non_retriable(
            "the variable STAND_IN_URL is not set: `abide dev` sets it when abide.toml says `stand-in = true`",
        )
        .named("NotConfigured")
    })?;
    Ok(format!("{base}{path}"))
}

abide::app!(
    place_order,
    charge_order,
    write_invoice,
    ship_order,
    confirm_order
);

#[cfg(test)]
mod tests {
    use abide_sdk::testing::{Run, event};

    use super::*;

    fn order() -> Value {
        json!({
            "order_id": "o-1", "email": "ada@example.com", "address": "London", "card": "4242",
            "items": [{"sku": "cup", "quantity": 2, "unit_price": 600}, {"sku": "pot", "quantity": 1, "unit_price": 2500}],
        })
    }

    #[test]
    fn four_events_leave_in_one_send() {
        let mut run = Run::of::<place_order>(event("order/placed", order()));
        assert_eq!(run.pending(), ["check-stock-cup", "check-stock-pot"]);
        run.complete("check-stock-pot", true);
        run.complete("check-stock-cup", true);
        let sent = run.asked("fan-out");
        for (index, step) in ["charge", "invoice", "shipment", "confirmation"]
            .iter()
            .enumerate()
        {
            assert_eq!(
                sent["events"][index]["name"],
                format!("order/{step}.requested")
            );
        }
        run.complete("fan-out", ["1", "2", "3", "4"]);
        let accepted = json!({"status": "accepted", "order_id": "o-1", "total": 3700});
        assert_eq!(run.output(), Some(Ok(accepted)));
    }

    #[test]
    fn a_missing_article_ends_the_order_early() {
        let mut run = Run::of::<place_order>(event("order/placed", order()));
        run.complete("check-stock-cup", true);
        run.complete("check-stock-pot", false);
        run.complete("reject", ["1"]);
        let rejected = json!({"status": "rejected", "order_id": "o-1", "missing": ["pot"]});
        assert_eq!(run.output(), Some(Ok(rejected)));
    }
}
