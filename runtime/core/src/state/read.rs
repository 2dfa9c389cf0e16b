//! How the engine reads: one method a question, all synchronous, all seeing every write submitted before.

use crate::event::Event;
use crate::ids::{EventId, FunctionId, RunId};
use crate::journal::{Entry, OpNumber, Outcome};
use crate::state::{
    App, BufferedSignal, Control, ControlKey, ControlKind, EventSchema, Job, LaneKey, Place,
    Registration, Run, TimerKey, WaitKey,
};

/// The store could not answer. A step of the engine ends half-way with it, so that the engine can't go on: the node stops. Whoever lets the
/// engine read asks again first where the error is [transient](Self::is_transient).
#[derive(Debug, Clone, thiserror::Error)]
#[error("{reason}")]
pub struct ReadError {
    reason: String,
    transient: bool,
}

impl ReadError {
    /// An error that asking again does not mend.
    pub fn new(reason: impl Into<String>) -> Self {
        Self {
            reason: reason.into(),
            transient: false,
        }
    }

    /// An error for want of something that the machine has again later, such as file descriptors.
    pub fn transient(reason: impl Into<String>) -> Self {
        Self {
            reason: reason.into(),
            transient: true,
        }
    }

    /// Whether the same question may well be answered later.
    pub fn is_transient(&self) -> bool {
        self.transient
    }
}

/// The engine's view of the store.
pub trait Read {
    /// An event.
    fn event(&self, id: EventId) -> Result<Option<Event>, ReadError>;
    /// Whether an event is recorded.
    fn has_event(&self, id: EventId) -> Result<bool, ReadError>;
    /// The events that were received at or after `from_ms` under this exact name, oldest first and those of one millisecond by id, at most
    /// `limit`; of those received in the millisecond `from_ms` only the ones after `after`.
    fn events_since(
        &self,
        name: &str,
        from_ms: u64,
        after: Option<EventId>,
        limit: usize,
    ) -> Result<Vec<Event>, ReadError>;
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
    /// The signals of this name that are kept, the oldest first, after `after`, at most `limit`, each with its number.
    fn signals(
        &self,
        name: &str,
        after: Option<u128>,
        limit: usize,
    ) -> Result<Vec<(u128, BufferedSignal)>, ReadError>;
    /// Requests that are to be performed, in order, after `after`, at most `limit`.
    fn requests_after(
        &self,
        after: Option<WaitKey>,
        limit: usize,
    ) -> Result<Vec<WaitKey>, ReadError>;
    /// The events of a run that has several, or of one that is to be created, in order.
    fn run_events(&self, run: RunId) -> Result<Vec<EventId>, ReadError>;
    /// What a control remembers.
    fn control(&self, key: &ControlKey) -> Result<Option<Control>, ReadError>;
    /// Everything that one kind of control remembers, by function and key, after `after`, at most `limit`.
    fn controls(
        &self,
        kind: ControlKind,
        after: Option<&ControlKey>,
        limit: usize,
    ) -> Result<Vec<(ControlKey, Control)>, ReadError>;
    /// Lanes that hold runs, in order, after `after` (all lanes of its function if `past_function`), at most `limit`, each with the place of
    /// its first run.
    fn lanes_after(
        &self,
        after: Option<&LaneKey>,
        past_function: bool,
        limit: usize,
    ) -> Result<Vec<(LaneKey, Place)>, ReadError>;
    /// The runs of a lane, in order, after `after`, at most `limit`.
    fn queued(
        &self,
        lane: &LaneKey,
        after: Option<Place>,
        limit: usize,
    ) -> Result<Vec<Place>, ReadError>;
    /// Runs that count against a limit on whole runs, at most `limit`.
    fn holders(&self, counter: &str, limit: usize) -> Result<Vec<RunId>, ReadError>;
    /// Runs by id, which is the order of their creation, after `after`, at most `limit`.
    fn runs_after(&self, after: Option<RunId>, limit: usize) -> Result<Vec<Run>, ReadError>;
    /// Whether any run waits for an event of this name, or is cancelled by one.
    fn has_waits(&self, name: &str) -> Result<bool, ReadError>;
    /// All jobs, oldest first.
    fn jobs(&self) -> Result<Vec<Job>, ReadError>;
    /// Every operator's schema.
    fn schemas(&self) -> Result<Vec<EventSchema>, ReadError>;
    /// All apps.
    fn apps(&self) -> Result<Vec<App>, ReadError>;
}
