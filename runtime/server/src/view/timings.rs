//! Where the time of a run went, and that of its steps.

use std::time::Duration;

use abide_core::state::Run;
use abide_host::{Spent, StepSpent};
use serde::Serialize;
use utoipa::ToSchema;

/// Where the time of a run went. Time in which it slept or waited is in none of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = Timings)]
pub(crate) struct TimingsView {
    /// From its creation to the start of its code, in milliseconds; `null` before that.
    pub(crate) queue_ms: Option<u64>,
    /// What executing it took; `null` if that was before the server's last start, or too many runs ago.
    pub(crate) execution: Option<ExecutionView>,
}

/// What executing a run took, all its executions since the server started together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = ExecutionTimings)]
#[allow(clippy::struct_field_names, reason = "units stand last")]
pub(crate) struct ExecutionView {
    /// Reading its journal and repeating it in a new instance, in microseconds.
    pub(crate) replay_us: u64,
    /// Making instances and executing their code, in microseconds; steps that execute at once count each.
    pub(crate) guest_us: u64,
    /// What is left: the server's own work, and waiting for what steps asked of the outside, in microseconds.
    pub(crate) host_us: u64,
    /// Waiting until what happened was on the disk, before something left, in microseconds.
    pub(crate) sync_us: u64,
}

/// Where the time of a step went, of its attempts since the server started together. Time between attempts is in none of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = StepTimings)]
#[allow(clippy::struct_field_names, reason = "units stand last")]
pub(crate) struct StepTimingsView {
    /// From when it was asked for, or was due again, until an attempt began, but for the replay, in microseconds.
    pub(crate) queue_us: u64,
    /// Of that time, coming to the step again: reading and repeating the journal where the run had left memory, making the
    /// instance that executes the step and repeating the code in it, in microseconds.
    pub(crate) replay_us: u64,
    /// Executing its own code, in microseconds.
    pub(crate) guest_us: u64,
    /// What is left: the server's work for it, and waiting for what it asked of the outside, in microseconds.
    pub(crate) host_us: u64,
    /// Waiting until what had happened was on the disk, before something left for it, in microseconds.
    pub(crate) sync_us: u64,
}

impl From<StepSpent> for StepTimingsView {
    fn from(spent: StepSpent) -> Self {
        Self {
            queue_us: us(spent.queue),
            replay_us: us(spent.replay),
            guest_us: us(spent.guest),
            host_us: us(spent.host),
            sync_us: us(spent.sync),
        }
    }
}

fn us(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

impl TimingsView {
    pub(crate) fn new(run: &Run, spent: Option<Spent>) -> Self {
        Self {
            queue_ms: run
                .started_ms
                .map(|started_ms| started_ms.saturating_sub(run.queued_ms)),
            execution: spent.map(|spent| ExecutionView {
                replay_us: us(spent.replay),
                guest_us: us(spent.guest),
                host_us: us(spent.host),
                sync_us: us(spent.sync),
            }),
        }
    }
}
