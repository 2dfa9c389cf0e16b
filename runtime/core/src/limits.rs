//! The limits of the platform, each a named setting with its reason. SEMANTICS lists those that users meet.

use serde::{Deserialize, Serialize};

use crate::DAY_MS;

/// The longest sleep or wait: one leap year. Longer ones are nearly always a mistake in units.
pub const MAX_WAIT_MS: u64 = 366 * DAY_MS;

/// The longest event name, step id and signal name, in characters: they are keys, not documents.
pub const MAX_NAME_CHARS: usize = 256;

/// Limits that an operator can set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Largest event, in bytes of its JSON fields together.
    pub event_bytes: usize,
    /// Most events in one request or one `send-events`.
    pub events_per_request: usize,
    /// All events of one batch together, in bytes: a run must be able to hold them in memory.
    pub batch_bytes: u64,
    /// Operations that one run may start: a run's journal must stay quick to replay.
    pub steps_per_run: u32,
    /// Largest result of one step, in bytes of JSON.
    pub step_result_bytes: usize,
    /// All results of a run together, with the inputs of its steps and the data of their failures, in bytes: they are in memory while it is
    /// replayed.
    pub run_state_bytes: usize,
    /// Log lines of one run: a log is for people.
    pub log_lines_per_run: u32,
    /// All log lines of a run together, in bytes of their messages and fields: they are read as one.
    pub log_bytes_per_run: u64,
    /// Longest log line in bytes of message and fields; the rest is cut.
    pub log_line_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            event_bytes: 3 << 20,
            events_per_request: 5_000,
            batch_bytes: 10 << 20,
            steps_per_run: 10_000,
            step_result_bytes: 4 << 20,
            run_state_bytes: 32 << 20,
            log_lines_per_run: 10_000,
            log_bytes_per_run: 8 << 20,
            log_line_bytes: 8 << 10,
        }
    }
}
