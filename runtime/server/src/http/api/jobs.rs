//! Jobs: something done to many runs.

use std::time::{Duration, Instant};

use abide_core::engine::{Answer, Selection};
use abide_core::ids::RunId;
use abide_core::state::{Job, JobAction, Read, ReadError, RunFilter, RunStatus};
use abide_store::{Page, View};
use axum::Json;
use axum::body::Body;
use axum::extract::{Path, RawQuery, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Params;
use crate::http::error::{ApiError, Problem};
use crate::http::idempotency::Once;
use crate::http::page::{Listed, Wanted};
use crate::http::select::{function_id, status, time};
use crate::http::{Api, body};
use crate::view::{JobView, interval_of, shapes};

/// How long a count that was asked for may take before it says that it is not complete.
pub(in crate::http) const LONGEST_COUNT: Duration = Duration::from_secs(20);

/// How long one may take that comes with something else: nobody notices that.
pub(in crate::http) const GLANCE: Duration = Duration::from_millis(100);

/// Runs that a count looks at between two looks at the clock.
const COUNTED_AT_ONCE: usize = 1_000;

/// What to do to which runs.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewJob {
    #[schema(value_type = shapes::JobAction)]
    action: ActionBody,
    filter: FilterBody,
    /// Runs a second; as fast as possible if absent.
    rate_per_second: Option<f64>,
    /// Of a cancellation, for people.
    reason: Option<String>,
    /// Only counts.
    #[serde(default)]
    dry_run: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum ActionBody {
    Cancel,
    Replay,
}

/// Which runs: those that pass all of it.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewRunFilter)]
struct FilterBody {
    /// `app/function`.
    function: Option<String>,
    /// An app's id.
    app: Option<String>,
    /// Absent: the runs that failed to `replay`, all that have not ended to `cancel`.
    status: Option<Names>,
    /// Created at this time or later, as RFC 3339.
    since: Option<String>,
    /// Created before this time, as RFC 3339.
    until: Option<String>,
    /// A condition in CEL over the `event` of the run, its `output` and its `error`.
    #[serde(rename = "if")]
    if_expr: Option<String>,
}

/// One name, or a list of them.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(untagged)]
#[schema(as = RunStatuses)]
enum Names {
    One(String),
    Many(Vec<String>),
}

/// What a job would do.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = JobCount)]
pub(in crate::http) struct Count {
    /// `true`.
    pub(in crate::http) dry_run: bool,
    /// Runs that pass the filter, among those that were looked at.
    pub(in crate::http) matching: u64,
    /// Runs that were looked at, the oldest first.
    pub(in crate::http) examined: u64,
    /// Whether all runs were looked at.
    pub(in crate::http) complete: bool,
}

/// What starting a job answers.
#[derive(ToSchema)]
#[serde(untagged)]
#[allow(dead_code, reason = "it only describes")]
enum NewJobAnswer {
    Started(Box<JobView>),
    Counted(Count),
}

/// Start a job.
///
/// A job does something to many runs, in the background, at a pace, across restarts. With `dry_run` it is only counted to how many.
#[utoipa::path(
    post,
    path = "/api/v1/jobs",
    tag = "jobs",
    request_body = NewJob,
    responses(
        (status = 200, description = "The job or, with `dry_run`, the count", body = NewJobAnswer),
        (status = 409, description = "Refused; `detail` says why"),
    )
)]
pub(super) async fn create(
    State(api): State<Api>,
    once: Once,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let bytes = body::read(&headers, body, api.config.body_bytes).await?;
    let wanted: NewJob = serde_json::from_slice(&bytes).map_err(|error| {
        let shape = r#"the body must be {"action":"cancel" or "replay","filter":{…}}"#;
        ApiError::invalid("invalid_body", format!("{shape}: {error}"))
    })?;
    let interval_us = wanted.rate_per_second.map(interval).transpose()?;
    let action = match wanted.action {
        ActionBody::Cancel => JobAction::Cancel {
            reason: wanted
                .reason
                .filter(|reason| !reason.is_empty())
                .unwrap_or_else(|| "cancelled in bulk through the API".into()),
        },
        ActionBody::Replay => JobAction::Replay,
    };
    let filter = wanted.filter.filter(&action)?;
    let selection = selection(&action, &filter)?;
    if wanted.dry_run {
        let counted = api.read(move |view| count(view, &selection, LONGEST_COUNT));
        let count = counted.await?;
        return Ok(Json(count).into_response());
    }
    let job = once
        .api(&api)
        .start_job(action, filter, interval_us)
        .await?;
    Ok(Json(JobView::from(&job)).into_response())
}

fn interval(rate: f64) -> Result<u64, ApiError> {
    interval_of(rate).ok_or_else(|| {
        ApiError::invalid(
            "invalid_rate",
            "rate_per_second: must lie between one run a day and a million a second",
        )
    })
}

impl FilterBody {
    /// The filter. A replay is of runs that failed unless it says otherwise.
    fn filter(self, action: &JobAction) -> Result<RunFilter, ApiError> {
        let names = match self.status {
            None => Vec::new(),
            Some(Names::One(name)) => vec![name],
            Some(Names::Many(names)) => names,
        };
        let statuses: Vec<_> = names
            .iter()
            .map(|name| status(name))
            .collect::<Result<_, _>>()?;
        let of_time = |name, text: Option<&str>| text.map(|text| time(name, text)).transpose();
        Ok(RunFilter {
            function: self.function.as_deref().map(function_id).transpose()?,
            app: self.app,
            statuses: match action {
                JobAction::Replay if statuses.is_empty() => vec![RunStatus::Failed],
                JobAction::Replay | JobAction::Cancel { .. } => statuses,
            },
            since_ms: of_time("since", self.since.as_deref())?,
            until_ms: of_time("until", self.until.as_deref())?,
            if_expr: self.if_expr,
        })
    }
}

/// How many runs a job would be for: of all, or of the oldest ones where counting all takes longer.
pub(in crate::http) fn count(
    view: &View,
    selection: &Selection,
    longest: Duration,
) -> Result<Count, ReadError> {
    let began = Instant::now();
    let (mut matching, mut examined, mut after) = (0, 0, None);
    loop {
        let part = selection.count(after, COUNTED_AT_ONCE, view)?;
        matching += part.selected;
        examined += part.examined;
        after = part.last;
        if after.is_none() || began.elapsed() > longest {
            return Ok(Count {
                dry_run: true,
                matching,
                examined,
                complete: after.is_none(),
            });
        }
    }
}

/// Which runs the action is for.
pub(in crate::http) fn selection(
    action: &JobAction,
    filter: &RunFilter,
) -> Result<Selection, ApiError> {
    Selection::new(action, filter.clone())
        .map_err(|refused| ApiError::invalid("invalid_filter", refused))
}

/// List the jobs, newest first.
#[utoipa::path(
    get,
    path = "/api/v1/jobs",
    tag = "jobs",
    params(
        ("limit" = Option<u16>, Query, minimum = 1, maximum = 200, description = "Items of the page; 50 unless given"),
        ("cursor" = Option<String>, Query, description = "The `next_cursor` of the page before"),
    ),
    responses((status = 200, description = "A page of jobs", body = Listed<JobView>))
)]
pub(super) async fn list(
    State(api): State<Api>,
    RawQuery(query): RawQuery,
) -> Result<Json<Listed<JobView>>, Problem> {
    let params = Params::parse(query.as_deref(), &["limit", "cursor"])?;
    let wanted = Wanted::<RunId>::parse(params.get("limit"), params.get("cursor"))?;
    let jobs = api.jobs().await?;
    let mut items: Vec<_> = jobs
        .into_iter()
        .filter(|job| wanted.after.is_none_or(|after| job.id < after))
        .collect();
    let more = items.len() > wanted.limit;
    items.truncate(wanted.limit);
    let next = items.last().map(|job| job.id).filter(|_| more);
    Ok(Json(Listed::new(&Page { items, next }, |job| {
        JobView::from(job)
    })))
}

/// Show a job.
#[utoipa::path(
    get,
    path = "/api/v1/jobs/{id}",
    tag = "jobs",
    params(("id" = String, Path, description = "The job's id")),
    responses(
        (status = 200, description = "The job", body = JobView),
        (status = 404, description = "There is no such job"),
    )
)]
pub(super) async fn show(
    State(api): State<Api>,
    Path(id): Path<String>,
) -> Result<Json<JobView>, Problem> {
    let id = job_id(&id)?;
    let jobs = api.jobs().await?;
    let job = jobs.iter().find(|job| job.id == id);
    Ok(Json(job.ok_or_else(|| no_such_job(id))?.into()))
}

/// Stop a job.
///
/// What it has done stays done. A job that is over stays as it is.
#[utoipa::path(
    post,
    path = "/api/v1/jobs/{id}/stop",
    tag = "jobs",
    params(("id" = String, Path, description = "The job's id")),
    responses(
        (status = 200, description = "The job as it then stands", body = JobView),
        (status = 404, description = "There is no such job"),
        (status = 409, description = "Refused; `detail` says why"),
    )
)]
pub(super) async fn stop(
    State(api): State<Api>,
    Path(id): Path<String>,
) -> Result<Json<JobView>, Problem> {
    let job = api.stop_job(job_id(&id)?).await?;
    Ok(Json(JobView::from(&job)))
}

/// The job that a path names.
pub(in crate::http) fn job_id(text: &str) -> Result<RunId, ApiError> {
    text.parse()
        .map_err(|invalid| ApiError::invalid("invalid_job_id", format!("job: {invalid}")))
}

fn no_such_job(id: RunId) -> ApiError {
    ApiError::not_found("no_such_job", format!("there is no job {id} on this node"))
}

impl Api {
    /// All jobs, newest first.
    pub(in crate::http) async fn jobs(&self) -> Result<Vec<Job>, ApiError> {
        let mut jobs = self.read(<View as Read>::jobs).await?;
        jobs.reverse();
        Ok(jobs)
    }

    /// Begins a job.
    pub(in crate::http) async fn start_job(
        &self,
        action: JobAction,
        filter: RunFilter,
        interval_us: Option<u64>,
    ) -> Result<Job, ApiError> {
        match self.node.start_job(action, filter, interval_us).await? {
            Answer::Job(job) => Ok(*job),
            Answer::DoneBefore(Some(id)) => {
                let jobs = self.jobs().await?;
                let found = jobs.into_iter().find(|job| job.id == id);
                found.ok_or_else(|| no_such_job(id))
            }
            Answer::Refused(reason) => Err(ApiError::conflict("refused", reason)),
            other => Err(ApiError::unexpected(&other)),
        }
    }

    /// Stops a job.
    pub(in crate::http) async fn stop_job(&self, id: RunId) -> Result<Job, ApiError> {
        match self.node.stop_job(id).await? {
            Answer::Job(job) => Ok(*job),
            Answer::NoSuchJob => Err(no_such_job(id)),
            Answer::Refused(reason) => Err(ApiError::conflict("refused", reason)),
            other => Err(ApiError::unexpected(&other)),
        }
    }
}
