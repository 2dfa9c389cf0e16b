//! What is queued or under way for a run, in the shape of Inngest's `GET /v1/runs/{id}/jobs`.
//!
//! Abide has no jobs in Inngest's sense: the list is computed from the run's journal and registrations. What only watches over the run (an
//! event that would cancel it, a timeout of the whole run) is not in it.

use abide_core::journal::{OpNumber, WORKFLOW_OP};
use abide_core::state::{Registration, Run, RunStatus};
use serde::Serialize;
use utoipa::ToSchema;

use super::run::Surroundings;
use super::steps::Waterfall;
use super::value::Time;

/// One thing that is queued or under way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = InngestJob)]
pub(crate) struct InngestJob {
    /// When it is due, or when it began.
    at: Time,
    /// How many runs stand before it in the queue; 0 for whatever does not queue.
    position: usize,
    /// `start`: the run begins. `edge`: code or a request. `sleep`. `pause`: a wait for an event, a signal or another run, until its timeout.
    kind: &'static str,
    /// From 0.
    attempt: u32,
}

impl InngestJob {
    /// The jobs of a run that stands at `status`, earliest first; none when it has ended.
    pub(crate) fn of_run(run: &Run, status: RunStatus, surroundings: &Surroundings) -> Vec<Self> {
        let registrations = surroundings.of_operations();
        let due = |op: OpNumber| registrations.get(&op).and_then(|it| it.due_ms());
        if status.is_final() {
            return Vec::new();
        }
        if status == RunStatus::Queued {
            let ahead = surroundings.hold.as_ref().map_or(0, |hold| hold.ahead);
            let at_ms = due(WORKFLOW_OP).unwrap_or(run.queued_ms);
            return vec![Self::new(at_ms, "start", 0).behind(ahead)];
        }
        let waterfall = Waterfall::new(&surroundings.journal);
        // A request that is under way is among the steps below.
        let due_later = |it: &Registration| !it.is_request() || it.due_ms().is_some();
        let mut jobs: Vec<Self> = registrations
            .iter()
            .filter(|(_, it)| due_later(it))
            .map(|(op, registration)| {
                let attempts = match *op {
                    WORKFLOW_OP => waterfall.workflow.len(),
                    op => waterfall.step(op).map_or(0, |step| step.attempts.len()),
                };
                Self::of_registration(registration, attempts, run)
            })
            .collect();
        for step in waterfall.steps(run, status, &registrations) {
            if let Some((at, attempt)) = step.under_way() {
                jobs.push(Self::new(at.0, "edge", attempt));
            }
        }
        if jobs.is_empty() && status == RunStatus::Running {
            let attempt = waterfall.workflow.len().saturating_sub(1);
            let at_ms = run.started_ms.unwrap_or(run.queued_ms);
            jobs.push(Self::new(at_ms, "edge", number(attempt)));
        }
        jobs.sort_by_key(|job| job.at.0);
        jobs
    }

    /// `attempts` of its operation have been recorded, so that this is the number of the next one.
    fn of_registration(registration: &Registration, attempts: usize, run: &Run) -> Self {
        let at_ms = registration.due_ms().unwrap_or(run.queued_ms);
        match registration {
            Registration::Start { .. } => Self::new(at_ms, "start", 0),
            Registration::Sleep { .. } => Self::new(at_ms, "sleep", 0),
            Registration::Retry { .. } => Self::new(at_ms, "edge", number(attempts)),
            Registration::Fetch { attempt, .. } | Registration::AiInfer { attempt, .. } => {
                Self::new(at_ms, "edge", *attempt)
            }
            Registration::Event { .. }
            | Registration::Signal { .. }
            | Registration::Invoke { .. }
            | Registration::CancelOn { .. }
            | Registration::Timeout { .. }
            | Registration::Debounce(_)
            | Registration::Batch(_) => Self::new(at_ms, "pause", 0),
        }
    }

    fn new(at_ms: u64, kind: &'static str, attempt: u32) -> Self {
        Self {
            at: Time(at_ms),
            position: 0,
            kind,
            attempt,
        }
    }

    fn behind(self, position: usize) -> Self {
        Self { position, ..self }
    }
}

fn number(attempt: usize) -> u32 {
    u32::try_from(attempt).unwrap_or(u32::MAX)
}
