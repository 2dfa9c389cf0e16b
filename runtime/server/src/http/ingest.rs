//! `POST /e/{key}`: where events come in. Inngest's shapes to the letter, because its SDKs send here.

use abide_core::ids::EventId;
use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::IntoResponse;
use serde::Serialize;
use utoipa::openapi::schema::{ArrayBuilder, OneOfBuilder};
use utoipa::openapi::{Ref, RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::error::IngestError;
use super::{Api, body, events, trace};
use crate::view::Id;

/// Whose key it is, the gate has found out.
pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(receive))
}

/// SDKs look for a `status` of exactly 200 and for the absence of `error`.
#[derive(Serialize, ToSchema)]
pub(super) struct Accepted {
    /// The platform's ids, in the order of the events.
    #[schema(value_type = Vec<Id>)]
    ids: Vec<EventId>,
    /// 200.
    status: u16,
}

impl Accepted {
    /// These events are stored.
    pub(super) fn new(ids: Vec<EventId>) -> Self {
        Self { ids, status: 200 }
    }
}

/// One event, or a list of up to 5,000.
struct EventsBody;

impl PartialSchema for EventsBody {
    fn schema() -> RefOr<Schema> {
        let event = || Ref::from_schema_name("NewEvent");
        OneOfBuilder::new()
            .item(event())
            .item(ArrayBuilder::new().items(event()))
            .into()
    }
}

impl ToSchema for EventsBody {
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((EventBody::name().into_owned(), EventBody::schema()));
    }
}

/// An event, as it is sent. Other members are ignored.
#[derive(ToSchema)]
#[schema(as = NewEvent)]
#[allow(dead_code, reason = "it only describes what is parsed by hand")]
struct EventBody {
    /// What happened.
    #[schema(min_length = 1, max_length = 256, example = "order/placed")]
    name: String,
    /// What it is about.
    #[schema(value_type = Option<Object>)]
    data: Option<()>,
    /// Whom it is about.
    #[schema(value_type = Option<Object>)]
    user: Option<()>,
    /// The sender's own id: a second event of the same id starts no function again within 24 hours.
    #[schema(max_length = 256)]
    id: Option<String>,
    /// When it happened, in milliseconds since 1970. Absent or 0: now.
    ts: Option<f64>,
    /// The version of the payload's shape.
    v: Option<String>,
}

/// Send events.
///
/// The answer comes when the events are on disk: all of them or, when one is wrong, none. The content type does not matter: browsers send
/// `text/plain` to do without a preflight.
#[utoipa::path(
    post,
    path = "/e/{key}",
    tag = "events",
    params(
        ("key" = String, Path, description = "An event key; any text where no keys are asked for"),
        ("traceparent" = Option<String>, Header, description = "The sender's place in a distributed trace (W3C Trace Context), with `tracestate`; malformed, it is ignored"),
        ("x-inngest-event-id-seed" = Option<String>, Header, description = "`<milliseconds>,<base64 of 10 random bytes>`: the same request can be sent again, and has its effect once"),
    ),
    request_body = EventsBody,
    responses(
        (status = 200, description = "The events are stored", body = Accepted),
        (status = 401, description = "The key is unknown, revoked or expired"),
        (status = 429, description = "More is queued than the node can take; nothing was stored"),
    )
)]
async fn receive(
    State(api): State<Api>,
    headers: HeaderMap,
    body: Body,
) -> Result<impl IntoResponse, IngestError> {
    let seed = events::seed(&headers)?;
    let bytes = body::read(&headers, body, api.config.body_bytes).await?;
    let events = events::parse(&bytes, api.node.limits().events_per_request)?;
    drop(bytes);
    let traces =
        trace::of_request(&headers).map_or_else(Vec::new, |trace| vec![Some(trace); events.len()]);
    let node = &api.node;
    let ids = node.send_traced_events(events, traces, seed).await?;
    Ok(Json(Accepted::new(ids)))
}
