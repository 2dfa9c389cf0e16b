//! Progress of the committer: which submissions are durable, and everyone who waits for that.

use std::{
    collections::BTreeMap,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use parking_lot::{Condvar, Mutex};

use crate::error::{Error, Result};

#[derive(Debug, Default)]
pub(crate) struct Progress {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    durable: u64,
    failed: Option<Error>,
    waiting: BTreeMap<u64, Vec<Waker>>,
}

impl State {
    fn outcome(&self, sequence: u64) -> Option<Result<()>> {
        if self.durable >= sequence {
            return Some(Ok(()));
        }
        self.failed.clone().map(Err)
    }
}

impl Progress {
    /// Every submission up to `sequence` is durable.
    pub(crate) fn advance(&self, sequence: u64) {
        let mut state = self.state.lock();
        state.durable = state.durable.max(sequence);
        let later = state.durable + 1;
        let later = state.waiting.split_off(&later);
        let ready = std::mem::replace(&mut state.waiting, later);
        drop(state);
        self.wake(ready);
    }

    /// Nothing becomes durable any more. The first failure stays.
    pub(crate) fn fail(&self, error: Error) {
        let mut state = self.state.lock();
        state.failed.get_or_insert(error);
        let ready = std::mem::take(&mut state.waiting);
        drop(state);
        self.wake(ready);
    }

    fn wake(&self, ready: BTreeMap<u64, Vec<Waker>>) {
        self.changed.notify_all();
        ready.into_values().flatten().for_each(Waker::wake);
    }

    pub(crate) fn failure(&self) -> Option<Error> {
        self.state.lock().failed.clone()
    }
}

/// Completes when everything up to one submission is durable. A future, and it can be waited for in a thread.
#[derive(Debug, Clone)]
#[must_use = "nothing is known to be durable before the ticket completes"]
pub struct Ticket {
    progress: Arc<Progress>,
    sequence: u64,
    refused: Option<Error>,
}

impl Ticket {
    pub(crate) fn new(progress: Arc<Progress>, sequence: u64) -> Self {
        Self {
            progress,
            sequence,
            refused: None,
        }
    }

    /// The ticket of a submission that was not even queued.
    pub(crate) fn refused(progress: Arc<Progress>, error: Error) -> Self {
        Self {
            progress,
            sequence: u64::MAX,
            refused: Some(error),
        }
    }

    fn outcome_in(&self, state: &State) -> Option<Result<()>> {
        match &self.refused {
            Some(error) => Some(Err(error.clone())),
            None => state.outcome(self.sequence),
        }
    }

    /// The number of the submission; numbers rise in the order of submission.
    pub fn sequence(&self) -> u64 {
        self.sequence
    }

    /// The outcome, if it is known already.
    pub fn outcome(&self) -> Option<Result<()>> {
        self.outcome_in(&self.progress.state.lock())
    }

    /// Blocks the thread until the outcome is known.
    pub fn wait(&self) -> Result<()> {
        let mut state = self.progress.state.lock();
        loop {
            if let Some(outcome) = self.outcome_in(&state) {
                return outcome;
            }
            self.progress.changed.wait(&mut state);
        }
    }
}

impl Future for Ticket {
    type Output = Result<()>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.progress.state.lock();
        if let Some(outcome) = self.outcome_in(&state) {
            return Poll::Ready(outcome);
        }
        let waiting = state.waiting.entry(self.sequence).or_default();
        if !waiting.iter().any(|waker| waker.will_wake(context.waker())) {
            waiting.push(context.waker().clone());
        }
        Poll::Pending
    }
}
