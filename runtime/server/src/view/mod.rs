//! What the API shows: pure functions from the engine's records to data that serialises to JSON.
//!
//! Nothing here reads a store, a clock or a request. Invariants: a payload is embedded as the text that was recorded, never
//! parsed and printed again; times are RFC 3339 with milliseconds; everything that a run's waterfall shows comes from its record,
//! its journal and its registrations.

mod app;
mod deployment;
mod event;
mod function;
mod inngest_job;
mod job;
mod journal;
mod matching;
mod pending;
mod queued;
mod run;
mod schedule;
mod schema;
pub(crate) mod shapes;
mod steps;
#[cfg(test)]
mod tests;
mod timings;
mod value;
mod waiting;

pub(crate) use app::AppView;
pub(crate) use deployment::{DeploymentView, PinnedView};
pub(crate) use event::{EventView, InngestEvent};
pub(crate) use function::{
    FunctionDetail, FunctionView, Paused, QueuedView, TriggerView, functions_of,
};
pub(crate) use inngest_job::InngestJob;
pub(crate) use job::{InngestCancellation, JobView, interval_of};
pub(crate) use journal::{EntryView, LogView, StepNames};
pub(crate) use matching::{Facts, MatchView, Matching, Verdict};
pub(crate) use pending::PendingView;
pub(crate) use queued::Hold;
pub(crate) use run::{InngestRun, RunDetail, RunView, Surroundings};
pub(crate) use schedule::{FunctionScheduleView, schedules_of};
pub(crate) use schema::SchemaView;
pub(crate) use steps::{AttemptView, StepStatus, StepView};
pub(crate) use timings::StepTimingsView;
pub(crate) use value::{Embedded, ErrorView, Id, Octets, Time};
pub(crate) use waiting::WaitView;
