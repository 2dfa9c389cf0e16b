//! How the engine reads: one method a question, all synchronous, all seeing every write submitted before.

use crate::event::Event;
use crate::ids::{EventId, FunctionId, RunId};
use crate::journal::{Entry, OpNumber, Outcome};
use crate::state::{App, BufferedSignal, Registration, Run, TimerKey, WaitKey};

/// The store could not answer. The engine can't go on after it: the node stops.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{0}")]
pub struct ReadError(pub String);

/// The engine's view of the store.
pub trait Read {
    /// An event.
    fn event(&self, id: EventId) -> Result<Option<Event>, ReadError>;
    /// Whether an event is recorded.
    fn has_event(&self, id: EventId) -> Result<bool, ReadError>;
    /// The events that were received at or after `from_ms` under this exact name, oldest first, at most `limit`.
    fn events_since(&self, name: &str, from_ms: u64, limit: usize)
    -> Result<Vec<Event>, ReadError>;
    /// The run that an event with this external id started for the function, and until when that counts.
    fn dedupe(
        &self,
        function: &FunctionId,
        external_id: &str,
    ) -> Result<Option<(RunId, u64)>, ReadError>;
    /// A run.
    fn run(&self, id: RunId) -> Result<Option<Run>, ReadError>;
    /// The whole journal of a run, in order.
    fn journal(&self, run: RunId) -> Result<Vec<Entry>, ReadError>;
    /// Runs whose code is to execute, oldest first, after `after`, at most `limit`.
    fn ready_after(&self, after: Option<RunId>, limit: usize) -> Result<Vec<RunId>, ReadError>;
    /// What is watched for one operation.
    fn registration(&self, run: RunId, op: OpNumber) -> Result<Option<Registration>, ReadError>;
    /// Everything that is watched for a run, by operation.
    fn registrations(&self, run: RunId) -> Result<Vec<(OpNumber, Registration)>, ReadError>;
    /// What has come for a run and is not in its journal yet, by operation.
    fn arrivals(&self, run: RunId) -> Result<Vec<(OpNumber, Outcome, u32, u64)>, ReadError>;
    /// Runs that have arrivals, in order, after `after`, each once, at most `limit`.
    fn runs_with_arrivals_after(
        &self,
        after: Option<RunId>,
        limit: usize,
    ) -> Result<Vec<RunId>, ReadError>;
    /// Timers in the order in which they come due, after `after`, due at or before `until_ms`, at most `limit`.
    fn timers(
        &self,
        after: Option<TimerKey>,
        until_ms: u64,
        limit: usize,
    ) -> Result<Vec<TimerKey>, ReadError>;
    /// Waits for an event of this name that ask for no equal value (`match_value` none), or for exactly this canonical value
    /// at exactly this path. In order, after `after`, at most `limit`.
    fn waits(
        &self,
        name: &str,
        match_on: Option<(&str, &str)>,
        after: Option<WaitKey>,
        limit: usize,
    ) -> Result<Vec<WaitKey>, ReadError>;
    /// The distinct paths on which waits for this event name ask for an equal value.
    fn wait_paths(&self, name: &str) -> Result<Vec<String>, ReadError>;
    /// The run that waits for a signal.
    fn signal_wait(&self, name: &str) -> Result<Option<WaitKey>, ReadError>;
    /// A signal that is kept.
    fn signal(&self, name: &str) -> Result<Option<BufferedSignal>, ReadError>;
    /// Requests that are to be performed, in order, after `after`, at most `limit`.
    fn requests_after(
        &self,
        after: Option<WaitKey>,
        limit: usize,
    ) -> Result<Vec<WaitKey>, ReadError>;
    /// All apps.
    fn apps(&self) -> Result<Vec<App>, ReadError>;
}
