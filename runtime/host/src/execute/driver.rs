//! The task of one run: it polls the workflow instance and the first twin, and decides when progress is handed on.
//!
//! A round lets each instance go on that has news, the workflow first. Rounds follow each other while anything moves, so that a
//! run whose bodies do not wait goes from start to end without leaving this task. When nothing moves, what happened is
//! handed on, and the task sleeps until an arrival, a body or the clock of an epoch wakes it.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use abide_core::machine::{Divergence, Phase};
use futures::future::BoxFuture;
use tokio::sync::mpsc::UnboundedReceiver;

use super::extras::Extras;
use super::instance::{End, Instance};
use super::run::Run;
use super::twin::Twin;
use super::{Exit, Mailbox, Message};
use crate::guest::{Halt, Role};
use crate::port::BarrierBroken;
use crate::residency::Parked;
use crate::timings::{Lap, Stopwatch};

/// See the [module](self).
pub(crate) struct Driver {
    run: Arc<Run>,
    mailbox: UnboundedReceiver<Message>,
    /// For the residents to reach this run; weak, so that a mailbox that nobody else holds is known to be closed.
    address: tokio::sync::mpsc::WeakUnboundedSender<Message>,
    workflow: Instance,
    twin: Option<Twin>,
    extras: Extras,
    parked: Option<Parked>,
    evicting: bool,
    /// Until it resolves the workflow code does not go on: much of what it asked for is not durable yet.
    backlog: Option<BoxFuture<'static, Result<(), BarrierBroken>>>,
    watch: Stopwatch,
    /// Since when the workflow code repeats what the journal has; none once it is through.
    replaying: Option<Instant>,
}

/// Which instances had their turn in this call of `poll` and still go on: they must not be polled again before others had theirs.
#[derive(Default)]
struct Yielded {
    workflow: bool,
    twin: bool,
}

impl Driver {
    pub(crate) fn new(run: Arc<Run>, mailbox: UnboundedReceiver<Message>, own: &Mailbox) -> Self {
        let workflow = Instance::new(run.clone(), Role::Workflow);
        let replaying = run.state().machine.replaying().then(Instant::now);
        Self {
            run,
            mailbox,
            address: own.downgrade(),
            workflow,
            twin: None,
            extras: Extras::default(),
            parked: None,
            evicting: false,
            backlog: None,
            watch: Stopwatch::start(),
            replaying,
        }
    }

    fn advance(&mut self, cx: &mut Context<'_>) -> Poll<Exit> {
        let began = self.run.host().code.engines.tick();
        {
            let mut state = self.run.state();
            if !state
                .driver
                .as_ref()
                .is_some_and(|waker| waker.will_wake(cx.waker()))
            {
                state.driver = Some(cx.waker().clone());
            }
        }
        self.lap(if self.parked.is_some() {
            Lap::Parked
        } else {
            Lap::Host
        });
        if let Some(exit) = self.read_mail(cx) {
            return Poll::Ready(exit);
        }
        let mut yielded = Yielded::default();
        loop {
            let version = self.run.state().version;
            if !self.is_held_up(cx)
                && let Some(exit) = self.poll_workflow(cx, version, &mut yielded)
            {
                return Poll::Ready(exit);
            }
            self.end_cancelled();
            if self.poll_twin(cx, &mut yielded) && self.extras.is_empty() {
                // Runs that wait for room must not hold any, or all of them wait for each other. It is executed again in its turn.
                return Poll::Ready(self.leave(false));
            }
            let divergence = self.run.state().diverged.take();
            if let Some(divergence) = divergence {
                return Poll::Ready(self.diverged(divergence));
            }
            if self.run.state().version == version {
                break;
            }
            self.run.flush_if_large();
            if self.run.host().code.engines.tick() > began + 1 {
                // Others want to go on, too.
                cx.waker().wake_by_ref();
                break;
            }
        }
        self.settle();
        if self.evicting {
            return self.evict();
        }
        Poll::Pending
    }

    fn lap(&mut self, lap: Lap) {
        self.watch.lap(self.run.timings(), lap);
    }

    /// The workflow instance had its turn.
    fn lap_of_workflow(&mut self) {
        let Some(since) = self.replaying else {
            return self.lap(Lap::Guest);
        };
        self.lap(Lap::Replay);
        if !self.run.state().machine.replaying() {
            self.replaying = None;
            let took = since.elapsed();
            self.run.steps().replayed(took);
            self.run.port.caught_up(took);
        }
    }

    /// Takes in what arrived.
    fn read_mail(&mut self, cx: &mut Context<'_>) -> Option<Exit> {
        loop {
            match self.mailbox.poll_recv(cx) {
                Poll::Ready(Some(Message::Arrival(op, arrival))) => {
                    self.parked = None;
                    self.run.arrive(op, arrival);
                }
                Poll::Ready(Some(Message::Cancel)) => return Some(Exit::Cancelled),
                // Without anybody who could send, a parked run would stay for ever.
                Poll::Ready(Some(Message::Evict)) => self.evicting = true,
                Poll::Ready(None) => {
                    self.evicting = true;
                    return None;
                }
                Poll::Pending => return None,
            }
        }
    }

    /// Whether the workflow code has to wait until more of what it asked for is durable.
    fn is_held_up(&mut self, cx: &mut Context<'_>) -> bool {
        if self.backlog.is_none() {
            self.backlog = self.run.backlog();
        }
        let Some(backlog) = &mut self.backlog else {
            return false;
        };
        // Broken: the node stops, or ends this execution, and says so itself.
        let held_up = backlog.as_mut().poll(cx).is_pending();
        if !held_up {
            self.backlog = None;
        }
        held_up
    }

    fn poll_workflow(
        &mut self,
        cx: &mut Context<'_>,
        version: u64,
        yielded: &mut Yielded,
    ) -> Option<Exit> {
        let signal = &self.workflow.signal;
        let news = if signal.waiting() {
            signal.seen() != version
        } else {
            !yielded.workflow
        };
        if !news {
            return None;
        }
        let polled = self.workflow.poll(cx);
        self.lap_of_workflow();
        match polled {
            Poll::Pending => {
                yielded.workflow = !self.workflow.signal.waiting();
                None
            }
            Poll::Ready(End::Returned(result)) => Some(self.over(self.run.returned(result))),
            Poll::Ready(End::Halted(Halt::Failed(failure))) => {
                Some(self.over(self.run.returned(Err(failure))))
            }
            Poll::Ready(End::Halted(Halt::Diverged(divergence))) => Some(self.diverged(divergence)),
            Poll::Ready(End::NoRoom) => Some(self.leave(false)),
        }
    }

    /// Whether there was no room for a twin.
    fn poll_twin(&mut self, cx: &mut Context<'_>, yielded: &mut Yielded) -> bool {
        let (version, bodies) = {
            let state = self.run.state();
            (state.version, state.machine.bodies_waiting())
        };
        let twin = match &mut self.twin {
            Some(twin) => twin,
            None if bodies == 0 => return false,
            None => {
                yielded.twin = false;
                self.twin.insert(Twin::new(self.run.clone(), false))
            }
        };
        let signal = twin.signal();
        let goes_on = if signal.waiting() {
            bodies > 0 && signal.seen() != version
        } else {
            !yielded.twin
        };
        if !goes_on {
            return false;
        }
        let steps = self.run.steps();
        let turns = &twin.signal().turns;
        turns.turn_began(steps.at(self.watch.moment()));
        let over = twin.poll(cx).is_ready();
        self.watch.lap(self.run.timings(), Lap::Guest);
        if over {
            let found_no_room = twin.found_no_room();
            self.twin = None;
            return found_no_room;
        }
        let signal = twin.signal();
        let now = steps.at(self.watch.moment());
        signal.turns.turn_ended(now, signal.in_body());
        yielded.twin = !twin.signal().waiting();
        if twin.signal().waiting() && self.run.state().machine.bodies_waiting() > 0 {
            // It has executed every body that is due before: each attempt wants a twin of its own.
            let slot = twin.slot();
            if self.run.is_used(slot)
                && let Some(twin) = self.twin.take()
            {
                twin.abandon();
            }
        }
        false
    }

    /// Ends bodies that the workflow gave up.
    fn end_cancelled(&mut self) {
        let given_up = std::mem::take(&mut self.run.state().given_up);
        if !given_up {
            return;
        }
        if let Some(twin) = &self.twin
            && twin.signal().in_body()
            && self.run.body_cancelled(twin.slot())
            && let Some(twin) = self.twin.take()
        {
            twin.abandon();
        }
        if !self.extras.is_empty() {
            self.extras.end_cancelled(&self.run);
        }
    }

    /// Nothing moves: hands on what happened, and sees to what may happen meanwhile.
    fn settle(&mut self) {
        let (phase, bodies) = {
            let state = self.run.state();
            (state.machine.phase(), state.machine.bodies_waiting())
        };
        if bodies > 0
            && self
                .twin
                .as_ref()
                .is_some_and(|twin| twin.signal().in_body())
        {
            let bytes = self.twin.as_ref().map_or(0, |twin| twin.signal().memory());
            self.extras.provide(&self.run, bodies, bytes);
        }
        self.run.flush();
        if phase == Phase::Parked && self.parked.is_none() && !self.evicting {
            self.extras.clear();
            let twin = self.twin.as_ref().map_or(0, |twin| twin.signal().memory());
            let bytes = self.workflow.signal.memory() + twin;
            self.parked = Some(self.run.host().residents.park(bytes, self.address.clone()));
        }
    }

    /// Leaves memory, if the run is parked and nothing has come in.
    fn evict(&mut self) -> Poll<Exit> {
        self.evicting = false;
        if self.run.state().machine.phase() != Phase::Parked {
            self.parked = None;
            return Poll::Pending;
        }
        Poll::Ready(self.leave(true))
    }

    /// Leaves memory. Nothing that comes in is lost: it is recorded, and what is not delivered any more is delivered to the next execution.
    fn leave(&mut self, mut parked: bool) -> Exit {
        self.mailbox.close();
        while let Ok(message) = self.mailbox.try_recv() {
            match message {
                Message::Arrival(op, arrival) => {
                    self.run.arrive(op, arrival);
                    parked = false;
                }
                Message::Cancel => return Exit::Cancelled,
                Message::Evict => {}
            }
        }
        self.run.flush();
        Exit::Evicted { parked }
    }

    fn over(&self, returned: Result<(), Halt>) -> Exit {
        match returned {
            Ok(()) | Err(Halt::Failed(_)) => {
                self.run.flush();
                Exit::Over
            }
            Err(Halt::Diverged(divergence)) => self.diverged(divergence),
        }
    }

    fn diverged(&self, divergence: Box<Divergence>) -> Exit {
        self.run.report_divergence(&divergence);
        Exit::Diverged(divergence)
    }
}

impl Future for Driver {
    type Output = Exit;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Exit> {
        let polled = self.advance(cx);
        // The time after the run parked is nobody's.
        if self.parked.is_none() {
            self.lap(Lap::Host);
        }
        polled
    }
}
