//! What is in memory of all queues: lanes, the slots of runs in flight, gates, candidates. No reads and no writes: [`dispatch`](super::dispatch)
//! decides with it.
//!
//! Invariants:
//! - Everybody who waits stands at exactly one [`Spot`], and is found there.
//! - A gate's `held` is the number of slots that flights have of it, plus (for whole runs) the holders that the store has.
//! - A paused function has no lanes here.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::discovery::Discovery;
use super::gates::{Candidates, Gate, Spot, State, Turn, Who};
use super::lane::Lane;
use crate::ids::{FunctionId, RunId};
use crate::journal::{OpNumber, WORKFLOW_OP};
use crate::state::{Counter, LaneKey, Place, Run, WaitKey};

/// Stands in place of an operation's number for the slot that a run is started with: its first step takes it over.
pub(super) const START: OpNumber = WORKFLOW_OP;

/// See the [module](self).
#[derive(Debug, Default)]
pub(in crate::engine) struct Queues {
    pub(super) lanes: BTreeMap<Arc<LaneKey>, Lane>,
    pub(super) flights: BTreeMap<RunId, Flight>,
    gates: BTreeMap<Gate, State>,
    /// Throttles that are closed, by the time at which they open.
    closed: BTreeSet<(u64, Gate)>,
    apps: BTreeMap<Arc<str>, Candidates>,
    /// Whose turn it was last.
    last_app: Option<Arc<str>>,
    pub(super) paused: BTreeSet<FunctionId>,
    pub(in crate::engine) discovery: Discovery,
    /// Gates that may be forgotten when the next step begins: the reads of this one do not show what it wrote.
    idle: Vec<Gate>,
    /// Runs in flight before a restart that have not said yet which steps they want to execute.
    awaited: BTreeMap<RunId, Arc<[Counter]>>,
}

/// The steps of one run that hold slots or wait for them.
#[derive(Debug)]
pub(super) struct Flight {
    pub function: FunctionId,
    pub place: Place,
    /// Limits on steps only.
    pub counters: Arc<[Counter]>,
    pub steps: BTreeMap<OpNumber, Step>,
}

/// A step that holds slots or waits for them.
#[derive(Debug)]
pub(super) struct Step {
    /// Where it waits; none: it holds a slot of every counter.
    pub spot: Option<Spot>,
    /// Whether the host performs it as a request, which goes on when the run's execution ends.
    pub request: bool,
}

impl Flight {
    fn new(run: &Run, place: Place) -> Self {
        Self {
            function: run.function.clone(),
            place,
            counters: step_counters(run),
            steps: BTreeMap::new(),
        }
    }
}

/// The limits on steps that a run counts against.
pub(super) fn step_counters(run: &Run) -> Arc<[Counter]> {
    let counters = run.queue.iter().flat_map(|queue| &queue.counters);
    let of_steps = counters.filter(|counter| !counter.is_of_runs());
    of_steps.cloned().collect()
}

/// The distinct gates of counters: both limits of a function can be about the same thing.
pub(super) fn gates_of(counters: &[Counter]) -> BTreeSet<Gate> {
    let names = counters.iter().map(|counter| counter.name.clone());
    names.map(Gate::Counter).collect()
}

impl Queues {
    /// Whether nothing waits and nothing is held.
    #[cfg(test)]
    pub(in crate::engine) fn is_idle(&self) -> bool {
        let busy = self.gates.values().any(|state| !state.is_idle());
        self.lanes.is_empty() && self.flights.is_empty() && self.apps.is_empty() && !busy
    }

    /// A new step of the engine begins.
    pub(in crate::engine) fn begin_step(&mut self) {
        for gate in std::mem::take(&mut self.idle) {
            if self.gates.get(&gate).is_some_and(State::is_idle) {
                self.gates.remove(&gate);
            }
        }
    }

    pub(super) fn gate(&mut self, gate: &Gate) -> &mut State {
        self.gates.entry(gate.clone()).or_default()
    }

    /// All gates, with how they stand.
    pub(super) fn gates(&self) -> impl Iterator<Item = (&Gate, &State)> {
        self.gates.iter()
    }

    pub(super) fn has_candidates(&self, room: bool) -> bool {
        let mut apps = self.apps.values();
        apps.any(|app| !app.steps.is_empty() || room && !app.lanes.is_empty())
    }

    /// The candidate whose turn it is: apps in turn, the first place within an app.
    pub(super) fn next_candidate(&mut self, room: bool) -> Option<(Turn, Who)> {
        use std::ops::Bound::{Excluded, Unbounded};
        let after = match &self.last_app {
            Some(app) => Excluded(app.clone()),
            None => Unbounded,
        };
        let later = self.apps.range((after, Unbounded));
        let mut in_turn = later.chain(self.apps.iter());
        let (app, found) =
            in_turn.find_map(|(app, candidates)| Some((app.clone(), candidates.first(room)?)))?;
        self.last_app = Some(app);
        Some(found)
    }

    fn spot_of(&mut self, who: &Who) -> Option<Spot> {
        match who {
            Who::Lane(key) => Some(self.lanes.get(key)?.spot.clone()),
            Who::Step(run, op) => self.flights.get(run)?.steps.get(op)?.spot.clone(),
        }
    }

    fn put_spot(&mut self, who: &Who, spot: Option<Spot>) {
        match who {
            Who::Lane(key) => {
                if let Some(lane) = self.lanes.get_mut(key) {
                    lane.spot = spot.unwrap_or(Spot::Hidden);
                }
            }
            Who::Step(run, op) => {
                let flight = self.flights.get_mut(run);
                if let Some(step) = flight.and_then(|flight| flight.steps.get_mut(op)) {
                    step.spot = spot;
                }
            }
        }
    }

    fn app_of(&self, who: &Who) -> Option<Arc<str>> {
        match who {
            Who::Lane(key) => Some(key.function.app.clone()),
            Who::Step(run, _) => Some(self.flights.get(run)?.function.app.clone()),
        }
    }

    /// Takes somebody away from where they stand. A gate that was offered to them offers itself to the next.
    pub(super) fn lift(&mut self, who: &Who) {
        match self.spot_of(who) {
            Some(Spot::Candidate(turn, offered)) => {
                if let Some(app) = self.app_of(who)
                    && let Some(candidates) = self.apps.get_mut(&app)
                {
                    candidates.remove(turn, who);
                    if candidates.is_empty() {
                        self.apps.remove(&app);
                    }
                }
                self.put_spot(who, Some(Spot::Hidden));
                if let Some(gate) = offered {
                    self.gate(&gate).answered(turn, who);
                    self.offer(&gate);
                }
            }
            Some(Spot::Parked(turn, gate, limit)) => {
                self.gate(&gate).leave(turn, who, limit);
                self.put_spot(who, Some(Spot::Hidden));
                self.offer(&gate);
            }
            Some(Spot::Hidden) | None => {}
        }
    }

    /// Makes somebody who stands nowhere a candidate.
    pub(super) fn stand(&mut self, who: Who, turn: Turn, offered: Option<Gate>) {
        let Some(app) = self.app_of(&who) else { return };
        self.put_spot(&who, Some(Spot::Candidate(turn, offered)));
        self.apps.entry(app).or_default().insert(turn, who);
    }

    /// Makes somebody a candidate, wherever they stand.
    pub(super) fn restand(&mut self, who: Who, turn: Turn) {
        self.lift(&who);
        self.stand(who, turn, None);
    }

    /// Parks a candidate that was tried at a gate that does not let it pass.
    pub(super) fn park(&mut self, who: &Who, turn: Turn, gate: Gate, limit: u32) {
        self.lift(who);
        self.gate(&gate).park(turn, who.clone(), limit);
        self.put_spot(who, Some(Spot::Parked(turn, gate, limit)));
    }

    /// Lets a gate offer itself, if it is open and somebody waits.
    pub(super) fn offer(&mut self, gate: &Gate) {
        let Some(state) = self.gates.get_mut(gate) else {
            return;
        };
        let offers = state.offers();
        if state.is_idle() {
            self.idle.push(gate.clone());
        }
        for (turn, who) in offers.into_iter().flatten() {
            self.stand(who, turn, Some(gate.clone()));
        }
    }

    /// Counts one more, or one less, on every counter.
    pub(super) fn hold(&mut self, counters: &[Counter]) {
        for gate in gates_of(counters) {
            self.gate(&gate).held += 1;
        }
    }

    pub(super) fn give_back(&mut self, counters: &[Counter]) {
        for gate in gates_of(counters) {
            let state = self.gate(&gate);
            state.held = state.held.saturating_sub(1);
            self.offer(&gate);
        }
    }

    /// A throttle lets nobody pass before this time.
    pub(super) fn close(&mut self, gate: &Gate, until_ms: u64) {
        if self.gate(gate).held == 0 {
            self.gate(gate).held = 1;
            self.closed.insert((until_ms, gate.clone()));
        }
    }

    pub(super) fn is_closed(&self, gate: &Gate) -> bool {
        self.gates.get(gate).is_some_and(|state| state.held > 0)
    }

    /// Opens the throttles whose time has come.
    pub(in crate::engine) fn open_due(&mut self, now_ms: u64) {
        while let Some((due_ms, _)) = self.closed.first()
            && *due_ms <= now_ms
            && let Some((_, gate)) = self.closed.pop_first()
        {
            self.gate(&gate).held = 0;
            self.offer(&gate);
        }
    }

    /// When the next throttle opens.
    pub(in crate::engine) fn next_due_ms(&self) -> Option<u64> {
        self.closed.first().map(|(due_ms, _)| *due_ms)
    }

    /// The flight of a run, which may be new.
    pub(super) fn flight(&mut self, run: &Run, place: Place) -> &mut Flight {
        let flights = self.flights.entry(run.id);
        flights.or_insert_with(|| Flight::new(run, place))
    }

    /// Takes a step out of its flight, with what it holds or waits at.
    pub(in crate::engine) fn drop_step(&mut self, run: RunId, op: OpNumber) {
        self.lift(&Who::Step(run, op));
        let Some(flight) = self.flights.get_mut(&run) else {
            return;
        };
        let held = matches!(flight.steps.remove(&op), Some(Step { spot: None, .. }));
        let counters = flight.counters.clone();
        if flight.steps.is_empty() {
            self.flights.remove(&run);
        }
        if held {
            self.give_back(&counters);
        }
    }

    /// Takes a step out of its flight if it holds slots.
    pub(in crate::engine) fn drop_granted(&mut self, key: WaitKey) {
        let flight = self.flights.get(&key.run);
        let step = flight.and_then(|flight| flight.steps.get(&key.op));
        if step.is_some_and(|step| step.spot.is_none()) {
            self.drop_step(key.run, key.op);
        }
    }

    /// Takes those steps of a run out of its flight of which `which` says so.
    pub(super) fn drop_steps(&mut self, run: RunId, which: impl Fn(&Step) -> bool) {
        let Some(flight) = self.flights.get(&run) else {
            return;
        };
        let steps = flight.steps.iter().filter(|(_, step)| which(step));
        for op in steps.map(|(op, _)| *op).collect::<Vec<_>>() {
            self.drop_step(run, op);
        }
    }

    /// The run will say which steps it wants: until then lanes do not pass the gates of its steps.
    pub(in crate::engine) fn await_word(&mut self, run: &Run) {
        let counters = step_counters(run);
        if counters.is_empty() || self.awaited.contains_key(&run.id) {
            return;
        }
        for gate in gates_of(&counters) {
            self.gate(&gate).awaited += 1;
        }
        self.awaited.insert(run.id, counters);
    }

    /// The run has said which steps it wants, or never will.
    pub(super) fn heard(&mut self, run: RunId) {
        if self.awaited.is_empty() {
            return;
        }
        let Some(counters) = self.awaited.remove(&run) else {
            return;
        };
        for gate in gates_of(&counters) {
            let state = self.gate(&gate);
            state.awaited = state.awaited.saturating_sub(1);
            self.offer(&gate);
        }
    }

    /// Forgets the lanes of a function.
    pub(super) fn drop_lanes(&mut self, function: &FunctionId) {
        for key in self.lanes_of(function) {
            self.lift(&Who::Lane(key.clone()));
            self.lanes.remove(&key);
        }
    }

    /// The lanes of a function that are known.
    pub(super) fn lanes_of(&self, function: &FunctionId) -> Vec<Arc<LaneKey>> {
        let first = LaneKey {
            function: function.clone(),
            lane: "".into(),
        };
        let lanes = self.lanes.range::<LaneKey, _>(first..).map(|(key, _)| key);
        let of_function = lanes.take_while(|key| key.function == *function);
        of_function.cloned().collect()
    }

    /// Other limits may hold for a function now: whoever waits is tried again.
    pub(in crate::engine) fn limits_changed(&mut self, function: &FunctionId) {
        let closed = self
            .closed
            .iter()
            .filter(|(_, gate)| matches!(gate, Gate::Throttle(of, _) if of == function));
        for entry in closed.cloned().collect::<Vec<_>>() {
            self.closed.remove(&entry);
            self.gate(&entry.1).held = 0;
            self.offer(&entry.1);
        }
        for key in self.lanes_of(function) {
            let Some(lane) = self.lanes.get_mut(&key) else {
                continue;
            };
            if lane.spot != Spot::Hidden {
                let turn = Turn::of_start(lane.turn());
                self.restand(Who::Lane(key), turn);
            }
        }
        let flights = self.flights.iter();
        let waiting: Vec<_> = flights
            .filter(|(_, flight)| flight.function == *function)
            .flat_map(|(run, flight)| {
                let steps = flight.steps.iter();
                let waiting = steps.filter(|(_, step)| step.spot.is_some());
                waiting.map(|(op, _)| (*run, flight.place, *op))
            })
            .collect();
        for (run, place, op) in waiting {
            self.restand(Who::Step(run, op), Turn { place, op });
        }
    }
}
