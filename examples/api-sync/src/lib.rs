//! Hands invoices to a billing partner whose API is limited twice over: so many requests in a time, and "not now" whenever it likes.

use abide_sdk::prelude::*;

/// Data of `invoice/due`.
#[derive(Deserialize)]
struct Invoice {
    /// Our account at the partner; each has limits of its own.
    account: String,
    invoice: String,
    /// In cents.
    amount: u64,
    card: String,
}

#[derive(Serialize)]
struct Outcome {
    invoice: String,
    status: String,
}

#[abide::function(
    id = "sync-invoice",
    name = "Hand an invoice to the partner",
    on = "invoice/due",
    // What the contract says, for each account: two at once, then one a second. Nothing is dropped; what comes too fast starts later.
    // In production perhaps `limit = 600, period = "1m"`.
    throttle(limit = 2, period = "2s", key = "event.data.account"),
    retries = 8
)]
async fn sync_invoice(ctx: Context, event: Event<Invoice>) -> Result<Outcome> {
    let Invoice {
        account,
        invoice,
        amount,
        card,
    } = event.data;
    let charge = json!({
        "reference": format!("{account}/{invoice}"), "amount": amount, "currency": "EUR", "card": card,
    });
    let status = ctx.step("push").run_with(|exec| push(exec, charge)).await?;
    Ok(Outcome { invoice, status })
}

/// The throttle keeps us within the contract; the partner may still be busy, and says when to come back. The run sleeps until then, without
/// a thread or memory of its own, and the step key makes the partner do it once however often it is asked.
async fn push(exec: Execution, charge: Value) -> Result<String> {
    let base = std::env::var("STAND_IN_URL")
        .map_err(|_| Error::non_retriable("the variable STAND_IN_URL is not set"))?;
    let response = http::post(format!("{base}/charges"))
        .header("idempotency-key", exec.step_key)
        .json(&charge)
        .send()
        .await?;
    // `error_for_status` alone would do here, as it knows 429 and Retry-After. A partner that says it in another way is translated like this.
    if response.status() == 429 {
        let seconds = response.header("retry-after").unwrap_or("5");
        return Err(Error::retry_after(
            "the partner is busy",
            format!("{seconds}s"),
        ));
    }
    let charged: Value = response.error_for_status()?.json()?;
    Ok(charged["status"].as_str().unwrap_or("unknown").to_owned())
}

abide::app!(sync_invoice);

#[cfg(test)]
mod tests {
    use abide_sdk::testing::{Run, config_of, event};

    use super::*;

    fn run() -> Run {
        let data = json!({"account": "shop", "invoice": "i-1", "amount": 1200, "card": "4242"});
        Run::of::<sync_invoice>(event("invoice/due", data))
    }

    #[test]
    fn an_invoice_is_handed_over_in_one_step() {
        let mut run = run();
        run.complete("push", "captured");
        let outcome = json!({"invoice": "i-1", "status": "captured"});
        assert_eq!(run.output(), Some(Ok(outcome)));
    }

    #[test]
    fn a_partner_that_refuses_for_good_fails_the_run() {
        let mut run = run();
        run.fail("push", Error::non_retriable("the service answered 402"));
        let failure = run.output().unwrap().unwrap_err();
        assert_eq!(failure.message, "step `push`: the service answered 402");
    }

    #[test]
    fn each_account_has_a_throttle_of_its_own() {
        let throttle = json!({"limit": 2, "period_ms": 2_000, "key": "event.data.account"});
        assert_eq!(config_of::<sync_invoice>()["throttle"], throttle);
    }
}
