//! `/v1/cancellations`: many runs cancelled at once, as Inngest's clients ask for it. Each is a job of ours.

use abide_core::ids::FunctionId;
use abide_core::state::{JobAction, RunFilter};
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::api::{job_id, selection};
use super::error::ApiError;
use super::idempotency::Once;
use super::select::time;
use super::v1::{Answer, Envelope, envelope};
use super::{Api, body};
use crate::view::InngestCancellation;

/// Which runs: those of a function that were created in a time.
#[derive(Debug, Deserialize, ToSchema)]
struct NewCancellation {
    app_id: Option<String>,
    function_id: Option<String>,
    started_after: Option<String>,
    started_before: Option<String>,
    #[serde(rename = "if")]
    if_expr: Option<String>,
}

/// Cancel many runs.
///
/// As Inngest's: the function must exist, and `started_before` must have passed.
#[utoipa::path(
    post,
    path = "/v1/cancellations",
    tag = "inngest",
    request_body = NewCancellation,
    responses(
        (status = 200, description = "The cancellation, which goes on in the background", body = Envelope<InngestCancellation>),
        (status = 404, description = "There is no such function"),
        (status = 409, description = "Refused; `error` says why"),
    )
)]
pub(super) async fn create(
    State(api): State<Api>,
    once: Once,
    headers: HeaderMap,
    body: Body,
) -> Answer<InngestCancellation> {
    let bytes = body::read(&headers, body, api.config.body_bytes).await?;
    let wanted: NewCancellation = serde_json::from_slice(&bytes).map_err(|error| {
        let shape =
            r#"the body must be {"app_id","function_id","started_before","started_after"?,"if"?}"#;
        ApiError::invalid("invalid_body", format!("{shape}: {error}"))
    })?;
    let app = required("app_id", wanted.app_id)?;
    let function = required("function_id", wanted.function_id)?;
    let until_ms = time(
        "started_before",
        &required("started_before", wanted.started_before)?,
    )?;
    if until_ms > api.node.clock().now_ms() {
        let detail = "started_before: must be in the past; runs that start later are not cancelled";
        return Err(ApiError::invalid("invalid_time", detail).into());
    }
    let since = wanted.started_after.as_deref();
    let since_ms = since.map(|text| time("started_after", text)).transpose()?;
    known(&api, &app, &function).await?;
    let filter = RunFilter {
        function: Some(FunctionId::new(app, function)),
        since_ms,
        until_ms: Some(until_ms),
        if_expr: wanted.if_expr,
        ..RunFilter::default()
    };
    let reason = "cancelled in bulk through the API".into();
    let action = JobAction::Cancel { reason };
    selection(&action, &filter)?;
    let job = once.api(&api).start_job(action, filter, None).await?;
    let shown = InngestCancellation::of(&job)
        .ok_or_else(|| ApiError::internal("a cancellation turned into something else"))?;
    Ok(envelope(shown))
}

fn required(name: &str, value: Option<String>) -> Result<String, ApiError> {
    value
        .filter(|value| !value.is_empty())
        .ok_or_else(|| ApiError::invalid("invalid_body", format!("{name} is required")))
}

async fn known(api: &Api, app: &str, function: &str) -> Result<(), ApiError> {
    let apps = api.apps().await?;
    let found = apps
        .iter()
        .filter(|deployed| *deployed.id == *app)
        .any(|deployed| {
            deployed
                .current
                .functions
                .iter()
                .any(|config| config.id == function)
        });
    if found {
        return Ok(());
    }
    let detail = format!("there is no function `{function}` in an app `{app}`");
    Err(ApiError::not_found("no_such_function", detail))
}

/// List the cancellations, newest first.
#[utoipa::path(
    get,
    path = "/v1/cancellations",
    tag = "inngest",
    responses((status = 200, description = "All cancellations", body = Envelope<Vec<InngestCancellation>>))
)]
pub(super) async fn list(State(api): State<Api>) -> Answer<Vec<InngestCancellation>> {
    let jobs = api.jobs().await?;
    Ok(envelope(
        jobs.iter().filter_map(InngestCancellation::of).collect(),
    ))
}

/// That it was done.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Done {
    /// `true`.
    ok: bool,
}

/// Stop a cancellation.
///
/// What is cancelled already stays cancelled.
#[utoipa::path(
    delete,
    path = "/v1/cancellations/{id}",
    tag = "inngest",
    params(("id" = String, Path, description = "The cancellation's id")),
    responses(
        (status = 200, description = "It is stopped", body = Envelope<Done>),
        (status = 404, description = "There is no such cancellation"),
        (status = 409, description = "Refused; `error` says why"),
    )
)]
pub(super) async fn stop(State(api): State<Api>, Path(id): Path<String>) -> Answer<Done> {
    let id = job_id(&id)?;
    let jobs = api.jobs().await?;
    let found = jobs
        .iter()
        .filter_map(InngestCancellation::of)
        .any(|it| it.is(id));
    if !found {
        let detail = format!("there is no cancellation {id} on this node");
        return Err(ApiError::not_found("no_such_job", detail).into());
    }
    api.stop_job(id).await?;
    Ok(envelope(Done { ok: true }))
}
