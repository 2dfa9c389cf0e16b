//! Deliveries: events that a third party reports under an id of its own, and that count once however often it reports them.
//!
//! | record                    | a delivery comes at `now`                                                  |
//! |---------------------------|----------------------------------------------------------------------------|
//! | none, or `until <= now`   | the event is accepted; `Delivered { event, until: now + 7 days }`          |
//! | `Delivered`               | nothing: the answer names the event that the first delivery has brought    |
//!
//! The record and the event are written as one: after a crash there are both or neither, so that a sender who got no answer may
//! deliver again, and must. Unlike an event's external id, which keeps functions from starting twice, a repeated delivery is not an
//! event at all: it satisfies no waits either.

use super::{Answer, Context, Engine, ReplyId};
use crate::DAY_MS;
use crate::event::{EventSource, InvalidEvent, NewEvent};
use crate::ids::{EventId, FunctionId};
use crate::limits::Limits;
use crate::schema::Schemas;
use crate::state::{Control, ControlKey, ControlKind, ReadError};
use crate::trace::TraceContext;

/// How long a delivery is remembered. Stripe goes on trying for three days, and GitHub's users may ask for a delivery again for as long.
const REMEMBERED_MS: u64 = 7 * DAY_MS;

/// Stands in the records' keys where those of controls have an app.
const SOURCES: &str = "deliveries";

/// One event under the id that its sender gave the delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    source: String,
    id: String,
    pub(super) event: NewEvent,
    trace: Option<Box<TraceContext>>,
}

impl Delivery {
    /// A delivery of `event`, which is checked, under `id`: ids of different sources are different.
    pub fn check(
        source: String,
        id: String,
        event: NewEvent,
        limits: &Limits,
        schemas: &Schemas,
    ) -> Result<Self, InvalidEvent> {
        event.validate(limits)?;
        schemas.check(&event)?;
        Ok(Self {
            source,
            id,
            event,
            trace: None,
        })
    }

    /// Of an event at this place in a trace.
    #[must_use]
    pub fn traced(self, trace: Option<TraceContext>) -> Self {
        let trace = trace.map(Box::new);
        Self { trace, ..self }
    }
}

impl Engine {
    /// Accepts the event of a delivery, unless it came before.
    pub(super) fn deliver(
        &mut self,
        delivery: Delivery,
        reply: ReplyId,
        cx: &mut Context<'_>,
    ) -> Result<(), ReadError> {
        let Delivery {
            source,
            id,
            event,
            trace,
        } = delivery;
        let key = ControlKey {
            kind: ControlKind::Delivery,
            function: FunctionId::new(SOURCES, source),
            key: id,
        };
        if let Some(Control::Delivered { event, until_ms }) = self.control(&key, cx)?
            && until_ms > cx.now_ms
        {
            let repeated = true;
            cx.out.answer(reply, Answer::Delivered { event, repeated });
            return Ok(());
        }
        let id = EventId(self.ids.next(cx.now_ms));
        let until_ms = cx.now_ms.saturating_add(REMEMBERED_MS);
        self.put_control(
            key,
            Control::Delivered {
                event: id,
                until_ms,
            },
        );
        let event = event.accept(id, cx.now_ms, EventSource::Api);
        self.ingest(event.traced(trace), cx)?;
        let delivered = Answer::Delivered {
            event: id,
            repeated: false,
        };
        cx.out.answer(reply, delivered);
        Ok(())
    }
}
