//! The queue: which runs may start, and which steps may execute, under the limits of their functions.
//!
//! | a run                        | and then                                  | counts against              |
//! |------------------------------|-------------------------------------------|-----------------------------|
//! | is queued, in its lane       | its turn comes and every gate is open     | limits on runs; its slot    |
//! | has started                  | its first step begins                     | the same: the step takes it |
//! | has a step that is due       | its turn comes and every gate is open     | limits on steps, also       |
//! | sleeps, waits, ended         |                                           | no limit on steps           |
//! | is paused after it began     |                                           | limits on runs              |
//! | is paused before it began    |                                           | nothing: it queues again    |
//! | ended                        |                                           | nothing                     |
//!
//! What counts against limits on steps is known to memory alone: after a restart nothing executes. What counts against limits on runs is in
//! the store. Runs of a function without limits never come here.
//!
//! - [`lane`]: the runs that wait for the same things, and their order
//! - [`gates`]: what is waited at
//! - [`queues`]: everything in memory
//! - [`discovery`]: how lanes are found in the store
//! - [`dispatch`]: who goes on
//! - [`throttle`]: how fast
//! - [`usage`]: what is held, for people

mod discovery;
mod dispatch;
mod gates;
mod lane;
mod queues;
mod throttle;
mod usage;

use std::sync::Arc;

use super::{Context, Engine};
use crate::ids::{FunctionId, RunId};
use crate::journal::{OpNumber, WORKFLOW_OP};
use crate::machine::Arrival;
use crate::state::{Queue, ReadError, Registration, Run, RunStatus, WaitKey, Write};
use gates::{Spot, Turn, Who};
use lane::Lane;
use queues::{START, Step};

pub(super) use queues::Queues;
pub use usage::Usage;

impl Engine {
    /// Makes a run that was just created start at `at_ms`, and records it.
    pub(super) fn enqueue(&mut self, mut run: Run, at_ms: u64, cx: &mut Context<'_>) {
        if at_ms > cx.now_ms {
            // It sleeps until then; the timer lists it as ready.
            run.status = RunStatus::Sleeping;
            cx.out.put_run(&run);
            let key = WaitKey {
                run: run.id,
                op: WORKFLOW_OP,
            };
            let registration = Arc::new(Registration::Start { due_ms: at_ms });
            self.register(key, registration, cx);
            self.step.created.insert(run.id, run);
            return;
        }
        if run.queue.is_none() && self.function_paused(&run.function) {
            run.queue = Some(Box::new(Queue::new(Vec::new(), None, at_ms)));
        }
        cx.out.put_run(&run);
        if run.queue.is_some() {
            self.join_lane(&run, cx);
            self.step.created.insert(run.id, run);
        } else {
            cx.out.write(Write::PutReady(run.id));
            self.make_ready(run.id);
            self.keep_fresh(run);
        }
    }

    fn join_lane(&mut self, run: &Run, cx: &mut Context<'_>) {
        let Some((key, place)) = run.lane() else {
            return;
        };
        cx.out.write(Write::PutQueued {
            lane: key.clone(),
            place,
        });
        if self.function_paused(&run.function) {
            return;
        }
        let covered = self.queues.discovery.covers(&key.function);
        let key = Arc::new(key);
        let Some(lane) = self.queues.lanes.get_mut(&key) else {
            if covered {
                self.queues.discovery.note_late((*key).clone());
            } else {
                self.queues.lanes.insert(key.clone(), Lane::new(place));
                let turn = Turn::of_start(place);
                self.queues.stand(Who::Lane(key), turn, None);
            }
            return;
        };
        lane.insert(place);
        if lane.spot != Spot::Hidden && lane.head() == Some(place) {
            // It comes before all others there: perhaps also before those to whom its gate was offered.
            self.queues.restand(Who::Lane(key), Turn::of_start(place));
        }
    }

    /// Puts a run that was found ready into its lane: its function was paused before it began.
    pub(super) fn hold_back(&mut self, mut run: Run, cx: &mut Context<'_>) {
        cx.out.write(Write::DeleteReady(run.id));
        let queue = Queue::new(Vec::new(), None, run.queued_ms);
        run.queue = Some(Box::new(queue));
        cx.out.write(Write::PutRun(Arc::new(run.clone())));
        self.join_lane(&run, cx);
    }

    /// Gives back everything that a run has of the queue: it ended, or it is paused. Call it with the run as it stood before.
    pub(super) fn leave_queue(&mut self, run: &Run, cx: &mut Context<'_>) -> Result<(), ReadError> {
        if run.queue.is_none() {
            return Ok(());
        }
        self.queues.heard(run.id);
        self.queues.drop_steps(run.id, |_| true);
        if run.is_in_lane() {
            self.leave_lane(run, cx);
        } else if run.started_ms.is_some() || run.status == RunStatus::Running {
            self.release_holders(run, cx)?;
        }
        Ok(())
    }

    /// Gives back what a run may not keep while it is paused. Call it with the run as it stood before. One that has begun still counts as a
    /// whole; one that has not gives back everything, and is to be [queued](Self::enqueue) again when it goes on.
    pub(super) fn pause_in_queue(
        &mut self,
        run: &Run,
        cx: &mut Context<'_>,
    ) -> Result<(), ReadError> {
        if run.started_ms.is_none() {
            return self.leave_queue(run, cx);
        }
        self.queues.heard(run.id);
        self.queues.drop_steps(run.id, |step| !step.request);
        Ok(())
    }

    fn leave_lane(&mut self, run: &Run, cx: &mut Context<'_>) {
        let Some((key, place)) = run.lane() else {
            return;
        };
        cx.out.write(Write::DeleteQueued {
            lane: key.clone(),
            place,
        });
        let key = Arc::new(key);
        let Some(lane) = self.queues.lanes.get_mut(&key) else {
            return;
        };
        let was_first = lane.head() == Some(place);
        lane.remove(place);
        if !was_first || lane.spot == Spot::Hidden {
            return;
        }
        let (is_empty, turn) = (lane.is_empty(), Turn::of_start(lane.turn()));
        let who = Who::Lane(key.clone());
        if is_empty {
            self.queues.lift(&who);
            self.queues.lanes.remove(&key);
        } else {
            self.queues.restand(who, turn);
        }
    }

    /// Whether an operator paused the function.
    pub(super) fn function_paused(&self, function: &FunctionId) -> bool {
        !self.queues.paused.is_empty() && self.queues.paused.contains(function)
    }

    /// A step that a run is to execute, or a request that the host is to perform for it, needs slots. Says whether it has them: otherwise
    /// they are granted in its turn.
    pub(super) fn ask(&mut self, run: &Run, op: OpNumber, request: bool) -> bool {
        let Some((_, place)) = run.lane() else {
            return true;
        };
        let flight = self.queues.flight(run, place);
        if let Some(step) = flight.steps.get(&op) {
            return step.spot.is_none();
        }
        let begun_with = flight.steps.remove(&START).is_some();
        let spot = if begun_with { None } else { Some(Spot::Hidden) };
        flight.steps.insert(op, Step { spot, request });
        if !begun_with {
            let turn = Turn { place, op };
            self.queues.stand(Who::Step(run.id, op), turn, None);
        }
        begun_with
    }

    /// What an execution asks for and gives back.
    pub(super) fn gate_steps(
        &mut self,
        run: &Run,
        wants: &[OpNumber],
        releases: &[OpNumber],
        cx: &mut Context<'_>,
    ) {
        if !run.is_gated() {
            return;
        }
        self.queues.heard(run.id);
        for op in releases {
            self.queues.drop_step(run.id, *op);
        }
        for op in wants {
            if self.ask(run, *op, false) {
                let key = WaitKey {
                    run: run.id,
                    op: *op,
                };
                self.wake(key, Arrival::Granted, cx);
            }
        }
    }

    /// The code of a run rests, or its execution is over: its steps neither execute nor wait.
    pub(super) fn rest_in_queue(&mut self, run: RunId) {
        self.queues.heard(run);
        self.queues.drop_steps(run, |step| !step.request);
    }

    /// Whether steps of a run wait for slots and none has one.
    pub(super) fn waits_for_slots(&self, run: RunId) -> bool {
        let flight = self.queues.flights.get(&run);
        flight.is_some_and(|flight| {
            let mut steps = flight.steps.values().filter(|step| !step.request);
            steps.next().is_some_and(|step| step.spot.is_some())
                && steps.all(|step| step.spot.is_some())
        })
    }

    /// Whether a step waits for slots.
    pub(super) fn step_waits(&self, run: RunId, op: OpNumber) -> bool {
        let flight = self.queues.flights.get(&run);
        let step = flight.and_then(|flight| flight.steps.get(&op));
        step.is_some_and(|step| step.spot.is_some())
    }

    /// The slots that were granted to a run while it was not in memory.
    pub(super) fn grants(&self, run: RunId) -> Vec<(OpNumber, Arrival)> {
        let Some(flight) = self.queues.flights.get(&run) else {
            return Vec::new();
        };
        let granted = flight
            .steps
            .iter()
            .filter(|(op, step)| **op != START && step.spot.is_none() && !step.request);
        granted.map(|(op, _)| (*op, Arrival::Granted)).collect()
    }
}

impl Queues {
    /// The function's queued runs do not start any more.
    pub(super) fn pause(&mut self, function: FunctionId) {
        self.discovery.forget(&function);
        self.drop_lanes(&function);
        self.paused.insert(function);
    }

    /// The function's queued runs start again.
    pub(super) fn unpause(&mut self, function: FunctionId) {
        if self.paused.remove(&function) {
            self.discovery.one(function);
        }
    }

    /// Whether trying candidates would get something going.
    pub(super) fn wants_dispatch(&self, room: bool) -> bool {
        !self.discovery.is_over() || self.has_candidates(room)
    }
}
