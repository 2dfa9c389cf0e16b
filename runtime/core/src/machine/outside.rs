//! What arrives from outside the executing code.

use super::{Change, Machine, OpState};
use crate::journal::{OpNumber, Outcome};

/// What arrived for an operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Arrival {
    /// The time has come for its next attempt.
    Due,
    /// Its body may execute: the slot that it asked for is its own now.
    Granted,
    /// It ended.
    Outcome {
        /// How.
        outcome: Outcome,
        /// After how many attempts, for requests of the host; otherwise 0.
        attempts: u32,
    },
}

impl Machine {
    /// Takes in an arrival. One that is late (the operation is complete, or was given up) is dropped, and what is kept of it in
    /// the store with it.
    pub fn arrive(&mut self, op: OpNumber, arrival: Arrival, now_ms: u64) {
        // The engine takes it that the run goes on now: it must hear of it if it does not.
        self.position_reported = None;
        let Some(record) = self.ops.get_mut(op as usize) else {
            return;
        };
        match (record.state, arrival) {
            (_, Arrival::Granted) => self.gate.granted(op),
            // One that comes too early was for the attempt before, and came twice.
            (OpState::RetryWait, Arrival::Due) if record.retry_at_ms <= now_ms => {
                record.state = OpState::BodyDue;
                self.pending.remove(&op);
                if record.ticket.is_some() {
                    self.bodies_due.insert(op);
                }
            }
            (OpState::Watched, Arrival::Outcome { outcome, attempts }) => {
                self.complete(op, outcome, attempts, now_ms);
            }
            (OpState::Complete | OpState::Cancelled, _) => {
                self.changes.insert(op, Change::Unregister);
            }
            (
                OpState::BodyDue
                | OpState::Executing { .. }
                | OpState::RetryWait
                | OpState::Watched,
                Arrival::Due | Arrival::Outcome { .. },
            ) => {}
        }
    }
}
