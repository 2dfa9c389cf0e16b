//! What comes in from outside: events, deliveries of third parties, signals.
//!
//! Each is checked, refused while more is queued than the node can take, and asked of the engine. Invariant: what was accepted is durable.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use abide_core::engine::{Answer, Delivery, Input, InvalidEvents, ValidEvents};
use abide_core::event::{EventIdSeed, NewEvent};
use abide_core::ids::{EventId, RunId};
use abide_core::operation::SendSignal;
use abide_core::trace::TraceContext;

use crate::error::SendError;
use crate::node::{Inner, Node};

/// Seconds after which an overloaded node is worth another try.
const RETRY_AFTER_S: u32 = 1;

impl Node {
    /// Accepts events, all or none. When it returns they are durable.
    pub async fn send_events(
        &self,
        events: Vec<NewEvent>,
        seed: Option<EventIdSeed>,
    ) -> Result<Vec<EventId>, SendError> {
        self.send_traced_events(events, Vec::new(), seed).await
    }

    /// As [`Node::send_events`], for events that have these places in distributed traces, in their order.
    pub async fn send_traced_events(
        &self,
        events: Vec<NewEvent>,
        traces: Vec<Option<TraceContext>>,
        seed: Option<EventIdSeed>,
    ) -> Result<Vec<EventId>, SendError> {
        self.inner
            .metered(self.take_events(events, traces, seed))
            .await
    }

    async fn take_events(
        &self,
        events: Vec<NewEvent>,
        traces: Vec<Option<TraceContext>>,
        seed: Option<EventIdSeed>,
    ) -> Result<Vec<EventId>, SendError> {
        let events = ValidEvents::check(events, &self.inner.limits, &self.inner.schemas())?;
        let events = events.traced(traces);
        self.inner.refuse_overload()?;
        let answer = self.ask(|reply| Input::Events {
            events,
            seed,
            reply,
        });
        match answer.await? {
            Answer::Accepted(ids) => Ok(ids),
            other => unexpected(&other),
        }
    }

    /// Accepts an event that `source` delivers under `id`, once however often it comes: its id, and whether it had come before.
    /// When it returns, that is durable.
    pub async fn deliver_event(
        &self,
        source: String,
        id: String,
        event: NewEvent,
        trace: Option<TraceContext>,
    ) -> Result<(EventId, bool), SendError> {
        self.inner
            .metered(self.take_delivery(source, id, event, trace))
            .await
    }

    async fn take_delivery(
        &self,
        source: String,
        id: String,
        event: NewEvent,
        trace: Option<TraceContext>,
    ) -> Result<(EventId, bool), SendError> {
        let delivery =
            Delivery::check(source, id, event, &self.inner.limits, &self.inner.schemas())
                .map_err(|fault| SendError::Invalid(InvalidEvents::Event { index: 0, fault }))?;
        self.inner.refuse_overload()?;
        let delivery = Box::new(delivery.traced(trace));
        match self
            .ask(|reply| Input::Delivery { delivery, reply })
            .await?
        {
            Answer::Delivered { event, repeated } => Ok((event, repeated)),
            other => unexpected(&other),
        }
    }

    /// Sends a signal. Returns the run that waited for it.
    pub async fn send_signal(&self, signal: SendSignal) -> Result<Option<RunId>, SendError> {
        self.inner.refuse_overload()?;
        match self.ask(|reply| Input::Signal { signal, reply }).await? {
            Answer::Signalled(run) | Answer::DoneBefore(run) => Ok(run),
            other => unexpected(&other),
        }
    }
}

/// Bytes of what was taken from outside and is not answered yet. They lie in memory whether or not their sender still waits.
#[derive(Debug, Default)]
pub(crate) struct Taken(AtomicUsize);

/// A part of them, which goes with this.
#[derive(Debug)]
pub(crate) struct Held {
    taken: Arc<Taken>,
    bytes: usize,
}

impl Taken {
    /// Takes so many more, up to `most` in all. One alone is always taken, and what is small.
    pub(crate) fn hold(self: &Arc<Self>, bytes: usize, most: usize) -> Result<Held, SendError> {
        let before = self.0.fetch_add(bytes, Ordering::Relaxed);
        let taken = self.clone();
        let held = Held { taken, bytes };
        if bytes > 0 && before > 0 && before.saturating_add(bytes) > most {
            return Err(SendError::Overloaded {
                retry_after_s: RETRY_AFTER_S,
            });
        }
        Ok(held)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.taken.0.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

impl Inner {
    /// Measures how events are taken.
    async fn metered<T>(
        &self,
        taking: impl Future<Output = Result<T, SendError>>,
    ) -> Result<T, SendError> {
        let began = Instant::now();
        let taken = taking.await;
        match &taken {
            Ok(_) => self.metrics.ingestion.observe(began.elapsed()),
            Err(error) => self.metrics.refused(error),
        }
        taken
    }

    pub(crate) fn refuse_overload(&self) -> Result<(), SendError> {
        let waiting = self.shard.gauges().waiting.load(Ordering::Relaxed);
        if waiting > self.max_queued_inputs || self.store.pending_rows() > self.max_pending_rows {
            return Err(SendError::Overloaded {
                retry_after_s: RETRY_AFTER_S,
            });
        }
        Ok(())
    }
}

/// An answer of another kind than the question's: impossible, and no reason to end the process.
fn unexpected<T>(answer: &Answer) -> Result<T, SendError> {
    tracing::error!(
        ?answer,
        "the engine answered something else than it was asked"
    );
    Err(SendError::Stopping)
}
