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
    OpenApiRouter::new().routes(routes!(health))
}

/// An SDK whose mode is not configured asks here for any JSON before it sends events to a development server.
pub(super) fn dev_routes() -> Router<Api> {
    Router::new().route("/dev", get(dev))
}

/// How the node is.
#[utoipa::path(
    get,
    path = "/health",
    tag = "node",
    responses(
        (status = 200, description = "It takes work", body = Health),
        (status = 503, description = "It is stopping, or has failed", body = Health),
    )
)]
async fn health(State(api): State<Api>) -> (StatusCode, Json<Health>) {
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
