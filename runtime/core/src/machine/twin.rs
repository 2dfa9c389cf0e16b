//! What a twin does: it repeats what the workflow instance did, and executes bodies.

use std::collections::BTreeSet;

use super::occurrences::Occurrences;
use super::workflow::unknown_ticket;
use super::{Announced, Divergence, Machine, OpState, Phase, Stop, Ticket, data_bytes};
use crate::failure::{Failure, Origin};
use crate::journal::{Entry, OpNumber, Outcome, step_hash};
use crate::log::{Written, beginning};
use crate::operation::{Operation, RunOptions};
use crate::span::Mark;
use crate::state::{LogLevel, LogLine, Registration};
use crate::{Json, is_json};

/// How far one twin has come. The host keeps it beside the instance.
#[derive(Debug, Default)]
pub struct TwinCursor {
    occurrences: Occurrences,
    started: u32,
    next_completion: usize,
    told: u32,
    clock_ms: u64,
    given_up: BTreeSet<Ticket>,
    executed: BTreeSet<OpNumber>,
    executing: Option<OpNumber>,
}

/// One attempt at a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Execution {
    /// From 0.
    pub attempt: u32,
    /// How many there can be.
    pub max_attempts: u32,
    /// Differs for every attempt.
    pub idempotency_key: String,
    /// The same for every attempt at this step.
    pub step_key: String,
    /// The longest that this attempt may take, in milliseconds, if the step sets it.
    pub timeout_ms: Option<u64>,
    /// What an operator put in place of the step's input.
    pub input: Option<Json>,
}

/// What a twin is told.
#[derive(Debug, Clone, PartialEq)]
pub enum TwinNext {
    /// News that the workflow instance was told before.
    News(Ticket, Outcome),
    /// To execute this body now.
    Execute(Ticket, Execution),
    /// Nothing yet.
    Blocked,
}

impl TwinCursor {
    /// What the clock shows to workflow code in this twin.
    pub fn clock_ms(&self) -> u64 {
        self.clock_ms
    }

    /// The operation whose body executes here.
    pub fn executing(&self) -> Option<OpNumber> {
        self.executing
    }

    /// Whether a body was executed here already: then a divergence may be its doing.
    pub fn is_used(&self) -> bool {
        !self.executed.is_empty()
    }
}

impl Machine {
    /// The cursor of a new twin.
    pub fn twin(&self) -> TwinCursor {
        TwinCursor {
            clock_ms: self.attempt_began_ms,
            ..TwinCursor::default()
        }
    }

    /// A twin starts an operation.
    pub fn twin_start(
        &mut self,
        cursor: &mut TwinCursor,
        id: &str,
        operation: &Operation,
    ) -> Result<Ticket, Stop> {
        refuse_in_body(cursor, "start")?;
        let ticket = cursor.started;
        let occurrence = cursor.occurrences.next(&id.into());
        if ticket >= self.started {
            return Err(Stop::Diverged(Box::new(Divergence {
                index: ticket,
                recorded: None,
                attempted: Some(crate::journal::step_key(id, occurrence)),
                differences: Vec::new(),
            })));
        }
        match self.compare(ticket, id, occurrence, operation, cursor.told) {
            Some(divergence) => Err(Stop::Diverged(Box::new(divergence))),
            None => {
                cursor.started += 1;
                Ok(ticket)
            }
        }
    }

    /// A twin asks for news. `Blocked` also while the workflow instance is still on its way.
    pub fn twin_next(&mut self, cursor: &mut TwinCursor, now_ms: u64) -> Result<TwinNext, Stop> {
        refuse_in_body(cursor, "next")?;
        if !self.blocked || self.phase() == Phase::Over {
            return Ok(TwinNext::Blocked);
        }
        let due = |asked: &super::Asked| asked.after <= cursor.told;
        let behind = cursor.started < self.started;
        if behind && self.asked.get(cursor.started as usize).is_some_and(due) {
            return Err(self.twin_missing(cursor));
        }
        while cursor.next_completion < self.next_completion {
            let completion = self.completions[cursor.next_completion];
            if completion.ticket >= cursor.started {
                return Err(self.twin_missing(cursor));
            }
            cursor.next_completion += 1;
            if cursor.given_up.contains(&completion.ticket) {
                continue;
            }
            cursor.told += 1;
            cursor.clock_ms = completion.at_ms.max(cursor.clock_ms);
            let op = self.asked[completion.ticket as usize].op;
            let outcome = self.op(op).outcome.clone().unwrap_or(Outcome::Empty);
            return Ok(TwinNext::News(completion.ticket, outcome));
        }
        if cursor.started < self.started {
            return Err(self.twin_missing(cursor));
        }
        let body = self
            .bodies_allowed()
            .find(|op| !cursor.executed.contains(op));
        match body {
            Some(op) => Ok(self.execute(cursor, op, now_ms)),
            None => Ok(TwinNext::Blocked),
        }
    }

    fn twin_missing(&self, cursor: &TwinCursor) -> Stop {
        let recorded = self.asked.get(cursor.started as usize);
        Stop::Diverged(Box::new(Divergence {
            index: cursor.started,
            recorded: recorded.map(|asked| self.op(asked.op).name()),
            attempted: None,
            differences: Vec::new(),
        }))
    }

    fn execute(&mut self, cursor: &mut TwinCursor, op: OpNumber, now_ms: u64) -> TwinNext {
        self.bodies_due.remove(&op);
        self.executing.insert(op);
        cursor.executing = Some(op);
        cursor.executed.insert(op);
        let policy = self.body_policy(op);
        let info = self.info.clone();
        let run = info.run;
        let record = self.op_mut(op);
        record.state = OpState::Executing {
            started_ms: now_ms,
            announced: Announced::Nothing,
            reaches_out: false,
        };
        let hash = step_hash(&record.id, record.occurrence);
        let execution = Execution {
            attempt: record.attempt,
            max_attempts: policy.max_attempts,
            idempotency_key: format!("{run}/{hash}/{}", record.attempt),
            step_key: format!("{run}/{hash}"),
            timeout_ms: record.run_options().and_then(|options| options.timeout_ms),
            input: info.input_of(&record.name()).cloned(),
        };
        TwinNext::Execute(record.ticket.unwrap_or(Ticket::MAX), execution)
    }

    pub(super) fn body_policy(&self, op: OpNumber) -> crate::retry::RetryPolicy {
        let policy = self.info.policy;
        self.op(op).run_options().map_or(policy, |options| {
            policy.overridden(options.retries, options.backoff)
        })
    }

    /// A twin gives up on an operation, as the workflow instance did.
    pub fn twin_cancel(&mut self, cursor: &mut TwinCursor, ticket: Ticket) -> Result<(), Stop> {
        refuse_in_body(cursor, "cancel")?;
        if ticket >= cursor.started {
            return Err(unknown_ticket("cancel", ticket));
        }
        cursor.given_up.insert(ticket);
        Ok(())
    }

    /// A twin hands in the outcome of the body that it executes.
    pub fn twin_finish(
        &mut self,
        cursor: &mut TwinCursor,
        ticket: Ticket,
        outcome: Result<Json, Failure>,
        now_ms: u64,
    ) -> Result<(), Stop> {
        let op = match cursor.executing {
            Some(op) if self.op(op).ticket == Some(ticket) => op,
            Some(_) | None => return Err(unknown_ticket("finish", ticket)),
        };
        cursor.executing = None;
        match outcome {
            Ok(json) if is_json(&json) => self.body_done(op, json, now_ms),
            Ok(_) => {
                let step = self.op(op).name();
                let failure = Failure::permanent(
                    Origin::Limit,
                    format!("step `{step}`: its result is not valid JSON"),
                );
                self.body_attempt_failed(op, failure, now_ms);
            }
            Err(failure) => self.body_attempt_failed(op, failure, now_ms),
        }
        Ok(())
    }

    /// A twin trapped, or was ended for breaking a limit, while it executed a body.
    pub fn body_failed(&mut self, cursor: &mut TwinCursor, failure: Failure, now_ms: u64) {
        if let Some(op) = cursor.executing.take() {
            self.body_attempt_failed(op, failure, now_ms);
        }
    }

    /// A twin is given up for reasons that are not the body's: the body waits for another one, and no attempt counts unless it reached
    /// outside.
    pub fn body_abandoned(&mut self, cursor: &mut TwinCursor, now_ms: u64) {
        if let Some(op) = cursor.executing.take()
            && let OpState::Executing {
                started_ms,
                reaches_out,
                ..
            } = self.op(op).state
        {
            self.executing.remove(&op);
            self.spans.forget(Some(op));
            self.bodies_due.insert(op);
            let record = self.op_mut(op);
            record.state = OpState::BodyDue;
            record.reached_out_ms = reaches_out.then_some(started_ms);
            self.settle_interrupted(op, now_ms);
        }
    }

    /// Whether nobody wants the outcome of the body that executes here any more.
    pub fn body_cancelled(&self, cursor: &TwinCursor) -> bool {
        cursor
            .executing
            .is_some_and(|op| !matches!(self.op(op).state, OpState::Executing { .. }))
            || matches!(self.phase(), Phase::Over | Phase::Diverged)
    }

    /// The operation whose body executes here, and which attempt it is.
    pub fn attempt_of_body(&self, cursor: &TwinCursor) -> Option<(OpNumber, u32)> {
        let op = cursor.executing?;
        Some((op, self.op(op).attempt))
    }

    /// A body logs a line. A line that speaks of a span is none of the log.
    pub fn body_log(&mut self, cursor: &TwinCursor, level: LogLevel, message: &str, now_ms: u64) {
        if let Some(op) = cursor.executing {
            let attempt = self.op(op).attempt;
            match Mark::parse(message) {
                Some(mark) => self.mark((Some(op), attempt), mark, now_ms, true),
                None => self.push_line(Some(op), attempt, level, message, now_ms),
            }
        }
    }

    fn body_done(&mut self, op: OpNumber, json: Json, now_ms: u64) {
        self.end_spans(Some(op), now_ms);
        let attempts = self.op(op).attempt + 1;
        self.complete(op, Outcome::Done(json), attempts, now_ms);
    }

    fn body_attempt_failed(&mut self, op: OpNumber, failure: Failure, now_ms: u64) {
        let record = self.op(op);
        let OpState::Executing { started_ms, .. } = record.state else {
            return;
        };
        let attempt = record.attempt;
        self.end_spans(Some(op), now_ms);
        let failure = self.bounded(failure);
        let record = self.op(op);
        let mut identity = self.info.run.to_bytes().to_vec();
        identity.extend_from_slice(record.name().as_bytes());
        let policy = self.body_policy(op);
        match policy.next_attempt_ms(&failure, attempt, now_ms, &identity) {
            None => self.complete(op, Outcome::Failed(failure), attempt + 1, now_ms),
            Some(retry_at_ms) => {
                self.keep_in_state(op, data_bytes(&failure));
                self.entries.push(Entry::BodyFailed {
                    op,
                    attempt,
                    failure,
                    started_ms,
                    at_ms: now_ms,
                    retry_at_ms,
                });
                self.executing.remove(&op);
                let record = self.op_mut(op);
                record.attempt = attempt + 1;
                record.retry_at_ms = retry_at_ms;
                record.state = OpState::RetryWait;
                self.watch(
                    op,
                    Registration::Retry {
                        due_ms: retry_at_ms,
                    },
                );
            }
        }
    }

    pub(super) fn push_line(
        &mut self,
        op: Option<OpNumber>,
        attempt: u32,
        level: LogLevel,
        message: &str,
        at_ms: u64,
    ) {
        let limits = &self.info.limits;
        if self.logged.is_full(limits) {
            return;
        }
        let read = beginning(message);
        let beyond = u32::try_from(message.len() - read.len()).unwrap_or(u32::MAX);
        let (level, kept) = Written::parse(read).fit(level, limits.log_line_bytes);
        let mut line = LogLine {
            at_ms,
            op,
            attempt,
            level,
            message: kept.message,
            fields: kept.fields,
            cut: kept.cut.saturating_add(beyond),
        };
        self.logged.count(&line);
        if self.logged.is_full(limits) {
            line.level = LogLevel::Warn;
            line.message = format!(
                "the run has logged {} lines or {} KiB: the rest of its log is dropped",
                limits.log_lines_per_run,
                limits.log_bytes_per_run >> 10
            );
            (line.fields, line.cut) = (None, 0);
        }
        self.logs.push(line);
    }
}

/// A body has no operations: whoever asks for one there has mixed up body and workflow code.
fn refuse_in_body(cursor: &TwinCursor, call: &str) -> Result<(), Stop> {
    match cursor.executing {
        None => Ok(()),
        Some(_) => Err(Stop::Failed(Failure::permanent(
            Origin::Limit,
            format!(
                "`{call}` was called inside the body of a step; a body cannot start, await or cancel operations: do that in the \
                 workflow code, before or after the step"
            ),
        ))),
    }
}

/// Cuts `text` to at most `bytes` bytes at a character's border.
pub(crate) fn truncate(text: &mut String, bytes: usize) {
    if text.len() > bytes {
        let end = (0..=bytes)
            .rev()
            .find(|i| text.is_char_boundary(*i))
            .unwrap_or(0);
        text.truncate(end);
        text.push('…');
    }
}

impl super::Op {
    fn run_options(&self) -> Option<&RunOptions> {
        match &self.operation {
            Some(Operation::Run(options)) => Some(options),
            _ => None,
        }
    }
}
