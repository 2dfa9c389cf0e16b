//! What an environment's node counts of itself, for Prometheus and for the built-in time series.
//!
//! - `measure`: counters, gauges, histograms: what changes one costs an atomic addition or two
//! - `steps`, `functions`, `pending`: steps by kind and outcome; runs by function; what queues, sleeps and waits
//! - `timings`: where the time of the latest runs went
//! - `http`, `process`: requests, and what the system says of the process
//! - `expose`, `server`: all of that as families of Prometheus; `text`: in its formats
//!
//! It must not slow a step down: nothing here takes a lock or memory for each step, and nobody waits for it. It must not grow without
//! bound: whatever has a name that an author or a client chose is counted by name up to a number, and then together.

mod expose;
mod functions;
mod http;
mod measure;
mod pending;
mod process;
mod server;
mod steps;
mod text;
mod timings;

use std::sync::Arc;

use abide_core::event::EventSource;
use abide_core::state::{Run, Write};

use crate::error::SendError;
pub(crate) use expose::{Shown, environments};
pub use functions::FunctionTotals;
use functions::{ENDS, Figures, Functions, place_of_end};
pub(crate) use http::HttpMetrics;
pub(crate) use measure::{Counter, Durations, Histogram};
use pending::WATCHED;
pub(crate) use pending::{Census, Pending, SLEEPS, WAITS};
pub(crate) use process::memory_bytes;
pub(crate) use server::{ServerShown, server};
use steps::{ENDED_FOR, KINDS, OUTCOMES};
pub(crate) use steps::{Steps, Tally};
pub(crate) use text::{Format, Page};
pub(crate) use timings::RunTimings;

/// Where events come from, by the place at which they are counted.
pub(crate) const SOURCES: [&str; 3] = ["api", "run", "platform"];

/// Why the node refuses events, by the place at which that is counted.
pub(crate) const REFUSALS: [&str; 3] = ["invalid", "overloaded", "stopping"];

/// What becomes of webhooks' requests, by the place at which it is counted.
pub(crate) const WEBHOOKS: [&str; 5] = ["accepted", "repeated", "left_out", "challenge", "refused"];

/// What becomes of attempts to deliver a notification, by the place at which it is counted.
pub(crate) const NOTIFICATIONS: [&str; 3] = ["delivered", "refused", "given_up"];

/// What a node counts.
#[derive(Debug, Default)]
pub(crate) struct NodeMetrics {
    /// Events that were recorded, by [`SOURCES`].
    pub(crate) events: [Counter; SOURCES.len()],
    /// Requests whose events the node refused, by [`REFUSALS`].
    pub(crate) refused: [Counter; REFUSALS.len()],
    /// From a request's events to their commit.
    pub(crate) ingestion: Histogram,
    /// From a run's creation, or the time for which its event was meant, to the start of its code.
    pub(crate) queue_delay: Histogram,
    pub(crate) runs_started: Counter,
    /// By [`ENDS`].
    pub(crate) runs_ended: [Counter; ENDS.len()],
    /// From the start of the code to the end.
    pub(crate) run_duration: Histogram,
    /// Executions that began with an empty journal, and with one that had to be replayed.
    pub(crate) executions: [Counter; 2],
    /// From the start of an execution to where its journal ends.
    pub(crate) replay: Histogram,
    pub(crate) steps: Steps,
    pub(crate) functions: Functions,
    pub(crate) pending: Arc<Pending>,
    /// Requests of webhooks, by [`WEBHOOKS`].
    pub(crate) webhooks: [Counter; WEBHOOKS.len()],
    /// Attempts to deliver notifications, by [`NOTIFICATIONS`].
    pub(crate) notifications: [Counter; NOTIFICATIONS.len()],
    pub(crate) timings: RunTimings,
}

impl NodeMetrics {
    /// The engine decided this, and it is about to be written.
    pub(crate) fn decided(&self, writes: &[Write]) {
        for write in writes {
            match write {
                Write::PutEvent(event) => {
                    let place = match event.source {
                        EventSource::Api => 0,
                        EventSource::Run(_) => 1,
                        EventSource::Platform => 2,
                    };
                    self.events[place].one();
                }
                Write::PutRun(run) => {
                    if let Some(place) = place_of_end(run.status) {
                        self.ended(run, place);
                    }
                }
                _ => {}
            }
        }
    }

    fn ended(&self, run: &Run, place: usize) {
        self.runs_ended[place].one();
        if let (Some(started_ms), Some(ended_ms)) = (run.started_ms, run.ended_ms) {
            self.run_duration
                .observe_ms(ended_ms.saturating_sub(started_ms));
        }
        self.functions.ended(run, place);
    }

    /// The code of a run begins for the first time, after it was due for so long.
    pub(crate) fn started(&self, run: &Run, due_ms: u64, now_ms: u64) {
        self.runs_started.one();
        self.queue_delay
            .observe_ms(now_ms.saturating_sub(due_ms.max(run.queued_ms)));
        self.functions.of(&run.function).started.one();
    }

    /// A request with events was refused.
    pub(crate) fn refused(&self, error: &SendError) {
        let place = match error {
            SendError::Invalid(_) => 0,
            SendError::Overloaded { .. } => 1,
            SendError::Stopping => 2,
        };
        self.refused[place].one();
    }
}
