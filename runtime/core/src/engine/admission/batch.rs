//! `batchEvents`: one run for several events.
//!
//! | record         | an event comes at `now`                                                       | `due` passes             |
//! |----------------|-------------------------------------------------------------------------------|--------------------------|
//! | none           | `Pending(run)` with one event, `due = now + timeout`                           |                          |
//! | `Pending(run)` | full with it: none, the run is created with it                                | none; the run is created |
//! |                | beyond [`batch_bytes`] with it: the run is created without it; it begins the next |                          |
//! |                | else: one event more                                                          |                          |
//!
//! [`batch_bytes`]: crate::limits::Limits::batch_bytes
//!
//! So a batch never exceeds its size, its bytes or its age; an event that comes when `due` has passed, and the timer has not had its turn,
//! begins the next one. An event for which `if` is false is none of this control's: it runs alone. As `event` the run sees the first.

use super::super::{Context, Engine, Served};
use super::{Arriving, NewRun, Via, keys};
use crate::event::Event;
use crate::function::options::BatchEvents;
use crate::ids::{EventId, RunId};
use crate::state::{ControlKey, ControlKind, PendingBatch, ReadError, Registration, Write};

impl Engine {
    /// Takes the event into the batch of its key. `false` if it is to run alone.
    pub(super) fn batch(
        &mut self,
        served: &Served,
        option: &BatchEvents,
        arriving: &Arriving,
        cx: &mut Context<'_>,
    ) -> Result<bool, ReadError> {
        let alone = (&served.exprs.batch_if, "batchEvents if");
        if !keys::condition(&served.id, alone, arriving, cx) {
            return Ok(false);
        }
        let source = (&served.exprs.batch, "batchEvents key");
        let key = Self::control_key(ControlKind::Batch, served, source, arriving, cx);
        let event = &arriving.event;
        let bytes = size(event);
        // A single event may have more: then it is a batch of its own.
        let most_bytes = self.config.limits.batch_bytes;
        let mut found = match self.collecting(&key, cx)? {
            Some((run, Registration::Batch(pending))) => Some((run, pending)),
            Some(_) | None => None,
        };
        if let Some((run, pending)) = &found
            && (pending.count >= option.max_size
                || pending.bytes.saturating_add(bytes) > most_bytes)
        {
            self.collected(*run, pending.due_ms, cx)?;
            found = None;
        }
        let (run, mut pending) = match found {
            Some(found) => found,
            None => {
                let run = self.begin_collecting(key.clone(), cx);
                (run, Box::new(begun(key, event.id, option, cx)))
            }
        };
        cx.out.write(Write::LinkEvent {
            event: event.id,
            run,
        });
        self.note_started(&served.id, event, run, cx);
        self.add_to_batch(run, pending.count, event.id);
        pending.count += 1;
        pending.bytes = pending.bytes.saturating_add(bytes);
        let due_ms = pending.due_ms;
        let full = pending.count >= option.max_size || pending.bytes >= most_bytes;
        self.keep_collecting(run, Registration::Batch(pending));
        if full {
            self.collected(run, due_ms, cx)?;
        }
        Ok(true)
    }

    /// The batch is full, or its time has come.
    pub(super) fn start_batch(
        &mut self,
        run: RunId,
        pending: PendingBatch,
        cx: &mut Context<'_>,
    ) -> Result<(), ReadError> {
        let PendingBatch {
            function,
            key,
            first,
            count,
            ..
        } = pending;
        self.end_collecting(ControlKey {
            kind: ControlKind::Batch,
            function: function.clone(),
            key,
        });
        // The store keeps an event as long as a batch holds on to it.
        let Some(event) = self.event(first, cx)? else {
            return Ok(());
        };
        let spec = NewRun {
            id: Some(run),
            event_count: count,
            batch: true,
            ..NewRun::of(function, event, Via::Event)
        };
        self.start_collected(run, spec, &[], cx)
    }
}

fn begun(key: ControlKey, first: EventId, option: &BatchEvents, cx: &Context<'_>) -> PendingBatch {
    PendingBatch {
        function: key.function,
        key: key.key,
        first,
        due_ms: cx.now_ms.saturating_add(option.timeout_ms),
        count: 0,
        bytes: 0,
    }
}

/// What an event adds to the bytes of a batch: everything that its sender chose.
fn size(event: &Event) -> u64 {
    let text = |text: Option<usize>| text.unwrap_or(0);
    let bytes = event.name.len()
        + event.data.len()
        + text(event.user.as_ref().map(|user| user.len()))
        + text(event.external_id.as_ref().map(String::len))
        + text(event.v.as_ref().map(String::len));
    u64::try_from(bytes).unwrap_or(u64::MAX)
}
