//! Slots: where a function limits how many of its steps execute at once, a body waits until the engine grants it one.
//!
//! | a body that is due | and then                                     | has           |
//! |--------------------|----------------------------------------------|---------------|
//! | has nothing        | the workflow code waits                      | asked         |
//! | has asked          | the engine grants                            | a slot        |
//! | has a slot         | a twin takes it, or gives it up              | the same slot |
//! | has either         | it ends, fails, is given up, or never comes  | nothing       |
//!
//! What it asks for and gives back goes out with the progress. Invariant: no body of a gated run executes without a slot.

use std::collections::BTreeMap;

use super::{Machine, OpState};
use crate::journal::OpNumber;

/// What the engine was asked for, and what it granted.
#[derive(Debug, Default)]
pub(super) struct Gate(BTreeMap<OpNumber, Slot>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Slot {
    Asked,
    Granted,
}

impl Gate {
    pub(super) fn granted(&mut self, op: OpNumber) {
        self.0.insert(op, Slot::Granted);
    }

    fn allows(&self, op: OpNumber) -> bool {
        self.0.get(&op) == Some(&Slot::Granted)
    }
}

impl Machine {
    /// Bodies that are due and may execute.
    pub(super) fn bodies_allowed(&self) -> impl Iterator<Item = OpNumber> {
        let due = self.bodies_due.iter().copied();
        due.filter(|op| !self.info.gated || self.gate.allows(*op))
    }

    /// What to ask for, and what to give back.
    pub(super) fn take_gate(&mut self) -> (Vec<OpNumber>, Vec<OpNumber>) {
        if !self.info.gated {
            return (Vec::new(), Vec::new());
        }
        let needed = |op: OpNumber| match self.ops.get(op as usize).map(|op| op.state) {
            // While a replay is under way it is not known yet whether this attempt asks for the step.
            Some(OpState::BodyDue) => !self.blocked || self.bodies_due.contains(&op),
            Some(OpState::Executing { .. }) => true,
            Some(
                OpState::RetryWait | OpState::Watched | OpState::Complete | OpState::Cancelled,
            )
            | None => false,
        };
        let held = self.gate.0.keys().copied();
        let releases: Vec<_> = held.filter(|op| !needed(*op)).collect();
        for op in &releases {
            self.gate.0.remove(op);
        }
        let mut wants = Vec::new();
        if self.blocked {
            for op in &self.bodies_due {
                self.gate.0.entry(*op).or_insert_with(|| {
                    wants.push(*op);
                    Slot::Asked
                });
            }
        }
        (wants, releases)
    }
}
