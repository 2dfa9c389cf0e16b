//! What flow control remembers of a function between two events: one small record for every control and key.
//!
//! Each record belongs to one module of [`engine`](crate::engine), which says how it changes. Records that only matter for a while say until
//! when, so that housekeeping can forget them.

use serde::{Deserialize, Serialize};

use crate::ids::{EventId, FunctionId, RunId};

/// Names what one control of a function remembers for one key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ControlKey {
    /// Which control.
    pub kind: ControlKind,
    /// Whose.
    pub function: FunctionId,
    /// For which value of the control's key, in canonical text; empty where there is none.
    pub key: String,
}

/// A control that remembers something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum ControlKind {
    /// `throttle`.
    Throttle,
    /// `rateLimit`.
    RateLimit,
    /// `debounce`.
    Debounce,
    /// `batchEvents`.
    Batch,
    /// `idempotency`.
    Idempotency,
    /// `singleton`.
    Singleton,
    /// A cron trigger; the key is its schedule.
    Cron,
    /// An operator paused the function.
    Pause,
    /// The process itself, without a function or a key.
    Process,
    /// A run that was executing when the process died; the key is the run, the function is left empty.
    Suspect,
    /// A delivery; the key is its id, and its source stands where others have a function.
    Delivery,
    /// A request that its sender names; the key is the name, the function is left empty.
    Request,
}

impl ControlKind {
    /// All of them, in the order of their keys.
    pub const ALL: [Self; 12] = [
        Self::Throttle,
        Self::RateLimit,
        Self::Debounce,
        Self::Batch,
        Self::Idempotency,
        Self::Singleton,
        Self::Cron,
        Self::Pause,
        Self::Process,
        Self::Suspect,
        Self::Delivery,
        Self::Request,
    ];
}

/// What a control remembers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Control {
    /// The theoretical arrival time of the generic cell rate algorithm: `whole_ms + part / limit` milliseconds since the Unix epoch, exactly.
    Throttle {
        /// Whole milliseconds.
        whole_ms: u64,
        /// The numerator of the rest, below `limit`.
        part: u32,
        /// Its denominator: the limit when it was written.
        limit: u32,
    },
    /// The window of a rate limit.
    Window {
        /// When its first event was let through.
        from_ms: u64,
        /// When it ends.
        until_ms: u64,
        /// Events that were let through.
        count: u32,
    },
    /// The run that collects the events of a debounce or a batch, and is not created yet. Its registration holds the rest.
    Pending(RunId),
    /// The run that an idempotency key has started.
    Started {
        /// The run.
        run: RunId,
        /// Until when that counts.
        until_ms: u64,
    },
    /// The live run of a singleton.
    Live(RunId),
    /// The tick of a schedule up to which everything is done.
    Ticked {
        /// Milliseconds since the Unix epoch.
        until_ms: u64,
    },
    /// The function is paused.
    Paused {
        /// Since when.
        since_ms: u64,
    },
    /// How often the store was opened, and whether it is open, or was when the process died.
    Process {
        /// Opens so far: the number of this life.
        life: u64,
        /// Whether this life has not come to an orderly end.
        open: bool,
    },
    /// What is known of a run that was executing when the process died.
    Suspect {
        /// At how many deaths in a row.
        deaths: u32,
        /// The life in which it executes again: it counts one death more if that life ends in one. 0: it is not to blame for the next.
        life: u64,
    },
    /// A delivery that was accepted.
    Delivered {
        /// The event that it brought.
        event: EventId,
        /// Until when a repetition is known as one.
        until_ms: u64,
    },
    /// A request that was done.
    Answered {
        /// What it made or reached: a run, or a job, if either.
        made: Option<RunId>,
        /// Until when a repetition is known as one.
        until_ms: u64,
    },
}

impl Control {
    /// When the record may be forgotten, if time alone decides that.
    pub fn expires_ms(&self) -> Option<u64> {
        match self {
            Self::Throttle { whole_ms, .. } => Some(whole_ms.saturating_add(1)),
            Self::Window { until_ms, .. }
            | Self::Started { until_ms, .. }
            | Self::Delivered { until_ms, .. }
            | Self::Answered { until_ms, .. } => Some(*until_ms),
            Self::Pending(_)
            | Self::Live(_)
            | Self::Ticked { .. }
            | Self::Paused { .. }
            | Self::Process { .. }
            | Self::Suspect { .. } => None,
        }
    }
}
