//! Copies changes to a partner whose API is limited twice over: only so many requests in a time, and "not now" whenever it likes.

use abide_sdk::prelude::*;

/// Data of `crm/contact.changed`.
#[derive(Deserialize)]
struct Change {
    /// The account at the partner; its limits are its own.
    account: String,
    contact: String,
    amount: u64,
    /// Decides how the partner answers, see STAND-IN.md.
    card: String,
}

#[derive(Serialize)]
struct Outcome {
    contact: String,
    remote_id: String,
}

#[abide::function(
    id = "sync-contact",
    name = "Copy a contact to the partner",
    on = "crm/contact.changed",
    // What the partner's contract says, for each account: two at once, then one every second. Nothing is dropped; what comes too
    // fast starts later. In production perhaps 600 in a minute.
    throttle(limit = 2, period = "2s", key = "event.data.account"),
    retries = 8
)]
async fn sync(ctx: Context, event: Event<Change>) -> Result<Outcome> {
    let Change {
        account,
        contact,
        amount,
        card,
    } = event.data;
    let reference = format!("{account}/{contact}");
    let remote_id = ctx
        .step("push")
        .run_with(|exec| push(exec, reference, amount, card))
        .await?;
    Ok(Outcome { contact, remote_id })
}

/// The throttle keeps us within the contract; the partner may still say "busy", and when to come back. The run sleeps until then, and the
/// step key makes sure that the partner does it once.
async fn push(exec: Execution, reference: String, amount: u64, card: String) -> Result<String> {
    let base = std::env::var("STAND_IN_URL")
        .map_err(|_| Error::non_retriable("the variable STAND_IN_URL is not set"))?;
    let response = http::post(format!("{base}/charges"))
        .header("idempotency-key", exec.step_key)
        .json(&json!({"reference": reference, "amount": amount, "currency": "EUR", "card": card}))
        .send()
        .await?;
    if response.status() == 429 {
        let wait = response.header("retry-after").unwrap_or("5").to_owned();
        return Err(Error::retry_after(
            format!("the partner is busy for {wait} s"),
            format!("{wait}s"),
        ));
    }
    let body: Value = response.error_for_status()?.json()?;
    Ok(body["id"].as_str().unwrap_or_default().to_owned())
}

abide::app!(sync);
