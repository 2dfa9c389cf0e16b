//! A twin: an instance, its place among the run's cursors, and the time limit of the body that it executes.

use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use abide_core::failure::{Failure, Origin};
use futures::future::BoxFuture;

use super::instance::{End, Instance};
use super::run::Run;
use crate::guest::{Halt, Role, Signal};

/// See the [module](self). Dropping it gives a body that it executes back to the queue.
pub(crate) struct Twin {
    run: Arc<Run>,
    slot: usize,
    instance: Option<Instance>,
    signal: Arc<Signal>,
    timer: Option<(u64, BoxFuture<'static, ()>)>,
    found_no_room: bool,
}

impl Twin {
    pub(crate) fn new(run: Arc<Run>, own_task: bool) -> Self {
        let slot = run.add_twin(own_task);
        let instance = Instance::new(run.clone(), Role::Twin(slot));
        instance.signal.set_slot(slot);
        Self {
            run,
            slot,
            signal: instance.signal.clone(),
            instance: Some(instance),
            timer: None,
            found_no_room: false,
        }
    }

    pub(crate) fn slot(&self) -> usize {
        self.slot
    }

    pub(crate) fn signal(&self) -> &Signal {
        &self.signal
    }

    pub(crate) fn shared_signal(&self) -> Arc<Signal> {
        self.signal.clone()
    }

    /// Whether it is over because the machine had no room for its instance.
    pub(crate) fn found_no_room(&self) -> bool {
        self.found_no_room
    }

    /// Lets the twin go on. Ready once it is over; the run knows then.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(instance) = &mut self.instance else {
            return Poll::Ready(());
        };
        match instance.poll(cx) {
            Poll::Pending if self.timed_out(cx) => {
                let limit = Duration::from_millis(self.signal.timeout_ms()).as_secs_f64();
                let failure = Failure::platform(
                    Origin::Timeout,
                    format!("the step's body took longer than its limit of {limit} s"),
                );
                self.end(Some(Halt::Failed(failure)));
                Poll::Ready(())
            }
            Poll::Pending => Poll::Pending,
            Poll::Ready(end) => {
                let why = match end {
                    End::Halted(halt) => Some(halt),
                    End::NoRoom => {
                        self.found_no_room = true;
                        None
                    }
                    End::Returned(_) => Some(Halt::Failed(Failure::platform(
                        Origin::Limit,
                        "the function returned while the body of one of its steps was executing; await every step that was \
                         started, or give it up explicitly",
                    ))),
                };
                self.end(why);
                Poll::Ready(())
            }
        }
    }

    /// Ends the twin without a word about its body.
    pub(crate) fn abandon(mut self) {
        self.end(None);
    }

    fn end(&mut self, why: Option<Halt>) {
        if self.instance.take().is_some() {
            if self.signal.in_body() {
                self.run.body_ended(&self.signal, self.run.steps().now());
            }
            self.run.remove_twin(self.slot, why);
        }
    }

    /// Whether the body under way has used up its time. The timer is set only for bodies that wait.
    fn timed_out(&mut self, cx: &mut Context<'_>) -> bool {
        if !self.signal.in_body() {
            self.timer = None;
            return false;
        }
        let deadline_ms = self.signal.deadline_ms();
        if self
            .timer
            .as_ref()
            .is_none_or(|(set_for, _)| *set_for != deadline_ms)
        {
            let host = self.run.host();
            let left = deadline_ms.saturating_sub(host.elapsed_ms());
            let timer = host.surroundings.sleep(Duration::from_millis(left));
            self.timer = Some((deadline_ms, timer));
        }
        let timer = self.timer.as_mut();
        timer.is_some_and(|(_, timer)| timer.as_mut().poll(cx).is_ready())
    }
}

impl Drop for Twin {
    fn drop(&mut self) {
        self.end(None);
    }
}
