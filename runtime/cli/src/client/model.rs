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
    pub(crate) waiting_for: Option<String>,
    /// Attempts at the workflow code.
    #[serde(default)]
    pub(crate) attempts: Vec<Attempt>,
    #[serde(default)]
    pub(crate) steps: Vec<Step>,
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
}

/// A line that a run logged.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct LogLine {
    pub(crate) at: Time,
    pub(crate) level: String,
    #[serde(default)]
    pub(crate) step: Option<String>,
    pub(crate) message: String,
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
    pub(crate) retries: Option<u32>,
    #[serde(default)]
    pub(crate) version: Option<String>,
    #[serde(default)]
    pub(crate) deployed_at: Option<Time>,
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
            retries: config.retries,
            version: None,
            deployed_at: None,
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
