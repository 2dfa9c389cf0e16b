//! `POST /e/{key}`: where events come in. Inngest's shapes to the letter, because its SDKs send here.

use abide_core::ids::EventId;
use axum::Json;
use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::IntoResponse;
use axum::routing::post;
use serde::Serialize;
use tower_http::catch_panic::CatchPanicLayer;

use super::error::{Dialect, IngestError};
use super::{Api, body, events};

/// No key is refused yet: keys come with tenants.
pub(super) fn routes() -> Router<Api> {
    Router::new()
        .route("/e/{key}", post(receive))
        .method_not_allowed_fallback(async || Dialect::Ingest.wrong_method())
        .layer(CatchPanicLayer::custom(
            |panic: Box<dyn std::any::Any + Send>| Dialect::Ingest.panicked(&*panic),
        ))
}

/// SDKs look for a `status` of exactly 200 and for the absence of `error`.
#[derive(Serialize)]
struct Accepted {
    ids: Vec<EventId>,
    status: u16,
}

/// The content type does not matter: browsers send `text/plain` to do without a preflight.
async fn receive(
    State(api): State<Api>,
    headers: HeaderMap,
    body: Body,
) -> Result<impl IntoResponse, IngestError> {
    let seed = events::seed(&headers)?;
    let bytes = body::read(&headers, body, api.config.body_bytes).await?;
    let events = events::parse(&bytes, api.node.limits().events_per_request)?;
    drop(bytes);
    let ids = api.node.send_events(events, seed).await?;
    Ok(Json(Accepted { ids, status: 200 }))
}
