//! Errors, retries, timeouts, catching.

use abide_sdk::prelude::*;

use crate::{caught, error_of};

#[abide::function(id = "plain-error", on = "conformance/plain-error", retries = 0)]
pub(crate) async fn plain_error(ctx: Context) -> Result<Value> {
    let plain = ctx
        .step("plain")
        .run(async { Err::<(), _>(Error::retriable("plain")) });
    let error = error_of(plain.await)?;
    Ok(json!({"name": error.name(), "message": error.message()}))
}

#[abide::function(
    id = "retry",
    on = "conformance/retry",
    retries = 2,
    backoff(constant, base = "1s")
)]
pub(crate) async fn retry(ctx: Context) -> Result<u32> {
    let flaky = ctx.step("flaky").run_with(|execution| async move {
        let attempt = execution.attempt;
        if attempt < 2 {
            let message = format!("not yet (attempt {attempt})");
            return Err(Error::retriable(message).named("NotYet"));
        }
        Ok(attempt)
    });
    Ok(flaky.await?)
}

fn out_of_stock() -> Result<()> {
    let error = Error::retriable("none left").named("OutOfStock");
    Err(error.with_data(json!({"sku": "x"})))
}

#[abide::function(
    id = "exhausted",
    on = "conformance/exhausted",
    retries = 2,
    backoff(constant, base = "1s")
)]
pub(crate) async fn exhausted(ctx: Context) -> Result<Value> {
    let never = ctx.step("never").run(async { out_of_stock() });
    Ok(caught(&error_of(never.await)?))
}

#[abide::function(
    id = "uncaught",
    on = "conformance/uncaught",
    retries = 2,
    backoff(constant, base = "1s")
)]
pub(crate) async fn uncaught(ctx: Context) -> Result<()> {
    Ok(ctx.step("never").run(async { out_of_stock() }).await?)
}

#[abide::function(id = "uncaught-plain", on = "conformance/uncaught-plain", retries = 0)]
pub(crate) async fn uncaught_plain(ctx: Context) -> Result<()> {
    let plain = ctx
        .step("plain")
        .run(async { Err(Error::retriable("plain")) });
    Ok(plain.await?)
}

#[abide::function(
    id = "non-retriable",
    on = "conformance/non-retriable",
    retries = 2,
    backoff(constant, base = "1s")
)]
pub(crate) async fn non_retriable(ctx: Context) -> Result<Value> {
    let bad = ctx.step("bad").run(async {
        let error = Error::non_retriable("bad input").named("BadInput");
        Err::<(), _>(error)
    });
    Ok(caught(&error_of(bad.await)?))
}

#[derive(Deserialize)]
pub(crate) struct At {
    at: Timestamp,
}

#[abide::function(
    id = "retry-after",
    on = "conformance/retry-after",
    retries = 2,
    backoff(constant, base = "1s")
)]
pub(crate) async fn retry_after(ctx: Context, event: Event<At>) -> Result<u32> {
    let at = event.data.at;
    let later = ctx.step("later").run_with(move |execution| async move {
        match execution.attempt {
            0 => Err(Error::retry_after("busy", "60s").named("Busy")),
            1 => Err(Error::retry_at("still busy", at).named("Busy")),
            attempt => Ok(attempt),
        }
    });
    Ok(later.await?)
}

#[abide::function(id = "step-options", on = "conformance/step-options", retries = 0)]
pub(crate) async fn step_options(ctx: Context) -> Result<Value> {
    let no = || async { Err::<(), _>(Error::retriable("no").named("Nope")) };
    let often = ctx
        .step("often")
        .retries(2)
        .backoff(Backoff::linear("2s"))
        .run(no());
    let often = error_of(often.await)?;
    let growing = ctx
        .step("growing")
        .retries(3)
        .backoff(Backoff::exponential("1s").factor(3.0).max("5s"))
        .run(no());
    let growing = error_of(growing.await)?;
    Ok(json!([often.name(), growing.name()]))
}

#[abide::function(
    id = "step-timeout",
    on = "conformance/step-timeout",
    retries = 0,
    backoff(constant, base = "1s")
)]
pub(crate) async fn step_timeout(ctx: Context) -> Result<String> {
    let slow = ctx
        .step("slow")
        .retries(1)
        .timeout("2s")
        .run_with(|execution| async move {
            if execution.attempt == 0 {
                // Longer than the step's timeout, which ends the attempt.
                std::thread::sleep(Duration::from_mins(1));
            }
            Ok("fast".to_owned())
        });
    Ok(slow.await?)
}

#[abide::function(
    id = "outside-steps",
    on = "conformance/outside-steps",
    retries = 2,
    backoff(constant, base = "1s")
)]
pub(crate) async fn outside_steps(ctx: Context) -> Result<Value> {
    let kept = ctx.step("kept").run(async { Ok(1) }).await?;
    let attempt = ctx.attempt();
    if attempt < 2 {
        return Err(Error::retriable(format!("attempt {attempt}")).named("Outside"));
    }
    let last = ctx.step("last").run(async move { Ok(kept + 1) }).await?;
    Ok(json!({"attempt": attempt, "last": last}))
}

#[abide::function(
    id = "outside-exhausted",
    on = "conformance/outside-exhausted",
    retries = 1,
    backoff(constant, base = "1s")
)]
pub(crate) async fn outside_exhausted(_ctx: Context) -> Result<()> {
    Err(Error::retriable("always").named("Outside"))
}

#[abide::function(
    id = "outside-final",
    on = "conformance/outside-final",
    retries = 2,
    backoff(constant, base = "1s")
)]
pub(crate) async fn outside_final(_ctx: Context) -> Result<()> {
    let error = Error::non_retriable("stop").named("Fatal");
    Err(error.with_data(json!({"n": 1})))
}

#[abide::function(id = "catch", on = "conformance/catch", retries = 0)]
pub(crate) async fn catch(ctx: Context) -> Result<Value> {
    let flight = ctx
        .step("book-flight")
        .run(async { Ok("F1".to_owned()) })
        .await?;
    let hotel = ctx.step("book-hotel").run(async {
        let error = Error::non_retriable("no room").named("HotelFull");
        Err::<(), _>(error)
    });
    let Err(error) = hotel.await else {
        return Ok(Value::Null);
    };
    let undone = ctx
        .step("cancel-flight")
        .run(async move { Ok(format!("cancelled {flight}")) })
        .await?;
    Ok(json!({"undone": undone, "because": error.name()}))
}

#[abide::function(
    id = "on-failure",
    on = "conformance/on-failure",
    retries = 0,
    on_failure(tell, retries = 0)
)]
pub(crate) async fn on_failure(_ctx: Context) -> Result<()> {
    Err(Error::non_retriable("it broke").named("Broken"))
}

async fn tell(ctx: Context, failure: FunctionFailure) -> Result<Value> {
    let told = json!({
        "function": failure.function_id,
        "name": failure.error.name,
        "message": failure.error.message,
        "data": failure.event.data,
    });
    Ok(ctx.step("tell").run(async move { Ok(told) }).await?)
}
