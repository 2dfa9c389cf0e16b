//! Events that arrive: they are recorded, start functions, and satisfy waits.

use std::sync::Arc;

use super::{Answer, Arriving, Context, Effect, Engine, Notice, ReplyId};
use crate::event::{Event, EventIdSeed, EventSource, InvalidEvent, NewEvent};
use crate::ids::{EventId, FunctionId};
use crate::limits::Limits;
use crate::schema::Schemas;
use crate::state::{ReadError, Write};
use crate::trace::TraceContext;

/// Events that passed [`NewEvent::validate`], all of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValidEvents {
    pub(super) events: Vec<NewEvent>,
    /// The places of the first so many of them in traces; the others have none.
    traces: Vec<Option<TraceContext>>,
}

/// Why a list of events is refused, whole.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidEvents {
    /// There are none, or too many.
    #[error("a request must hold 1 to {limit} events, this one holds {count}")]
    Count {
        /// How many there are.
        count: usize,
        /// How many there may be.
        limit: usize,
    },
    /// One of them is wrong.
    #[error("event {index}: {fault}")]
    Event {
        /// Which, from 0.
        index: usize,
        /// How.
        fault: InvalidEvent,
    },
}

impl ValidEvents {
    /// Checks the events, also against the schemas that are known.
    pub fn check(
        events: Vec<NewEvent>,
        limits: &Limits,
        schemas: &Schemas,
    ) -> Result<Self, InvalidEvents> {
        let limit = limits.events_per_request;
        if events.is_empty() || events.len() > limit {
            return Err(InvalidEvents::Count {
                count: events.len(),
                limit,
            });
        }
        for (index, event) in events.iter().enumerate() {
            event
                .validate(limits)
                .and_then(|()| schemas.check(event))
                .map_err(|fault| InvalidEvents::Event { index, fault })?;
        }
        let traces = Vec::new();
        Ok(Self { events, traces })
    }

    /// The events at these places in traces, in their order.
    #[must_use]
    pub fn traced(self, traces: Vec<Option<TraceContext>>) -> Self {
        Self { traces, ..self }
    }
}

impl Engine {
    pub(super) fn accept_events(
        &mut self,
        ValidEvents { events, traces }: ValidEvents,
        seed: Option<EventIdSeed>,
        reply: ReplyId,
        cx: &mut Context<'_>,
    ) -> Result<(), ReadError> {
        let mut ids = Vec::with_capacity(events.len());
        let mut traces = traces.into_iter();
        for (n, event) in (1..).zip(events) {
            let id = match seed {
                Some(seed) => seed.id(n),
                None => EventId(self.ids.next(cx.now_ms)),
            };
            ids.push(id);
            let trace = traces.next().flatten().map(Box::new);
            // The same request again: it has had its effect.
            if seed.is_some() && cx.read.has_event(id)? {
                continue;
            }
            let event = event.accept(id, cx.now_ms, EventSource::Api);
            self.ingest(event.traced(trace), cx)?;
        }
        cx.out.answer(reply, Answer::Accepted(ids));
        Ok(())
    }

    /// Records an event and does everything that follows from it.
    pub(super) fn ingest(&mut self, event: Event, cx: &mut Context<'_>) -> Result<(), ReadError> {
        let event = Arc::new(event);
        self.record(event.clone(), cx);
        self.arrived(&event, Vec::new(), cx)
    }

    /// Records an event.
    pub(super) fn record(&mut self, event: Arc<Event>, cx: &mut Context<'_>) {
        cx.out.write(Write::PutEvent(event.clone()));
        let noticed = Notice::Event(event.id);
        cx.out.durable.push(Effect::Notice(noticed));
        self.step.events.insert(event.id, event);
    }

    /// Does what follows from an event that is recorded: first it ends runs and waits, then it starts functions, so that it never
    /// cancels what it starts. `handlers` are started whatever their triggers say.
    pub(super) fn arrived(
        &mut self,
        event: &Arc<Event>,
        handlers: Vec<FunctionId>,
        cx: &mut Context<'_>,
    ) -> Result<(), ReadError> {
        let arriving = Arriving::new(event.clone());
        self.satisfy_waits(&arriving, cx)?;
        let (mut functions, undecided) = self.triggers.matching(event, || arriving.scope());
        for trigger in undecided {
            cx.out
                .durable
                .push(Effect::Notice(Notice::Undecided(trigger)));
        }
        if !handlers.is_empty() {
            functions.extend(handlers);
            functions.sort();
            functions.dedup();
        }
        for function in functions {
            self.admit(&function, &arriving, cx)?;
        }
        Ok(())
    }
}
