//! `/v1`: the part of Inngest's REST API that its clients poll, in its envelope `{"data":…,"metadata":{…}}`.

use abide_core::ids::EventId;
use abide_core::operation::{Operation, SendSignal};
use axum::body::Body;
use axum::extract::{Path, Query, State};
use axum::http::HeaderMap;
use axum::routing::{delete, get, post};
use axum::{Json, Router};
use chrono::{SecondsFormat, Utc};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use tower_http::catch_panic::CatchPanicLayer;

use super::error::{ApiError, Dialect, InngestError};
use super::page::Wanted;
use super::{Api, body, cancellations, event_id, no_such_event, run_id};
use crate::view::{InngestEvent, InngestRun};

/// Items of a list where the client does not say, and the most of them, as Inngest has them.
const USUAL: usize = 20;
const MOST: usize = 100;

/// What a handler answers.
pub(super) type Answer<T> = Result<Json<Envelope<T>>, InngestError>;

pub(super) fn routes() -> Router<Api> {
    Router::new()
        .route("/v1/events", get(events))
        .route("/v1/events/{id}", get(event))
        .route("/v1/events/{id}/runs", get(event_runs))
        .route("/v1/runs/{id}", get(run).delete(cancel))
        .route("/v1/signals", post(signal))
        .route(
            "/v1/cancellations",
            get(cancellations::list).post(cancellations::create),
        )
        .route("/v1/cancellations/{id}", delete(cancellations::stop))
        .method_not_allowed_fallback(async || Dialect::Inngest.wrong_method())
        .layer(CatchPanicLayer::custom(
            |panic: Box<dyn std::any::Any + Send>| Dialect::Inngest.panicked(&*panic),
        ))
}

/// Inngest's envelope.
#[derive(Serialize)]
pub(super) struct Envelope<T> {
    data: T,
    metadata: Metadata,
}

#[derive(Serialize)]
struct Metadata {
    fetched_at: String,
    /// Nothing is cached.
    cached_until: Option<String>,
}

/// The envelope around `data`.
pub(super) fn envelope<T>(data: T) -> Json<Envelope<T>> {
    Json(Envelope {
        data,
        metadata: Metadata {
            fetched_at: Utc::now().to_rfc3339_opts(SecondsFormat::Millis, true),
            cached_until: None,
        },
    })
}

#[derive(Deserialize)]
struct EventsQuery {
    limit: Option<usize>,
    cursor: Option<String>,
    name: Option<String>,
}

async fn events(
    State(api): State<Api>,
    query: Result<Query<EventsQuery>, axum::extract::rejection::QueryRejection>,
) -> Answer<Vec<InngestEvent>> {
    let Query(query) =
        query.map_err(|rejection| ApiError::invalid("invalid_query", rejection.body_text()))?;
    let wanted = Wanted::<EventId> {
        limit: query.limit.unwrap_or(USUAL).clamp(1, MOST),
        after: Wanted::parse(None, query.cursor.as_deref())?.after,
    };
    let name = query.name.filter(|name| !name.is_empty());
    let page = api
        .read(move |view| {
            wanted.gather(
                |before, limit| Ok(view.list_events(before, name.as_deref(), limit)?),
                |event| (event.id, event.data.len()),
            )
        })
        .await?;
    Ok(envelope(
        page.items.iter().map(InngestEvent::from).collect(),
    ))
}

async fn event(State(api): State<Api>, Path(id): Path<String>) -> Answer<InngestEvent> {
    let id = event_id(&id)?;
    let event = api.read(move |view| Ok(view.get_event(id)?)).await?;
    let event = event.ok_or_else(|| no_such_event(id))?;
    Ok(envelope(InngestEvent::from(&event)))
}

async fn event_runs(State(api): State<Api>, Path(id): Path<String>) -> Answer<Vec<InngestRun>> {
    let runs = api.event_runs(event_id(&id)?).await?;
    Ok(envelope(runs.iter().map(InngestRun::from).collect()))
}

async fn run(State(api): State<Api>, Path(id): Path<String>) -> Answer<InngestRun> {
    let run = api.run(run_id(&id)?).await?;
    Ok(envelope(InngestRun::from(&run)))
}

async fn cancel(State(api): State<Api>, Path(id): Path<String>) -> Answer<InngestRun> {
    let id = run_id(&id)?;
    api.cancel(id, "cancelled through the API").await?;
    let run = api.run(id).await?;
    Ok(envelope(InngestRun::from(&run)))
}

#[derive(Deserialize)]
struct SignalBody<'a> {
    signal: String,
    #[serde(borrow, default)]
    data: Option<&'a RawValue>,
    /// How long the signal is kept when nobody waits for it; an hour unless given.
    #[serde(default)]
    ttl_ms: Option<u64>,
}

/// 404 only when the signal is lost: nobody waits for it, and it is not to be kept.
async fn signal(State(api): State<Api>, headers: HeaderMap, body: Body) -> Answer<Value> {
    let bytes = body::read(&headers, body, api.config.body_bytes).await?;
    let sent: SignalBody<'_> = serde_json::from_slice(&bytes).map_err(|error| {
        let shape = "the body must be {\"signal\":\"NAME\",\"data\":…}";
        ApiError::invalid("invalid_signal", format!("{shape}: {error}"))
    })?;
    let signal = SendSignal {
        signal: sent.signal,
        data: sent.data.map(|raw| raw.get().into()),
        ttl_ms: sent.ttl_ms,
    };
    let kept = signal.ttl_ms() > 0;
    let name = signal.signal.clone();
    let operation = Operation::SendSignal(signal);
    if let Some(fault) = operation.fault("signal", api.node.limits()) {
        return Err(ApiError::invalid("invalid_signal", fault).into());
    }
    let Operation::SendSignal(signal) = operation else {
        return Err(ApiError::internal("a signal turned into something else").into());
    };
    match api.node.send_signal(signal).await? {
        None if !kept => Err(ApiError::not_found(
            "nobody_waits",
            format!("no run waits for the signal `{name}`, and with `ttl_ms` 0 it is not kept"),
        )
        .into()),
        run => Ok(envelope(json!({ "run_id": run }))),
    }
}
