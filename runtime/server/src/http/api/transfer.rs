//! Runs as documents: out of one node, into another.

use abide_core::state::RunStatus;
use axum::Json;
use axum::body::Body;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::Params;
use crate::export::{Export, Unfit};
use crate::http::error::{ApiError, Problem};
use crate::http::{Api, body, no_such_run, run_id};
use crate::view::Id;

/// Export a run.
///
/// One document with its record, events, journal and log lines, and with its component if `component` is `true`. The form is described in
/// docs/operate.md.
#[utoipa::path(
    get,
    path = "/api/v1/runs/{id}/export",
    tag = "runs",
    params(
        ("id" = String, Path, description = "The run's id"),
        ("component" = Option<bool>, Query, description = "Whether to include the component"),
    ),
    responses(
        (status = 200, description = "The run", body = serde_json::Value),
        (status = 404, description = "There is no such run"),
    )
)]
pub(super) async fn export(
    State(api): State<Api>,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, Problem> {
    let id = run_id(&id)?;
    let params = Params::parse(query.as_deref(), &["component"])?;
    let with_component = flag(&params, "component")?;
    let export = api.read(move |view| Export::read(view, id)).await?;
    let mut export = export.ok_or_else(|| no_such_run(id))?;
    if with_component {
        let wasm = api.node.component(export.run.digest).await;
        let wasm =
            wasm.map_err(|error| ApiError::not_found("no_such_component", error.to_string()))?;
        export = export.with_component(&wasm);
    }
    let text = serde_json::to_vec(&export).map_err(|error| {
        ApiError::internal(format!("the run cannot be written as JSON: {error}"))
    })?;
    Ok(([(header::CONTENT_TYPE, "application/json")], text).into_response())
}

/// What came of an import.
#[derive(Debug, Serialize, ToSchema)]
#[allow(
    clippy::struct_field_names,
    reason = "it says whether the run was imported"
)]
pub(super) struct Imported {
    /// The run, which has the id that it had.
    #[schema(value_type = Id)]
    run_id: String,
    /// How it ended there, or `Cancelled` if it had not ended.
    status: String,
    /// Whether it is new here: false if exactly this run was there already.
    imported: bool,
    /// Whether its component is on this node.
    component: bool,
    /// Whether its journal fits its component, if that was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    replay: Option<Replayed>,
}

/// What a replay of an imported journal found.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Replayed {
    /// Whether the component does exactly what the journal says.
    fits: bool,
    /// The first difference, or why it cannot be told.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

/// Import a run.
///
/// The body is what an export gave. The run is there with its id, and has ended: nothing of it is executed. It can be replayed as a new run. With
/// `check`, its journal is replayed against its component.
#[utoipa::path(
    post,
    path = "/api/v1/import",
    tag = "runs",
    params(("check" = Option<bool>, Query, description = "Whether to replay the journal against the component")),
    request_body = serde_json::Value,
    responses(
        (status = 200, description = "The run is here", body = Imported),
        (status = 400, description = "The document is no exported run"),
        (status = 409, description = "There is another run or event with this id"),
        (status = 422, description = "Its component is refused"),
    )
)]
pub(super) async fn import(
    State(api): State<Api>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Imported>, Problem> {
    let params = Params::parse(query.as_deref(), &["check"])?;
    let check = flag(&params, "check")?;
    // A component grows by a third in base64.
    let limit = api.config.component_bytes / 3 * 4 + api.config.body_bytes;
    let body = body::read(&headers, body, limit).await?;
    let parsed = tokio::task::spawn_blocking(move || {
        let export = Export::parse(&body)?;
        let wasm = export.component()?;
        Ok::<_, Unfit>((export, wasm))
    });
    let broken = |error: tokio::task::JoinError| ApiError::internal(error.to_string());
    let (export, wasm) = parsed.await.map_err(broken)?.map_err(unfit)?;
    let node = api.node.clone();
    let (run, digest, status) = (export.run.id, export.run.digest, export.run.status);
    // In a task of its own: a client that goes away half-way does not leave half of it.
    let imported = tokio::spawn(async move { node.import_run(export, wasm).await });
    let imported = imported.await.map_err(broken)??.map_err(unfit)?;
    let component = api.node.component(digest).await.is_ok();
    let replay = if !check {
        None
    } else if status == RunStatus::Skipped {
        Some(Replayed {
            fits: true,
            reason: Some("the run never began".to_owned()),
        })
    } else {
        Some(match api.node.check_replay(run).await {
            Ok(None) => Replayed {
                fits: true,
                reason: None,
            },
            Ok(Some(divergence)) => Replayed {
                fits: false,
                reason: Some(divergence.to_string()),
            },
            Err(error) => Replayed {
                fits: false,
                reason: Some(error.to_string()),
            },
        })
    };
    Ok(Json(Imported {
        run_id: run.to_string(),
        status: status.as_str().to_owned(),
        imported,
        component,
        replay,
    }))
}

fn flag(params: &Params, name: &str) -> Result<bool, ApiError> {
    match params.get(name) {
        None | Some("false") => Ok(false),
        Some("true") => Ok(true),
        Some(_) => Err(ApiError::invalid(
            "invalid_query",
            format!("{name}: must be `true` or `false`"),
        )),
    }
}

#[allow(
    clippy::needless_pass_by_value,
    reason = "it is the argument of map_err"
)]
fn unfit(error: Unfit) -> ApiError {
    let detail = error.to_string();
    match error {
        Unfit::Form(_) | Unfit::Version(_) => ApiError::invalid("invalid_export", detail),
        Unfit::Differs { .. } => ApiError::new(StatusCode::CONFLICT, "import_differs", detail),
    }
}
