//! Picking: candidates are tried one by one, in turn, and go on or are parked at the first gate that does not let them pass.
//!
//! It happens in [`Input::Dispatch`](super::super::Input::Dispatch) only, so what the store answers is what memory says.

use std::sync::Arc;

use super::super::{Context, Engine};
use super::gates::{Gate, Turn, Who};
use super::lane::Shape;
use super::queues::{START, Step, step_counters};
use super::throttle;
use crate::function::options::{Concurrency, Throttle};
use crate::ids::{FunctionId, RunId};
use crate::journal::OpNumber;
use crate::machine::Arrival;
use crate::state::{
    Control, ControlKey, ControlKind, Counter, LaneKey, Place, ReadError, Run, RunStatus, WaitKey,
    Write,
};

/// What a candidate is told.
enum Passage {
    /// Every gate lets it pass; what its throttle remembers then.
    Free(Option<(ControlKey, Control)>),
    /// It has to wait at this gate, which it would pass if less than this were held.
    Blocked(Gate, u32),
}

impl Engine {
    /// Tries one candidate; `false` if there is none that could go on.
    pub(in crate::engine) fn try_candidate(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Result<bool, ReadError> {
        match self.queues.next_candidate(self.has_room()) {
            Some((turn, Who::Lane(key))) => self.try_lane(&key, turn, cx)?,
            Some((turn, Who::Step(run, op))) => self.try_step(run, op, turn, cx)?,
            None => return Ok(false),
        }
        Ok(true)
    }

    /// How many there may be at once under a counter of the function: as it is deployed now, where scope, unit and key are the same, else as
    /// it was when the run was created.
    fn limit_of(&self, function: &FunctionId, index: usize, counter: &Counter) -> u32 {
        let options: &[Concurrency] = match self.served(function) {
            Some(served) => &served.config.concurrency,
            None => &[],
        };
        let mut same = options
            .iter()
            .filter(|option| counter.is_of(function, option));
        match (same.next(), same.next()) {
            (None, _) => counter.limit,
            (Some(option), None) => option.limit,
            // Two limits of one kind have names of one kind: the order tells them apart.
            (Some(_), Some(_)) => options
                .get(index)
                .filter(|option| counter.is_of(function, option))
                .map_or(counter.limit, |option| option.limit),
        }
    }

    fn throttle_of(&self, function: &FunctionId) -> Option<&Throttle> {
        self.served(function)?.config.throttle.as_ref()
    }

    /// The first counter that does not let pass.
    fn blocking(
        &mut self,
        function: &FunctionId,
        counters: &[Counter],
        is_start: bool,
        cx: &Context<'_>,
    ) -> Result<Option<(Gate, u32)>, ReadError> {
        for (index, counter) in counters.iter().enumerate() {
            let limit = self.limit_of(function, index, counter);
            let gate = Gate::Counter(counter.name.clone());
            self.load_counter(counter, cx)?;
            let state = self.queues.gate(&gate);
            if state.held >= limit || is_start && state.awaited > 0 {
                return Ok(Some((gate, limit)));
            }
        }
        Ok(None)
    }

    /// Counts the holders of a limit on whole runs when they are first asked for.
    pub(super) fn load_counter(
        &mut self,
        counter: &Counter,
        cx: &Context<'_>,
    ) -> Result<(), ReadError> {
        let state = self.queues.gate(&Gate::Counter(counter.name.clone()));
        if counter.is_of_runs() && !state.loaded {
            state.loaded = true;
            let holders = cx.read.holders(&counter.name, usize::MAX)?;
            state.held = u32::try_from(holders.len()).unwrap_or(u32::MAX);
        }
        Ok(())
    }

    fn try_lane(
        &mut self,
        key: &Arc<LaneKey>,
        turn: Turn,
        cx: &mut Context<'_>,
    ) -> Result<(), ReadError> {
        let who = Who::Lane(key.clone());
        let Some(lane) = self.queues.lanes.get_mut(key) else {
            return Ok(());
        };
        lane.refill(key, cx.read)?;
        let Some(head) = lane.head() else {
            self.queues.lift(&who);
            self.queues.lanes.remove(key);
            return Ok(());
        };
        if turn != Turn::of_start(head) {
            // Only now it is known whose turn it is: others may be first.
            self.queues.restand(who, Turn::of_start(head));
            return Ok(());
        }
        if let Some(shape) = lane.shape.clone()
            && let Passage::Blocked(gate, limit) = self.passage(&key.function, &shape, cx)?
        {
            self.queues.park(&who, turn, gate, limit);
            return Ok(());
        }
        let Some(run) = self.queued_run(key, head, cx)? else {
            return self.pop_head(key, head, cx);
        };
        // What it is pinned to can differ from what the run before it was pinned to.
        let shape = Shape::of(&run);
        let passage = self.passage(&key.function, &shape, cx)?;
        if let Some(lane) = self.queues.lanes.get_mut(key) {
            lane.shape = Some(shape);
        }
        match passage {
            Passage::Blocked(gate, limit) => {
                self.queues.park(&who, turn, gate, limit);
                Ok(())
            }
            Passage::Free(throttle) => {
                if let Some((key, control)) = throttle {
                    self.put_control(key, control);
                }
                self.start_queued(run, key, head, cx)?;
                self.pop_head(key, head, cx)
            }
        }
    }

    /// A queued run; none if the store's row speaks of one that does not queue there.
    fn queued_run(
        &mut self,
        key: &LaneKey,
        place: Place,
        cx: &mut Context<'_>,
    ) -> Result<Option<Run>, ReadError> {
        let run = self.find(place.run, cx)?;
        let here = |run: &Run| {
            run.is_in_lane() && run.lane().is_some_and(|lane| lane == (key.clone(), place))
        };
        let run = run.filter(here);
        if run.is_none() {
            // No run can have left without its row: it is taken away lest the lane stands still.
            cx.out.write(Write::DeleteQueued {
                lane: key.clone(),
                place,
            });
        }
        Ok(run)
    }

    /// The lane's first run left it: the next is a candidate.
    fn pop_head(
        &mut self,
        key: &Arc<LaneKey>,
        head: Place,
        cx: &Context<'_>,
    ) -> Result<(), ReadError> {
        let who = Who::Lane(key.clone());
        let Some(lane) = self.queues.lanes.get_mut(key) else {
            return Ok(());
        };
        lane.remove(head);
        lane.refill(key, cx.read)?;
        if lane.is_empty() {
            self.queues.lift(&who);
            self.queues.lanes.remove(key);
        } else {
            let turn = Turn::of_start(lane.turn());
            self.queues.restand(who, turn);
        }
        Ok(())
    }

    /// Whether the first run of a lane may start.
    fn passage(
        &mut self,
        function: &FunctionId,
        shape: &Shape,
        cx: &Context<'_>,
    ) -> Result<Passage, ReadError> {
        if let Some((gate, limit)) = self.blocking(function, &shape.counters, true, cx)? {
            return Ok(Passage::Blocked(gate, limit));
        }
        let (Some(option), Some(value)) = (self.throttle_of(function).cloned(), &shape.throttle)
        else {
            return Ok(Passage::Free(None));
        };
        let gate = Gate::Throttle(function.clone(), value.clone());
        if self.queues.is_closed(&gate) {
            return Ok(Passage::Blocked(gate, 1));
        }
        let key = ControlKey {
            kind: ControlKind::Throttle,
            function: function.clone(),
            key: value.to_string(),
        };
        let earlier = self.control(&key, cx)?;
        match throttle::start(earlier.as_ref(), &option, cx.now_ms) {
            Ok(control) => Ok(Passage::Free(Some((key, control)))),
            Err(at_ms) => {
                self.queues.close(&gate, at_ms);
                Ok(Passage::Blocked(gate, 1))
            }
        }
    }

    /// Starts a queued run.
    fn start_queued(
        &mut self,
        mut run: Run,
        key: &LaneKey,
        place: Place,
        cx: &mut Context<'_>,
    ) -> Result<(), ReadError> {
        cx.out.write(Write::DeleteQueued {
            lane: key.clone(),
            place,
        });
        cx.out.write(Write::PutReady(run.id));
        run.status = RunStatus::Running;
        cx.out.put_run(&run);
        let counters = run.queue.iter().flat_map(|queue| &queue.counters);
        let of_runs: Vec<_> = counters
            .filter(|counter| counter.is_of_runs())
            .cloned()
            .collect();
        for counter in &of_runs {
            cx.out.write(Write::PutHolder {
                counter: counter.name.clone(),
                run: run.id,
            });
        }
        self.queues.hold(&of_runs);
        if run.is_gated() {
            self.queues.hold(&step_counters(&run));
            let held = Step {
                spot: None,
                request: false,
            };
            self.queues.flight(&run, place).steps.insert(START, held);
        }
        self.give_instances(run, Vec::new(), cx)
    }

    fn try_step(
        &mut self,
        run: RunId,
        op: OpNumber,
        turn: Turn,
        cx: &mut Context<'_>,
    ) -> Result<(), ReadError> {
        let who = Who::Step(run, op);
        let Some(flight) = self.queues.flights.get(&run) else {
            return Ok(());
        };
        let (function, counters) = (flight.function.clone(), flight.counters.clone());
        if let Some((gate, limit)) = self.blocking(&function, &counters, false, cx)? {
            self.queues.park(&who, turn, gate, limit);
            return Ok(());
        }
        self.queues.hold(&counters);
        self.queues.lift(&who);
        let flight = self.queues.flights.get_mut(&run);
        let Some(step) = flight.and_then(|flight| flight.steps.get_mut(&op)) else {
            return Ok(());
        };
        step.spot = None;
        if step.request {
            self.issue_granted(WaitKey { run, op }, cx)
        } else {
            self.wake(WaitKey { run, op }, Arrival::Granted, cx);
            Ok(())
        }
    }

    /// Gives back what a run holds as a whole.
    pub(super) fn release_holders(
        &mut self,
        run: &Run,
        cx: &mut Context<'_>,
    ) -> Result<(), ReadError> {
        let counters = run.queue.iter().flat_map(|queue| &queue.counters);
        let of_runs: Vec<_> = counters
            .filter(|counter| counter.is_of_runs())
            .cloned()
            .collect();
        for counter in &of_runs {
            self.load_counter(counter, cx)?;
            cx.out.write(Write::DeleteHolder {
                counter: counter.name.clone(),
                run: run.id,
            });
        }
        self.queues.give_back(&of_runs);
        Ok(())
    }
}
