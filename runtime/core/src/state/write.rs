//! The writes: every change that the engine can make, as data.

use std::sync::Arc;

use crate::event::Event;
use crate::ids::{EventId, FunctionId, RunId};
use crate::journal::{OpNumber, Outcome};
use crate::state::{
    App, BufferedSignal, Control, ControlKey, EventSchema, Job, JournalChunk, LaneKey, LogLine,
    Place, Registration, Run,
};

/// One change. The writes of one step of the engine are committed together or not at all, in this order.
#[derive(Debug, Clone, PartialEq)]
pub enum Write {
    /// Records an event.
    PutEvent(Arc<Event>),
    /// Records that an event started a run.
    LinkEvent {
        /// The event.
        event: EventId,
        /// The run.
        run: RunId,
    },
    /// Remembers until `until_ms` that an event with this external id started this function.
    PutDedupe {
        /// The function.
        function: FunctionId,
        /// The sender's own event id.
        external_id: String,
        /// The run that it started.
        run: RunId,
        /// When it may be forgotten.
        until_ms: u64,
    },
    /// Records that an event will start no run after all.
    UnlinkEvent {
        /// The event.
        event: EventId,
        /// The run that it was collected for.
        run: RunId,
    },
    /// Records events of a run that has several, as numbers `first`, `first + 1`… of them.
    PutRunEvents {
        /// The run, perhaps still to be created.
        run: RunId,
        /// The number of the first of these, from 0.
        first: u32,
        /// The events.
        events: Vec<EventId>,
    },
    /// Changes what a control remembers.
    PutControl {
        /// Which.
        key: ControlKey,
        /// What.
        control: Control,
    },
    /// A control remembers nothing.
    DeleteControl(ControlKey),
    /// Puts a run into its lane.
    PutQueued {
        /// The lane.
        lane: LaneKey,
        /// Its place there.
        place: Place,
    },
    /// Takes a run out of its lane.
    DeleteQueued {
        /// The lane.
        lane: LaneKey,
        /// Its place there.
        place: Place,
    },
    /// Notes that a started run counts against a limit on whole runs.
    PutHolder {
        /// The counter's name.
        counter: Arc<str>,
        /// The run.
        run: RunId,
    },
    /// The run counts no more.
    DeleteHolder {
        /// The counter's name.
        counter: Arc<str>,
        /// The run.
        run: RunId,
    },
    /// Creates or changes a job.
    PutJob(Box<Job>),
    /// Sets an operator's schema for an event and a version.
    PutSchema(EventSchema),
    /// Removes an operator's schema.
    DeleteSchema {
        /// The event.
        event: String,
        /// The version.
        v: Option<String>,
    },
    /// Creates or changes a run.
    PutRun(Arc<Run>),
    /// Notes that a run's code is to execute: after a restart the engine begins with these.
    PutReady(RunId),
    /// Notes that a run's code has nothing to do now.
    DeleteReady(RunId),
    /// Appends to a run's journal.
    AppendJournal {
        /// The run.
        run: RunId,
        /// The entries and where they belong.
        chunk: JournalChunk,
    },
    /// Appends to a run's log.
    AppendLog {
        /// The run.
        run: RunId,
        /// The number of this chunk in the run: 0, 1, 2…
        chunk: u32,
        /// The lines.
        lines: Vec<LogLine>,
    },
    /// Watches something for a run: the record, and the indexes by time, event name, signal and request that it implies.
    Register {
        /// The run.
        run: RunId,
        /// The operation.
        op: OpNumber,
        /// What to watch.
        registration: Arc<Registration>,
    },
    /// Stops watching: removes exactly what `Register` with the same registration wrote.
    Unregister {
        /// The run.
        run: RunId,
        /// The operation.
        op: OpNumber,
        /// What was watched.
        registration: Arc<Registration>,
    },
    /// Keeps what came for an operation until the run's journal has it.
    PutArrival {
        /// The run.
        run: RunId,
        /// The operation.
        op: OpNumber,
        /// What came, after how many attempts, and when the last of them began.
        arrival: (Outcome, u32, u64),
    },
    /// The journal has it.
    DeleteArrival {
        /// The run.
        run: RunId,
        /// The operation.
        op: OpNumber,
    },
    /// Keeps a signal for whoever will wait for it.
    PutSignal {
        /// Its name.
        name: String,
        /// Its place among those of this name: the smallest is the oldest.
        number: u128,
        /// The signal.
        signal: BufferedSignal,
    },
    /// The signal was delivered or has expired.
    DeleteSignal {
        /// Its name.
        name: String,
        /// Its number.
        number: u128,
    },
    /// Deploys an app.
    PutApp(Arc<App>),
}
