//! One run: the state machine between its journal and the instances that execute it.
//!
//! The host calls one method for each thing that a guest does, and hands on whatever [`Machine::take_progress`] returns. The
//! machine decides what the guest is told, what is recorded, what is watched for, and whether replayed code still does what
//! it did. It is synchronous and knows neither clock nor store.
//!
//! | an operation is   | and then                                   | becomes     |
//! |-------------------|--------------------------------------------|-------------|
//! | `BodyDue`         | a twin takes the body, once the engine gave it a slot where it needs one | `Executing` |
//! | `Executing`       | the body returns, or its last attempt fails | `Complete` |
//! | `Executing`       | an attempt fails and another is left       | `RetryWait` |
//! | `Executing`       | its twin is given up, or the execution ends | `BodyDue`   |
//! | `RetryWait`       | its time comes                             | `BodyDue`   |
//! | `Watched`         | its outcome arrives                        | `Complete`  |
//! | any but `Complete`| the workflow code gives it up              | `Cancelled` |
//!
//! Anything else that arrives is late and is dropped. Invariants:
//! - Entries are only appended, and completions are told in the order of their entries.
//! - What the workflow instance is told depends on nothing but entries; so does the clock it sees.
//! - An attempt that reached outside never executes again: what became of it is recorded, or it counts as failed.
//! - A twin is never told more than the workflow instance was, and is compared with it at every operation.

mod divergence;
mod gate;
mod given;
mod interrupted;
mod load;
mod occurrences;
mod outside;
mod progress;
mod spans;
#[cfg(test)]
mod tests;
mod twin;
mod workflow;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::Json;
use crate::failure::Failure;
use crate::ids::{Digest, FunctionId, IdGenerator, RunId};
use crate::journal::{Entry, OpNumber, Outcome, WORKFLOW_OP};
use crate::limits::Limits;
use crate::operation::{Kind, Operation};
use crate::retry::RetryPolicy;
use crate::schema::Schemas;
use crate::state::{LogLine, Logged, Registration, StepInput};
use occurrences::Occurrences;

pub use divergence::{Divergence, FieldDifference};
pub use load::InvalidJournal;
pub use outside::Arrival;
pub use progress::{Change, Position, Progress, Send};
pub(crate) use twin::truncate;
pub use twin::{Execution, TwinCursor, TwinNext};
pub use workflow::Next;

/// The longest name of a failure that is journaled; the rest is cut.
const FAILURE_NAME_BYTES: usize = 256;

/// The longest message and the longest stack of a failure that are journaled; the rest is cut.
const FAILURE_TEXT_BYTES: usize = 16 << 10;

/// What the guest calls an operation: its place among the operations of the attempt.
pub type Ticket = u32;

/// What does not change while a run is executed.
#[derive(Debug, Clone)]
pub struct RunInfo {
    /// The run.
    pub run: RunId,
    /// Its function.
    pub function: FunctionId,
    /// Its code.
    pub digest: Digest,
    /// Retries of steps that set nothing of their own, and of the workflow code.
    pub policy: RetryPolicy,
    /// The platform's limits.
    pub limits: Limits,
    /// The event that started the run, as functions see it: JSON.
    pub event: Json,
    /// Whether its steps count against limits: then a body executes only once the engine granted it a slot.
    pub gated: bool,
    /// What replaces the input of one of its steps.
    pub input: Option<StepInput>,
    /// The shapes that events must have which the run sends.
    pub schemas: Arc<Schemas>,
    /// What it had logged before this execution.
    pub logged: Logged,
}

impl RunInfo {
    /// What replaces the input of this step.
    fn input_of(&self, step: &str) -> Option<&Json> {
        let replaced = self.input.as_ref()?;
        (replaced.step == step).then_some(&replaced.input)
    }
}

/// The time, and new ids, of one call.
pub struct Now<'a> {
    /// Milliseconds since the Unix epoch.
    pub ms: u64,
    /// Where ids of sent events come from.
    pub ids: &'a mut IdGenerator,
}

/// Why a guest cannot go on. The host ends the instance.
#[derive(Debug, Clone, PartialEq)]
pub enum Stop {
    /// It broke a rule. Hand the failure to [`Machine::returned`] (or [`Machine::body_failed`] for a twin).
    Failed(Failure),
    /// It does something else than what is recorded. For the workflow instance the machine's phase is then
    /// [`Phase::Diverged`]; a twin is just dropped.
    Diverged(Box<Divergence>),
}

/// What the host can do with the run now.
#[derive(Debug, Clone, PartialEq)]
pub enum Phase {
    /// Its code can go on, or bodies wait for twins or execute.
    Running,
    /// Nothing but an arrival makes it go on.
    Parked,
    /// This execution is over: the run ended, or a later attempt at the workflow code is due.
    Over,
    /// Replay proved that the code is not the one that wrote the journal, or not deterministic.
    Diverged,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum OpState {
    BodyDue,
    Executing {
        started_ms: u64,
        announced: Announced,
        reaches_out: bool,
    },
    RetryWait,
    Watched,
    Complete,
    Cancelled,
}

/// What is recorded of the attempt under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Announced {
    Nothing,
    Begun,
    ReachedOut,
}

/// One operation of the run.
#[derive(Debug)]
struct Op {
    id: Arc<str>,
    occurrence: u32,
    kind: Kind,
    /// As the current attempt asked for it; absent while a replay has not come to it.
    operation: Option<Operation>,
    /// Its ticket in the current attempt.
    ticket: Option<Ticket>,
    state: OpState,
    /// The attempt at its body that is due or under way, from 0.
    attempt: u32,
    /// When that attempt began, if it was interrupted after it had reached outside.
    reached_out_ms: Option<u64>,
    /// When it is due, where an earlier one failed.
    retry_at_ms: u64,
    outcome: Option<Outcome>,
    started_ms: u64,
    /// Whether the engine has been told to watch something for it.
    watched: bool,
    /// Its place in the order in which operations were completed, from 1.
    completed: u32,
    /// Where its result comes from, if from the run that this one replays.
    carried: Option<CarriedFrom>,
}

/// What a result was the answer to that is carried over from another run.
#[derive(Debug)]
struct CarriedFrom {
    digest: u64,
    summary: String,
    /// Whether it answers nothing else.
    same_options: bool,
}

/// One operation of the current attempt, as it is recorded.
#[derive(Debug)]
struct Asked {
    op: OpNumber,
    after: u32,
    digest: u64,
    summary: String,
    /// Whether the workflow code has given it up, as far as the replay has come.
    given_up: bool,
    told: bool,
}

/// One completion of the current attempt, in the order of telling.
#[derive(Debug, Clone, Copy)]
struct Completion {
    ticket: Ticket,
    at_ms: u64,
}

/// See the [module](self).
#[derive(Debug)]
pub struct Machine {
    info: Arc<RunInfo>,
    ops: Vec<Op>,
    by_key: BTreeMap<(Arc<str>, u32), OpNumber>,
    attempt: u32,
    // The current attempt, as recorded:
    asked: Vec<Asked>,
    completions: Vec<Completion>,
    /// Results of earlier attempts and of the run that is replayed which this attempt has asked for and is still to be told, in the order in
    /// which they were completed; each with the time at which it was asked for.
    recalls: BTreeMap<u32, (OpNumber, u64)>,
    recorded_cancels: u32,
    recorded_lines: u32,
    // The workflow instance, as far as it has come:
    occurrences: Occurrences,
    started: u32,
    next_completion: usize,
    told: u32,
    outstanding: u32,
    replayed_cancels: u32,
    seen_lines: u32,
    clock_ms: u64,
    attempt_began_ms: u64,
    blocked: bool,
    position: Position,
    // Work for twins:
    bodies_due: BTreeSet<OpNumber>,
    gate: gate::Gate,
    executing: BTreeSet<OpNumber>,
    /// Operations that wait for an arrival.
    pending: BTreeSet<OpNumber>,
    /// Operations that were completed in this run and in the one that it replays.
    completed: u32,
    // Limits:
    state_bytes: usize,
    logged: Logged,
    fatal: Option<Failure>,
    // Since the last progress:
    entries_recorded: u32,
    entries: Vec<Entry>,
    changes: BTreeMap<OpNumber, Change>,
    sends: Vec<(OpNumber, Send)>,
    logs: Vec<LogLine>,
    spans: spans::Spans,
    position_reported: Option<Position>,
}

impl Machine {
    /// The number of this attempt at the workflow code, from 0.
    pub fn attempt(&self) -> u32 {
        self.attempt
    }

    /// What the clock shows to workflow code: the time of the last completion that it was told.
    pub fn clock_ms(&self) -> u64 {
        self.clock_ms
    }

    /// Whether the workflow code has yet to repeat something that is recorded.
    pub fn replaying(&self) -> bool {
        (self.started as usize) < self.asked.len() || self.next_completion < self.completions.len()
    }

    /// How many operations the run has so far: the number of the next one.
    pub fn operations(&self) -> usize {
        self.ops.len()
    }

    /// Bodies that want a twin now.
    pub fn bodies_waiting(&self) -> usize {
        if self.blocked {
            self.bodies_allowed().count()
        } else {
            0
        }
    }

    /// What the run is.
    pub fn info(&self) -> &Arc<RunInfo> {
        &self.info
    }

    /// What the host can do with the run now.
    pub fn phase(&self) -> Phase {
        match &self.position {
            Position::Diverged(_) => Phase::Diverged,
            Position::Ended(_) | Position::RetryLater => Phase::Over,
            Position::Running | Position::Parked { .. } | Position::Gated => {
                let idle = self.blocked
                    && self.next_completion == self.completions.len()
                    && self.bodies_allowed().next().is_none()
                    && self.executing.is_empty()
                    && self.fatal.is_none();
                if idle { Phase::Parked } else { Phase::Running }
            }
        }
    }

    fn op(&self, op: OpNumber) -> &Op {
        &self.ops[op as usize]
    }

    fn op_mut(&mut self, op: OpNumber) -> &mut Op {
        &mut self.ops[op as usize]
    }

    /// Asks the engine to watch for something, in place of what it may watch for this operation already.
    fn watch(&mut self, op: OpNumber, registration: Registration) {
        if op != WORKFLOW_OP {
            self.pending.insert(op);
        }
        let replaces = match self.changes.get(&op) {
            Some(Change::Unregister) => true,
            Some(Change::Register { replaces, .. }) => *replaces,
            None => self.ops.get(op as usize).is_some_and(|op| op.watched),
        };
        let change = Change::Register {
            registration,
            replaces,
        };
        self.changes.insert(op, change);
    }

    /// Asks the engine to watch no longer, if it was asked to.
    fn unwatch(&mut self, op: OpNumber) {
        self.pending.remove(&op);
        if self.ops[op as usize].watched {
            self.changes.insert(op, Change::Unregister);
        } else {
            self.changes.remove(&op);
        }
    }

    /// Records that an operation is complete.
    fn complete(&mut self, op: OpNumber, outcome: Outcome, attempts: u32, at_ms: u64) {
        let record = &self.ops[op as usize];
        let started_ms = match record.state {
            OpState::Executing { started_ms, .. } => started_ms,
            OpState::BodyDue | OpState::RetryWait | OpState::Watched => record.started_ms,
            OpState::Complete | OpState::Cancelled => return,
        };
        let outcome = self.within_limits(op, outcome);
        self.completed += 1;
        let record = &mut self.ops[op as usize];
        self.executing.remove(&op);
        self.pending.remove(&op);
        record.completed = self.completed;
        record.state = OpState::Complete;
        record.outcome = Some(outcome.clone());
        let ticket = record.ticket;
        self.entries.push(Entry::Completed {
            op,
            outcome,
            attempts,
            started_ms,
            at_ms,
        });
        if let Some(ticket) = ticket {
            self.completions.push(Completion { ticket, at_ms });
        }
        self.bodies_due.remove(&op);
        self.unwatch(op);
    }

    /// The failure as it may be journaled: a guest's error is no way around the limits.
    fn bounded(&self, mut failure: Failure) -> Failure {
        twin::truncate(&mut failure.name, FAILURE_NAME_BYTES);
        twin::truncate(&mut failure.message, FAILURE_TEXT_BYTES);
        if let Some(stack) = &mut failure.stack {
            twin::truncate(stack, FAILURE_TEXT_BYTES);
        }
        if let Some(data) = &failure.data
            && (data.len() > self.info.limits.step_result_bytes || !crate::is_json(data))
        {
            failure.data = None;
            failure
                .message
                .push_str(" (the error's data was dropped: it was too large, or not valid JSON)");
        }
        failure
    }

    /// Counts what a step leaves in the journal. A run with too much of it fails as soon as its code asks for news.
    fn keep_in_state(&mut self, op: OpNumber, bytes: usize) {
        self.state_bytes = self.state_bytes.saturating_add(bytes);
        let limit = self.info.limits.run_state_bytes;
        if bytes > 0 && self.state_bytes > limit && self.fatal.is_none() {
            self.fatal = Some(Failure::permanent(
                crate::failure::Origin::Limit,
                format!(
                    "step `{}`: with what it works on and returns, the run's state has {} bytes, more than the limit of {limit}",
                    self.ops[op as usize].name(),
                    self.state_bytes
                ),
            ));
        }
    }

    /// Counts the bytes of an outcome, and turns one that is too large into a failure that says so. A failure of the platform
    /// names its step.
    fn within_limits(&mut self, op: OpNumber, mut outcome: Outcome) -> Outcome {
        if let Outcome::Failed(failure) = &mut outcome
            && failure.origin != crate::failure::Origin::Guest
            && !failure.message.starts_with("step `")
        {
            failure.message = format!(
                "step `{}`: {}",
                self.ops[op as usize].name(),
                failure.message
            );
        }
        if let Outcome::Done(json) = &outcome
            && json.len() > self.info.limits.step_result_bytes
        {
            return Outcome::Failed(Failure::permanent(
                crate::failure::Origin::Limit,
                format!(
                    "step `{}`: its result has {} bytes, more than the limit of {}; return less, or a reference to where it is kept",
                    self.ops[op as usize].name(),
                    json.len(),
                    self.info.limits.step_result_bytes
                ),
            ));
        }
        self.keep_in_state(op, state_bytes(&outcome));
        outcome
    }
}

/// What an outcome counts as in the state of its run.
fn state_bytes(outcome: &Outcome) -> usize {
    match outcome {
        Outcome::Done(json) => json.len(),
        Outcome::Failed(failure) => data_bytes(failure),
        Outcome::Empty => 0,
    }
}

/// What a failure counts as: its data. Its words are bounded by themselves.
fn data_bytes(failure: &Failure) -> usize {
    failure.data.as_ref().map_or(0, |data| data.len())
}

impl Op {
    fn name(&self) -> String {
        crate::journal::step_key(&self.id, self.occurrence)
    }
}
