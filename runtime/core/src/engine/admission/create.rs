//! The one place where runs are created: whatever starts a function comes here once its event may start a run.

use std::sync::Arc;

use super::super::{Context, Engine, Served};
use super::Arriving;
use super::singleton::Claim;
use crate::event::Event;
use crate::ids::{Digest, EventId, FunctionId, RunId};
use crate::journal::{Carried, OpNumber};
use crate::retry::RetryPolicy;
use crate::state::{ReadError, Run, RunStatus, StepInput, Write};

/// What brings a run about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::engine) enum Via {
    /// Events that matched its triggers and passed the controls before this.
    Event,
    /// A run that waits for it.
    Invoke,
    /// A tick of a schedule.
    Cron,
    /// An operator who has an earlier run done again.
    Replay,
}

/// A run to create.
#[derive(Debug, Clone)]
pub(in crate::engine) struct NewRun {
    /// Its id, if it was given one when its first event came: then its events are linked to it already.
    pub id: Option<RunId>,
    /// What runs.
    pub function: FunctionId,
    /// What functions see as `event`.
    pub event: Arc<Event>,
    /// All events in order, where there are several and they are not recorded as the run's yet.
    pub events: Vec<EventId>,
    /// How many there are.
    pub event_count: u32,
    /// Whether they are a batch.
    pub batch: bool,
    /// Who waits for it.
    pub parent: Option<(RunId, OpNumber)>,
    /// What it replays.
    pub original: Option<RunId>,
    /// The schedule whose tick it is.
    pub cron: Option<Arc<str>>,
    /// What replaces the input of one of its steps.
    pub input: Option<Box<StepInput>>,
    /// The results of what it replays that it keeps: its journal begins with them.
    pub carried: Vec<Carried>,
    /// What brings it about.
    pub via: Via,
}

impl NewRun {
    /// A run of one event.
    pub(in crate::engine) fn of(function: FunctionId, event: Arc<Event>, via: Via) -> Self {
        Self {
            id: None,
            function,
            event,
            events: Vec::new(),
            event_count: 1,
            batch: false,
            parent: None,
            original: None,
            cron: None,
            input: None,
            carried: Vec::new(),
            via,
        }
    }
}

impl Engine {
    /// Creates a run of the function's current version. `None` if it is not deployed, or if its singleton says no.
    pub(in crate::engine) fn create(
        &mut self,
        spec: NewRun,
        cx: &mut Context<'_>,
    ) -> Result<Option<RunId>, ReadError> {
        let Some(served) = self.served(&spec.function).cloned() else {
            return Ok(None);
        };
        let arriving = Arriving::new(spec.event.clone());
        self.create_from(&served, spec, &arriving, cx)
    }

    /// The same, for an event that may be parsed already.
    pub(super) fn create_from(
        &mut self,
        served: &Served,
        mut spec: NewRun,
        arriving: &Arriving,
        cx: &mut Context<'_>,
    ) -> Result<Option<RunId>, ReadError> {
        let id = spec.id.unwrap_or_else(|| RunId(self.ids.next(cx.now_ms)));
        let event = &arriving.event;
        let at_ms = match spec.via {
            Via::Event | Via::Invoke | Via::Cron => event.ts.max(cx.now_ms),
            // Its time has come already: somebody wants it now.
            Via::Replay => cx.now_ms,
        };
        if spec.id.is_none() {
            Self::link(id, &spec, cx);
        }
        self.put_events(id, &mut spec, cx);
        let via = spec.via;
        let quiet = self.is_quiet(&spec);
        let carried = std::mem::take(&mut spec.carried);
        let mut run = new_run(id, spec, (served.digest, served.policy), cx);
        run.quiet = quiet;
        if !carried.is_empty() {
            Self::keep_carried(&mut run, carried, cx);
        }
        let claim = match via {
            Via::Event | Via::Cron => self.claim_singleton(served, &mut run, arriving, cx)?,
            Via::Invoke | Via::Replay => Claim::Free,
        };
        if let Claim::Taken(reason) = claim {
            Self::skip(run, reason, cx);
            return Ok(None);
        }
        run.queue = Self::queueing(served, arriving, at_ms, cx);
        if served.guards() {
            self.register_guards(&mut run, served, arriving, at_ms, cx);
        }
        self.enqueue(run, at_ms, cx);
        if let Claim::Replaces(earlier) = claim {
            self.replace_live(*earlier, id, cx)?;
        }
        Ok(Some(id))
    }

    /// Records the events of a run, if it has several that are not recorded as its yet.
    pub(super) fn put_events(&mut self, run: RunId, spec: &mut NewRun, cx: &mut Context<'_>) {
        let events = std::mem::take(&mut spec.events);
        if !events.is_empty() {
            self.step.run_events.insert(run, events.clone());
            let first = 0;
            cx.out.write(Write::PutRunEvents { run, first, events });
        }
    }

    /// Lets everybody see which run the events brought about.
    pub(super) fn link(run: RunId, spec: &NewRun, cx: &mut Context<'_>) {
        cx.out.write(Write::LinkEvent {
            event: spec.event.id,
            run,
        });
        for event in spec.events.iter().filter(|id| **id != spec.event.id) {
            cx.out.write(Write::LinkEvent { event: *event, run });
        }
    }
}

/// The record of a run that is about to be queued.
pub(super) fn new_run(
    id: RunId,
    spec: NewRun,
    (digest, policy): (Digest, RetryPolicy),
    cx: &Context<'_>,
) -> Run {
    Run {
        id,
        function: spec.function,
        digest,
        policy,
        event: spec.event.id,
        event_count: spec.event_count,
        batch: spec.batch,
        parent: spec.parent,
        original: spec.original,
        cron: spec.cron,
        queue: None,
        guarded: false,
        quiet: false,
        input: spec.input,
        singleton: None,
        status: RunStatus::Queued,
        queued_ms: cx.now_ms,
        started_ms: None,
        ended_ms: None,
        end: None,
        entries: 0,
        log_chunks: 0,
        logged: None,
    }
}
