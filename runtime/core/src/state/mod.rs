//! What is kept: the records, the writes that change them, and how the engine reads them.
//!
//! The engine decides on records and names its changes as [`Write`]s; how they become keys and bytes is the store's affair.
//! Every index that a write implies (the order of timers, the waits on an event name…) is kept by the store together with the
//! record, so that no caller can forget one.

mod read;
mod records;
mod write;

pub use read::{Read, ReadError};
pub use records::{
    App, BufferedSignal, Deployed, JournalChunk, LogLevel, LogLine, Registration, Run, RunEnd,
    RunStatus, TimerKey, WaitKey,
};
pub use write::Write;
