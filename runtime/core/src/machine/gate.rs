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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::{Arrival, Next, Now, Phase, Position, Progress, RunInfo, TwinNext};
    use super::*;
    use crate::ids::{Digest, FunctionId, IdGenerator, RunId};
    use crate::operation::{Operation, RunOptions};
    use crate::retry::RetryPolicy;

    fn run() -> Operation {
        Operation::Run(RunOptions::default())
    }

    /// A gated machine that has asked for the bodies of these steps.
    fn asking(ids: &[&str]) -> Machine {
        let info = RunInfo {
            run: RunId(7),
            function: FunctionId::new("app", "f"),
            digest: Digest([0; 32]),
            policy: RetryPolicy::default(),
            limits: crate::limits::Limits::default(),
            event: "{}".into(),
            gated: true,
            input: None,
            schemas: Arc::default(),
            logged: crate::state::Logged::default(),
        };
        let mut machine = Machine::load(Arc::new(info), Vec::new(), 1_000).expect("empty");
        for id in ids {
            let ids = &mut IdGenerator::new(1);
            let now = Now { ms: 1_000, ids };
            machine.start(id, run(), now).expect("within the limits");
        }
        assert_eq!(machine.next(), Ok(Next::Blocked));
        machine
    }

    fn progress(machine: &mut Machine) -> Progress {
        machine.take_progress().expect("something new")
    }

    #[test]
    fn a_body_asks_once_executes_when_it_was_granted_and_gives_its_slot_back() {
        let mut machine = asking(&["a", "b"]);
        assert_eq!(
            (machine.bodies_waiting(), machine.phase()),
            (0, Phase::Parked)
        );
        let asked = progress(&mut machine);
        assert_eq!((asked.wants, asked.position), (vec![0, 1], Position::Gated));
        assert_eq!(machine.take_progress(), None);
        machine.arrive(1, Arrival::Granted, 1_000);
        assert_eq!(
            (machine.bodies_waiting(), machine.phase()),
            (1, Phase::Running)
        );
        let mut twin = machine.twin();
        for id in ["a", "b"] {
            machine.twin_start(&mut twin, id, &run()).expect("the same");
        }
        let next = machine.twin_next(&mut twin, 1_000);
        assert!(matches!(next, Ok(TwinNext::Execute(1, _))), "{next:?}");
        // A twin that is given up leaves the slot to the next.
        machine.body_abandoned(&mut twin, 1_000);
        assert_eq!(machine.bodies_waiting(), 1);
        let mut twin = machine.twin();
        for id in ["a", "b"] {
            machine.twin_start(&mut twin, id, &run()).expect("the same");
        }
        let next = machine.twin_next(&mut twin, 1_000);
        assert!(matches!(next, Ok(TwinNext::Execute(1, _))), "{next:?}");
        let finished = machine.twin_finish(&mut twin, 1, Ok("1".into()), 1_000);
        assert_eq!(finished, Ok(()));
        let given_back = progress(&mut machine);
        assert_eq!((given_back.wants, given_back.releases), (vec![], vec![1]));
    }

    #[test]
    fn a_step_that_is_given_up_gives_back_what_it_has_or_waits_for() {
        let mut machine = asking(&["a", "b", "c"]);
        progress(&mut machine);
        machine.arrive(0, Arrival::Granted, 1_000);
        machine.cancel(0, 1_000).expect("a known ticket");
        machine.cancel(1, 1_000).expect("a known ticket");
        assert_eq!(progress(&mut machine).releases, [0, 1]);
        // One that is granted too late goes back, too.
        machine.arrive(1, Arrival::Granted, 1_000);
        assert_eq!(machine.next(), Ok(Next::Blocked));
        assert_eq!(progress(&mut machine).releases, [1]);
    }
}
