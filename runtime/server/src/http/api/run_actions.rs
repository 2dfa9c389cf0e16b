//! What can be done to one run: cancel, pause, resume, replay. Each answers a run as it then stands.

use abide_core::Json as JsonText;
use abide_core::engine::{Answer, FromStep};
use abide_core::ids::RunId;
use axum::Json;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::http::error::{ApiError, Problem};
use crate::http::idempotency::Once;
use crate::http::{Api, body, no_such_run, run_id};
use crate::view::RunDetail;

/// Why.
#[derive(Deserialize, Default, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Reason)]
struct ReasonBody {
    /// For people.
    reason: Option<String>,
}

impl ReasonBody {
    /// The reason, or else this one.
    fn or(self, usual: &str) -> String {
        let given = self.reason.filter(|reason| !reason.is_empty());
        given.unwrap_or_else(|| usual.to_owned())
    }
}

/// From where a run is done again.
#[derive(Deserialize, Default, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Replay)]
struct ReplayBody {
    /// Begin with this step, and keep what was completed before it.
    from_step: Option<String>,
    /// What that step works on in place of its own input.
    #[schema(value_type = Option<Value>)]
    input: Option<Box<RawValue>>,
}

/// Cancel a run.
///
/// The body is optional. A run that was cancelled before stays as it is.
#[utoipa::path(
    post,
    path = "/api/v1/runs/{id}/cancel",
    tag = "runs",
    params(("id" = String, Path, description = "The run's id")),
    request_body = Option<ReasonBody>,
    responses(
        (status = 200, description = "The run as it then stands", body = RunDetail),
        (status = 404, description = "There is no such run"),
        (status = 409, description = "The run has ended otherwise"),
    )
)]
pub(super) async fn cancel(
    State(api): State<Api>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<RunDetail>, Problem> {
    let id = run_id(&id)?;
    let body: ReasonBody = optional(&api, &headers, body, REASON).await?;
    api.cancel(id, &body.or("cancelled through the API"))
        .await?;
    Ok(Json(api.detail(id).await?))
}

/// Pause a run.
///
/// The body is optional. A run that is paused already stays so.
#[utoipa::path(
    post,
    path = "/api/v1/runs/{id}/pause",
    tag = "runs",
    params(("id" = String, Path, description = "The run's id")),
    request_body = Option<ReasonBody>,
    responses(
        (status = 200, description = "The run as it then stands", body = RunDetail),
        (status = 404, description = "There is no such run"),
        (status = 409, description = "The run has ended"),
    )
)]
pub(super) async fn pause(
    State(api): State<Api>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<RunDetail>, Problem> {
    let id = run_id(&id)?;
    let body: ReasonBody = optional(&api, &headers, body, REASON).await?;
    api.pause(id, &body.or("paused through the API")).await?;
    Ok(Json(api.detail(id).await?))
}

/// Resume a run.
#[utoipa::path(
    post,
    path = "/api/v1/runs/{id}/resume",
    tag = "runs",
    params(("id" = String, Path, description = "The run's id")),
    responses(
        (status = 200, description = "The run as it then stands", body = RunDetail),
        (status = 404, description = "There is no such run"),
        (status = 409, description = "The run has ended, or is refused; `detail` says why"),
    )
)]
pub(super) async fn resume(
    State(api): State<Api>,
    Path(id): Path<String>,
    once: Once,
) -> Result<Json<RunDetail>, Problem> {
    let id = run_id(&id)?;
    once.api(&api).resume(id).await?;
    Ok(Json(api.detail(id).await?))
}

/// Do a run that ended again.
///
/// The body is optional: without it, the run is done again from its start.
#[utoipa::path(
    post,
    path = "/api/v1/runs/{id}/replay",
    tag = "runs",
    params(("id" = String, Path, description = "The run's id")),
    request_body = Option<ReplayBody>,
    responses(
        (status = 200, description = "The new run", body = RunDetail),
        (status = 404, description = "There is no such run"),
        (status = 409, description = "Refused; `detail` says why"),
    )
)]
pub(super) async fn replay(
    State(api): State<Api>,
    Path(id): Path<String>,
    once: Once,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<RunDetail>, Problem> {
    let id = run_id(&id)?;
    let body: ReplayBody = optional(&api, &headers, body, REPLAY).await?;
    let input = body.input.map(|raw| JsonText::from(raw.get()));
    let from_step = match (body.from_step, input) {
        (Some(step), input) => Some(FromStep { step, input }),
        (None, None) => None,
        (None, Some(_)) => {
            let detail = "input: replaces the input of the step that `from_step` names; name it";
            return Err(ApiError::invalid("invalid_body", detail).into());
        }
    };
    let new = once.api(&api).replay(id, from_step).await?;
    Ok(Json(api.detail(new).await?))
}

impl Api {
    /// Stops a run where it is.
    pub(in crate::http) async fn pause(&self, id: RunId, reason: &str) -> Result<(), ApiError> {
        match self.node.pause_run(id, reason).await? {
            Answer::Paused => Ok(()),
            other => Err(refused(id, &other, "pause")),
        }
    }

    /// Lets a paused run go on.
    pub(in crate::http) async fn resume(&self, id: RunId) -> Result<(), ApiError> {
        match self.node.resume_run(id).await? {
            Answer::Resumed | Answer::DoneBefore(_) => Ok(()),
            other => Err(refused(id, &other, "resume")),
        }
    }

    /// Does a run again, and returns the new one.
    pub(in crate::http) async fn replay(
        &self,
        id: RunId,
        from_step: Option<FromStep>,
    ) -> Result<RunId, ApiError> {
        match self.node.replay_run(id, from_step).await? {
            Answer::Replayed(new) | Answer::DoneBefore(Some(new)) => Ok(new),
            other => Err(refused(id, &other, "replay")),
        }
    }
}

const REASON: &str = r#"{"reason":"…"}"#;
const REPLAY: &str = r#"{"from_step":"…","input":…}"#;

/// A body that may be empty.
async fn optional<T: DeserializeOwned + Default>(
    api: &Api,
    headers: &HeaderMap,
    body: Body,
    shape: &str,
) -> Result<T, ApiError> {
    let bytes = body::read(headers, body, api.config.body_bytes).await?;
    if bytes.is_empty() {
        return Ok(T::default());
    }
    serde_json::from_slice(&bytes).map_err(|error| {
        ApiError::invalid(
            "invalid_body",
            format!("the body must be {shape} or empty: {error}"),
        )
    })
}

fn refused(id: RunId, answer: &Answer, action: &str) -> ApiError {
    match answer {
        Answer::Ended(status) => ApiError::conflict(
            "run_ended",
            format!(
                "run {id} has ended ({}); there is nothing left to {action}",
                status.as_str()
            ),
        ),
        Answer::NoSuchRun => no_such_run(id),
        Answer::Refused(reason) => ApiError::conflict("refused", reason.as_str()),
        other => ApiError::unexpected(other),
    }
}
