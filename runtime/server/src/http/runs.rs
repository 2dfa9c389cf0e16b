//! What several routes do with runs: read them, read one in full, cancel one.

use abide_core::engine::Answer;
use abide_core::function::options::ConcurrencyUnit;
use abide_core::ids::{EventId, RunId};
use abide_core::journal::WORKFLOW_OP;
use abide_core::state::{
    App, Control, ControlKey, ControlKind, LaneKey, Read, ReadError, Run, RunStatus,
};
use abide_store::View;

use super::error::ApiError;
use super::{Api, no_such_event, no_such_run};
use crate::Node;
use crate::view::{Hold, InngestJob, PendingView, RunDetail, Surroundings};

/// A run is read in several pieces while it may go on; this often they are read again until they fit together.
const MOST_READS: usize = 3;

/// Runs ahead of a queued one that are counted.
const MOST_AHEAD: usize = 1_000;

/// Where a run stands: its record says `Queued` until it first rests or ends.
pub(super) fn standing(node: &Node, run: &Run) -> RunStatus {
    match run.status {
        RunStatus::Queued => node.live_status(run.id).unwrap_or(RunStatus::Queued),
        status => status,
    }
}

/// A run with its waterfall.
pub(super) fn read_detail(
    node: &Node,
    view: &View,
    id: RunId,
) -> Result<Option<(RunDetail, RunStatus)>, ReadError> {
    read_in_full(node, view, id, |run, status, surroundings, now_ms| {
        (RunDetail::new(run, status, surroundings, now_ms), status)
    })
}

/// Shows a run with everything that is known of it.
fn read_in_full<T>(
    node: &Node,
    view: &View,
    id: RunId,
    show: impl Fn(&Run, RunStatus, &Surroundings, u64) -> T,
) -> Result<Option<T>, ReadError> {
    let Some(mut run) = view.get_run(id)? else {
        return Ok(None);
    };
    let mut reads = 1;
    loop {
        let surroundings = Surroundings {
            journal: view.run_journal(id)?,
            registrations: view.registrations(id)?,
            events: match run.event_count {
                0 | 1 => Vec::new(),
                _ => view.run_events(id)?,
            },
            hold: hold(view, &run)?,
            trace: {
                let given = view.get_event(run.event)?.and_then(|event| event.trace);
                let trace = node.inner.trace_of(given.as_deref(), id);
                trace.map(Box::new)
            },
            spent: node.inner.metrics.timings.of(id),
            steps_spent: node.inner.metrics.timings.of_steps(id),
        };
        match view.get_run(id)? {
            Some(now) if now != run && reads < MOST_READS => run = now,
            Some(_) | None => {
                let status = standing(node, &run);
                let now_ms = node.clock().now_ms();
                return Ok(Some(show(&run, status, &surroundings, now_ms)));
            }
        }
        reads += 1;
    }
}

/// What keeps a queued run from starting.
fn hold(view: &View, run: &Run) -> Result<Option<Hold>, ReadError> {
    let Some(queue) = run.queue.as_deref() else {
        return Ok(None);
    };
    if run.status != RunStatus::Queued {
        return Ok(None);
    }
    let control = |kind, key: &str| {
        view.control(&ControlKey {
            kind,
            function: run.function.clone(),
            key: key.to_owned(),
        })
    };
    let paused_ms = match control(ControlKind::Pause, "")? {
        Some(Control::Paused { since_ms }) => Some(since_ms),
        Some(_) | None => None,
    };
    let app = view.get_app(&run.function.app)?;
    let functions = app.map(|app| app.current.functions).unwrap_or_default();
    let config = functions
        .into_iter()
        .find(|config| *config.id == *run.function.function);
    let option = config.and_then(|config| config.throttle);
    let throttle = match (&queue.throttle, option) {
        (Some(key), Some(option)) => {
            control(ControlKind::Throttle, key)?.map(|control| (control, option))
        }
        (Some(_) | None, _) => None,
    };
    let mut held = Vec::new();
    for (at, counter) in queue.counters.iter().enumerate() {
        if counter.per == ConcurrencyUnit::Run {
            let limit = counter.limit as usize;
            held.push((at, view.holders(&counter.name, limit)?.len()));
        }
    }
    let lane = LaneKey {
        function: run.function.clone(),
        lane: queue.lane.clone(),
    };
    let places = view.queued(&lane, None, MOST_AHEAD)?;
    let ahead = places.iter().take_while(|place| place.run != run.id);
    Ok(Some(Hold {
        paused_ms,
        throttle,
        held,
        ahead: ahead.count(),
    }))
}

/// The runs of an event, oldest first.
pub(super) fn read_event_runs(view: &View, event: EventId) -> Result<Vec<Run>, ReadError> {
    let mut runs = Vec::new();
    for id in view.event_runs(event)? {
        runs.extend(view.get_run(id)?);
    }
    Ok(runs)
}

/// What collects events for a run that is not created yet.
pub(super) fn read_pending(view: &View, id: RunId) -> Result<Option<PendingView>, ReadError> {
    let registration = view.registration(id, WORKFLOW_OP)?;
    Ok(registration.and_then(|it| PendingView::of(id, &it)))
}

/// Runs that an event will be part of and that are not created yet.
pub(super) fn read_event_pending(
    view: &View,
    event: EventId,
) -> Result<Vec<PendingView>, ReadError> {
    let mut pending = Vec::new();
    for id in view.event_runs(event)? {
        if view.get_run(id)?.is_none() {
            pending.extend(read_pending(view, id)?);
        }
    }
    Ok(pending)
}

impl Api {
    /// All apps.
    pub(super) async fn apps(&self) -> Result<Vec<App>, ApiError> {
        self.read(<View as Read>::apps).await
    }

    /// A run.
    pub(super) async fn run(&self, id: RunId) -> Result<Run, ApiError> {
        self.read(move |view| Ok(view.get_run(id)?))
            .await?
            .ok_or_else(|| no_such_run(id))
    }

    /// A run with its waterfall.
    pub(super) async fn detail(&self, id: RunId) -> Result<RunDetail, ApiError> {
        let node = self.node.clone();
        let read = move |view: &View| match read_detail(&node, view, id)? {
            Some((detail, _)) => Ok(Ok(detail)),
            None => Ok(Err(read_pending(view, id)?)),
        };
        self.read(read).await?.map_err(|pending| match pending {
            Some(pending) => ApiError::not_found("no_such_run", pending.to_string()),
            None => no_such_run(id),
        })
    }

    /// What is queued or under way for a run.
    pub(super) async fn run_jobs(&self, id: RunId) -> Result<Vec<InngestJob>, ApiError> {
        let node = self.node.clone();
        let show = |run: &Run, status, surroundings: &Surroundings, _| {
            InngestJob::of_run(run, status, surroundings)
        };
        self.read(move |view| read_in_full(&node, view, id, show))
            .await?
            .ok_or_else(|| no_such_run(id))
    }

    /// The runs of an event that exists.
    pub(super) async fn event_runs(&self, id: EventId) -> Result<Vec<Run>, ApiError> {
        let read = move |view: &View| {
            if !view.has_event(id)? {
                return Ok(None);
            }
            read_event_runs(view, id).map(Some)
        };
        self.read(read).await?.ok_or_else(|| no_such_event(id))
    }

    /// Cancels a run. It is no error if it was cancelled before, but it is if it ended otherwise.
    pub(super) async fn cancel(&self, id: RunId, reason: &str) -> Result<(), ApiError> {
        match self.node.cancel_run(id, reason).await? {
            Answer::Cancelled | Answer::Ended(RunStatus::Cancelled) => Ok(()),
            Answer::Ended(status) => Err(ApiError::conflict(
                "run_ended",
                format!(
                    "run {id} has ended already ({}); there is nothing left to cancel",
                    status.as_str()
                ),
            )),
            Answer::NoSuchRun => Err(no_such_run(id)),
            other => Err(ApiError::unexpected(&other)),
        }
    }
}
