//! What a run waits for: as data for each step, and as one sentence for the run.

use std::collections::BTreeMap;

use abide_core::ids::RunId;
use abide_core::journal::{OpNumber, WORKFLOW_OP};
use abide_core::operation::Kind;
use abide_core::retry::RetryPolicy;
use abide_core::state::{Registration, Run, RunEnd, RunStatus};
use serde::Serialize;
use utoipa::ToSchema;

use super::steps::Waterfall;
use super::value::{Id, Time, in_short};

/// How many pending operations the sentence names.
const MOST_NAMED: usize = 3;

/// What one step waits for.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(tag = "for", rename_all = "snake_case")]
#[schema(as = Wait)]
pub(crate) enum WaitView {
    /// A time.
    Time { until: Time },
    /// The next attempt.
    Retry { until: Time },
    /// An event.
    Event {
        event: String,
        #[serde(rename = "match")]
        match_on: Option<MatchView>,
        #[serde(rename = "if")]
        if_expr: Option<String>,
        until: Time,
    },
    /// A signal.
    Signal { signal: String, until: Time },
    /// The end of a run that it started.
    Run {
        function: String,
        #[schema(value_type = Option<Id>)]
        run_id: Option<RunId>,
        until: Time,
    },
    /// A request that the host performs; `until`: when its next attempt is due.
    Request { attempt: u32, until: Option<Time> },
}

/// What must be equal.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = Match)]
pub(crate) struct MatchView {
    pub(crate) path: String,
    pub(crate) value: String,
}

impl WaitView {
    /// The view of a registration; none of what watches over a run as a whole.
    pub(crate) fn of(registration: &Registration) -> Option<Self> {
        let view = match registration {
            Registration::Sleep { due_ms } | Registration::Start { due_ms } => Self::Time {
                until: Time(*due_ms),
            },
            Registration::Retry { due_ms } => Self::Retry {
                until: Time(*due_ms),
            },
            Registration::Event {
                name,
                match_path,
                if_expr,
                due_ms,
                ..
            } => Self::Event {
                event: name.clone(),
                match_on: match_path
                    .clone()
                    .map(|(path, value)| MatchView { path, value }),
                if_expr: if_expr.clone(),
                until: Time(*due_ms),
            },
            Registration::Signal { name, due_ms, .. } => Self::Signal {
                signal: name.clone(),
                until: Time(*due_ms),
            },
            Registration::Invoke {
                invoke,
                due_ms,
                child,
            } => Self::Run {
                function: invoke.function.clone(),
                run_id: *child,
                until: Time(*due_ms),
            },
            Registration::Fetch {
                attempt, due_ms, ..
            }
            | Registration::AiInfer {
                attempt, due_ms, ..
            } => Self::Request {
                attempt: *attempt,
                until: due_ms.map(Time),
            },
            Registration::CancelOn { .. }
            | Registration::Timeout { .. }
            | Registration::Debounce(_)
            | Registration::Batch(_) => return None,
        };
        Some(view)
    }
}

/// Why a run does not go on right now, in one sentence. `None` while it goes on, and when it ended.
pub(super) fn waiting_for(
    run: &Run,
    status: RunStatus,
    waterfall: &Waterfall,
    registrations: &BTreeMap<OpNumber, &Registration>,
) -> Option<String> {
    match status {
        RunStatus::Sleeping | RunStatus::Waiting => {}
        RunStatus::Paused => {
            return Some(match &run.end {
                Some(RunEnd::Failure(failure)) => format!("is paused: {}", in_short(failure)),
                Some(RunEnd::Output(_) | RunEnd::Skipped(_)) | None => "is paused".to_owned(),
            });
        }
        RunStatus::Queued
        | RunStatus::Running
        | RunStatus::Completed
        | RunStatus::Failed
        | RunStatus::Cancelled
        | RunStatus::Skipped => return None,
    }
    let mut parts: Vec<String> = registrations
        .iter()
        .filter_map(|(op, registration)| part(run, *op, registration, waterfall))
        .take(MOST_NAMED)
        .collect();
    if registrations.len() > MOST_NAMED {
        parts.push(format!("and {} more", registrations.len() - MOST_NAMED));
    }
    (!parts.is_empty()).then(|| parts.join("; "))
}

fn part(
    run: &Run,
    op: OpNumber,
    registration: &Registration,
    waterfall: &Waterfall,
) -> Option<String> {
    let part = match registration {
        Registration::Sleep { due_ms } => format!("sleeps until {}", Time(*due_ms)),
        Registration::Start { due_ms } => {
            format!("starts at {}, the time of its event", Time(*due_ms))
        }
        Registration::Retry { due_ms } => retry(run, op, *due_ms, waterfall),
        Registration::Event {
            name,
            match_path,
            if_expr,
            due_ms,
            ..
        } => {
            let condition = match (match_path, if_expr) {
                (Some((path, value)), _) if value.is_empty() => {
                    format!(" where {path} is the same")
                }
                (Some((path, value)), _) => format!(" where {path} equals {value}"),
                (None, Some(expr)) => format!(" where {expr}"),
                (None, None) => String::new(),
            };
            format!("waits for `{name}`{condition}, until {}", Time(*due_ms))
        }
        Registration::Signal { name, due_ms, .. } => {
            format!("waits for the signal `{name}`, until {}", Time(*due_ms))
        }
        Registration::Invoke {
            invoke,
            due_ms,
            child,
        } => {
            let child = child.map(|run| format!(" (run {run})")).unwrap_or_default();
            format!(
                "waits for the function `{}`{child}, until {}",
                invoke.function,
                Time(*due_ms)
            )
        }
        Registration::Fetch {
            policy,
            attempt,
            due_ms,
            ..
        }
        | Registration::AiInfer {
            policy,
            attempt,
            due_ms,
            ..
        } => request(op, (*attempt, policy), *due_ms, waterfall),
        Registration::CancelOn { .. }
        | Registration::Timeout { .. }
        | Registration::Debounce(_)
        | Registration::Batch(_) => return None,
    };
    Some(part)
}

/// "next attempt 3 of 5 of `charge` at …: 503 …"
fn retry(run: &Run, op: OpNumber, due_ms: u64, waterfall: &Waterfall) -> String {
    let (what, attempts, most) = if op == WORKFLOW_OP {
        (
            "the workflow code".to_owned(),
            waterfall.workflow.as_slice(),
            run.policy.max_attempts,
        )
    } else {
        match waterfall.step(op) {
            Some(step) => (
                format!("`{}`", step.key()),
                step.attempts.as_slice(),
                most_attempts(step.kind, &step.summary, &run.policy),
            ),
            None => (format!("step {op}"), &[][..], run.policy.max_attempts),
        }
    };
    let next = attempts.len() + 1;
    let failure = attempts.last().and_then(|last| last.failure.as_ref());
    let why = failure
        .map(|failure| format!(": {}", in_short(failure)))
        .unwrap_or_default();
    format!(
        "next attempt {next} of {most} of {what} at {}{why}",
        Time(due_ms)
    )
}

/// A step may set its own number of retries; the journal keeps it in the summary of its options.
fn most_attempts(kind: Kind, summary: &str, policy: &RetryPolicy) -> u32 {
    let own = (kind == Kind::Run)
        .then(|| summary.strip_prefix("retries=")?.parse::<u32>().ok())
        .flatten();
    own.map_or(policy.max_attempts, |retries| retries.saturating_add(1))
}

fn request(
    op: OpNumber,
    (attempt, policy): (u32, &RetryPolicy),
    due_ms: Option<u64>,
    waterfall: &Waterfall,
) -> String {
    let (id, summary) = match waterfall.step(op) {
        Some(step) => (step.key(), step.summary.as_str()),
        None => (format!("step {op}"), "a request"),
    };
    let (number, most) = (attempt.saturating_add(1), policy.max_attempts);
    match due_ms {
        Some(due_ms) => format!(
            "next attempt {number} of {most} of `{id}` ({summary}) at {}",
            Time(due_ms)
        ),
        None => format!("waits for the answer to `{id}` ({summary}), attempt {number} of {most}"),
    }
}
