//! Runs: the record in Abide's shape and in Inngest's, and the detail with the waterfall of steps.

use std::collections::BTreeMap;

use abide_core::ids::{EventId, RunId};
use abide_core::journal::{Entry, OpNumber, is_guard};
use abide_core::state::{Registration, Run, RunEnd, RunStatus};
use abide_core::trace::TraceContext;
use abide_host::{Spent, StepSpent};
use serde::Serialize;
use utoipa::ToSchema;

use super::queued::{Hold, QueueView, queued_because};
use super::shapes;
use super::steps::{AttemptView, StepView, Waterfall};
use super::timings::TimingsView;
use super::value::{Embedded, ErrorView, Id, Time, in_short};
use super::waiting::waiting_for;

/// A run as Abide's own API lists it.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = Run)]
pub(crate) struct RunView {
    #[schema(value_type = Id)]
    pub(crate) run_id: RunId,
    /// `app/function`.
    pub(crate) function_id: String,
    /// The SHA-256 of the component that it executes.
    pub(crate) function_version: String,
    #[schema(value_type = Id)]
    pub(crate) event_id: EventId,
    pub(crate) event_count: u32,
    #[schema(value_type = shapes::Status)]
    pub(crate) status: &'static str,
    pub(crate) queued_at: Time,
    pub(crate) started_at: Option<Time>,
    pub(crate) ended_at: Option<Time>,
    #[schema(value_type = Embedded)]
    pub(crate) output: Option<Embedded>,
    pub(crate) error: Option<ErrorView>,
    /// The run that invoked this one.
    #[schema(value_type = Option<Id>)]
    pub(crate) parent_run_id: Option<RunId>,
    /// The run that this one replays.
    #[schema(value_type = Option<Id>)]
    pub(crate) original_run_id: Option<RunId>,
    /// The schedule whose tick started it.
    pub(crate) cron: Option<String>,
    pub(crate) batch: bool,
    pub(crate) paused_reason: Option<String>,
    pub(crate) skipped_reason: Option<String>,
    pub(crate) queue: Option<QueueView>,
}

impl RunView {
    /// The view of a run that stands at `status`: its record may be a little behind.
    pub(crate) fn new(run: &Run, status: RunStatus) -> Self {
        let (output, error) = match &run.end {
            Some(RunEnd::Output(json)) => (Some(Embedded(json.clone())), None),
            Some(RunEnd::Failure(failure)) => (None, Some(failure.into())),
            Some(RunEnd::Skipped(reason)) => (None, Some(ErrorView::skipped(reason))),
            None => (None, None),
        };
        Self {
            run_id: run.id,
            function_id: run.function.to_string(),
            function_version: run.digest.to_string(),
            event_id: run.event,
            event_count: run.event_count,
            status: status.as_str(),
            queued_at: Time(run.queued_ms),
            started_at: run.started_ms.map(Time),
            ended_at: run.ended_ms.map(Time),
            output,
            error,
            parent_run_id: run.parent.map(|(parent, _)| parent),
            original_run_id: run.original,
            cron: run.cron.as_deref().map(str::to_owned),
            batch: run.batch,
            paused_reason: match (&run.end, status) {
                (Some(RunEnd::Failure(failure)), RunStatus::Paused) => Some(in_short(failure)),
                (Some(_) | None, _) => None,
            },
            skipped_reason: match &run.end {
                Some(RunEnd::Skipped(reason)) => Some(reason.clone()),
                Some(RunEnd::Output(_) | RunEnd::Failure(_)) | None => None,
            },
            queue: run.queue.as_deref().map(QueueView::from),
        }
    }
}

/// What is known of a run besides its record.
#[derive(Debug, Clone, Default)]
pub(crate) struct Surroundings {
    pub(crate) journal: Vec<Entry>,
    pub(crate) registrations: Vec<(OpNumber, Registration)>,
    /// All events that started it, where there are several.
    pub(crate) events: Vec<EventId>,
    /// What keeps it from starting, while it is queued.
    pub(crate) hold: Option<Hold>,
    /// Its place in a trace: that of its event, or its own where traces are recorded.
    pub(crate) trace: Option<Box<TraceContext>>,
    /// Where its time went, if this process knows.
    pub(crate) spent: Option<Spent>,
    /// Where that of its steps went, in their order, as far as this process knows.
    pub(crate) steps_spent: Vec<(OpNumber, StepSpent)>,
}

impl Surroundings {
    /// What is pending for the run's operations; what only watches over the run is left out.
    pub(super) fn of_operations(&self) -> BTreeMap<OpNumber, &Registration> {
        let operations = self.registrations.iter().filter(|(op, _)| !is_guard(*op));
        operations.map(|(op, it)| (*op, it)).collect()
    }
}

/// A run with everything that is known of it.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = RunDetail)]
pub(crate) struct RunDetail {
    #[serde(flatten)]
    pub(crate) run: RunView,
    /// All events that started it.
    #[schema(value_type = Vec<Id>)]
    pub(crate) event_ids: Vec<EventId>,
    /// Its place in a distributed trace: that of the event that it has as `event`, or its own where traces are recorded.
    pub(crate) traceparent: Option<String>,
    /// Why it does not go on right now, in one sentence.
    pub(crate) waiting_for: Option<String>,
    /// The attempts at the workflow code.
    pub(crate) attempts: Vec<AttemptView>,
    pub(crate) steps: Vec<StepView>,
    /// Where its time went.
    pub(crate) timings: TimingsView,
}

impl RunDetail {
    /// The detail of a run that stands at `status` at `now_ms`.
    pub(crate) fn new(
        run: &Run,
        status: RunStatus,
        surroundings: &Surroundings,
        now_ms: u64,
    ) -> Self {
        let waterfall = Waterfall::new(&surroundings.journal);
        let registrations = surroundings.of_operations();
        let held = run.queue.as_deref().zip(surroundings.hold.as_ref());
        let queued = held.filter(|_| status == RunStatus::Queued);
        let waiting_for = waiting_for(run, status, &waterfall, &registrations)
            .or_else(|| queued.map(|(queue, hold)| queued_because(queue, hold, now_ms)));
        let event_ids = match surroundings.events.as_slice() {
            [] => vec![run.event],
            several => several.to_vec(),
        };
        let mut steps = waterfall.steps(run, status, &registrations);
        for (op, spent) in &surroundings.steps_spent {
            if let Some(step) = steps.get_mut(*op as usize) {
                step.timings = Some((*spent).into());
            }
        }
        Self {
            run: RunView::new(run, status),
            event_ids,
            traceparent: surroundings.trace.as_ref().map(|it| it.traceparent()),
            waiting_for,
            attempts: waterfall.workflow_attempts(),
            steps,
            timings: TimingsView::new(run, surroundings.spent),
        }
    }
}

/// A run as Inngest's API shows it. Inngest has four words for where a run stands; whatever has not ended is `Running`.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = InngestRun)]
pub(crate) struct InngestRun {
    #[schema(value_type = Id)]
    pub(crate) run_id: RunId,
    pub(crate) run_started_at: Time,
    /// `app/function`.
    pub(crate) function_id: String,
    /// The SHA-256 of the component that it executes.
    pub(crate) function_version: String,
    #[schema(value_type = Id)]
    pub(crate) event_id: EventId,
    #[schema(value_type = Option<Id>)]
    pub(crate) batch_id: Option<RunId>,
    #[schema(value_type = Option<Id>)]
    pub(crate) original_run_id: Option<RunId>,
    pub(crate) cron: Option<String>,
    #[schema(value_type = shapes::InngestStatus)]
    pub(crate) status: &'static str,
    pub(crate) ended_at: Option<Time>,
    #[schema(value_type = Embedded)]
    output: Option<InngestOutput>,
}

/// What a run returned, or the error object of one that failed or was cancelled.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(untagged)]
enum InngestOutput {
    Json(Embedded),
    Error(ErrorView),
}

impl From<&Run> for InngestRun {
    fn from(run: &Run) -> Self {
        let output = match (&run.end, run.status.is_final()) {
            (Some(RunEnd::Output(json)), true) => Some(InngestOutput::Json(Embedded(json.clone()))),
            (Some(RunEnd::Failure(failure)), true) => Some(InngestOutput::Error(failure.into())),
            (Some(RunEnd::Skipped(reason)), _) => {
                Some(InngestOutput::Error(ErrorView::skipped(reason)))
            }
            (Some(_), false) | (None, _) => None,
        };
        Self {
            run_id: run.id,
            run_started_at: Time(run.started_ms.unwrap_or(run.queued_ms)),
            function_id: run.function.to_string(),
            function_version: run.digest.to_string(),
            event_id: run.event,
            batch_id: run.batch.then_some(run.id),
            original_run_id: run.original,
            cron: run.cron.as_deref().map(str::to_owned),
            status: inngest_status(run.status),
            ended_at: run.ended_ms.map(Time),
            output,
        }
    }
}

fn inngest_status(status: RunStatus) -> &'static str {
    match status {
        RunStatus::Queued
        | RunStatus::Running
        | RunStatus::Sleeping
        | RunStatus::Waiting
        | RunStatus::Paused => "Running",
        RunStatus::Completed => "Completed",
        RunStatus::Failed => "Failed",
        // Inngest's clients wait for one of three ends; a run that never began is none that they would wait for.
        RunStatus::Cancelled | RunStatus::Skipped => "Cancelled",
    }
}
