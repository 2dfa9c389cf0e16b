//! What one step has changed and its own reads do not show yet: one request can hold thousands of events, each of which must see what the
//! ones before it did.
//!
//! Controls, debounces and batches are written once a step, however often the step changed them: what it leaves behind is written by
//! [`Engine::write_overlays`] at its end.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{Context, Engine};
use crate::event::Event;
use crate::ids::{EventId, FunctionId, RunId};
use crate::state::{
    BufferedSignal, Control, ControlKey, ReadError, Registration, Run, WaitKey, Write,
};

/// See the [module](self).
#[derive(Debug, Default)]
pub(super) struct Step {
    pub satisfied: BTreeSet<WaitKey>,
    pub waits: Vec<(WaitKey, Arc<Registration>)>,
    /// Everything that this step began to watch and still watches.
    pub registered: BTreeMap<WaitKey, Arc<Registration>>,
    /// Whether an event of this external id has started the function by now.
    pub deduped: BTreeMap<(FunctionId, String), bool>,
    pub signals: BTreeMap<String, Option<BufferedSignal>>,
    pub signal_waits: BTreeMap<String, Option<WaitKey>>,
    /// Events that this step recorded.
    pub events: Vec<Arc<Event>>,
    /// Invoked runs that were given up, still to be cancelled: a list, because one that is cancelled gives up its own.
    pub withdrawn: Vec<RunId>,
    /// Runs that this step created and that are not among the fresh ones.
    pub created: BTreeMap<RunId, Run>,
    /// Runs that this step ended.
    pub ended: BTreeSet<RunId>,
    /// What controls remember now.
    pub controls: BTreeMap<ControlKey, Option<Control>>,
    /// Debounces and batches that this step touched, by the run that they collect for.
    pub pending: BTreeMap<RunId, Pending>,
}

/// A debounce or a batch that a step touched.
#[derive(Debug, Default)]
pub(super) struct Pending {
    /// As the store has it.
    pub stored: Option<Arc<Registration>>,
    /// As it is now; `None` once its run is created.
    pub now: Option<Registration>,
    /// Events of a batch that the store does not have yet, and the number of the first of them.
    pub events: (u32, Vec<EventId>),
}

impl Engine {
    /// What a control remembers, this step's own doings included.
    pub(super) fn control(
        &self,
        key: &ControlKey,
        cx: &Context<'_>,
    ) -> Result<Option<Control>, ReadError> {
        match self.step.controls.get(key) {
            Some(control) => Ok(control.clone()),
            None => cx.read.control(key),
        }
    }

    /// Changes what a control remembers. It is written at the end of the step.
    pub(super) fn put_control(&mut self, key: ControlKey, control: Control) {
        self.step.controls.insert(key, Some(control));
    }

    /// Makes a control remember nothing. It is written at the end of the step.
    pub(super) fn delete_control(&mut self, key: ControlKey) {
        self.step.controls.insert(key, None);
    }

    /// An event, this step's own included.
    pub(super) fn event(
        &self,
        id: EventId,
        cx: &Context<'_>,
    ) -> Result<Option<Arc<Event>>, ReadError> {
        let recorded_now = self.step.events.iter().rev();
        match recorded_now.into_iter().find(|event| event.id == id) {
            Some(event) => Ok(Some(event.clone())),
            None => Ok(cx.read.event(id)?.map(Arc::new)),
        }
    }

    /// The run as it stands, this step's own creations included; `None` for one that this step ended.
    pub(super) fn find(&self, id: RunId, cx: &Context<'_>) -> Result<Option<Run>, ReadError> {
        if self.step.ended.contains(&id) {
            return Ok(None);
        }
        if let Some(active) = self.active.get(&id) {
            return Ok(Some(active.run.clone()));
        }
        match self.fresh.get(&id).or_else(|| self.step.created.get(&id)) {
            Some(run) => Ok(Some(run.clone())),
            None => cx.read.run(id),
        }
    }

    /// Everything that is watched for a run, this step's own doings included.
    pub(super) fn registrations_in_step(
        &self,
        run: RunId,
        cx: &Context<'_>,
    ) -> Result<BTreeMap<WaitKey, Arc<Registration>>, ReadError> {
        let stored = cx.read.registrations(run)?.into_iter();
        let mut found: BTreeMap<_, _> = stored
            .map(|(op, registration)| (WaitKey { run, op }, Arc::new(registration)))
            .filter(|(key, _)| !self.step.satisfied.contains(key))
            .collect();
        let all = WaitKey { run, op: 0 }..=WaitKey { run, op: u32::MAX };
        for (key, registration) in self.step.registered.range(all) {
            found.insert(*key, registration.clone());
        }
        Ok(found)
    }

    /// What is watched for an operation, this step's own doings included.
    pub(super) fn registration_in_step(
        &self,
        key: WaitKey,
        cx: &Context<'_>,
    ) -> Result<Option<Arc<Registration>>, ReadError> {
        if let Some(registration) = self.step.registered.get(&key) {
            return Ok(Some(registration.clone()));
        }
        if self.step.satisfied.contains(&key) {
            return Ok(None);
        }
        Ok(cx.read.registration(key.run, key.op)?.map(Arc::new))
    }

    /// Writes what this step leaves behind of the controls, debounces and batches that it changed.
    pub(super) fn write_overlays(&mut self, cx: &mut Context<'_>) {
        for (run, pending) in std::mem::take(&mut self.step.pending) {
            self.write_pending(run, pending, cx);
        }
        for (key, control) in std::mem::take(&mut self.step.controls) {
            cx.out.write(match control {
                Some(control) => Write::PutControl { key, control },
                None => Write::DeleteControl(key),
            });
        }
    }
}
