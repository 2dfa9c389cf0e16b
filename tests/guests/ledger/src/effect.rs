//! What every step does: report to the witness, then return a value that follows from the run's seed.

use abide_sdk::prelude::*;

/// Values stay below this, so that every language reads them exactly.
const MODULUS: u64 = 1_000_003;

/// The data that all events of this app have.
#[derive(Clone, Deserialize)]
pub(crate) struct Order {
    /// Unique to the event; the harness finds its runs by it.
    pub(crate) key: String,
    /// Where all values come from.
    #[serde(default)]
    pub(crate) seed: u64,
    /// How many of whatever the function counts.
    #[serde(default)]
    pub(crate) count: u64,
    /// How often a flaky step fails before it succeeds.
    #[serde(default)]
    pub(crate) failures: u32,
    /// How long each sleep lasts.
    #[serde(default)]
    pub(crate) sleep_ms: u64,
    /// How long a wait lasts at most. Default: a minute.
    #[serde(default)]
    pub(crate) timeout_ms: Option<u64>,
}

impl Order {
    pub(crate) fn timeout(&self) -> Duration {
        Duration::from_millis(self.timeout_ms.unwrap_or(60_000))
    }
}

/// What every function returns.
#[derive(Serialize, Deserialize)]
pub(crate) struct Outcome {
    pub(crate) key: String,
    pub(crate) values: Vec<Value>,
}

impl Outcome {
    pub(crate) fn of(order: Order, values: impl IntoIterator<Item = impl Into<Value>>) -> Self {
        Self {
            key: order.key,
            values: values.into_iter().map(Into::into).collect(),
        }
    }
}

/// The value of the step with this number.
pub(crate) fn value(seed: u64, number: u64) -> u64 {
    ((seed % MODULUS) * 31 + (number % MODULUS) * 17 + 7) % MODULUS
}

/// A step whose body reports itself and returns [`value`].
///
/// A body that cannot reach its witness tries again soon, and for as long as it may: the witness is part of the test, and a run
/// must not fail because the harness was busy.
pub(crate) async fn step(
    ctx: &Context,
    order: &Order,
    id: impl Into<String>,
    number: u64,
) -> Result<u64> {
    flaky_step(ctx, order, id, number, 0).await
}

/// As [`step`], but the first `failures` attempts fail after they have reported themselves.
pub(crate) async fn flaky_step(
    ctx: &Context,
    order: &Order,
    id: impl Into<String>,
    number: u64,
    failures: u32,
) -> Result<u64> {
    let id = id.into();
    let mut report = Report::new(ctx, order, &id);
    report.value = value(order.seed, number);
    let done = ctx
        .step(id)
        .retries(20)
        .backoff(Backoff::constant("20ms"))
        .run_with(move |execution| async move {
            let attempt = execution.attempt;
            let value = report.value;
            report.send(execution).await?;
            if attempt < failures {
                return Err(
                    Error::retriable(format!("attempt {attempt} fails as asked")).named("Asked"),
                );
            }
            Ok(value)
        })
        .await?;
    Ok(done)
}

/// A step that fails for good at its first attempt.
pub(crate) async fn doomed_step(
    ctx: &Context,
    order: &Order,
    id: &str,
) -> Result<u64, abide_sdk::StepError> {
    let report = Report::new(ctx, order, id);
    ctx.step(id)
        .run_with(move |execution| async move {
            report.send(execution).await?;
            Err(Error::non_retriable("this step never succeeds").named("Doomed"))
        })
        .await
}

/// What the witness is told.
struct Report {
    run_id: String,
    function: String,
    key: String,
    step: String,
    value: u64,
}

impl Report {
    fn new(ctx: &Context, order: &Order, step: &str) -> Self {
        Self {
            run_id: ctx.run_id().to_owned(),
            function: ctx.function_id().to_owned(),
            key: order.key.clone(),
            step: step.to_owned(),
            value: 0,
        }
    }

    /// Posts to `WITNESS_URL`; without that variable there is no witness.
    async fn send(self, execution: Execution) -> Result<()> {
        let Ok(url) = std::env::var("WITNESS_URL") else {
            return Ok(());
        };
        http::post(url)
            .header("idempotency-key", &execution.idempotency_key)
            .json(&json!({
                "run_id": self.run_id,
                "function": self.function,
                "key": self.key,
                "step": self.step,
                "attempt": execution.attempt,
                "idempotency_key": execution.idempotency_key,
                "step_key": execution.step_key,
                "value": self.value,
            }))
            .timeout("10s")
            .send()
            .await?
            .error_for_status()?;
        Ok(())
    }
}
