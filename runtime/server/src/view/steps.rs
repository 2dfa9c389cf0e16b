//! The waterfall of a run: its journal folded into steps and attempts.
//!
//! A journal is a list of what happened, in order; a step's entries lie scattered in it. [`Waterfall::new`] gathers them, and
//! [`Waterfall::steps`] adds what is pending now, which only the registrations tell.

use std::collections::BTreeMap;

use abide_core::Json;
use abide_core::failure::Failure;
use abide_core::ids::RunId;
use abide_core::journal::{Carried, Entry, OpNumber, Outcome, interrupted, step_hash, step_key};
use abide_core::operation::Kind;
use abide_core::state::{Registration, Run, RunStatus};
use serde::Serialize;
use utoipa::ToSchema;

use super::shapes;
use super::timings::StepTimingsView;
use super::value::{Embedded, ErrorView, Id, Time};
use super::waiting::WaitView;

/// Where a step stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum StepStatus {
    /// It goes on as soon as there is room.
    Queued,
    /// Its body, or the host's request for it, is under way.
    Executing,
    /// Its last attempt failed, and the next one has a time.
    Retrying,
    /// It waits for a time.
    Sleeping,
    /// It waits for an event, a signal or a run.
    Waiting,
    /// It has a result.
    Completed,
    /// It failed for good.
    Failed,
    /// What it waited for did not come in time.
    TimedOut,
    /// The workflow gave it up, or the run ended without it.
    Cancelled,
}

/// A step as the API shows it.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = Step)]
pub(crate) struct StepView {
    #[schema(value_type = u32)]
    pub(crate) op: OpNumber,
    /// Completions that the code had seen when it started the step: steps with the same number of them were started together.
    #[serde(skip)]
    #[schema(ignore)]
    pub(crate) after: Option<u32>,
    /// The step's id, unique in its run: a repeat is `id:1`, `id:2`…
    pub(crate) id: String,
    /// The SHA-1 of the id.
    pub(crate) hash: String,
    #[schema(value_type = shapes::StepKind)]
    pub(crate) kind: &'static str,
    pub(crate) status: StepStatus,
    pub(crate) summary: String,
    pub(crate) started_at: Time,
    pub(crate) ended_at: Option<Time>,
    pub(crate) duration_ms: Option<u64>,
    pub(crate) attempts: Vec<AttemptView>,
    #[schema(value_type = Embedded)]
    pub(crate) result: Option<Embedded>,
    pub(crate) error: Option<ErrorView>,
    /// What it waits for.
    pub(crate) waiting: Option<WaitView>,
    /// The run that it started and waits for.
    #[schema(value_type = Option<Id>)]
    pub(crate) child_run_id: Option<RunId>,
    /// Whether the result was carried over from the run that this one replays: then the times are that run's.
    pub(crate) carried_over: bool,
    /// What it works on, where it has an input that an operator can see and replace.
    #[schema(value_type = Embedded)]
    pub(crate) input: Option<Embedded>,
    /// Whether an operator put the input in place of what the code gave.
    pub(crate) input_replaced: bool,
    /// Where its time went; `null` for steps that only wait, if that was before the server's last start, and if it was too many
    /// steps ago.
    pub(crate) timings: Option<StepTimingsView>,
}

impl StepView {
    /// When its present attempt began, and which it is, if its body executes or is about to.
    pub(super) fn under_way(&self) -> Option<(Time, u32)> {
        match self.status {
            StepStatus::Queued | StepStatus::Executing => {
                let last = self.attempts.last();
                let began = last.and_then(|last| last.started_at);
                let attempt = last.map_or(0, |last| last.attempt);
                Some((began.unwrap_or(self.started_at), attempt))
            }
            StepStatus::Retrying
            | StepStatus::Sleeping
            | StepStatus::Waiting
            | StepStatus::Completed
            | StepStatus::Failed
            | StepStatus::TimedOut
            | StepStatus::Cancelled => None,
        }
    }
}

/// An attempt at a step's body, or at the workflow code. Attempts count from 0.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = Attempt)]
pub(crate) struct AttemptView {
    pub(crate) attempt: u32,
    pub(crate) started_at: Option<Time>,
    pub(crate) ended_at: Option<Time>,
    pub(crate) duration_ms: Option<u64>,
    pub(crate) error: Option<ErrorView>,
    pub(crate) retry_at: Option<Time>,
}

/// What the journal says of one attempt.
#[derive(Debug, Clone, Default)]
pub(super) struct Attempt {
    number: u32,
    started_ms: Option<u64>,
    ended_ms: Option<u64>,
    pub(super) failure: Option<Failure>,
    retry_at_ms: Option<u64>,
}

/// What the journal says of one step.
#[derive(Debug, Clone)]
pub(super) struct Step {
    id: String,
    occurrence: u32,
    after: Option<u32>,
    pub(super) kind: Kind,
    pub(super) summary: String,
    started_ms: u64,
    pub(super) attempts: Vec<Attempt>,
    end: Option<(End, u64)>,
    carried_over: bool,
    input: Option<(Json, bool)>,
}

#[derive(Debug, Clone)]
enum End {
    Outcome(Outcome),
    Cancelled,
}

/// A folded journal.
#[derive(Debug, Clone, Default)]
pub(super) struct Waterfall {
    /// Steps in the order in which they were first started; an operation's number is its place.
    steps: Vec<Step>,
    /// Attempts at the workflow code.
    pub(super) workflow: Vec<Attempt>,
}

impl Waterfall {
    /// Folds a journal. Entries that speak of steps that were never started are passed over.
    pub(super) fn new(journal: &[Entry]) -> Self {
        let mut waterfall = Self::default();
        for entry in journal {
            waterfall.add(entry);
        }
        waterfall
    }

    #[allow(clippy::too_many_lines, reason = "one short arm a kind of entry")]
    fn add(&mut self, entry: &Entry) {
        match entry {
            Entry::AttemptStarted { attempt, at_ms } => {
                attempt_of(&mut self.workflow, *attempt).started_ms = Some(*at_ms);
            }
            Entry::OperationStarted {
                op,
                kind,
                id,
                occurrence,
                summary,
                at_ms,
                after,
                ..
            } => {
                // A later attempt at the workflow code takes over what an earlier one has started.
                if *op as usize == self.steps.len() {
                    self.steps.push(Step {
                        id: id.clone(),
                        occurrence: *occurrence,
                        after: Some(*after),
                        kind: *kind,
                        summary: summary.clone(),
                        started_ms: *at_ms,
                        attempts: Vec::new(),
                        end: None,
                        carried_over: false,
                        input: None,
                    });
                }
            }
            Entry::Input {
                op,
                input,
                replaced,
            } => {
                if let Some(step) = self.steps.get_mut(*op as usize) {
                    step.input = Some((input.clone(), *replaced));
                }
            }
            Entry::Carried(carried) => self.carry(carried),
            Entry::BodyStarted { op, attempt, at_ms }
            | Entry::BodyReachedOut { op, attempt, at_ms } => {
                if let Some(step) = self.steps.get_mut(*op as usize) {
                    attempt_of(&mut step.attempts, *attempt).started_ms = Some(*at_ms);
                }
            }
            Entry::BodyFailed {
                op,
                attempt,
                failure,
                started_ms,
                at_ms,
                retry_at_ms,
            } => {
                if let Some(step) = self.steps.get_mut(*op as usize) {
                    *attempt_of(&mut step.attempts, *attempt) = Attempt {
                        number: *attempt,
                        started_ms: Some(*started_ms),
                        ended_ms: Some(*at_ms),
                        failure: Some(failure.clone()),
                        retry_at_ms: Some(*retry_at_ms),
                    };
                }
            }
            Entry::BodyInterrupted {
                op,
                attempt,
                started_ms,
                at_ms,
            } => {
                if let Some(step) = self.steps.get_mut(*op as usize) {
                    *attempt_of(&mut step.attempts, *attempt) = Attempt {
                        number: *attempt,
                        started_ms: Some(*started_ms),
                        ended_ms: Some(*at_ms),
                        failure: Some(interrupted(*attempt)),
                        retry_at_ms: Some(*at_ms),
                    };
                }
            }
            Entry::Completed {
                op,
                outcome,
                attempts,
                started_ms,
                at_ms,
            } => self.complete(*op, outcome, *attempts, (*started_ms, *at_ms)),
            Entry::Cancelled { op, at_ms } => {
                if let Some(step) = self.steps.get_mut(*op as usize) {
                    step.end = Some((End::Cancelled, *at_ms));
                }
            }
            Entry::WorkflowFailed {
                failure,
                at_ms,
                retry_at_ms,
            } => {
                if let Some(last) = self.workflow.last_mut() {
                    last.ended_ms = Some(*at_ms);
                    last.failure = Some(failure.clone());
                    last.retry_at_ms = *retry_at_ms;
                }
            }
            Entry::WorkflowReturned { at_ms, .. } => {
                if let Some(last) = self.workflow.last_mut() {
                    last.ended_ms = Some(*at_ms);
                }
            }
            Entry::Recalled { .. } | Entry::Logged { .. } => {}
        }
    }

    fn carry(&mut self, carried: &Carried) {
        self.steps.push(Step {
            id: carried.id.clone(),
            occurrence: carried.occurrence,
            after: None,
            kind: carried.kind,
            summary: carried.summary.clone(),
            started_ms: carried.started_ms,
            attempts: Vec::new(),
            end: None,
            carried_over: true,
            input: carried.input.clone().map(|input| (input, false)),
        });
        let times = (carried.started_ms, carried.at_ms);
        self.complete(carried.op, &carried.outcome, carried.attempts, times);
    }

    fn complete(
        &mut self,
        op: OpNumber,
        outcome: &Outcome,
        attempts: u32,
        (started_ms, at_ms): (u64, u64),
    ) {
        let Some(step) = self.steps.get_mut(op as usize) else {
            return;
        };
        if let Some(last) = attempts.checked_sub(1) {
            *attempt_of(&mut step.attempts, last) = Attempt {
                number: last,
                started_ms: Some(started_ms),
                ended_ms: Some(at_ms),
                failure: match outcome {
                    Outcome::Failed(failure) => Some(failure.clone()),
                    Outcome::Done(_) | Outcome::Empty => None,
                },
                retry_at_ms: None,
            };
        }
        step.end = Some((End::Outcome(outcome.clone()), at_ms));
    }

    /// One step.
    pub(super) fn step(&self, op: OpNumber) -> Option<&Step> {
        self.steps.get(op as usize)
    }

    /// The attempts at the workflow code.
    pub(super) fn workflow_attempts(&self) -> Vec<AttemptView> {
        self.workflow.iter().map(AttemptView::from).collect()
    }

    /// The steps of a run that stands at `status`, with what is pending now.
    pub(super) fn steps(
        &self,
        run: &Run,
        status: RunStatus,
        registrations: &BTreeMap<OpNumber, &Registration>,
    ) -> Vec<StepView> {
        (0..)
            .zip(&self.steps)
            .map(|(op, step)| step.view(op, run, status, registrations.get(&op).copied()))
            .collect()
    }
}

fn attempt_of(attempts: &mut Vec<Attempt>, number: u32) -> &mut Attempt {
    let at = match attempts.binary_search_by_key(&number, |attempt| attempt.number) {
        Ok(at) => at,
        Err(at) => {
            let attempt = Attempt {
                number,
                ..Attempt::default()
            };
            attempts.insert(at, attempt);
            at
        }
    };
    &mut attempts[at]
}

impl Step {
    /// The id by which the step is unique in its run.
    pub(super) fn key(&self) -> String {
        step_key(&self.id, self.occurrence)
    }

    fn view(
        &self,
        op: OpNumber,
        run: &Run,
        status: RunStatus,
        pending: Option<&Registration>,
    ) -> StepView {
        let pending = pending.filter(|_| self.end.is_none());
        let (stands, ended_ms) = self.stands(run, status, pending);
        let (result, error) = match &self.end {
            Some((End::Outcome(Outcome::Done(json)), _)) => (Some(Embedded(json.clone())), None),
            Some((End::Outcome(Outcome::Failed(failure)), _)) => (None, Some(failure.into())),
            Some((End::Outcome(Outcome::Empty) | End::Cancelled, _)) | None => (None, None),
        };
        StepView {
            op,
            after: self.after,
            id: self.key(),
            hash: step_hash(&self.id, self.occurrence),
            kind: self.kind.as_str(),
            status: stands,
            summary: self.summary.clone(),
            started_at: Time(self.started_ms),
            ended_at: ended_ms.map(Time),
            duration_ms: ended_ms.map(|ended| ended.saturating_sub(self.started_ms)),
            attempts: self.attempts.iter().map(AttemptView::from).collect(),
            result,
            error,
            waiting: pending.and_then(WaitView::of),
            carried_over: self.carried_over,
            input: self
                .input
                .as_ref()
                .map(|(input, _)| Embedded(input.clone())),
            input_replaced: self.input.as_ref().is_some_and(|(_, replaced)| *replaced),
            timings: None,
            child_run_id: match pending {
                Some(Registration::Invoke { child, .. }) => *child,
                Some(_) | None => None,
            },
        }
    }

    fn stands(
        &self,
        run: &Run,
        status: RunStatus,
        pending: Option<&Registration>,
    ) -> (StepStatus, Option<u64>) {
        if let Some((end, at_ms)) = &self.end {
            let stands = match end {
                End::Outcome(Outcome::Done(_)) => StepStatus::Completed,
                End::Outcome(Outcome::Failed(_)) => StepStatus::Failed,
                End::Outcome(Outcome::Empty) => StepStatus::TimedOut,
                End::Cancelled => StepStatus::Cancelled,
            };
            return (stands, Some(*at_ms));
        }
        if status.is_final() {
            return (StepStatus::Cancelled, run.ended_ms);
        }
        let stands = match pending {
            Some(Registration::Sleep { .. } | Registration::Start { .. }) => StepStatus::Sleeping,
            Some(Registration::Retry { .. }) => StepStatus::Retrying,
            Some(
                Registration::Event { .. }
                | Registration::Signal { .. }
                | Registration::Invoke { .. },
            ) => StepStatus::Waiting,
            Some(Registration::Fetch { due_ms, .. } | Registration::AiInfer { due_ms, .. }) => {
                match due_ms {
                    Some(_) => StepStatus::Retrying,
                    None => StepStatus::Executing,
                }
            }
            // None of the others is pending for a step.
            Some(
                Registration::CancelOn { .. }
                | Registration::Timeout { .. }
                | Registration::Debounce(_)
                | Registration::Batch(_),
            )
            | None => match self.attempts.last() {
                Some(last) if last.ended_ms.is_none() && status == RunStatus::Running => {
                    StepStatus::Executing
                }
                Some(_) | None => StepStatus::Queued,
            },
        };
        (stands, None)
    }
}

impl From<&Attempt> for AttemptView {
    fn from(attempt: &Attempt) -> Self {
        Self {
            attempt: attempt.number,
            started_at: attempt.started_ms.map(Time),
            ended_at: attempt.ended_ms.map(Time),
            duration_ms: attempt
                .ended_ms
                .zip(attempt.started_ms)
                .map(|(ended, started)| ended.saturating_sub(started)),
            error: attempt.failure.as_ref().map(ErrorView::from),
            retry_at: attempt.retry_at_ms.map(Time),
        }
    }
}
