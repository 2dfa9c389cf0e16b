//! Marks and colours of states: the same everywhere.

use crate::client::model::{Status, StepStatus};
use crate::terminal::Look;

/// A step's mark.
pub(crate) fn step_mark(look: Look, status: StepStatus) -> String {
    match status {
        StepStatus::Completed => look.good("✓"),
        StepStatus::Failed => look.bad("✗"),
        StepStatus::TimedOut => look.odd("✓"),
        StepStatus::Cancelled => look.dim("⊘"),
        StepStatus::Queued | StepStatus::Executing => look.live("▶"),
        StepStatus::Retrying => look.odd("↻"),
        StepStatus::Sleeping | StepStatus::Waiting | StepStatus::Unknown => look.odd("◷"),
    }
}

/// A run's mark.
pub(crate) fn run_mark(look: Look, status: Status) -> String {
    match status {
        Status::Completed => look.good("✓"),
        Status::Failed => look.bad("✗"),
        Status::Cancelled | Status::Skipped => look.dim("⊘"),
        Status::Queued | Status::Running => look.live("▶"),
        Status::Sleeping | Status::Waiting | Status::Paused | Status::Unknown => look.odd("◷"),
    }
}

/// A run's state in words; the text may be filled up to a column's width.
pub(crate) fn run_words(look: Look, status: Status, text: &str) -> String {
    match status {
        Status::Completed => look.good(text),
        Status::Failed => look.bad(text),
        Status::Cancelled | Status::Skipped => look.dim(text),
        Status::Queued | Status::Running => look.live(text),
        Status::Sleeping | Status::Waiting | Status::Paused | Status::Unknown => look.odd(text),
    }
}
