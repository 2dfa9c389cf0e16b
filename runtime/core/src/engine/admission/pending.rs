//! What debounces and batches have in common: a record that names a run which is not created yet, and that run's registration, which holds what
//! was collected and is found by its timer.
//!
//! Within a step they change in memory only; what is left of them at its end is written once, however many events came.

use std::sync::Arc;

use super::super::overlay::Pending;
use super::super::{Context, Engine};
use super::{Arriving, NewRun};
use crate::ids::{EventId, RunId};
use crate::journal::WORKFLOW_OP;
use crate::state::{Control, ControlKey, ReadError, Registration, WaitKey, Write};

impl Engine {
    /// The run that collects under this key, and what it has. What is due already is started first and collects no more.
    pub(super) fn collecting(
        &mut self,
        key: &ControlKey,
        cx: &mut Context<'_>,
    ) -> Result<Option<(RunId, Registration)>, ReadError> {
        let Some(Control::Pending(run)) = self.control(key, cx)? else {
            return Ok(None);
        };
        let Some(registration) = self.pending(run, cx)? else {
            return Ok(None);
        };
        match registration.due_ms() {
            Some(due_ms) if due_ms <= cx.now_ms => {
                self.collected(run, due_ms, cx)?;
                Ok(None)
            }
            Some(_) | None => Ok(Some((run, registration))),
        }
    }

    /// Names a new run under this key.
    pub(super) fn begin_collecting(&mut self, key: ControlKey, cx: &Context<'_>) -> RunId {
        let run = RunId(self.ids.next(cx.now_ms));
        self.put_control(key, Control::Pending(run));
        run
    }

    /// Keeps what was collected.
    pub(super) fn keep_collecting(&mut self, run: RunId, registration: Registration) {
        self.step.pending.entry(run).or_default().now = Some(registration);
    }

    /// The run is created now, or never: the next event of the key begins anew.
    pub(super) fn end_collecting(&mut self, key: ControlKey) {
        self.delete_control(key);
    }

    /// Records event number `number` of a batch.
    pub(super) fn add_to_batch(&mut self, run: RunId, number: u32, event: EventId) {
        let (first, events) = &mut self.step.pending.entry(run).or_default().events;
        if events.is_empty() {
            *first = number;
        }
        events.push(event);
    }

    /// The time of a debounce or a batch has come, or it is full.
    pub(in crate::engine) fn collected(
        &mut self,
        run: RunId,
        due_ms: u64,
        cx: &mut Context<'_>,
    ) -> Result<(), ReadError> {
        // A timer may be of a time before the last event came.
        if self
            .pending(run, cx)?
            .and_then(|registration| registration.due_ms())
            != Some(due_ms)
        {
            return Ok(());
        }
        let pending = self.step.pending.entry(run).or_default();
        // At once: the run that is created may have a registration of its own in this place.
        let (stored, now) = (pending.stored.take(), pending.now.take());
        if let Some(stored) = stored {
            let op = WORKFLOW_OP;
            self.unregister(WaitKey { run, op }, stored, cx);
        }
        match now {
            Some(Registration::Debounce(pending)) => self.start_debounced(run, *pending, cx),
            Some(Registration::Batch(pending)) => self.start_batch(run, *pending, cx),
            Some(_) | None => Ok(()),
        }
    }

    /// Creates the run of collected events, which goes through the rest of the controls.
    pub(super) fn start_collected(
        &mut self,
        run: RunId,
        spec: NewRun,
        events: &[EventId],
        cx: &mut Context<'_>,
    ) -> Result<(), ReadError> {
        let arriving = Arriving::new(spec.event.clone());
        let function = spec.function.clone();
        let Some(served) = self.served(&function).cloned() else {
            self.skip_undeployed(run, spec, cx);
            return Ok(());
        };
        if self.create_from(&served, spec, &arriving, cx)?.is_none() {
            // It was skipped: what stands for a run that started must not keep others from starting.
            for event in events {
                if let Some(event) = self.event(*event, cx)? {
                    self.forget_started(&function, &event, run, cx);
                    self.forget_idempotent(&served, &Arriving::new(event), run, cx)?;
                }
            }
        }
        Ok(())
    }

    /// What a run that is not created yet has collected.
    fn pending(&mut self, run: RunId, cx: &Context<'_>) -> Result<Option<Registration>, ReadError> {
        if let Some(pending) = self.step.pending.get(&run) {
            return Ok(pending.now.clone());
        }
        let Some(stored @ (Registration::Debounce(_) | Registration::Batch(_))) =
            cx.read.registration(run, WORKFLOW_OP)?
        else {
            return Ok(None);
        };
        let pending = Pending {
            stored: Some(Arc::new(stored.clone())),
            now: Some(stored.clone()),
            events: (0, Vec::new()),
        };
        self.step.pending.insert(run, pending);
        Ok(Some(stored))
    }

    /// Writes what a step leaves behind of a debounce or a batch.
    pub(in crate::engine) fn write_pending(
        &mut self,
        run: RunId,
        pending: Pending,
        cx: &mut Context<'_>,
    ) {
        let key = WaitKey {
            run,
            op: WORKFLOW_OP,
        };
        let unchanged = pending.now.as_ref() == pending.stored.as_deref();
        if !unchanged {
            if let Some(stored) = pending.stored {
                self.unregister(key, stored, cx);
            }
            if let Some(now) = pending.now {
                self.register(key, Arc::new(now), cx);
            }
        }
        let (first, events) = pending.events;
        if !events.is_empty() {
            cx.out.write(Write::PutRunEvents { run, first, events });
        }
    }
}
