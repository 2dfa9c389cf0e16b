//! What the workflow instance does: it starts operations, asks for news, gives up, logs, returns.

use std::sync::Arc;

use super::{
    Asked, Change, Completion, Divergence, FieldDifference, Machine, Now, Op, OpState, Phase,
    Position, Send, Stop, Ticket,
};
use crate::expr::{Scope, match_key};
use crate::failure::{Failure, Origin};
use crate::journal::{Entry, OpNumber, Outcome, WORKFLOW_OP, step_key};
use crate::limits::MAX_WAIT_MS;
use crate::operation::{Kind, Operation, WaitForEvent};
use crate::span::Mark;
use crate::state::{LogLevel, Registration, RunEnd};
use crate::{Json, is_json};

/// What the workflow instance is told.
#[derive(Debug, Clone, PartialEq)]
pub enum Next {
    /// News of an operation.
    News(Ticket, Outcome),
    /// None yet: ask again when something arrived or a body finished.
    Blocked,
}

impl Op {
    pub(super) fn state_at_start(kind: Kind) -> OpState {
        match kind {
            Kind::Run => OpState::BodyDue,
            Kind::Sleep
            | Kind::SleepUntil
            | Kind::WaitForEvent
            | Kind::WaitForSignal
            | Kind::SendEvents
            | Kind::SendSignal
            | Kind::Invoke
            | Kind::Fetch
            | Kind::AiInfer => OpState::Watched,
        }
    }
}

impl Machine {
    /// Why an operation cannot be started, if it cannot.
    fn fault(
        &self,
        ticket: Ticket,
        id: &str,
        operation: &Operation,
        now_ms: u64,
    ) -> Option<String> {
        if let Some(fault) = operation.fault(id, &self.info.limits) {
            return Some(fault);
        }
        // Before anything is recorded: what is recorded must be watched.
        if matches!(operation, Operation::SleepUntil(due_ms) if *due_ms > now_ms.saturating_add(MAX_WAIT_MS))
        {
            return Some("the time lies more than 366 days ahead".into());
        }
        (ticket >= self.info.limits.steps_per_run).then(|| {
            format!(
                "it would be operation {} of the run, and the limit is {}; split the work over several runs with invoke or \
                 send-events",
                u64::from(ticket) + 1,
                self.info.limits.steps_per_run
            )
        })
    }

    /// The workflow code starts an operation.
    pub fn start(
        &mut self,
        id: &str,
        operation: Operation,
        mut now: Now<'_>,
    ) -> Result<Ticket, Stop> {
        self.blocked = false;
        let ticket = self.started;
        let id: Arc<str> = id.into();
        let occurrence = self.occurrences.next(&id);
        self.started += 1;
        self.outstanding += 1;
        if (ticket as usize) < self.asked.len() {
            return self.check_recorded(ticket, &id, occurrence, operation, now.ms);
        }
        if let Some(failure) = self.fatal.take() {
            return Err(Stop::Failed(failure));
        }
        if let Some(fault) = self.fault(ticket, &id, &operation, now.ms) {
            return Err(broken(&id, occurrence, &fault));
        }
        let kind = operation.kind();
        let digest = operation.digest();
        let summary = operation.summary();
        let known = self.by_key.get(&(id.clone(), occurrence)).copied();
        if let Some(fault) = known.and_then(|op| self.op(op).misfit(kind, digest, &summary)) {
            return Err(broken(&id, occurrence, &fault));
        }
        let known = known.filter(|op| {
            let op = self.op(*op);
            op.kind == kind && op.state != OpState::Cancelled
        });
        let fresh = OpNumber::try_from(self.ops.len()).unwrap_or(OpNumber::MAX);
        let op = known.unwrap_or(fresh);
        self.entries.push(Entry::OperationStarted {
            op,
            after: self.told,
            kind,
            id: id.to_string(),
            occurrence,
            digest,
            summary: summary.clone(),
            at_ms: now.ms,
        });
        self.asked.push(Asked {
            op,
            after: self.told,
            digest,
            summary,
            given_up: false,
            told: false,
        });
        if known.is_some() {
            self.take_over(op, ticket, operation, now.ms);
        } else {
            self.by_key.insert((id.clone(), occurrence), op);
            self.ops.push(Op {
                id,
                occurrence,
                kind,
                operation: Some(operation),
                ticket: Some(ticket),
                state: Op::state_at_start(kind),
                attempt: 0,
                reached_out_ms: None,
                retry_at_ms: 0,
                outcome: None,
                started_ms: now.ms,
                watched: false,
                completed: 0,
                carried: None,
            });
            self.record_input(op);
            self.set_off(op, &mut now);
        }
        Ok(ticket)
    }

    /// Sets off a new operation.
    #[allow(clippy::too_many_lines, reason = "one arm an operation")]
    fn set_off(&mut self, op: OpNumber, now: &mut Now<'_>) {
        let record = &self.ops[op as usize];
        let operation = record.operation.clone().expect("it was just started");
        let policy = self.info.policy;
        let null = || Outcome::Done("null".into());
        match operation {
            Operation::Run(_) => {
                self.bodies_due.insert(op);
            }
            Operation::Sleep(duration_ms) => {
                self.sleep(op, now.ms.saturating_add(duration_ms), now.ms);
            }
            Operation::SleepUntil(due_ms) => self.sleep(op, due_ms, now.ms),
            Operation::WaitForEvent(wait) => {
                let registration = self.event_wait(wait, now.ms);
                self.watch(op, registration);
            }
            Operation::WaitForSignal(wait) => self.watch(
                op,
                Registration::Signal {
                    name: wait.signal,
                    replace: wait.replace,
                    due_ms: now.ms.saturating_add(wait.timeout_ms),
                },
            ),
            Operation::SendEvents(events) => {
                if let Some(failure) = self.schema_fault(&events) {
                    self.complete(op, Outcome::Failed(failure), 0, now.ms);
                    return;
                }
                let mut ids = Vec::with_capacity(events.len());
                let mut accepted = Vec::with_capacity(events.len());
                for event in events {
                    let id = crate::ids::EventId(now.ids.next(now.ms));
                    ids.push(format!("\"{id}\""));
                    accepted.push((id, event));
                }
                self.sends.push((op, Send::Events(accepted)));
                let ids = Outcome::Done(format!("[{}]", ids.join(",")).into());
                self.complete(op, ids, 0, now.ms);
            }
            Operation::SendSignal(signal) => {
                self.sends.push((op, Send::Signal(signal)));
                self.complete(op, null(), 0, now.ms);
            }
            Operation::Invoke(invoke) => {
                let due_ms = now.ms.saturating_add(invoke.timeout_ms());
                let invoke = Box::new(invoke);
                self.watch(
                    op,
                    Registration::Invoke {
                        invoke,
                        due_ms,
                        child: None,
                    },
                );
            }
            Operation::Fetch(fetch) => {
                let policy = policy.overridden(fetch.retries, fetch.backoff);
                self.watch(
                    op,
                    Registration::Fetch {
                        fetch: Box::new(fetch),
                        policy,
                        attempt: 0,
                        due_ms: None,
                    },
                );
            }
            Operation::AiInfer(infer) => {
                let policy = policy.overridden(infer.retries, None);
                self.watch(
                    op,
                    Registration::AiInfer {
                        infer: Box::new(infer),
                        policy,
                        attempt: 0,
                        due_ms: None,
                    },
                );
            }
        }
    }

    fn sleep(&mut self, op: OpNumber, due_ms: u64, now_ms: u64) {
        // What was kept is told first, also what is asked for later: a race must have the same winner again. The timer is due at once.
        if due_ms <= now_ms && !self.keeps_results() {
            self.complete(op, Outcome::Done("null".into()), 0, now_ms);
        } else {
            self.watch(op, Registration::Sleep { due_ms });
        }
    }

    fn event_wait(&self, wait: WaitForEvent, now_ms: u64) -> Registration {
        let match_path = wait.match_path.map(|path| {
            let scope = Scope::parse(&self.info.event).unwrap_or_default();
            let value = match_key(&scope, &path);
            (path, value)
        });
        Registration::Event {
            name: wait.event,
            match_path,
            if_expr: wait.if_expr,
            since_ms: (wait.lookback_ms > 0).then(|| now_ms.saturating_sub(wait.lookback_ms)),
            due_ms: now_ms.saturating_add(wait.timeout_ms),
        }
    }

    /// This attempt asks for what an earlier attempt at the workflow code asked for already.
    fn take_over(&mut self, op: OpNumber, ticket: Ticket, operation: Operation, now_ms: u64) {
        let record = self.op_mut(op);
        record.ticket = Some(ticket);
        record.operation = Some(operation);
        match record.state {
            OpState::Complete => {
                let completed = record.completed;
                self.recalls.insert(completed, (op, now_ms));
            }
            OpState::BodyDue => {
                self.bodies_due.insert(op);
                self.settle_interrupted(op, now_ms);
            }
            // It is watched as it was first asked for: its time does not start anew.
            OpState::RetryWait
            | OpState::Watched
            | OpState::Executing { .. }
            | OpState::Cancelled => {}
        }
    }

    fn check_recorded(
        &mut self,
        ticket: Ticket,
        id: &Arc<str>,
        occurrence: u32,
        operation: Operation,
        now_ms: u64,
    ) -> Result<Ticket, Stop> {
        let told = self.told;
        if let Some(divergence) = self.compare(ticket, id, occurrence, &operation, told) {
            return Err(self.diverge(divergence));
        }
        let op = self.asked[ticket as usize].op;
        self.op_mut(op).operation = Some(operation);
        self.settle_interrupted(op, now_ms);
        Ok(ticket)
    }

    /// How the operation differs from the recorded one of the same ticket.
    pub(super) fn compare(
        &self,
        ticket: Ticket,
        id: &str,
        occurrence: u32,
        operation: &Operation,
        told: u32,
    ) -> Option<Divergence> {
        let asked = &self.asked[ticket as usize];
        let record = self.op(asked.op);
        let same = &*record.id == id
            && record.occurrence == occurrence
            && record.kind == operation.kind()
            && asked.after == told
            && asked.digest == operation.digest();
        if same {
            return None;
        }
        let attempted = step_key(id, occurrence);
        let fields = [
            ("id", record.name(), attempted.clone()),
            (
                "kind",
                record.kind.as_str().into(),
                operation.kind().as_str().into(),
            ),
            ("options", asked.summary.clone(), operation.summary()),
            (
                "completions told before",
                asked.after.to_string(),
                told.to_string(),
            ),
            (
                "digest of options",
                format!("{:016x}", asked.digest),
                format!("{:016x}", operation.digest()),
            ),
        ];
        let differences = fields
            .into_iter()
            .filter(|(_, recorded, attempted)| recorded != attempted)
            .map(|(field, recorded, attempted)| FieldDifference {
                field: field.into(),
                recorded,
                attempted,
            })
            .collect();
        Some(Divergence {
            index: ticket,
            recorded: Some(record.name()),
            attempted: Some(attempted),
            differences,
        })
    }

    fn diverge(&mut self, divergence: Divergence) -> Stop {
        self.position = Position::Diverged(divergence.clone());
        Stop::Diverged(Box::new(divergence))
    }

    /// A divergence that a fresh twin found: the code is not deterministic.
    pub fn pause_for(&mut self, divergence: Divergence) {
        if self.phase() != Phase::Over {
            let _ = self.diverge(divergence);
        }
    }

    /// The recorded operation that the code has not asked for although it is its turn.
    fn missing(&self) -> Divergence {
        let recorded = self.asked.get(self.started as usize);
        Divergence {
            index: self.started,
            recorded: recorded.map(|asked| self.op(asked.op).name()),
            attempted: None,
            differences: Vec::new(),
        }
    }

    /// The workflow code cannot go on without news.
    #[allow(
        clippy::should_implement_trait,
        reason = "the name of the operation in wit/"
    )]
    pub fn next(&mut self) -> Result<Next, Stop> {
        // Not before everything is repeated that is recorded, though what came in meanwhile was too much.
        if self.started as usize >= self.asked.len()
            && let Some(failure) = self.fatal.take()
        {
            return Err(Stop::Failed(failure));
        }
        let due = |asked: &Asked| asked.after <= self.told;
        if self.asked.get(self.started as usize).is_some_and(due) {
            let missing = self.missing();
            return Err(self.diverge(missing));
        }
        while let Some(Completion { ticket, at_ms }) = self.next_completion() {
            if ticket >= self.started {
                let missing = self.missing();
                return Err(self.diverge(missing));
            }
            self.next_completion += 1;
            let asked = &mut self.asked[ticket as usize];
            if asked.given_up {
                continue;
            }
            asked.told = true;
            let op = asked.op;
            self.told += 1;
            self.outstanding -= 1;
            self.clock_ms = at_ms.max(self.clock_ms);
            self.blocked = false;
            let outcome = self.op(op).outcome.clone().unwrap_or(Outcome::Empty);
            return Ok(Next::News(ticket, outcome));
        }
        if (self.started as usize) < self.asked.len()
            || self.replayed_cancels < self.recorded_cancels
        {
            let missing = self.missing();
            return Err(self.diverge(missing));
        }
        if self.outstanding == 0 {
            return Err(Stop::Failed(Failure::permanent(
                Origin::Limit,
                "the workflow code waits, but no operation is outstanding: it would wait for ever. It may await only steps \
                 and other operations of Abide; move anything else into a step",
            )));
        }
        self.blocked = true;
        Ok(Next::Blocked)
    }

    /// The workflow code gives up on an operation.
    pub fn cancel(&mut self, ticket: Ticket, now_ms: u64) -> Result<(), Stop> {
        if ticket >= self.started {
            return Err(unknown_ticket("cancel", ticket));
        }
        let asked = &mut self.asked[ticket as usize];
        if asked.told || asked.given_up {
            return Ok(());
        }
        asked.given_up = true;
        self.outstanding -= 1;
        let op = asked.op;
        match self.op(op).state {
            OpState::Complete => {}
            OpState::Cancelled => self.replayed_cancels += 1,
            OpState::Executing { .. }
            | OpState::BodyDue
            | OpState::RetryWait
            | OpState::Watched => {
                self.executing.remove(&op);
                self.op_mut(op).state = OpState::Cancelled;
                self.bodies_due.remove(&op);
                self.entries.push(Entry::Cancelled { op, at_ms: now_ms });
                self.recorded_cancels += 1;
                self.replayed_cancels += 1;
                self.unwatch(op);
            }
        }
        Ok(())
    }

    /// The workflow code logs a line. A replayed one is dropped. A line that speaks of a span is none of the log.
    pub fn log(&mut self, level: LogLevel, message: &str, now_ms: u64) {
        self.seen_lines += 1;
        let is_new = self.seen_lines > self.recorded_lines;
        if is_new {
            self.recorded_lines = self.seen_lines;
        }
        if let Some(mark) = Mark::parse(message) {
            self.mark((None, self.attempt), mark, self.clock_ms, is_new);
        } else if is_new {
            self.push_line(None, self.attempt, level, message, now_ms);
        }
    }

    /// The workflow code returned, or it trapped or broke a limit: then `result` is the platform's failure.
    pub fn returned(&mut self, result: Result<Json, Failure>, now_ms: u64) -> Result<(), Stop> {
        if self.phase() == Phase::Over || self.phase() == Phase::Diverged {
            return Ok(());
        }
        if (self.started as usize) < self.asked.len() {
            let missing = self.missing();
            return Err(self.diverge(missing));
        }
        let result = result.and_then(|output| self.valid_output(output));
        self.end_spans(None, self.clock_ms);
        match result {
            Ok(output) => {
                self.entries.push(Entry::WorkflowReturned {
                    output: output.clone(),
                    at_ms: now_ms,
                });
                self.end(RunEnd::Output(output));
            }
            Err(failure) => {
                let failure = self.bounded(failure);
                let identity = self.info.run.to_bytes();
                let retry_at_ms =
                    self.info
                        .policy
                        .next_attempt_ms(&failure, self.attempt, now_ms, &identity);
                self.entries.push(Entry::WorkflowFailed {
                    failure: failure.clone(),
                    at_ms: now_ms,
                    retry_at_ms,
                });
                match retry_at_ms {
                    None => self.end(RunEnd::Failure(failure)),
                    Some(due_ms) => {
                        self.watch(WORKFLOW_OP, Registration::Retry { due_ms });
                        self.position = Position::RetryLater;
                    }
                }
            }
        }
        Ok(())
    }

    fn valid_output(&self, output: Json) -> Result<Json, Failure> {
        let limit = self.info.limits.step_result_bytes;
        let fault = if output.len() > limit {
            format!(
                "the function's output has {} bytes, more than the limit of {limit}",
                output.len()
            )
        } else if is_json(&output) {
            return Ok(output);
        } else {
            "the function's output is not valid JSON".into()
        };
        Err(Failure::permanent(Origin::Limit, fault))
    }

    fn end(&mut self, end: RunEnd) {
        self.position = Position::Ended(end);
        for op in std::mem::take(&mut self.pending) {
            self.unwatch(op);
        }
        self.bodies_due.clear();
        self.executing.clear();
        // A retry that came due is watched until its body's outcome is recorded, also when this attempt never asked for it.
        for (number, op) in (0..).zip(&self.ops) {
            if op.watched {
                self.changes.insert(number, Change::Unregister);
            }
        }
    }
}

fn broken(id: &str, occurrence: u32, fault: &str) -> Stop {
    let step = step_key(&id.chars().take(300).collect::<String>(), occurrence);
    Stop::Failed(Failure::permanent(
        Origin::Limit,
        format!("step `{step}`: {fault}"),
    ))
}

pub(super) fn unknown_ticket(call: &str, ticket: Ticket) -> Stop {
    Stop::Failed(Failure::permanent(
        Origin::Limit,
        format!(
            "`{call}` was called with ticket {ticket}, which was never given out or is not the one that executes; this is a fault of the language SDK"
        ),
    ))
}
