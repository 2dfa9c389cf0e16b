//! The options of a function, as its author configured them: how runs start, are paced, merged and ended.
//!
//! Source of the rules: SEMANTICS, section 2. This file only holds the shapes; `check` says what is allowed, and the engine
//! acts on them. All durations are in milliseconds; every expression is CEL.

use serde::{Deserialize, Serialize};

pub use crate::cron::Catchup;

/// What starts a function.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Trigger {
    /// An event that arrived.
    Event(EventTrigger),
    /// A time that came.
    Cron(CronTrigger),
    /// The final failure of a run of this function of the same app.
    FailureOf(String),
}

/// Starts a function when an event arrives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventTrigger {
    /// The exact name, or a pattern that ends in `/*` or `.*`.
    pub event: String,
    /// A condition over `event`; every such event if absent.
    pub if_expr: Option<String>,
}

/// Starts a function at the times of a schedule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CronTrigger {
    /// Five fields, after an optional `TZ=Area/City `.
    pub schedule: String,
    /// The width of the delay that is added to every tick; 0 if absent.
    pub jitter_ms: Option<u64>,
    /// What becomes of ticks that passed while no node ran.
    pub catchup: Catchup,
}

/// Among which runs a concurrency limit counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ConcurrencyScope {
    /// Those of the function.
    Fn,
    /// Those of all functions of the environment with the same value of the key.
    Env,
    /// Those of all functions of the account with the same value of the key.
    Account,
}

/// What a concurrency limit counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ConcurrencyUnit {
    /// Executing steps.
    Step,
    /// Whole runs, from start to end.
    Run,
}

/// How much may go on at once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Concurrency {
    /// At least 1.
    pub limit: u32,
    /// A limit of its own for every value; one for all if absent.
    pub key: Option<String>,
    /// Among which runs.
    pub scope: ConcurrencyScope,
    /// Of what.
    pub per: ConcurrencyUnit,
}

/// How fast runs may start: those beyond it wait.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Throttle {
    /// Starts in a period.
    pub limit: u32,
    /// The period.
    pub period_ms: u64,
    /// How many more may start at once after a quiet time.
    pub burst: u32,
    /// A throttle of its own for every value; one for all if absent.
    pub key: Option<String>,
}

/// How many events of a period start runs: those beyond it are dropped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RateLimit {
    /// Events in a period.
    pub limit: u32,
    /// The period, counted from the first event that is let through.
    pub period_ms: u64,
    /// A limit of its own for every value; an event for which it is `false` is let through.
    pub key: Option<String>,
}

/// Runs once after a time without events, for all of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Debounce {
    /// How long it must be quiet.
    pub period_ms: u64,
    /// The events of every value on their own; all together if absent.
    pub key: Option<String>,
    /// The longest delay of the first event altogether.
    pub timeout_ms: Option<u64>,
}

/// Runs once for several events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BatchEvents {
    /// Events of a full batch.
    pub max_size: u32,
    /// The longest delay of the first event.
    pub timeout_ms: u64,
    /// A batch of its own for every value; one for all if absent.
    pub key: Option<String>,
    /// An event for which it is false runs alone at once.
    pub if_expr: Option<String>,
}

/// What a second run does while one is alive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SingletonMode {
    /// It is skipped.
    Skip,
    /// It takes the place of the first, which is cancelled.
    Cancel,
}

/// At most one live run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Singleton {
    /// One run for every value; one for all if absent.
    pub key: Option<String>,
    /// What becomes of a second one.
    pub mode: SingletonMode,
}

/// An event that cancels runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CancelOn {
    /// Its exact name.
    pub event: String,
    /// A condition over `event` and `async`.
    pub if_expr: Option<String>,
    /// A path whose value must be equal in both events.
    pub match_path: Option<String>,
    /// Every such event cancels every run.
    pub all: bool,
    /// How long after a run was created the event still cancels it.
    pub timeout_ms: Option<u64>,
}

/// How long a run may take before it is cancelled.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timeouts {
    /// From the time it was queued until it starts.
    pub start_ms: Option<u64>,
    /// From its start until it ends.
    pub finish_ms: Option<u64>,
}
