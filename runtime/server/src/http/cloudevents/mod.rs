//! `POST /cloudevents/{key}`: events as CloudEvents 1.0, over its HTTP protocol binding, in all three content modes.
//!
//! The content type chooses the mode. Each mode makes [`CloudEvent`]s; `mapping` makes Abide's events of them. Everything of a request is
//! checked before anything is stored, and the answer comes when it is on disk. This module must not interpret data beyond its media type.

mod attributes;
mod binary;
mod mapping;
mod structured;
#[cfg(test)]
mod tests;

use abide_core::event::NewEvent;
use abide_core::trace::TraceContext;
use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::error::{ApiError, Problem};
use super::ingest::Accepted;
use super::{Api, body, events, trace};
use attributes::Attributes;

/// The media types of structured events and of batches begin with these; the format follows.
const STRUCTURED: &str = "application/cloudevents";
const BATCH: &str = "application/cloudevents-batch";
/// The one format that is known.
const JSON: &str = "+json";

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(receive))
}

/// What is wrong with an event.
type Fault = String;

/// A CloudEvent that has everything that one must have.
#[derive(Debug, PartialEq)]
struct CloudEvent {
    attributes: Attributes,
    data: Data,
}

/// What an event carries.
#[derive(Debug, PartialEq)]
enum Data {
    Nothing,
    /// JSON, as the text that it was.
    Json(String),
    Text(String),
    Bytes(Vec<u8>),
}

/// Send CloudEvents.
///
/// CloudEvents 1.0 in structured, binary or batch mode. `type` becomes the event's name, `source` and `id` together its deduplication key,
/// `time` its `ts`; all context attributes are kept in `user.cloudevent`. The answer comes when the events are on disk: all of them or, when
/// one is wrong, none.
#[utoipa::path(
    post,
    path = "/cloudevents/{key}",
    tag = "events",
    params(
        ("key" = String, Path, description = "An event key; any text where no keys are asked for"),
    ),
    request_body(
        content(
            (serde_json::Value = "application/cloudevents+json"),
            (Vec<serde_json::Value> = "application/cloudevents-batch+json"),
            (String = "*/*"),
        ),
        description = "An event, a batch of events or, with `ce-` headers, an event's data",
    ),
    responses(
        (status = 200, description = "The events are stored", body = Accepted),
        (status = 400, description = "Something is no CloudEvent; nothing was stored"),
        (status = 415, description = "The events are in a format other than JSON; nothing was stored"),
    )
)]
async fn receive(
    State(api): State<Api>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Accepted>, Problem> {
    let seed = events::seed(&headers)?;
    let bytes = body::read(&headers, body, api.config.body_bytes).await?;
    let sent = parse(&headers, &bytes, api.node.limits().events_per_request)?;
    drop(bytes);
    let (events, traces): (Vec<_>, Vec<_>) = sent.into_iter().unzip();
    if events.is_empty() {
        // A batch may be empty.
        return Ok(Json(Accepted::new(Vec::new())));
    }
    let node = &api.node;
    let ids = node.send_traced_events(events, traces, seed).await?;
    Ok(Json(Accepted::new(ids)))
}

/// An event of ours, and its place in a trace.
type Sent = (NewEvent, Option<TraceContext>);

/// The events of a request, at most `most`. What an event says of its trace goes before what the request says.
fn parse(headers: &HeaderMap, body: &[u8], most: usize) -> Result<Vec<Sent>, ApiError> {
    let outer = trace::of_request(headers);
    let sent = |event: CloudEvent| {
        let own = mapping::trace(&event.attributes);
        mapping::event(event).map(|event| (event, own.or_else(|| outer.clone())))
    };
    let content_type = match headers.get(header::CONTENT_TYPE) {
        Some(value) => Some(value.to_str().map_err(|_| {
            invalid("the header `content-type` is not text; it names the media type of the body")
        })?),
        None => None,
    };
    let essence = content_type.map(essence).unwrap_or_default();
    if let Some(format) = essence.strip_prefix(BATCH) {
        json_only(format, &essence)?;
        return structured::batch(body, most)
            .map_err(invalid)?
            .into_iter()
            .enumerate()
            .map(|(index, event)| {
                event
                    .and_then(&sent)
                    .map_err(|fault| invalid(format!("event {index}: {fault}")))
            })
            .collect();
    }
    let event = match essence.strip_prefix(STRUCTURED) {
        Some(format) => {
            json_only(format, &essence)?;
            structured::one(body)
        }
        None => binary::event(headers, content_type, body),
    };
    let event = event.and_then(sent).map_err(invalid)?;
    Ok(vec![event])
}

/// A media type without its parameters, in small letters.
fn essence(content_type: &str) -> String {
    let essence = content_type.split(';').next().unwrap_or_default();
    essence.trim().to_ascii_lowercase()
}

fn json_only(format: &str, essence: &str) -> Result<(), ApiError> {
    if format == JSON {
        return Ok(());
    }
    Err(ApiError::new(
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "unsupported_media_type",
        format!(
            "`{essence}` is not understood here; send {STRUCTURED}{JSON}, {BATCH}{JSON}, or data with `ce-` headers"
        ),
    ))
}

fn invalid(fault: impl Into<String>) -> ApiError {
    ApiError::invalid("invalid_cloudevent", fault)
}
