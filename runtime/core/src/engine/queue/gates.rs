//! Gates: what lanes and steps wait at, and who goes next.
//!
//! | a lane or a step        | and then                                  | stands                       |
//! |-------------------------|-------------------------------------------|------------------------------|
//! | is new                  |                                           | among the candidates         |
//! | is a candidate, tried   | every gate lets it pass                   | nowhere: it goes on          |
//! | is a candidate, tried   | a gate does not                           | parked at that gate          |
//! | is parked               | the gate opens, and it is the first there | among the candidates, offered |
//!
//! A gate offers itself to the first lane and to the first step that wait there. Whoever it was offered to is tried, in the order of all
//! candidates; then it offers itself to the next, as long as it is open. So a freed slot costs a few look-ups in ordered maps, however many
//! wait, and what waits at one gate is not looked at because of another.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::ids::{FunctionId, RunId};
use crate::journal::{OpNumber, WORKFLOW_OP};
use crate::state::{LaneKey, Place};

/// Who waits: a lane for the start of its first run, or a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Who {
    Lane(Arc<LaneKey>),
    Step(RunId, OpNumber),
}

/// The order in which candidates are tried: the run's place, then the step's number. A start's is the largest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Turn {
    pub place: Place,
    pub op: OpNumber,
}

impl Turn {
    pub(super) fn of_start(place: Place) -> Self {
        Self {
            place,
            op: WORKFLOW_OP,
        }
    }
}

/// Names a gate.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Gate {
    /// A limit on what goes on at once.
    Counter(Arc<str>),
    /// The throttle of a function, for one value of its key.
    Throttle(FunctionId, Arc<str>),
}

/// Where somebody stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Spot {
    /// Nowhere: its function is not known well enough yet.
    Hidden,
    /// Among the candidates; the gate that was offered to it.
    Candidate(Turn, Option<Gate>),
    /// At a gate, which it would pass if less than this were held.
    Parked(Turn, Gate, u32),
}

/// Those who wait at a gate, by the limit that holds for them.
#[derive(Debug, Default)]
pub(super) struct Line {
    waiting: BTreeMap<u32, BTreeMap<Turn, Who>>,
    /// The turns of those whom the gate offered itself to.
    offered: BTreeSet<Turn>,
}

impl Line {
    fn is_idle(&self) -> bool {
        self.waiting.is_empty() && self.offered.is_empty()
    }

    /// The first of those whose limit is more than what is held, unless it was offered to one before.
    fn next(&mut self, held: u32) -> Option<(Turn, Who)> {
        let firsts = self.waiting.range(held.checked_add(1)?..);
        let (turn, limit) = firsts
            .filter_map(|(limit, line)| Some((*line.first_key_value()?.0, *limit)))
            .min()?;
        if self.offered.first().is_some_and(|offered| *offered < turn) {
            return None;
        }
        let who = self.remove(turn, limit)?;
        self.offered.insert(turn);
        Some((turn, who))
    }

    fn remove(&mut self, turn: Turn, limit: u32) -> Option<Who> {
        let line = self.waiting.get_mut(&limit)?;
        let who = line.remove(&turn);
        if line.is_empty() {
            self.waiting.remove(&limit);
        }
        who
    }
}

/// A gate: how much of it is held, and who waits. A throttle holds 1 while it is closed, against a limit of 1.
#[derive(Debug, Default)]
pub(super) struct State {
    pub held: u32,
    /// Whether `held` is known: what whole runs hold is in the store.
    pub loaded: bool,
    /// Runs with older claims of which it is not known yet what they hold: lanes let them go first.
    pub awaited: u32,
    lanes: Line,
    steps: Line,
}

impl State {
    /// Whether nothing would be lost if it were forgotten.
    pub(super) fn is_idle(&self) -> bool {
        self.held == 0 && self.awaited == 0 && self.lanes.is_idle() && self.steps.is_idle()
    }

    /// Everybody who waits there.
    pub(super) fn who_wait(&self) -> impl Iterator<Item = &Who> {
        let lines = self
            .lanes
            .waiting
            .values()
            .chain(self.steps.waiting.values());
        lines.flat_map(BTreeMap::values)
    }

    fn line(&mut self, who: &Who) -> &mut Line {
        match who {
            Who::Lane(_) => &mut self.lanes,
            Who::Step(..) => &mut self.steps,
        }
    }

    pub(super) fn park(&mut self, turn: Turn, who: Who, limit: u32) {
        let line = self.line(&who);
        line.waiting.entry(limit).or_default().insert(turn, who);
    }

    pub(super) fn leave(&mut self, turn: Turn, who: &Who, limit: u32) {
        self.line(who).remove(turn, limit);
    }

    /// Whoever it was offered to was tried, or left.
    pub(super) fn answered(&mut self, turn: Turn, who: &Who) {
        self.line(who).offered.remove(&turn);
    }

    /// Those to whom it offers itself now.
    pub(super) fn offers(&mut self) -> [Option<(Turn, Who)>; 2] {
        let lane = if self.awaited == 0 {
            self.lanes.next(self.held)
        } else {
            None
        };
        [self.steps.next(self.held), lane]
    }
}

/// The candidates of one app.
#[derive(Debug, Default)]
pub(super) struct Candidates {
    pub lanes: BTreeMap<Turn, Arc<LaneKey>>,
    pub steps: BTreeMap<Turn, RunId>,
}

impl Candidates {
    pub(super) fn is_empty(&self) -> bool {
        self.lanes.is_empty() && self.steps.is_empty()
    }

    pub(super) fn insert(&mut self, turn: Turn, who: Who) {
        match who {
            Who::Lane(key) => {
                self.lanes.insert(turn, key);
            }
            Who::Step(run, _) => {
                self.steps.insert(turn, run);
            }
        }
    }

    pub(super) fn remove(&mut self, turn: Turn, who: &Who) {
        match who {
            Who::Lane(_) => {
                self.lanes.remove(&turn);
            }
            Who::Step(..) => {
                self.steps.remove(&turn);
            }
        }
    }

    /// The first of them; without room for further executions the first step.
    pub(super) fn first(&self, room: bool) -> Option<(Turn, Who)> {
        let step = self.steps.first_key_value();
        let step = step.map(|(turn, run)| (*turn, Who::Step(*run, turn.op)));
        let lane = self.lanes.first_key_value().filter(|_| room);
        let lane = lane.map(|(turn, key)| (*turn, Who::Lane(key.clone())));
        match (step, lane) {
            (Some(step), Some(lane)) if lane.0 < step.0 => Some(lane),
            (Some(step), _) => Some(step),
            (None, lane) => lane,
        }
    }
}
