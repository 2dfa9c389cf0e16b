//! What is kept: the records, the writes that change them, and how the engine reads them.
//!
//! The engine decides on records and names its changes as [`Write`]s; how they become keys and bytes is the store's affair.
//! Every index that a write implies (the order of timers, the waits on an event name…) is kept by the store together with the
//! record, so that no caller can forget one.

mod control;
mod job;
mod queue;
mod read;
mod records;
mod write;

pub use control::{Control, ControlKey, ControlKind};
pub use job::{Job, JobAction, JobState, RunFilter};
pub use queue::{Counter, LaneKey, Place, Queue};
pub use read::{Read, ReadError};
pub use records::{
    App, BufferedSignal, Deployed, EventSchema, JournalChunk, LogLevel, LogLine, Logged,
    PendingBatch, PendingDebounce, Registration, Run, RunEnd, RunStatus, StepInput, TimeoutKind,
    TimerKey, WaitKey,
};
pub use write::Write;
