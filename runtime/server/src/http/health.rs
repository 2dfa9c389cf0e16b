//! How the node is, and the probe by which Inngest's SDKs find a development server.

use abide_core::state::Read;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Api;
use super::api::paused;
use crate::Health;
use crate::view::functions_of;

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(health))
        .routes(routes!(ready))
}

/// An SDK whose mode is not configured asks here for any JSON before it sends events to a development server.
pub(super) fn dev_routes() -> Router<Api> {
    Router::new().route("/dev", get(dev))
}

/// Whether the node lives.
///
/// A process that answers anything else than 200 should be started anew.
#[utoipa::path(
    get,
    path = "/health",
    tag = "node",
    responses(
        (status = 200, description = "It lives", body = Health),
        (status = 503, description = "It has failed", body = Health),
    )
)]
async fn health(State(api): State<Api>) -> (StatusCode, Json<Health>) {
    let health = api.node.health();
    let status = match health.status {
        "failed" => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::OK,
    };
    (status, Json(health))
}

/// Whether the node takes work.
///
/// A load balancer should send requests only while it answers 200.
#[utoipa::path(
    get,
    path = "/ready",
    tag = "node",
    responses(
        (status = 200, description = "It takes work", body = Health),
        (status = 503, description = "It is stopping, or has failed", body = Health),
    )
)]
async fn ready(State(api): State<Api>) -> (StatusCode, Json<Health>) {
    let health = api.node.health();
    let status = match health.status {
        "ok" => StatusCode::OK,
        _ => StatusCode::SERVICE_UNAVAILABLE,
    };
    (status, Json(health))
}

async fn dev(State(api): State<Api>) -> Result<Json<Value>, super::error::InngestError> {
    let (apps, paused) = api.read(|view| Ok((view.apps()?, paused(view)?))).await?;
    let functions: Vec<_> = apps
        .iter()
        .flat_map(|app| functions_of(app, &paused))
        .collect();
    Ok(Json(json!({
        "version": env!("CARGO_PKG_VERSION"),
        "authed": false,
        "functions": functions,
        "handlers": [],
    })))
}
