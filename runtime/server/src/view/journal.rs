//! A run's journal, entry by entry, and its log lines.
#![allow(
    clippy::large_stack_arrays,
    reason = "the description of many variants is made once, in an array"
)]

use std::collections::BTreeMap;

use abide_core::journal::{Carried, Entry, OpNumber, Outcome, interrupted, step_key};
use abide_core::state::{LogLevel, LogLine};
use serde::Serialize;
use utoipa::ToSchema;

use super::shapes;
use super::value::{Embedded, ErrorView, Time};

/// One entry of a journal.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = JournalEntry)]
pub(crate) struct EntryView {
    pub(crate) index: usize,
    #[serde(flatten)]
    entry: What,
}

#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
#[schema(as = JournalEntryKind)]
enum What {
    AttemptStarted {
        attempt: u32,
        at: Time,
    },
    OperationStarted {
        #[schema(value_type = u32)]
        op: OpNumber,
        id: String,
        #[schema(value_type = shapes::StepKind)]
        kind: &'static str,
        summary: String,
        /// Hexadecimal: JSON numbers in JavaScript hold only 53 bits.
        digest: String,
        after: u32,
        at: Time,
    },
    BodyStarted {
        #[schema(value_type = u32)]
        op: OpNumber,
        attempt: u32,
        at: Time,
    },
    BodyFailed {
        #[schema(value_type = u32)]
        op: OpNumber,
        attempt: u32,
        error: ErrorView,
        started_at: Time,
        at: Time,
        retry_at: Time,
    },
    /// The attempt is about to reach outside, and never executes again.
    BodyReachedOut {
        #[schema(value_type = u32)]
        op: OpNumber,
        attempt: u32,
        at: Time,
    },
    BodyInterrupted {
        #[schema(value_type = u32)]
        op: OpNumber,
        attempt: u32,
        error: ErrorView,
        started_at: Time,
        at: Time,
    },
    Completed {
        #[schema(value_type = u32)]
        op: OpNumber,
        outcome: &'static str,
        #[schema(value_type = Embedded)]
        result: Option<Embedded>,
        error: Option<ErrorView>,
        attempts: u32,
        started_at: Time,
        at: Time,
    },
    Recalled {
        #[schema(value_type = u32)]
        op: OpNumber,
        at: Time,
    },
    Cancelled {
        #[schema(value_type = u32)]
        op: OpNumber,
        at: Time,
    },
    Input {
        #[schema(value_type = u32)]
        op: OpNumber,
        input: Embedded,
        /// Whether an operator put it in place of what the code gave.
        replaced: bool,
    },
    /// A result of the run that this one replays.
    Carried {
        #[schema(value_type = u32)]
        op: OpNumber,
        id: String,
        #[schema(value_type = shapes::StepKind)]
        kind: &'static str,
        summary: String,
        outcome: &'static str,
        #[schema(value_type = Embedded)]
        result: Option<Embedded>,
        error: Option<ErrorView>,
        attempts: u32,
        started_at: Time,
        at: Time,
    },
    Logged {
        lines: u32,
    },
    WorkflowFailed {
        error: ErrorView,
        at: Time,
        retry_at: Option<Time>,
    },
    WorkflowReturned {
        output: Embedded,
        at: Time,
    },
}

impl EntryView {
    /// The entry at this place of the journal.
    pub(crate) fn new(index: usize, entry: &Entry) -> Self {
        Self {
            index,
            entry: what(entry),
        }
    }
}

#[allow(clippy::too_many_lines, reason = "one short arm a kind of entry")]
fn what(entry: &Entry) -> What {
    match entry {
        Entry::AttemptStarted { attempt, at_ms } => What::AttemptStarted {
            attempt: *attempt,
            at: Time(*at_ms),
        },
        Entry::OperationStarted {
            op,
            after,
            kind,
            id,
            occurrence,
            digest,
            summary,
            at_ms,
        } => What::OperationStarted {
            op: *op,
            id: step_key(id, *occurrence),
            kind: kind.as_str(),
            summary: summary.clone(),
            digest: format!("{digest:016x}"),
            after: *after,
            at: Time(*at_ms),
        },
        Entry::Input {
            op,
            input,
            replaced,
        } => What::Input {
            op: *op,
            input: Embedded(input.clone()),
            replaced: *replaced,
        },
        Entry::Carried(carried) => what_carried(carried),
        Entry::BodyStarted { op, attempt, at_ms } => What::BodyStarted {
            op: *op,
            attempt: *attempt,
            at: Time(*at_ms),
        },
        Entry::BodyFailed {
            op,
            attempt,
            failure,
            started_ms,
            at_ms,
            retry_at_ms,
        } => What::BodyFailed {
            op: *op,
            attempt: *attempt,
            error: failure.into(),
            started_at: Time(*started_ms),
            at: Time(*at_ms),
            retry_at: Time(*retry_at_ms),
        },
        Entry::BodyReachedOut { op, attempt, at_ms } => What::BodyReachedOut {
            op: *op,
            attempt: *attempt,
            at: Time(*at_ms),
        },
        Entry::BodyInterrupted {
            op,
            attempt,
            started_ms,
            at_ms,
        } => What::BodyInterrupted {
            op: *op,
            attempt: *attempt,
            error: (&interrupted(*attempt)).into(),
            started_at: Time(*started_ms),
            at: Time(*at_ms),
        },
        Entry::Completed {
            op,
            outcome,
            attempts,
            started_ms,
            at_ms,
        } => completed(*op, outcome, *attempts, (*started_ms, *at_ms)),
        Entry::Recalled { op, at_ms } => What::Recalled {
            op: *op,
            at: Time(*at_ms),
        },
        Entry::Cancelled { op, at_ms } => What::Cancelled {
            op: *op,
            at: Time(*at_ms),
        },
        Entry::Logged { lines } => What::Logged { lines: *lines },
        Entry::WorkflowFailed {
            failure,
            at_ms,
            retry_at_ms,
        } => What::WorkflowFailed {
            error: failure.into(),
            at: Time(*at_ms),
            retry_at: retry_at_ms.map(Time),
        },
        Entry::WorkflowReturned { output, at_ms } => What::WorkflowReturned {
            output: Embedded(output.clone()),
            at: Time(*at_ms),
        },
    }
}

fn what_carried(carried: &Carried) -> What {
    let (outcome, result, error) = parts(&carried.outcome);
    What::Carried {
        op: carried.op,
        id: step_key(&carried.id, carried.occurrence),
        kind: carried.kind.as_str(),
        summary: carried.summary.clone(),
        outcome,
        result,
        error,
        attempts: carried.attempts,
        started_at: Time(carried.started_ms),
        at: Time(carried.at_ms),
    }
}

/// Its name, and the result or the error.
fn parts(outcome: &Outcome) -> (&'static str, Option<Embedded>, Option<ErrorView>) {
    match outcome {
        Outcome::Done(json) => ("done", Some(Embedded(json.clone())), None),
        Outcome::Failed(failure) => ("failed", None, Some(failure.into())),
        Outcome::Empty => ("empty", None, None),
    }
}

fn completed(
    op: OpNumber,
    outcome: &Outcome,
    attempts: u32,
    (started_ms, at_ms): (u64, u64),
) -> What {
    let (outcome, result, error) = parts(outcome);
    What::Completed {
        op,
        outcome,
        result,
        error,
        attempts,
        started_at: Time(started_ms),
        at: Time(at_ms),
    }
}

/// The names of a run's steps.
#[derive(Debug, Default)]
pub(crate) struct StepNames(BTreeMap<OpNumber, String>);

impl StepNames {
    /// The names that a journal tells.
    pub(crate) fn of(journal: &[Entry]) -> Self {
        let names = journal.iter().filter_map(|entry| match entry {
            Entry::OperationStarted {
                op, id, occurrence, ..
            } => Some((*op, step_key(id, *occurrence))),
            _ => None,
        });
        Self(names.collect())
    }
}

/// A log line.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = LogLine)]
pub(crate) struct LogView {
    pub(crate) at: Time,
    #[schema(value_type = shapes::LogLevel)]
    pub(crate) level: LogLevel,
    /// The step whose body logged it; none for workflow code.
    pub(crate) step: Option<String>,
    pub(crate) attempt: u32,
    pub(crate) message: String,
    /// What belongs to it: a JSON object; none if the line has only a message.
    #[schema(value_type = Embedded, required = false)]
    pub(crate) fields: Option<Embedded>,
    /// How many bytes of message and fields were cut away because the line was too long.
    pub(crate) cut_bytes: u32,
}

impl LogView {
    /// The view of a line.
    pub(crate) fn new(line: &LogLine, names: &StepNames) -> Self {
        Self {
            at: Time(line.at_ms),
            level: line.level,
            step: line.op.map(|op| {
                names
                    .0
                    .get(&op)
                    .cloned()
                    .unwrap_or_else(|| format!("step {op}"))
            }),
            attempt: line.attempt,
            message: line.message.clone(),
            fields: line.fields.clone().map(Embedded),
            cut_bytes: line.cut,
        }
    }
}
