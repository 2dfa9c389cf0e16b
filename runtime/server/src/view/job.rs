//! Jobs: in Abide's shape, and as Inngest's cancellations.

use abide_core::ids::RunId;
use abide_core::state::{Job, JobAction, JobState, RunFilter, RunStatus};
use serde::Serialize;
use utoipa::ToSchema;

use super::shapes;
use super::value::{Id, Time};

/// Microseconds of a second.
const SECOND_US: f64 = 1_000_000.0;

/// A job as Abide's own API shows it.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = Job)]
pub(crate) struct JobView {
    #[schema(value_type = Id)]
    pub(crate) job_id: RunId,
    #[schema(value_type = shapes::JobAction)]
    pub(crate) action: &'static str,
    /// Of a cancellation.
    pub(crate) reason: Option<String>,
    pub(crate) filter: FilterView,
    pub(crate) rate_per_second: Option<f64>,
    #[schema(value_type = shapes::JobState)]
    pub(crate) state: &'static str,
    pub(crate) created_at: Time,
    pub(crate) ended_at: Option<Time>,
    /// Runs that were looked at, whether they passed the filter or not.
    pub(crate) examined: u64,
    /// Runs to which it was done.
    pub(crate) done: u64,
}

/// Which runs.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = RunFilter)]
pub(crate) struct FilterView {
    pub(crate) function: Option<String>,
    pub(crate) app: Option<String>,
    #[schema(value_type = Vec<shapes::Status>)]
    pub(crate) status: Vec<&'static str>,
    pub(crate) since: Option<Time>,
    pub(crate) until: Option<Time>,
    #[serde(rename = "if")]
    pub(crate) if_expr: Option<String>,
}

impl From<&RunFilter> for FilterView {
    fn from(filter: &RunFilter) -> Self {
        Self {
            function: filter.function.as_ref().map(ToString::to_string),
            app: filter.app.clone(),
            status: filter
                .statuses
                .iter()
                .copied()
                .map(RunStatus::as_str)
                .collect(),
            since: filter.since_ms.map(Time),
            until: filter.until_ms.map(Time),
            if_expr: filter.if_expr.clone(),
        }
    }
}

impl From<&Job> for JobView {
    fn from(job: &Job) -> Self {
        let (action, reason) = match &job.action {
            JobAction::Cancel { reason } => ("cancel", Some(reason.clone())),
            JobAction::Replay => ("replay", None),
        };
        Self {
            job_id: job.id,
            action,
            reason,
            filter: (&job.filter).into(),
            rate_per_second: job.interval_us.map(rate_of),
            state: match job.state {
                JobState::Running => "running",
                JobState::Stopped => "stopped",
                JobState::Finished => "finished",
            },
            created_at: Time(job.created_ms),
            ended_at: job.ended_ms.map(Time),
            examined: job.examined,
            done: job.done,
        }
    }
}

/// Runs a second of an interval between two of them.
fn rate_of(interval_us: u64) -> f64 {
    #[allow(clippy::cast_precision_loss, reason = "an interval is far below 2^52")]
    let interval = interval_us.max(1) as f64;
    // Three figures after the point: the interval was rounded to microseconds.
    (SECOND_US / interval * 1_000.0).round() / 1_000.0
}

/// The interval of a rate of runs a second; `None` if it is no rate.
pub(crate) fn interval_of(rate: f64) -> Option<u64> {
    let interval = SECOND_US / rate;
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it is in range"
    )]
    let whole = interval.round() as u64;
    (rate.is_finite() && (1.0..=86_400.0 * SECOND_US).contains(&interval)).then_some(whole)
}

/// A cancellation as Inngest's API shows it.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = InngestCancellation)]
pub(crate) struct InngestCancellation {
    #[schema(value_type = Id)]
    pub(crate) id: RunId,
    /// There is one environment.
    pub(crate) environment_id: &'static str,
    pub(crate) app_id: Option<String>,
    /// The function's id within its app, as it was given.
    pub(crate) function_id: Option<String>,
    pub(crate) started_after: Option<Time>,
    pub(crate) started_before: Option<Time>,
    #[serde(rename = "if", skip_serializing_if = "Option::is_none")]
    pub(crate) if_expr: Option<String>,
}

impl InngestCancellation {
    /// The view of a job, if it is one that cancels.
    pub(crate) fn of(job: &Job) -> Option<Self> {
        let JobAction::Cancel { .. } = job.action else {
            return None;
        };
        let function = job.filter.function.as_ref();
        Some(Self {
            id: job.id,
            environment_id: "default",
            app_id: function.map(|id| id.app.to_string()),
            function_id: function.map(|id| id.function.to_string()),
            started_after: job.filter.since_ms.map(Time),
            started_before: job.filter.until_ms.map(Time),
            if_expr: job.filter.if_expr.clone(),
        })
    }

    /// Whether it is this job.
    pub(crate) fn is(&self, job: RunId) -> bool {
        self.id == job
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_and_intervals_are_each_others_inverse() {
        for (rate, interval) in [
            (1.0, 1_000_000),
            (10.0, 100_000),
            (0.5, 2_000_000),
            (3.0, 333_333),
        ] {
            assert_eq!(interval_of(rate), Some(interval));
            assert!((rate_of(interval) - rate).abs() < 0.001, "{rate}");
        }
        for no_rate in [0.0, -1.0, f64::NAN, f64::INFINITY, 2e6, 1e-9] {
            assert_eq!(interval_of(no_rate), None, "{no_rate}");
        }
    }
}
