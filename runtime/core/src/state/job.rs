//! Jobs: what an operator wants done to many runs, in portions, at a pace, across restarts.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::event::Event;
use crate::expr::{Expr, InvalidExpr, Scope};
use crate::ids::{FunctionId, RunId};
use crate::state::{Run, RunEnd, RunStatus};

/// Which runs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunFilter {
    /// Only runs of this function.
    pub function: Option<FunctionId>,
    /// Only runs of this app.
    pub app: Option<String>,
    /// Only runs that stand so; all if empty.
    pub statuses: Vec<RunStatus>,
    /// Only runs that were created at or after this time.
    pub since_ms: Option<u64>,
    /// Only runs that were created before this time.
    pub until_ms: Option<u64>,
    /// Only runs for which this CEL condition holds: over `event`, the first one; `output`, null unless the run returned; and `error`,
    /// null or its `name` and `message`.
    pub if_expr: Option<String>,
}

impl RunFilter {
    /// Whether everything but the condition holds.
    pub fn admits(&self, run: &Run) -> bool {
        self.function.as_ref().is_none_or(|id| *id == run.function)
            && self
                .app
                .as_deref()
                .is_none_or(|app| app == &*run.function.app)
            && (self.statuses.is_empty() || self.statuses.contains(&run.status))
            && self.since_ms.is_none_or(|since| run.queued_ms >= since)
            && self.until_ms.is_none_or(|until| run.queued_ms < until)
    }

    /// Compiles a condition over the `event` of a run, its `output`, and its `error`.
    pub fn condition(source: &str) -> Result<Expr, InvalidExpr> {
        Expr::compile_condition_over(source, &["event", "output", "error"])
    }

    /// Whether the condition holds; `expr` is the compiled condition. What cannot be decided does not hold.
    pub fn condition_holds(expr: &Expr, event: &Event, run: &Run) -> bool {
        let (output, error) = match &run.end {
            Some(RunEnd::Output(json)) => (&**json, Value::Null),
            Some(RunEnd::Failure(it)) => ("null", json!({"name": it.name, "message": it.message})),
            Some(RunEnd::Skipped(_)) | None => ("null", Value::Null),
        };
        let event = event.to_json();
        let scope = format!(r#"{{"event":{event},"output":{output},"error":{error}}}"#);
        let scope = Scope::parse(&scope).unwrap_or_default();
        expr.matches(&scope, None).unwrap_or(false)
    }
}

/// What is done to each run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum JobAction {
    /// It is cancelled.
    Cancel {
        /// For people.
        reason: String,
    },
    /// It is started again, as a new run.
    Replay,
}

/// How far a job is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum JobState {
    /// It goes on.
    Running,
    /// An operator stopped it.
    Stopped,
    /// All runs were looked at.
    Finished,
}

/// A job. Runs that are created after it are none of its business.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    /// Its id: a ULID, made as a run's is.
    pub id: RunId,
    /// What is done.
    pub action: JobAction,
    /// To which runs.
    pub filter: RunFilter,
    /// The least time between two of them, in microseconds; as fast as possible if absent.
    pub interval_us: Option<u64>,
    /// When it was created.
    pub created_ms: u64,
    /// How far it is.
    pub state: JobState,
    /// The last run that was looked at.
    pub cursor: Option<RunId>,
    /// Runs that were looked at.
    pub examined: u64,
    /// Runs to which it was done.
    pub done: u64,
    /// When the next one may be done, in microseconds since the Unix epoch.
    pub next_us: u64,
    /// When it was finished or stopped.
    pub ended_ms: Option<u64>,
}
