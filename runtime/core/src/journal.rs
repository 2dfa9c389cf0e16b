//! The journal of a run: what its entries are.
//!
//! A journal is append-only and is the total order of everything that the run's workflow code was told. It also holds what
//! is needed to check that replayed code asks for the same operations. Entries are written by one place only, the
//! [`Machine`](crate::machine::Machine).

use serde::{Deserialize, Serialize};
use sha1::{Digest as _, Sha1};

use crate::Json;
use crate::failure::{Failure, Origin};
use crate::operation::Kind;

/// The number of an operation in its run: 0, 1, 2… over all attempts of the workflow code.
pub type OpNumber = u32;

/// Stands in place of an operation's number for the workflow code itself: its retry timer, its log lines.
pub const WORKFLOW_OP: OpNumber = u32::MAX;

/// Stands in place of an operation's number for the time at which a run that has not started is cancelled.
pub const START_TIMEOUT_OP: OpNumber = u32::MAX - 1;

/// Stands in place of an operation's number for the time at which a run that has not ended is cancelled.
pub const FINISH_TIMEOUT_OP: OpNumber = u32::MAX - 2;

/// Stands in place of an operation's number for the n-th event that cancels a run; there are at most [`CANCEL_ON_OPS`].
pub const FIRST_CANCEL_ON_OP: OpNumber = u32::MAX - 16;

/// How many events can cancel a run.
pub const CANCEL_ON_OPS: u32 = 5;

/// Whether the number stands for something that ends the run rather than for one of its operations.
pub fn is_guard(op: OpNumber) -> bool {
    (FIRST_CANCEL_ON_OP..WORKFLOW_OP).contains(&op)
}

/// How an operation ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    /// With this result: JSON.
    Done(Json),
    /// For good.
    Failed(Failure),
    /// Without a result: a wait timed out.
    Empty,
}

/// One entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Entry {
    /// An attempt at the workflow code began; the clock stood at `at_ms`.
    AttemptStarted {
        /// Counts from 0.
        attempt: u32,
        /// Milliseconds since the Unix epoch.
        at_ms: u64,
    },
    /// The workflow code started an operation. Its ticket is the count of these within the attempt.
    OperationStarted {
        /// Its number. Smaller than the count of operations so far if an earlier attempt of the workflow code had started it
        /// already: then this attempt takes it over.
        op: OpNumber,
        /// How many completions this attempt had been told when it asked.
        after: u32,
        /// What it asked for.
        kind: Kind,
        /// The step's id as the author wrote it.
        id: String,
        /// How many operations of this attempt had the same id before.
        occurrence: u32,
        /// [`Operation::digest`](crate::operation::Operation::digest).
        digest: u64,
        /// [`Operation::summary`](crate::operation::Operation::summary).
        summary: String,
        /// Milliseconds since the Unix epoch.
        at_ms: u64,
    },
    /// What a step works on, where it has an input that an operator can see and replace.
    Input {
        /// The operation.
        op: OpNumber,
        /// JSON.
        input: Json,
        /// Whether an operator put it in place of what the code gave.
        replaced: bool,
    },
    /// A result of the run that this one replays, for an operation that is not to be done again. These entries come before all others. The
    /// workflow code is told the result once it asks for the operation.
    Carried(Box<Carried>),
    /// An attempt at a step's body began.
    BodyStarted {
        /// The operation.
        op: OpNumber,
        /// Counts from 0.
        attempt: u32,
        /// Milliseconds since the Unix epoch.
        at_ms: u64,
    },
    /// An attempt at a step's body failed, and another one is due.
    BodyFailed {
        /// The operation.
        op: OpNumber,
        /// Counts from 0.
        attempt: u32,
        /// Why.
        failure: Failure,
        /// When the attempt began.
        started_ms: u64,
        /// When it failed.
        at_ms: u64,
        /// When the next one is due.
        retry_at_ms: u64,
    },
    /// An operation is complete. Completions are told to the workflow code in the order of these entries.
    Completed {
        /// The operation.
        op: OpNumber,
        /// How.
        outcome: Outcome,
        /// Attempts that it took, for operations that have any.
        attempts: u32,
        /// When the last attempt began, or the operation itself where there are none.
        started_ms: u64,
        /// When it was complete: what the workflow's clock shows once it was told.
        at_ms: u64,
    },
    /// An operation that an earlier attempt of the workflow code completed is told again to this one.
    Recalled {
        /// The operation.
        op: OpNumber,
        /// What the workflow's clock shows once it was told.
        at_ms: u64,
    },
    /// The workflow code gave up on an operation.
    Cancelled {
        /// The operation.
        op: OpNumber,
        /// Milliseconds since the Unix epoch.
        at_ms: u64,
    },
    /// The workflow code of this attempt has logged this many lines so far.
    Logged {
        /// Lines.
        lines: u32,
    },
    /// The attempt at the workflow code failed.
    WorkflowFailed {
        /// Why.
        failure: Failure,
        /// When.
        at_ms: u64,
        /// When the next attempt is due; absent when it was the last.
        retry_at_ms: Option<u64>,
    },
    /// The workflow code returned this output.
    WorkflowReturned {
        /// JSON.
        output: Json,
        /// When.
        at_ms: u64,
    },
    /// An attempt at a step's body began and is about to reach outside: this is durable before anything leaves. Such an attempt never
    /// executes again; where nothing tells how it ended, it counts as failed.
    BodyReachedOut {
        /// The operation.
        op: OpNumber,
        /// Counts from 0.
        attempt: u32,
        /// When the attempt began.
        at_ms: u64,
    },
    /// An attempt that had reached outside was interrupted, and the next one is due at once: the step is not to blame.
    BodyInterrupted {
        /// The operation.
        op: OpNumber,
        /// Counts from 0.
        attempt: u32,
        /// When the attempt began.
        started_ms: u64,
        /// When that was found out.
        at_ms: u64,
    },
}

impl Entry {
    /// When it was written, in milliseconds since the Unix epoch, if it says so: what was carried over happened in another run.
    pub fn at_ms(&self) -> Option<u64> {
        match self {
            Self::AttemptStarted { at_ms, .. }
            | Self::OperationStarted { at_ms, .. }
            | Self::BodyStarted { at_ms, .. }
            | Self::BodyReachedOut { at_ms, .. }
            | Self::BodyInterrupted { at_ms, .. }
            | Self::BodyFailed { at_ms, .. }
            | Self::Completed { at_ms, .. }
            | Self::Recalled { at_ms, .. }
            | Self::Cancelled { at_ms, .. }
            | Self::WorkflowFailed { at_ms, .. }
            | Self::WorkflowReturned { at_ms, .. } => Some(*at_ms),
            Self::Logged { .. } | Self::Input { .. } | Self::Carried(_) => None,
        }
    }
}

/// Why an attempt at a body failed that had reached outside and of whose end nothing is known.
pub fn interrupted(attempt: u32) -> Failure {
    Failure::platform(
        Origin::Interrupted,
        format!(
            "the process ended, or the run was stopped, while attempt {} was executing; whether its effect outside happened is not known",
            u64::from(attempt) + 1
        ),
    )
}

/// A result that was carried over from the run that is replayed. The fields are those of the entries that it stands for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Carried {
    /// Its number in this run: these operations are the first ones, in the order in which they were completed.
    pub op: OpNumber,
    /// What was asked for.
    pub kind: Kind,
    /// The step's id as the author wrote it.
    pub id: String,
    /// How many operations had the same id before.
    pub occurrence: u32,
    /// The digest of its options.
    pub digest: u64,
    /// Their summary.
    pub summary: String,
    /// Whether the result counts only for the same options: the code has changed meanwhile, and the options say what was asked for.
    pub same_options: bool,
    /// How many results were there before the operation was started: those that a further replay from it carries over.
    pub before: u32,
    /// What it worked on, where that is known.
    pub input: Option<Json>,
    /// How it ended.
    pub outcome: Outcome,
    /// Attempts that it took.
    pub attempts: u32,
    /// When the last attempt began, or the operation itself where there are none.
    pub started_ms: u64,
    /// When it was complete.
    pub at_ms: u64,
}

/// The id by which a step is unique in its run: `id`, then `id:1`, `id:2`…
pub fn step_key(id: &str, occurrence: u32) -> String {
    match occurrence {
        0 => id.to_owned(),
        n => format!("{id}:{n}"),
    }
}

/// The public hash of a step: hex SHA-1 of its key.
pub fn step_hash(id: &str, occurrence: u32) -> String {
    use std::fmt::Write;
    let digest = Sha1::digest(step_key(id, occurrence).as_bytes());
    digest
        .iter()
        .fold(String::with_capacity(40), |mut hex, byte| {
            let _ = write!(hex, "{byte:02x}");
            hex
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_hash_is_the_sha1_of_its_key() {
        assert_eq!(
            step_hash("my-step-id", 0),
            "e7d8a2f140845095749d60246ff1110c9d01d76a"
        );
        assert_eq!(step_key("a", 2), "a:2");
        assert_ne!(step_hash("a", 0), step_hash("a", 1));
    }
}
