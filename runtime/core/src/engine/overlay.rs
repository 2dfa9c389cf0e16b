//! What one step has changed and its own reads do not show yet: one request can hold thousands of events, each of which must see what the
//! ones before it did.
//!
//! Controls, debounces and batches are written once a step, however often the step changed them: what it leaves behind is written by
//! [`Engine::write_overlays`] at its end.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use super::internal::Published;
use super::watched::Watched;
use super::{Context, Engine};
use crate::event::Event;
use crate::ids::{EventId, FunctionId, RunId};
use crate::state::{
    BufferedSignal, Control, ControlKey, ReadError, Registration, Run, WaitKey, Write,
};

/// See the [module](self).
#[derive(Debug, Default)]
pub(super) struct Step {
    /// What it began to watch, and what it ceased to watch.
    pub watched: Watched,
    /// What it kept for operations.
    pub arrivals: BTreeSet<WaitKey>,
    /// Whether an event of this external id has started the function by now.
    pub deduped: BTreeMap<(FunctionId, String), bool>,
    /// Signals that it kept, and those that it took or let go, each with its number.
    pub signals: BTreeMap<(String, u128), Option<BufferedSignal>>,
    pub signal_waits: BTreeMap<String, Option<WaitKey>>,
    /// Events that this step recorded.
    pub events: BTreeMap<EventId, Arc<Event>>,
    /// Events of the runs that it created, where there are several.
    pub run_events: BTreeMap<RunId, Vec<EventId>>,
    /// Invoked runs that were given up, still to be cancelled: a list, because one that is cancelled gives up its own.
    pub withdrawn: Vec<RunId>,
    /// Runs that this step created and that are not among the fresh ones.
    pub created: BTreeMap<RunId, Run>,
    /// Runs that this step ended.
    pub ended: BTreeSet<RunId>,
    /// The run whose progress this step takes in, and why it is to be cancelled once that is done, if it is.
    pub reporting: Option<RunId>,
    pub doomed: Option<String>,
    /// Internal events that arrive at the end of the step.
    pub published: VecDeque<Published>,
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
        match self.step.events.get(&id) {
            Some(event) => Ok(Some(event.clone())),
            None => Ok(cx.read.event(id)?.map(Arc::new)),
        }
    }

    /// Something of a run as it stands, without a copy of all of it.
    pub(super) fn with_run<T>(
        &self,
        id: RunId,
        cx: &Context<'_>,
        look: impl FnOnce(&Run) -> T,
    ) -> Result<Option<T>, ReadError> {
        let moving = self.active.get(&id).map(|active| &active.run);
        let moving = moving.or_else(|| self.fresh.get(&id));
        match moving.or_else(|| self.step.created.get(&id)) {
            Some(run) => Ok(Some(look(run))),
            None => Ok(cx.read.run(id)?.as_ref().map(look)),
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
