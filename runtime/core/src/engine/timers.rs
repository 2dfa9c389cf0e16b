//! Timers: an ordered range on disk of which memory holds only the place of the last one that fired.
//!
//! A timer that fires writes nothing: its registration stays until the run's journal has what followed from it, so that a
//! crash in between just fires it again.

use std::sync::Arc;

use super::{Context, Effect, Engine};
use crate::failure::{Failure, Origin};
use crate::journal::{Outcome, WORKFLOW_OP};
use crate::machine::Arrival;
use crate::state::{ReadError, Registration, RunStatus, TimerKey, WaitKey};

impl Engine {
    /// Fires what is due, at most one portion; [`Engine::next_due_ms`] tells whether more is.
    pub(super) fn tick(&mut self, cx: &mut Context<'_>) -> Result<(), ReadError> {
        self.queues.open_due(cx.now_ms);
        self.end_solitude(cx.now_ms);
        let portion = self.config.timers_per_step;
        self.next_due_ms = None;
        self.tick_schedules(portion, cx)?;
        for _ in 0..portion {
            let Some(key) = self.timers_late.pop_first() else {
                break;
            };
            self.fire(key, cx)?;
        }
        let due = cx.read.timers(self.timers_fired, cx.now_ms, portion)?;
        let whole = due.len() < portion;
        // Beforehand: what they set may belong between them.
        self.timers_fired = due.last().copied().or(self.timers_fired);
        for key in due {
            self.fire(key, cx)?;
        }
        let next = if whole {
            let next = cx.read.timers(self.timers_fired, u64::MAX, 1)?;
            next.first().map(|key| key.due_ms)
        } else {
            Some(cx.now_ms)
        };
        // What this step itself sets is not among the reads.
        self.next_due_ms = self.next_due_ms.into_iter().chain(next).min();
        Ok(())
    }

    /// Takes note of a timer that this step sets.
    pub(super) fn note_timer(&mut self, key: TimerKey) {
        if self.timers_fired.is_some_and(|fired| key <= fired) {
            // The order has passed its place.
            self.timers_late.insert(key);
        } else {
            self.next_due_ms = Some(
                self.next_due_ms
                    .map_or(key.due_ms, |due| due.min(key.due_ms)),
            );
        }
    }

    fn fire(&mut self, timer: TimerKey, cx: &mut Context<'_>) -> Result<(), ReadError> {
        let key = WaitKey {
            run: timer.run,
            op: timer.op,
        };
        let Some(registration) = self.registration_in_step(key, cx)? else {
            return Ok(());
        };
        // A replaced registration left its timer in this step's reads only.
        if registration.due_ms() != Some(timer.due_ms) {
            return Ok(());
        }
        match &*registration {
            Registration::Start { .. } => self.begin_late(key, registration, cx),
            Registration::Fetch { .. } | Registration::AiInfer { .. } => {
                self.issue(key, (*registration).clone(), cx)
            }
            Registration::Timeout { kind, after_ms, .. } => {
                self.time_out(key.run, *kind, *after_ms, cx)
            }
            Registration::Debounce(_) | Registration::Batch(_) => {
                self.collected(key.run, timer.due_ms, cx)
            }
            Registration::Sleep { .. }
            | Registration::Retry { .. }
            | Registration::Event { .. }
            | Registration::CancelOn { .. }
            | Registration::Signal { .. }
            | Registration::Invoke { .. } => {
                self.deaths.woken(key.run, timer.due_ms);
                match arrival_when_due(&registration) {
                    Some(arrival) if key.op != WORKFLOW_OP => {
                        self.wake(key, arrival, cx);
                        Ok(())
                    }
                    Some(_) | None => {
                        self.make_ready_unless_active(key.run);
                        Ok(())
                    }
                }
            }
        }
    }

    /// Begins a run whose event lay in the future.
    fn begin_late(
        &mut self,
        key: WaitKey,
        registration: Arc<Registration>,
        cx: &mut Context<'_>,
    ) -> Result<(), ReadError> {
        // One that is paused begins when it is resumed.
        let Some(mut run) = self
            .find(key.run, cx)?
            .filter(|run| run.status == RunStatus::Sleeping)
        else {
            return Ok(());
        };
        self.unregister(key, registration, cx);
        run.status = RunStatus::Queued;
        let now_ms = cx.now_ms;
        self.enqueue(run, now_ms, cx);
        Ok(())
    }

    /// Makes a run go on with what came for one of its operations.
    pub(super) fn wake(&mut self, key: WaitKey, arrival: Arrival, cx: &mut Context<'_>) {
        match self.active.get_mut(&key.run) {
            Some(active) => {
                active.gated = false;
                if std::mem::take(&mut active.parked) {
                    self.executing += 1;
                }
                cx.out.now.push(Effect::Deliver {
                    run: key.run,
                    token: active.token,
                    op: key.op,
                    arrival,
                });
            }
            None => self.make_ready(key.run),
        }
    }
}

/// What a run is told when the time of a registration has come; `None` for those that are no operation's.
pub(super) fn arrival_when_due(registration: &Registration) -> Option<Arrival> {
    let outcome = match registration {
        Registration::Sleep { .. } => Outcome::Done("null".into()),
        Registration::Retry { .. } => return Some(Arrival::Due),
        Registration::Event { .. } | Registration::Signal { .. } => Outcome::Empty,
        Registration::Invoke { invoke, .. } => Outcome::Failed(Failure::permanent(
            Origin::Timeout,
            format!(
                "the invoked function `{}` did not end within {} ms",
                invoke.function,
                invoke.timeout_ms()
            ),
        )),
        Registration::Start { .. }
        | Registration::Fetch { .. }
        | Registration::AiInfer { .. }
        | Registration::CancelOn { .. }
        | Registration::Timeout { .. }
        | Registration::Debounce(_)
        | Registration::Batch(_) => return None,
    };
    Some(Arrival::Outcome {
        outcome,
        attempts: 0,
    })
}
