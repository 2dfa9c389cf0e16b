//! What several routes do with runs: read them, read one in full, cancel one.

use abide_core::engine::Answer;
use abide_core::ids::{EventId, RunId};
use abide_core::state::{App, Read, ReadError, Run, RunStatus};
use abide_store::View;

use super::error::ApiError;
use super::{Api, no_such_event, no_such_run};
use crate::Node;
use crate::view::RunDetail;

/// A run is read in several pieces while it may go on; this often they are read again until they fit together.
const MOST_READS: usize = 3;

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
    let Some(mut run) = view.get_run(id)? else {
        return Ok(None);
    };
    let mut reads = 1;
    loop {
        let journal = view.run_journal(id)?;
        let registrations = view.registrations(id)?;
        match view.get_run(id)? {
            Some(now) if now != run && reads < MOST_READS => run = now,
            Some(_) | None => {
                let status = standing(node, &run);
                return Ok(Some((
                    RunDetail::new(&run, status, &journal, &registrations),
                    status,
                )));
            }
        }
        reads += 1;
    }
}

/// The runs of an event, oldest first.
pub(super) fn read_event_runs(view: &View, event: EventId) -> Result<Vec<Run>, ReadError> {
    let mut runs = Vec::new();
    for id in view.event_runs(event)? {
        runs.extend(view.get_run(id)?);
    }
    Ok(runs)
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
        let read = self.read(move |view| read_detail(&node, view, id)).await?;
        read.map(|(detail, _)| detail)
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
            Answer::Accepted(_) | Answer::Signalled(_) | Answer::Deployed => Err(
                ApiError::internal("the engine answered something else than it was asked"),
            ),
        }
    }
}
