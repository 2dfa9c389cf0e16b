//! `debounce`: one run after a time without events, for all events that came before.
//!
//! | record         | an event comes at `now`                                            | `due` passes                          |
//! |----------------|--------------------------------------------------------------------|---------------------------------------|
//! | none           | `Pending(run)` with `first = now`, `due = now + period`             |                                       |
//! | `Pending(run)` | `due = now + period`; in both cases no later than `first + timeout` | none; the run is created              |
//!
//! The run has its id from the first event on, and events are linked to it as they come. It gets the newest 100 of them by `ts` (of equal ones
//! those that came later); one that falls out of the list is unlinked. As `event` it sees the newest. An event that comes when `due` has
//! passed, and the timer has not had its turn, begins anew.

use std::sync::Arc;

use super::super::{Context, Engine, Served};
use super::{Arriving, NewRun, Via};
use crate::event::Event;
use crate::function::options::Debounce;
use crate::ids::{EventId, RunId};
use crate::state::{ControlKey, ControlKind, PendingDebounce, ReadError, Registration, Write};

/// The most events of a debounce that its run gets.
pub(super) const MAX_EVENTS: usize = 100;

impl Engine {
    /// Takes the event into the debounce of its key. Returns the run that it collects for.
    pub(super) fn debounce(
        &mut self,
        served: &Served,
        option: &Debounce,
        arriving: &Arriving,
        cx: &mut Context<'_>,
    ) -> Result<RunId, ReadError> {
        let source = (&served.exprs.debounce, "debounce key");
        let key = Self::control_key(ControlKind::Debounce, served, source, arriving, cx);
        let (run, mut pending) = match self.collecting(&key, cx)? {
            Some((run, Registration::Debounce(pending))) => (run, pending),
            Some(_) | None => (
                self.begin_collecting(key.clone(), cx),
                Box::new(begun(&key, cx)),
            ),
        };
        let quiet_ms = cx.now_ms.saturating_add(option.period_ms);
        pending.due_ms = match option.timeout_ms {
            Some(timeout_ms) => quiet_ms.min(pending.first_ms.saturating_add(timeout_ms)),
            None => quiet_ms,
        };
        let event = &arriving.event;
        let fallen = insert(&mut pending.events, event);
        if fallen != Some(event.id) {
            cx.out.write(Write::LinkEvent {
                event: event.id,
                run,
            });
        }
        if let Some(fallen) = fallen.filter(|fallen| *fallen != event.id) {
            cx.out.write(Write::UnlinkEvent { event: fallen, run });
        }
        self.keep_collecting(run, Registration::Debounce(pending));
        Ok(run)
    }

    /// It has been quiet for long enough.
    pub(super) fn start_debounced(
        &mut self,
        run: RunId,
        pending: PendingDebounce,
        cx: &mut Context<'_>,
    ) -> Result<(), ReadError> {
        let PendingDebounce {
            function,
            key,
            events,
            ..
        } = pending;
        self.end_collecting(ControlKey {
            kind: ControlKind::Debounce,
            function: function.clone(),
            key,
        });
        let events: Vec<EventId> = events.into_iter().map(|(_, id)| id).collect();
        // The store keeps an event as long as a debounce holds on to it.
        let Some(newest) = events.last() else {
            return Ok(());
        };
        let Some(event) = self.event(*newest, cx)? else {
            return Ok(());
        };
        let event_count = u32::try_from(events.len()).unwrap_or(u32::MAX);
        let collected = events.clone();
        let spec = NewRun {
            id: Some(run),
            events: if events.len() > 1 { events } else { Vec::new() },
            event_count,
            ..NewRun::of(function, event, Via::Event)
        };
        self.start_collected(run, spec, &collected, cx)
    }
}

fn begun(key: &ControlKey, cx: &Context<'_>) -> PendingDebounce {
    PendingDebounce {
        function: key.function.clone(),
        key: key.key.clone(),
        first_ms: cx.now_ms,
        due_ms: cx.now_ms,
        events: Vec::new(),
    }
}

/// Puts an event into the list at its place. Returns the one that falls out of it.
fn insert(events: &mut Vec<(u64, EventId)>, event: &Arc<Event>) -> Option<EventId> {
    let place = events.partition_point(|(ts, _)| *ts <= event.ts);
    events.insert(place, (event.ts, event.id));
    (events.len() > MAX_EVENTS).then(|| events.remove(0).1)
}
