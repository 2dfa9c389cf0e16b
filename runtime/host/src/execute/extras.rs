//! Twins beyond the first: parallel bodies in tasks of their own, on several cores.
//!
//! They are made only when the first twin's body waits or yields, so that short bodies never leave the run's own task. They are
//! bounded over all runs, by number and by bytes; bodies beyond that wait for the first twin.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Instant;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::run::Run;
use super::twin::Twin;
use crate::guest::Signal;
use crate::surroundings::Task;

/// What all runs together may have of them.
pub(crate) struct Budget {
    permits: Arc<Semaphore>,
    bytes: Arc<AtomicUsize>,
    max_bytes: usize,
}

impl Budget {
    pub(crate) fn new(twins: usize, max_bytes: usize) -> Self {
        Self {
            permits: Arc::new(Semaphore::new(twins)),
            bytes: Arc::default(),
            max_bytes,
        }
    }

    /// Room for one that will have about `bytes`, if there is.
    fn take(&self, bytes: usize) -> Option<Taken> {
        let permit = self.permits.clone().try_acquire_owned().ok()?;
        let before = self.bytes.fetch_add(bytes, Ordering::Relaxed);
        let taken = Taken {
            bytes,
            total: self.bytes.clone(),
            _permit: permit,
        };
        (before.saturating_add(bytes) <= self.max_bytes).then_some(taken)
    }
}

struct Taken {
    bytes: usize,
    total: Arc<AtomicUsize>,
    _permit: OwnedSemaphorePermit,
}

impl Drop for Taken {
    fn drop(&mut self) {
        self.total.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// The extra twins of one run.
#[derive(Default)]
pub(crate) struct Extras(Vec<Extra>);

struct Extra {
    task: Box<dyn Task>,
    signal: Arc<Signal>,
}

impl Drop for Extra {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Extras {
    /// Sees to it that as many twins as there are `bodies` have the chance to take one.
    pub(crate) fn provide(&mut self, run: &Arc<Run>, bodies: usize, bytes: usize) {
        self.0.retain(|extra| !extra.task.is_finished());
        let idle = self
            .0
            .iter()
            .filter(|extra| !extra.signal.in_body())
            .count();
        if idle > 0 {
            run.state().wake_twins();
        }
        for _ in idle..bodies {
            let Some(taken) = run.host().extras.take(bytes) else {
                return;
            };
            let mut twin = Twin::new(run.clone(), true);
            let signal = twin.shared_signal();
            let own = run.clone();
            let task = run.host().surroundings.spawn(Box::pin(async move {
                let _taken = taken;
                std::future::poll_fn(|cx: &mut Context<'_>| {
                    if twin.signal().in_body() && own.body_cancelled(twin.slot()) {
                        return Poll::Ready(());
                    }
                    let (steps, began) = (own.steps(), Instant::now());
                    twin.signal().turns.turn_began(steps.at(began));
                    let over = twin.poll(cx);
                    let ended = Instant::now();
                    let signal = twin.signal();
                    let turns = &signal.turns;
                    turns.turn_ended(steps.at(ended), signal.in_body());
                    own.timings().beside(ended.duration_since(began));
                    over
                })
                .await;
            }));
            self.0.push(Extra { task, signal });
        }
    }

    /// Ends those whose body is no longer wanted.
    pub(crate) fn end_cancelled(&self, run: &Run) {
        for extra in &self.0 {
            // The slot is the twin's own; asking all of them is rare and cheap.
            if extra.signal.in_body() && run.body_cancelled(extra.signal.slot()) {
                extra.task.abort();
            }
        }
    }

    /// Ends all of them.
    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
