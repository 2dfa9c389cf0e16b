//! From entries to a machine: what every entry of a journal means.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{
    Asked, CarriedFrom, Change, Completion, Machine, Occurrences, Op, OpState, Position, RunInfo,
    data_bytes, state_bytes,
};
use crate::journal::{Carried, Entry, OpNumber, WORKFLOW_OP};
use crate::state::RunEnd;

/// A journal that no machine can have written: the store is damaged, or the entries belong to another run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("entry {index} of the run's journal cannot be right: {problem}")]
pub struct InvalidJournal {
    /// Which entry, from 0.
    pub index: usize,
    /// Why.
    pub problem: String,
}

impl Machine {
    /// The machine of a run with this journal. Where no attempt at the workflow code is open, the next one begins at
    /// `now_ms`.
    pub fn load(
        info: Arc<RunInfo>,
        entries: Vec<Entry>,
        now_ms: u64,
    ) -> Result<Self, InvalidJournal> {
        let count = entries.len();
        let mut machine = Self::empty(info);
        let mut open = false;
        let mut attempts = 0;
        for (index, entry) in entries.into_iter().enumerate() {
            match &entry {
                Entry::AttemptStarted { .. } => {
                    open = true;
                    attempts += 1;
                }
                Entry::WorkflowFailed { .. } | Entry::WorkflowReturned { .. } => open = false,
                _ => {}
            }
            machine
                .replay(entry)
                .map_err(|problem| InvalidJournal { index, problem })?;
        }
        machine.entries_recorded = u32::try_from(count).map_err(|_| InvalidJournal {
            index: count,
            problem: "there are too many".into(),
        })?;
        machine.position_reported = Some(machine.position.clone());
        if !open && !matches!(machine.position, Position::Ended(_)) {
            machine.begin(attempts, now_ms);
        }
        machine.find_recalls(now_ms);
        for (number, op) in (0..).zip(&machine.ops) {
            match op.state {
                OpState::BodyDue if op.ticket.is_some() => {
                    machine.bodies_due.insert(number);
                }
                OpState::Watched | OpState::RetryWait => {
                    machine.pending.insert(number);
                }
                OpState::BodyDue
                | OpState::Executing { .. }
                | OpState::Complete
                | OpState::Cancelled => {}
            }
        }
        Ok(machine)
    }

    fn empty(info: Arc<RunInfo>) -> Self {
        let logged = info.logged;
        Self {
            info,
            ops: Vec::new(),
            by_key: BTreeMap::new(),
            attempt: 0,
            asked: Vec::new(),
            completions: Vec::new(),
            recalls: BTreeMap::new(),
            completed: 0,
            recorded_cancels: 0,
            recorded_lines: 0,
            occurrences: Occurrences::default(),
            started: 0,
            next_completion: 0,
            told: 0,
            outstanding: 0,
            replayed_cancels: 0,
            seen_lines: 0,
            clock_ms: 0,
            attempt_began_ms: 0,
            blocked: false,
            position: Position::Running,
            bodies_due: BTreeSet::new(),
            gate: super::gate::Gate::default(),
            executing: BTreeSet::new(),
            pending: BTreeSet::new(),
            state_bytes: 0,
            logged,
            fatal: None,
            entries_recorded: 0,
            entries: Vec::new(),
            changes: BTreeMap::new(),
            sends: Vec::new(),
            logs: Vec::new(),
            spans: super::spans::Spans::default(),
            position_reported: None,
        }
    }

    /// Begins the attempt of this number.
    fn begin(&mut self, attempt: u32, now_ms: u64) {
        self.reset_attempt(attempt, now_ms);
        self.position = Position::Running;
        self.entries.push(Entry::AttemptStarted {
            attempt,
            at_ms: now_ms,
        });
        if attempt > 0 {
            // The timer that brought us here.
            self.changes.insert(WORKFLOW_OP, Change::Unregister);
        }
    }

    fn reset_attempt(&mut self, attempt: u32, at_ms: u64) {
        self.attempt = attempt;
        self.attempt_began_ms = at_ms;
        self.clock_ms = at_ms;
        self.asked.clear();
        self.completions.clear();
        self.recalls.clear();
        self.recorded_cancels = 0;
        self.recorded_lines = 0;
        for op in &mut self.ops {
            op.ticket = None;
        }
    }

    #[allow(clippy::too_many_lines, reason = "one arm an entry")]
    fn replay(&mut self, entry: Entry) -> Result<(), String> {
        match entry {
            Entry::AttemptStarted { attempt, at_ms } => {
                self.reset_attempt(attempt, at_ms);
                // The failure of the attempt before is history.
                self.position = Position::Running;
            }
            Entry::OperationStarted {
                op,
                after,
                kind,
                id,
                occurrence,
                digest,
                summary,
                at_ms,
            } => {
                let ticket = u32::try_from(self.asked.len()).map_err(|_| "too many operations")?;
                if op as usize == self.ops.len() {
                    let id: Arc<str> = id.into();
                    self.by_key.insert((id.clone(), occurrence), op);
                    self.ops.push(Op {
                        id,
                        occurrence,
                        kind,
                        operation: None,
                        ticket: Some(ticket),
                        state: Op::state_at_start(kind),
                        attempt: 0,
                        reached_out_ms: None,
                        retry_at_ms: 0,
                        outcome: None,
                        started_ms: at_ms,
                        watched: Op::state_at_start(kind) == OpState::Watched,
                        completed: 0,
                        carried: None,
                    });
                } else {
                    self.known(op)?.ticket = Some(ticket);
                }
                self.asked.push(Asked {
                    op,
                    after,
                    digest,
                    summary,
                    given_up: false,
                    told: false,
                });
            }
            Entry::Input { op, input, .. } => {
                self.state_bytes += input.len();
                self.known(op)?;
            }
            Entry::Carried(carried) => self.carry(*carried)?,
            Entry::BodyStarted { op, .. } => {
                self.known(op)?;
            }
            Entry::BodyFailed {
                op,
                attempt,
                failure,
                retry_at_ms,
                ..
            } => {
                self.state_bytes += data_bytes(&failure);
                let record = self.attempted(op, attempt)?;
                record.attempt = attempt + 1;
                record.reached_out_ms = None;
                record.retry_at_ms = retry_at_ms;
                record.state = OpState::RetryWait;
                record.watched = true;
            }
            Entry::BodyReachedOut { op, attempt, at_ms } => {
                let record = self.attempted(op, attempt)?;
                if record.reached_out_ms.is_some() {
                    return Err(format!("attempt {attempt} reaches outside a second time"));
                }
                record.reached_out_ms = Some(at_ms);
                record.state = OpState::BodyDue;
            }
            Entry::BodyInterrupted { op, attempt, .. } => {
                let record = self.attempted(op, attempt)?;
                record.attempt = attempt + 1;
                record.reached_out_ms = None;
                record.state = OpState::BodyDue;
            }
            Entry::Completed {
                op, outcome, at_ms, ..
            } => {
                self.state_bytes += state_bytes(&outcome);
                self.completed += 1;
                let completed = self.completed;
                let record = self.known(op)?;
                record.completed = completed;
                record.state = OpState::Complete;
                record.outcome = Some(outcome);
                record.watched = false;
                if let Some(ticket) = record.ticket {
                    self.completions.push(Completion { ticket, at_ms });
                }
            }
            Entry::Recalled { op, at_ms } => {
                let record = self.known(op)?;
                let ticket = record
                    .ticket
                    .ok_or("it recalls what this attempt never asked for")?;
                self.completions.push(Completion { ticket, at_ms });
            }
            Entry::Cancelled { op, .. } => {
                let record = self.known(op)?;
                record.state = OpState::Cancelled;
                record.watched = false;
                self.recorded_cancels += 1;
            }
            Entry::Logged { lines } => self.recorded_lines = lines,
            Entry::WorkflowFailed {
                failure,
                retry_at_ms,
                ..
            } => {
                self.position = match retry_at_ms {
                    Some(_) => Position::RetryLater,
                    None => Position::Ended(RunEnd::Failure(failure)),
                };
            }
            Entry::WorkflowReturned { output, .. } => {
                self.position = Position::Ended(RunEnd::Output(output));
            }
        }
        Ok(())
    }

    /// Takes in a result of the run that this one replays.
    fn carry(&mut self, carried: Carried) -> Result<(), String> {
        if carried.op as usize != self.ops.len() || !self.asked.is_empty() {
            return Err("a result is carried over in the wrong place".into());
        }
        self.state_bytes += state_bytes(&carried.outcome);
        self.completed += 1;
        let id: Arc<str> = carried.id.into();
        self.by_key
            .insert((id.clone(), carried.occurrence), carried.op);
        self.ops.push(Op {
            id,
            occurrence: carried.occurrence,
            kind: carried.kind,
            operation: None,
            ticket: None,
            state: OpState::Complete,
            attempt: 0,
            reached_out_ms: None,
            retry_at_ms: 0,
            outcome: Some(carried.outcome),
            started_ms: carried.started_ms,
            watched: false,
            completed: self.completed,
            carried: Some(CarriedFrom {
                digest: carried.digest,
                summary: carried.summary,
                same_options: carried.same_options,
            }),
        });
        Ok(())
    }

    /// Finds the results that the current attempt has asked for and that are not recorded as told: the process ended in between.
    fn find_recalls(&mut self, now_ms: u64) {
        let asked = |op: &&Op| op.state == OpState::Complete && op.ticket.is_some();
        if self.ops.iter().filter(asked).count() == self.completions.len() {
            return;
        }
        let queued: BTreeSet<_> = self.completions.iter().map(|c| c.ticket).collect();
        for (number, op) in (0..).zip(&self.ops) {
            if let (OpState::Complete, Some(ticket)) = (op.state, op.ticket)
                && !queued.contains(&ticket)
            {
                self.recalls.insert(op.completed, (number, now_ms));
            }
        }
    }

    /// The operation, if this attempt at its body can be the one that is due.
    fn attempted(&mut self, op: OpNumber, attempt: u32) -> Result<&mut Op, String> {
        let record = self.known(op)?;
        if record.attempt != attempt {
            return Err(format!(
                "it speaks of attempt {attempt} at operation {op}, where attempt {} is due",
                record.attempt
            ));
        }
        if matches!(record.state, OpState::Complete | OpState::Cancelled) {
            return Err(format!("operation {op} was over before"));
        }
        Ok(record)
    }

    fn known(&mut self, op: OpNumber) -> Result<&mut Op, String> {
        self.ops
            .get_mut(op as usize)
            .ok_or_else(|| format!("it speaks of operation {op}, which was never started"))
    }
}
