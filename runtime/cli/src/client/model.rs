//! What the server says, as far as the commands look at it. Members that they do not know are left alone.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// A moment.
pub(crate) type Time = DateTime<Utc>;
/// JSON as it came, with its order of members and its numbers.
pub(crate) type Json = Option<Box<RawValue>>;

/// A page of a list, newest first.
#[derive(Debug, Deserialize)]
pub(crate) struct Page<T> {
    /// What is on it.
    pub(crate) data: Vec<T>,
    /// Where the next page begins; absent on the last one.
    #[serde(default)]
    pub(crate) next_cursor: Option<String>,
}

/// Where a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Status {
    /// Has not begun.
    Queued,
    /// Its code executes.
    Running,
    /// Waits for a time.
    Sleeping,
    /// Waits for something else.
    Waiting,
    /// Was stopped and can go on.
    Paused,
    /// Returned.
    Completed,
    /// Failed for good.
    Failed,
    /// Was cancelled.
    Cancelled,
    /// Was not to run.
    Skipped,
    /// A state of a newer server.
    #[serde(other)]
    Unknown,
}

impl Status {
    /// Whether nothing more happens.
    pub(crate) fn is_over(self) -> bool {
        matches!(
            self,
            Self::Completed | Self::Failed | Self::Cancelled | Self::Skipped
        )
    }
}

impl std::fmt::Display for Status {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(&format!("{self:?}"))
    }
}

/// Why something failed.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Failure {
    /// The kind.
    #[serde(default)]
    pub(crate) name: String,
    /// What happened.
    #[serde(default)]
    pub(crate) message: String,
    /// Where in the guest, if that is known.
    #[serde(default)]
    pub(crate) stack: Option<String>,
    /// What the author added.
    #[serde(default)]
    pub(crate) data: Json,
    /// Who or what raised it.
    #[serde(default)]
    pub(crate) origin: Option<String>,
    /// Whether trying again could have helped.
    #[serde(default)]
    pub(crate) retriable: Option<bool>,
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.name.as_str(), self.message.as_str()) {
            ("" | "Error", message) => f.write_str(message),
            (name, "") => f.write_str(name),
            (name, message) => write!(f, "{name}: {message}"),
        }
    }
}

/// A run; `steps` and `waiting_for` only where one run was asked for.
#[derive(Debug, Clone, Deserialize)]
#[expect(clippy::struct_field_names, reason = "the names are those of the API")]
pub(crate) struct Run {
    pub(crate) run_id: String,
    pub(crate) function_id: String,
    #[serde(default)]
    pub(crate) function_version: Option<String>,
    #[serde(default)]
    pub(crate) event_id: Option<String>,
    pub(crate) status: Status,
    #[serde(default)]
    pub(crate) queued_at: Option<Time>,
    #[serde(default)]
    pub(crate) started_at: Option<Time>,
    #[serde(default)]
    pub(crate) ended_at: Option<Time>,
    #[serde(default)]
    pub(crate) output: Json,
    #[serde(default)]
    pub(crate) error: Option<Failure>,
    #[serde(default)]
    pub(crate) parent_run_id: Option<String>,
    #[serde(default)]
    pub(crate) original_run_id: Option<String>,
    #[serde(default)]
    pub(crate) cron: Option<String>,
    /// Events that started it.
    #[serde(default)]
    pub(crate) event_count: Option<u32>,
    #[serde(default)]
    pub(crate) waiting_for: Option<String>,
    /// Attempts at the workflow code.
    #[serde(default)]
    pub(crate) attempts: Vec<Attempt>,
    #[serde(default)]
    pub(crate) steps: Vec<Step>,
    #[serde(default)]
    pub(crate) timings: Timings,
}

/// Where the time of a run went.
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct Timings {
    /// What executing it took, as far as the server knows.
    #[serde(default)]
    pub(crate) execution: Option<Spent>,
}

/// What the time was made of in which a run or a step was at work, in microseconds.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[expect(clippy::struct_field_names, reason = "the names are those of the API")]
pub(crate) struct Spent {
    /// Of a step only: waiting until it could begin.
    #[serde(default)]
    pub(crate) queue_us: u64,
    #[serde(default)]
    pub(crate) replay_us: u64,
    #[serde(default)]
    pub(crate) guest_us: u64,
    #[serde(default)]
    pub(crate) host_us: u64,
    #[serde(default)]
    pub(crate) sync_us: u64,
}

/// Where a step stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum StepStatus {
    /// Goes on as soon as there is room.
    Queued,
    /// Its body, or the server's request for it, is under way.
    Executing,
    /// Waits for its next attempt.
    Retrying,
    /// Waits for a time.
    Sleeping,
    /// Waits for something else.
    Waiting,
    /// Has a result.
    Completed,
    /// Failed for good.
    Failed,
    /// What it waited for did not come in time.
    TimedOut,
    /// Was given up, or its run ended without it.
    Cancelled,
    /// A state of a newer server.
    #[serde(other)]
    Unknown,
}

/// One operation of a run.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Step {
    pub(crate) op: u32,
    pub(crate) id: String,
    #[serde(default)]
    pub(crate) kind: String,
    pub(crate) status: StepStatus,
    #[serde(default)]
    pub(crate) summary: Option<String>,
    #[serde(default)]
    pub(crate) attempts: Vec<Attempt>,
    #[serde(default)]
    pub(crate) started_at: Option<Time>,
    #[serde(default)]
    pub(crate) ended_at: Option<Time>,
    #[serde(default)]
    pub(crate) result: Json,
    #[serde(default)]
    pub(crate) error: Option<Failure>,
    /// Whether the result is that of the run that this one replays.
    #[serde(default)]
    pub(crate) carried_over: bool,
    /// What it works on, and whether an operator gave it that.
    #[serde(default)]
    pub(crate) input: Json,
    #[serde(default)]
    pub(crate) input_replaced: bool,
    /// Where its time went, as far as the server knows.
    #[serde(default)]
    pub(crate) timings: Option<Spent>,
}

/// One attempt at a step's body.
#[derive(Debug, Clone, Deserialize)]
#[expect(clippy::struct_field_names, reason = "the names are those of the API")]
pub(crate) struct Attempt {
    /// From 0.
    #[serde(default)]
    pub(crate) attempt: u32,
    #[serde(default)]
    pub(crate) started_at: Option<Time>,
    #[serde(default)]
    pub(crate) ended_at: Option<Time>,
    #[serde(default)]
    pub(crate) error: Option<Failure>,
    #[serde(default)]
    pub(crate) retry_at: Option<Time>,
}

/// An event; `runs` only where one event was asked for.
#[derive(Debug, Clone, Deserialize)]
#[expect(clippy::struct_field_names, reason = "the names are those of the API")]
pub(crate) struct Event {
    pub(crate) event_id: String,
    #[serde(default)]
    pub(crate) external_id: Option<String>,
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) received_at: Option<Time>,
    #[serde(default)]
    pub(crate) data: Json,
    #[serde(default)]
    pub(crate) runs: Vec<Run>,
    #[serde(default)]
    pub(crate) pending: Vec<Pending>,
}

/// A run that is not created yet: events are collected for it.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Pending {
    pub(crate) function_id: String,
    /// `debounce` or `batch`.
    pub(crate) control: String,
    #[serde(default)]
    pub(crate) events: u64,
    pub(crate) due_at: Time,
}

/// A line that a run logged.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct LogLine {
    pub(crate) at: Time,
    pub(crate) level: String,
    #[serde(default)]
    pub(crate) step: Option<String>,
    pub(crate) message: String,
    /// Names and JSON values, in their order.
    #[serde(default)]
    pub(crate) fields: Json,
    /// How much of it was too long.
    #[serde(default)]
    pub(crate) cut_bytes: u64,
}

/// A function.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Function {
    pub(crate) id: String,
    #[serde(default)]
    pub(crate) name: Option<String>,
    #[serde(default)]
    pub(crate) triggers: Vec<Trigger>,
    #[serde(default)]
    pub(crate) version: Option<String>,
    #[serde(default)]
    pub(crate) deployed_at: Option<Time>,
    #[serde(default)]
    pub(crate) paused_at: Option<Time>,
    #[serde(default)]
    pub(crate) options: Vec<FunctionOption>,
    #[serde(default)]
    pub(crate) schedules: Vec<Schedule>,
    #[serde(default)]
    pub(crate) queued: Option<Queued>,
    #[serde(default)]
    pub(crate) warnings: Vec<Warning>,
    #[serde(default)]
    pub(crate) totals: Option<Totals>,
}

/// What a function's runs did lately, as its server counted.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Totals {
    pub(crate) hour: RunTotals,
    pub(crate) day: RunTotals,
}

/// The same for one stretch of time.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct RunTotals {
    pub(crate) started: u64,
    pub(crate) completed: u64,
    pub(crate) failed: u64,
    pub(crate) cancelled: u64,
    pub(crate) skipped: u64,
    pub(crate) duration_p50_ms: Option<f64>,
    pub(crate) duration_p95_ms: Option<f64>,
    pub(crate) duration_p99_ms: Option<f64>,
}

/// One setting of a function.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct FunctionOption {
    pub(crate) option: String,
    pub(crate) value: String,
    #[serde(default)]
    pub(crate) is_default: bool,
}

/// When a function starts by itself.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Schedule {
    pub(crate) cron: String,
    #[serde(default)]
    pub(crate) fires: String,
    #[serde(default)]
    pub(crate) next: Vec<Time>,
}

/// Runs that may not start yet.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Queued {
    pub(crate) runs: u64,
    /// They were not all counted.
    #[serde(default)]
    pub(crate) at_least: bool,
}

/// What the author of a function should know.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Warning {
    pub(crate) option: String,
    pub(crate) problem: String,
    #[serde(default)]
    pub(crate) count: u64,
    pub(crate) last_at: Time,
}

/// A schema of events.
#[derive(Debug, Clone, Deserialize)]
#[expect(clippy::struct_field_names, reason = "the names are those of the API")]
pub(crate) struct Schema {
    pub(crate) event: String,
    #[serde(default)]
    pub(crate) v: Option<String>,
    pub(crate) source: String,
    #[serde(default)]
    pub(crate) app: Option<String>,
    #[serde(default)]
    pub(crate) in_force: bool,
    pub(crate) schema: Json,
}

/// What starts a function.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub(crate) enum Trigger {
    Event {
        event: String,
        #[serde(default, rename = "if")]
        condition: Option<String>,
    },
    Cron {
        cron: String,
    },
    FailureOf {
        failure_of: String,
    },
}

impl Trigger {
    /// The name of the event, if it is one that starts the function.
    pub(crate) fn event(&self) -> Option<&str> {
        match self {
            Self::Event { event, .. } => Some(event),
            Self::Cron { .. } | Self::FailureOf { .. } => None,
        }
    }
}

/// An app.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct App {
    pub(crate) id: String,
    pub(crate) digest: String,
    #[serde(default)]
    pub(crate) deployed_at: Option<Time>,
    #[serde(default)]
    pub(crate) deployments: Option<u64>,
    #[serde(default)]
    pub(crate) bytes: Option<u64>,
    #[serde(default)]
    pub(crate) functions: Vec<Function>,
}

impl From<&abide_core::state::App> for App {
    fn from(app: &abide_core::state::App) -> Self {
        let trigger = |trigger: &abide_core::function::Trigger| match trigger {
            abide_core::function::Trigger::Event(trigger) => Trigger::Event {
                event: trigger.event.clone(),
                condition: trigger.if_expr.clone(),
            },
            abide_core::function::Trigger::Cron(trigger) => Trigger::Cron {
                cron: trigger.schedule.clone(),
            },
            abide_core::function::Trigger::FailureOf(function) => Trigger::FailureOf {
                failure_of: function.clone(),
            },
        };
        let functions = app.current.functions.iter().map(|config| Function {
            id: format!("{}/{}", app.id, config.id),
            name: config.name.clone(),
            triggers: config.triggers.iter().map(trigger).collect(),
            version: None,
            deployed_at: None,
            paused_at: None,
            options: Vec::new(),
            schedules: Vec::new(),
            queued: None,
            totals: None,
            warnings: Vec::new(),
        });
        Self {
            id: app.id.to_string(),
            digest: app.current.digest.to_string(),
            deployed_at: None,
            deployments: Some(app.deployments.into()),
            bytes: Some(app.current.bytes),
            functions: functions.collect(),
        }
    }
}

/// How far a job is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum JobState {
    /// Goes on.
    Running,
    /// Was stopped.
    Stopped,
    /// Has looked at all runs.
    Finished,
    /// A state of a newer server.
    #[serde(other)]
    Unknown,
}

impl std::fmt::Display for JobState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(&format!("{self:?}").to_lowercase())
    }
}

/// Something that is done to many runs.
#[derive(Debug, Clone, Deserialize)]
#[expect(clippy::struct_field_names, reason = "the names are those of the API")]
pub(crate) struct Job {
    pub(crate) job_id: String,
    pub(crate) action: String,
    #[serde(default)]
    pub(crate) reason: Option<String>,
    pub(crate) filter: Filter,
    #[serde(default)]
    pub(crate) rate_per_second: Option<f64>,
    pub(crate) state: JobState,
    pub(crate) created_at: Time,
    #[serde(default)]
    pub(crate) ended_at: Option<Time>,
    #[serde(default)]
    pub(crate) examined: u64,
    #[serde(default)]
    pub(crate) done: u64,
}

impl Job {
    /// What it does.
    pub(crate) fn doing(&self) -> &'static str {
        match self.action.as_str() {
            "cancel" => "cancelling",
            "replay" => "replaying",
            _ => "working",
        }
    }
}

/// Which runs.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Filter {
    #[serde(default)]
    function: Option<String>,
    #[serde(default)]
    app: Option<String>,
    #[serde(default)]
    status: Vec<String>,
    #[serde(default)]
    since: Option<Time>,
    #[serde(default)]
    until: Option<Time>,
    #[serde(default, rename = "if")]
    condition: Option<String>,
}

impl std::fmt::Display for Filter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut parts = Vec::new();
        parts.extend(self.function.as_ref().map(|id| format!("of {id}")));
        parts.extend(self.app.as_ref().map(|id| format!("of the app {id}")));
        if !self.status.is_empty() {
            parts.push(self.status.join(" or "));
        }
        let moment = crate::render::time::moment;
        parts.extend(self.since.map(|at| format!("since {}", moment(at))));
        parts.extend(self.until.map(|at| format!("until {}", moment(at))));
        parts.extend(self.condition.as_ref().map(|cel| format!("if {cel}")));
        if parts.is_empty() {
            f.write_str("all")
        } else {
            f.write_str(&parts.join(", "))
        }
    }
}
