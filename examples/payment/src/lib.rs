//! A payment: validated, assessed, approved by a human if it is risky, charged at a gateway that is sometimes busy, and confirmed.

use abide_sdk::prelude::*;
use serde::de::DeserializeOwned;

/// Data of `payment/requested`.
#[derive(Deserialize)]
struct Payment {
    payment_id: String,
    email: String,
    /// In cents.
    amount: i64,
    currency: String,
    card: String,
    /// How long a human has to approve. The example's event makes it short.
    #[serde(default = "one_day")]
    approval_timeout: String,
    /// Lets the function `auto-approver` play the human, this long after it was asked.
    auto_approve_after: Option<String>,
}

fn one_day() -> String {
    "24 hours".to_owned()
}

/// Data of `payment/approval.decided`, besides the `payment_id` that it is matched by.
#[derive(Deserialize)]
struct Decision {
    approved: bool,
    by: String,
}

#[derive(Serialize, Deserialize)]
struct Risk {
    score: u32,
    level: String,
}

#[derive(Serialize)]
struct Outcome {
    payment_id: String,
    status: &'static str,
    decided_by: Option<String>,
}

#[abide::function(
    id = "process-payment",
    name = "Process a payment",
    on = "payment/requested"
)]
async fn process_payment(ctx: Context, event: Event<Payment>) -> Result<Outcome> {
    let payment = event.data;
    let outcome = |status, decided_by| Outcome {
        payment_id: payment.payment_id.clone(),
        status,
        decided_by,
    };

    // What is wrong today is wrong tomorrow: the body's error says that trying again cannot help.
    let (amount, currency) = (payment.amount, payment.currency.clone());
    ctx.step("validate")
        .run(async move { validate(amount, &currency) })
        .await?;

    let facts = json!({"payment_id": payment.payment_id, "amount": payment.amount});
    let risk: Risk = ctx
        .step("assess-risk")
        .run_with(|exec| call(exec, "/risk", facts))
        .await?;

    let mut decided_by = None;
    if risk.level == "high" {
        match approval(&ctx, &payment, &risk).await? {
            Some(decision) if decision.approved => decided_by = Some(decision.by),
            Some(decision) => return Ok(outcome("refused", Some(decision.by))),
            None => return Ok(outcome("abandoned", None)),
        }
    }

    // A busy gateway answers 429 and says how long to wait; `error_for_status` passes that on as the time of the next attempt.
    let charge = json!({
        "reference": payment.payment_id, "amount": payment.amount, "currency": payment.currency, "card": payment.card,
    });
    let charged = ctx
        .step("charge")
        .retries(10)
        .run_with(|exec| call::<Value>(exec, "/charges", charge))
        .await;
    match charged {
        Ok(_) => {}
        Err(error) if is_declined(&error) => {
            log::warn!("payment {} was declined: {error}", payment.payment_id);
            notify(&ctx, &payment, "Your payment was declined").await?;
            return Ok(outcome("declined", decided_by));
        }
        Err(error) => return Err(error.into()),
    }

    notify(&ctx, &payment, "Thank you for your payment").await?;
    let completed = json!({"payment_id": payment.payment_id, "amount": payment.amount});
    ctx.send_event(
        "announce",
        NewEvent::new("payment/completed").data(&completed),
    )
    .await?;
    Ok(outcome("completed", decided_by))
}

fn validate(amount: i64, currency: &str) -> Result<()> {
    if amount <= 0 {
        let message = format!("the amount must be positive, but is {amount}");
        return Err(Error::non_retriable(message).named("InvalidPayment"));
    }
    if !["EUR", "USD", "GBP"].contains(&currency) {
        let message = format!("the currency `{currency}` is not supported");
        return Err(Error::non_retriable(message).named("InvalidPayment"));
    }
    Ok(())
}

/// What the gateway answered is the error's data.
fn is_declined(error: &StepError) -> bool {
    error
        .data::<Value>()
        .is_some_and(|answer| answer["error"] == "card_declined")
}

/// Asks a human, and waits for the answer.
async fn approval(ctx: &Context, payment: &Payment, risk: &Risk) -> Result<Option<Decision>> {
    // The wait begins before the question is sent, so that no answer can be too early.
    let answer = ctx
        .wait_for_event::<Decision>("decision")
        .event("payment/approval.decided")
        .matching("data.payment_id")
        .timeout(&payment.approval_timeout)
        .start();
    let question = json!({
        "payment_id": payment.payment_id,
        "amount": payment.amount,
        "score": risk.score,
        "auto_approve_after": payment.auto_approve_after,
    });
    ctx.send_event(
        "ask-for-approval",
        NewEvent::new("payment/approval.requested").data(&question),
    )
    .await?;
    Ok(answer.await?.map(|event| event.data))
}

async fn notify(ctx: &Context, payment: &Payment, subject: &str) -> Result<()> {
    let mail = json!({"to": payment.email, "subject": subject});
    ctx.step("notify-customer")
        .run_with(|exec| call::<Value>(exec, "/emails", mail))
        .await?;
    Ok(())
}

/// Data of `payment/approval.requested`.
#[derive(Deserialize)]
struct Question {
    payment_id: String,
    auto_approve_after: Option<String>,
}

/// Stands in for the human, so that the example ends by itself. In earnest, a person's click would send the event.
#[abide::function(id = "auto-approver", on = "payment/approval.requested")]
async fn auto_approver(ctx: Context, event: Event<Question>) -> Result<bool> {
    let Question {
        payment_id,
        auto_approve_after,
    } = event.data;
    let Some(delay) = auto_approve_after else {
        return Ok(false);
    };
    ctx.sleep("think", delay).await?;
    let decision = json!({"payment_id": payment_id, "approved": true, "by": "auto-approver"});
    ctx.send_event(
        "decide",
        NewEvent::new("payment/approval.decided").data(&decision),
    )
    .await?;
    Ok(true)
}

/// Asks the stand-in service to do something, once however often the step is tried.
async fn call<T: DeserializeOwned>(exec: Execution, path: &'static str, body: Value) -> Result<T> {
    http::post(service(path)?)
        .header("idempotency-key", exec.step_key)
        .json(&body)
        .send()
        .await?
        .error_for_status()?
        .json()
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

abide::app!(process_payment, auto_approver);

#[cfg(test)]
mod tests {
    use abide_sdk::testing::{Run, event};

    use super::*;

    fn request(amount: i64) -> Run {
        let payment = json!({
            "payment_id": "p-1", "email": "ada@example.com", "amount": amount, "currency": "EUR", "card": "4242",
        });
        Run::of::<process_payment>(event("payment/requested", payment))
    }

    fn outcome(status: &str, decided_by: Option<&str>) -> Value {
        json!({"payment_id": "p-1", "status": status, "decided_by": decided_by})
    }

    #[test]
    fn an_invalid_payment_fails_for_good() {
        let mut run = request(-5);
        let failure = run.execute("validate").unwrap_err();
        assert_eq!(
            (failure.name.as_str(), failure.retriable),
            ("InvalidPayment", false)
        );
        assert!(run.output().unwrap().is_err());
    }

    #[test]
    fn a_risky_payment_waits_a_day_for_a_human_and_is_then_abandoned() {
        let mut run = request(250_000);
        run.execute("validate").unwrap();
        run.complete("assess-risk", json!({"score": 80, "level": "high"}));
        assert_eq!(run.pending(), ["decision", "ask-for-approval"]);
        assert_eq!(run.asked("decision")["timeout_ms"], json!(86_400_000));
        run.complete("ask-for-approval", ["1"]);
        run.time_out("decision");
        assert_eq!(run.output(), Some(Ok(outcome("abandoned", None))));
    }

    #[test]
    fn a_declined_card_is_a_case_and_not_an_error() {
        let mut run = request(500);
        run.execute("validate").unwrap();
        run.complete("assess-risk", json!({"score": 10, "level": "low"}));
        let declined = Error::non_retriable("the service answered 402: no funds");
        run.fail(
            "charge",
            declined.with_data(json!({"error": "card_declined"})),
        );
        assert_eq!(run.asked("notify-customer")["kind"], "run");
        run.complete("notify-customer", json!({}));
        assert_eq!(run.output(), Some(Ok(outcome("declined", None))));
    }

    #[test]
    fn a_gateway_that_stays_busy_fails_the_run() {
        let mut run = request(500);
        run.execute("validate").unwrap();
        run.complete("assess-risk", json!({"score": 10, "level": "low"}));
        run.fail("charge", Error::retriable("the service answered 429"));
        assert_eq!(
            run.output().unwrap().unwrap_err().message,
            "step `charge`: the service answered 429"
        );
    }
}
