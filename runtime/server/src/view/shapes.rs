//! How the description of the API shows what the engine's own types serialise to: one shape for each, in the same words.
//!
//! Nothing here is ever made: these types only describe.
#![allow(dead_code, reason = "they only describe")]

use utoipa::ToSchema;

/// Where a run stands.
#[derive(ToSchema)]
#[schema(as = RunStatus)]
pub(crate) enum Status {
    Queued,
    Running,
    Sleeping,
    Waiting,
    Paused,
    Completed,
    Failed,
    Cancelled,
    Skipped,
}

/// One of the words by which Inngest's clients know where a run stands.
#[derive(ToSchema)]
pub(crate) enum InngestStatus {
    Running,
    Completed,
    Failed,
    Cancelled,
}

/// What kind of operation a step is.
#[derive(ToSchema)]
#[schema(as = StepKind, rename_all = "kebab-case")]
pub(crate) enum StepKind {
    Run,
    Sleep,
    SleepUntil,
    WaitForEvent,
    WaitForSignal,
    SendEvents,
    SendSignal,
    Invoke,
    Fetch,
    AiInfer,
}

/// The ticks that fire after a downtime.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
pub(crate) enum Catchup {
    None,
    Last,
    All,
}

/// What a limit counts.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
pub(crate) enum ConcurrencyUnit {
    Step,
    Run,
}

/// How much a log line matters.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
pub(crate) enum LogLevel {
    Trace,
    Debug,
    Info,
    Warn,
    Error,
}

/// What a job does to each run.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
pub(crate) enum JobAction {
    Cancel,
    Replay,
}

/// Where a job stands.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
pub(crate) enum JobState {
    Running,
    Stopped,
    Finished,
}

/// How delays between attempts grow. Times in milliseconds.
#[derive(ToSchema)]
pub(crate) struct Backoff {
    kind: BackoffKind,
    /// The delay after the first failed attempt.
    base_ms: u64,
    /// The growth per attempt of the exponential form.
    factor: Option<f64>,
    /// The longest delay.
    max_ms: Option<u64>,
    /// The width of the jitter.
    jitter_ms: Option<u64>,
}

/// How the delay grows.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
pub(crate) enum BackoffKind {
    Exponential,
    Linear,
    Constant,
}

/// One option of a function, in words.
#[derive(ToSchema)]
pub(crate) struct Setting {
    option: String,
    value: String,
    /// Whether the author left it to the platform.
    is_default: bool,
}

#[cfg(test)]
mod tests {
    use abide_core::state::RunStatus;
    use serde_json::{Value, json};
    use utoipa::PartialSchema;

    use super::*;

    fn names<T: PartialSchema>() -> Value {
        serde_json::to_value(T::schema()).expect("it serialises")["enum"].clone()
    }

    #[test]
    fn the_words_are_those_of_the_engine() {
        let statuses = RunStatus::ALL.map(RunStatus::as_str);
        assert_eq!(names::<Status>(), json!(statuses));
    }
}
