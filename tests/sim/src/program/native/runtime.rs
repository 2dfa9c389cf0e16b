//! What was started and is not over, and the loop around it.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use abide_core::Json;
use abide_core::failure::Failure;
use abide_core::journal::Outcome;
use abide_core::machine::{Execution, Ticket};
use abide_core::operation::Operation;
use parking_lot::Mutex;

use super::{Calls, Halted, News};
use crate::program::Boxed;

/// A step's body.
pub(super) type Body = Box<dyn FnOnce(Execution) -> Boxed<'static, Result<Json, Failure>> + Send>;

struct Slot {
    body: Option<Body>,
    outcome: Option<Outcome>,
    waker: Waker,
}

/// One instance.
pub(super) struct Runtime<C> {
    pub(super) calls: Arc<C>,
    slots: Mutex<BTreeMap<Ticket, Slot>>,
    halted: AtomicBool,
}

/// Whether the code has something to do.
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl<C: Calls> Runtime<C> {
    pub(super) fn new(calls: Arc<C>) -> Arc<Self> {
        Arc::new(Self {
            calls,
            slots: Mutex::default(),
            halted: AtomicBool::new(false),
        })
    }

    /// Runs code to its end.
    pub(super) async fn drive<T>(&self, mut code: Boxed<'static, T>) -> Result<T, Halted> {
        let woken = Arc::new(Woken(AtomicBool::new(true)));
        let waker = Waker::from(woken.clone());
        loop {
            while woken.0.swap(false, Ordering::Relaxed) {
                let poll = code.as_mut().poll(&mut Context::from_waker(&waker));
                if self.halted.load(Ordering::Relaxed) {
                    return Err(Halted);
                }
                if let Poll::Ready(output) = poll {
                    return Ok(output);
                }
            }
            match self.calls.next().await {
                Ok((ticket, News::Over(outcome))) => self.deliver(ticket, outcome),
                Ok((ticket, News::Execute(execution))) => {
                    let outcome = self.execute(ticket, execution).await;
                    self.calls.finish(ticket, outcome)?;
                }
                Err(Halted) => {
                    // Nobody is to hear of what is dropped now.
                    self.halted.store(true, Ordering::Relaxed);
                    return Err(Halted);
                }
            }
        }
    }

    fn start(
        &self,
        id: &str,
        operation: Operation,
        body: Option<Body>,
        waker: &Waker,
    ) -> Option<Ticket> {
        if self.halted.load(Ordering::Relaxed) {
            return None;
        }
        let Ok(ticket) = self.calls.start(id, operation) else {
            self.halted.store(true, Ordering::Relaxed);
            return None;
        };
        let slot = Slot {
            body,
            outcome: None,
            waker: waker.clone(),
        };
        self.slots.lock().insert(ticket, slot);
        Some(ticket)
    }

    fn poll(&self, ticket: Ticket, waker: &Waker) -> Poll<Outcome> {
        let mut slots = self.slots.lock();
        let Some(slot) = slots.get_mut(&ticket) else {
            return Poll::Pending;
        };
        if let Some(outcome) = slot.outcome.take() {
            slots.remove(&ticket);
            return Poll::Ready(outcome);
        }
        slot.waker.clone_from(waker);
        Poll::Pending
    }

    fn cancel(&self, ticket: Ticket) {
        let slot = self.slots.lock().remove(&ticket);
        let outstanding = slot.is_some_and(|slot| slot.outcome.is_none());
        if outstanding && !self.halted.load(Ordering::Relaxed) && self.calls.cancel(ticket).is_err()
        {
            self.halted.store(true, Ordering::Relaxed);
        }
    }

    fn deliver(&self, ticket: Ticket, outcome: Outcome) {
        let mut slots = self.slots.lock();
        let Some(slot) = slots.get_mut(&ticket) else {
            return;
        };
        slot.outcome = Some(outcome);
        slot.body = None;
        let waker = slot.waker.clone();
        drop(slots);
        waker.wake();
    }

    async fn execute(&self, ticket: Ticket, execution: Execution) -> Result<Json, Failure> {
        let body = self
            .slots
            .lock()
            .get_mut(&ticket)
            .and_then(|slot| slot.body.take());
        match body {
            Some(body) => body(execution).await,
            None => Err(super::to_failure(crate::program::Thrown::retriable(
                "NoBody",
            ))),
        }
    }
}

/// An operation that starts when it is first polled and is given up when it is dropped.
pub(super) struct Started<C: Calls> {
    runtime: Arc<Runtime<C>>,
    id: String,
    state: State,
}

enum State {
    Draft(Operation, Option<Body>),
    Started(Ticket),
    Finished,
}

impl<C: Calls> Started<C> {
    pub(super) fn new(
        runtime: &Arc<Runtime<C>>,
        id: &str,
        operation: Operation,
        body: Option<Body>,
    ) -> Self {
        Self {
            runtime: runtime.clone(),
            id: id.to_owned(),
            state: State::Draft(operation, body),
        }
    }
}

impl<C: Calls> Unpin for Started<C> {}

impl<C: Calls> Future for Started<C> {
    type Output = Outcome;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Outcome> {
        let this = &mut *self;
        if let State::Draft(..) = this.state
            && let State::Draft(operation, body) =
                std::mem::replace(&mut this.state, State::Finished)
        {
            match this.runtime.start(&this.id, operation, body, cx.waker()) {
                Some(ticket) => this.state = State::Started(ticket),
                None => return Poll::Pending,
            }
        }
        let State::Started(ticket) = this.state else {
            return Poll::Pending;
        };
        let poll = this.runtime.poll(ticket, cx.waker());
        if poll.is_ready() {
            this.state = State::Finished;
        }
        poll
    }
}

impl<C: Calls> Drop for Started<C> {
    fn drop(&mut self) {
        if let State::Started(ticket) = self.state {
            self.runtime.cancel(ticket);
        }
    }
}
