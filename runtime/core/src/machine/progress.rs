//! Progress: what the machine hands to the engine, to be committed as one.

use super::{Announced, Divergence, Machine, OpState, Phase};
use crate::event::NewEvent;
use crate::ids::EventId;
use crate::journal::{Entry, OpNumber};
use crate::operation::{Kind, SendSignal};
use crate::span::AuthoredSpan;
use crate::state::{LogLine, Logged, Registration, RunEnd};

/// What the engine is to watch for one operation from now on.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// This.
    Register {
        /// What to watch.
        registration: Registration,
        /// Whether it takes the place of an earlier registration.
        replaces: bool,
    },
    /// Nothing.
    Unregister,
}

/// What a run sends.
#[derive(Debug, Clone, PartialEq)]
pub enum Send {
    /// Events, all or none, with the ids that the run was told.
    Events(Vec<(EventId, NewEvent)>),
    /// A signal.
    Signal(SendSignal),
}

/// Where the run stands.
#[derive(Debug, Clone, PartialEq)]
pub enum Position {
    /// Its code goes on.
    Running,
    /// It waits for something outside.
    Parked {
        /// Whether it waits for nothing but times.
        sleeping: bool,
    },
    /// It waits for slots, and perhaps for something outside too.
    Gated,
    /// It ended.
    Ended(RunEnd),
    /// Its code failed, and a timer is registered for its next attempt.
    RetryLater,
    /// It is to be paused.
    Diverged(Divergence),
}

/// Everything since the last progress.
#[derive(Debug, Clone, PartialEq)]
pub struct Progress {
    /// The index of the first entry in the journal.
    pub first: u32,
    /// New entries.
    pub entries: Vec<Entry>,
    /// What to watch from now on, by operation.
    pub changes: Vec<(OpNumber, Change)>,
    /// What to send, by operation: operations with smaller numbers came first, also among `changes`.
    pub sends: Vec<(OpNumber, Send)>,
    /// Spans that the author opened and that have ended; none where nobody records the run's trace.
    pub spans: Vec<AuthoredSpan>,
    /// New log lines.
    pub logs: Vec<LogLine>,
    /// How much the run has logged, these lines included.
    pub logged: Logged,
    /// Operations whose bodies wait for a slot since now.
    pub wants: Vec<OpNumber>,
    /// Operations that have, or wait for, a slot and need none any more.
    pub releases: Vec<OpNumber>,
    /// Where the run stands now.
    pub position: Position,
}

impl Machine {
    /// How many entries wait to be handed on.
    pub fn entries_buffered(&self) -> usize {
        self.entries.len()
    }

    /// Everything since the last call; `None` when nothing is new.
    ///
    /// Bodies that execute at this moment are recorded as begun, so that operators see them, and those that are about to reach outside as
    /// such: that attempt will never execute again.
    pub fn take_progress(&mut self) -> Option<Progress> {
        self.announce_bodies();
        let (wants, releases) = self.take_gate();
        if self.phase() == Phase::Parked {
            self.position = if self.bodies_due.is_empty() {
                let sleeping = self.pending.iter().all(|op| self.op(*op).waits_for_time());
                Position::Parked { sleeping }
            } else {
                Position::Gated
            };
        } else if matches!(self.position, Position::Parked { .. } | Position::Gated) {
            self.position = Position::Running;
        }
        let changes = self.take_changes();
        let moved = self.position_reported.as_ref() != Some(&self.position);
        let quiet = self.entries.is_empty()
            && changes.is_empty()
            && self.logs.is_empty()
            && wants.is_empty()
            && releases.is_empty();
        if quiet && !(moved && self.position != Position::Running) {
            return None;
        }
        if self.spans.marked() || self.logs.iter().any(|line| line.op.is_none()) {
            self.entries.push(Entry::Logged {
                lines: self.recorded_lines,
            });
        }
        self.position_reported = Some(self.position.clone());
        let entries = std::mem::take(&mut self.entries);
        let first = self.entries_recorded;
        self.entries_recorded += u32::try_from(entries.len()).unwrap_or(u32::MAX);
        Some(Progress {
            first,
            entries,
            changes,
            sends: std::mem::take(&mut self.sends),
            spans: self.spans.take(),
            logs: std::mem::take(&mut self.logs),
            logged: self.logged,
            wants,
            releases,
            position: self.position.clone(),
        })
    }

    fn announce_bodies(&mut self) {
        for number in &self.executing {
            let record = &mut self.ops[*number as usize];
            let (op, attempt) = (*number, record.attempt);
            let OpState::Executing {
                started_ms: at_ms,
                announced,
                reaches_out,
            } = &mut record.state
            else {
                continue;
            };
            let at_ms = *at_ms;
            if *reaches_out && *announced != Announced::ReachedOut {
                *announced = Announced::ReachedOut;
                self.entries
                    .push(Entry::BodyReachedOut { op, attempt, at_ms });
            } else if *announced == Announced::Nothing {
                *announced = Announced::Begun;
                self.entries.push(Entry::BodyStarted { op, attempt, at_ms });
            }
        }
    }

    fn take_changes(&mut self) -> Vec<(OpNumber, Change)> {
        let changes = std::mem::take(&mut self.changes);
        for (op, change) in &changes {
            if let Some(record) = self.ops.get_mut(*op as usize) {
                record.watched = matches!(change, Change::Register { .. });
            }
        }
        changes.into_iter().collect()
    }
}

impl super::Op {
    fn waits_for_time(&self) -> bool {
        self.state == OpState::RetryWait || matches!(self.kind, Kind::Sleep | Kind::SleepUntil)
    }
}
