//! `/v1`: the part of Inngest's REST API that its clients poll, in its envelope `{"data":…,"metadata":{…}}`.

use abide_core::ids::{EventId, RunId};
use abide_core::operation::{Operation, SendSignal};
use axum::Json;
use axum::body::Body;
use axum::extract::{Path, Query, State};
use axum::http::HeaderMap;
use chrono::{SecondsFormat, Utc};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::error::{ApiError, InngestError};
use super::idempotency::Once;
use super::page::Wanted;
use super::{Api, body, cancellations, event_id, no_such_event, run_id};
use crate::view::{Id, InngestEvent, InngestJob, InngestRun};

/// Items of a list where the client does not say, and the most of them, as Inngest has them.
const USUAL: usize = 20;
const MOST: usize = 100;

/// What a handler answers.
pub(super) type Answer<T> = Result<Json<Envelope<T>>, InngestError>;

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(events))
        .routes(routes!(event))
        .routes(routes!(event_runs))
        .routes(routes!(run, cancel))
        .routes(routes!(jobs))
        .routes(routes!(signal))
        .routes(routes!(cancellations::list, cancellations::create))
        .routes(routes!(cancellations::stop))
}

/// Inngest's envelope.
#[derive(Serialize, ToSchema)]
pub(super) struct Envelope<T> {
    data: T,
    metadata: Metadata,
}

#[derive(Serialize, ToSchema)]
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

/// List events, newest first.
#[utoipa::path(
    get,
    path = "/v1/events",
    tag = "inngest",
    params(
        ("limit" = Option<usize>, Query, description = "20 unless given, 100 at the most"),
        ("cursor" = Option<String>, Query, description = "The `internal_id` of the last event of the page before"),
        ("name" = Option<String>, Query, description = "Only events of this name"),
    ),
    responses((status = 200, description = "Events", body = Envelope<Vec<InngestEvent>>))
)]
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

/// Show an event.
#[utoipa::path(
    get,
    path = "/v1/events/{id}",
    tag = "inngest",
    params(("id" = String, Path, description = "The event's internal id")),
    responses(
        (status = 200, description = "The event", body = Envelope<InngestEvent>),
        (status = 404, description = "There is no such event"),
    )
)]
async fn event(State(api): State<Api>, Path(id): Path<String>) -> Answer<InngestEvent> {
    let id = event_id(&id)?;
    let event = api.read(move |view| Ok(view.get_event(id)?)).await?;
    let event = event.ok_or_else(|| no_such_event(id))?;
    Ok(envelope(InngestEvent::from(&event)))
}

/// List the runs that an event started.
#[utoipa::path(
    get,
    path = "/v1/events/{id}/runs",
    tag = "inngest",
    params(("id" = String, Path, description = "The event's internal id")),
    responses(
        (status = 200, description = "Its runs", body = Envelope<Vec<InngestRun>>),
        (status = 404, description = "There is no such event"),
    )
)]
async fn event_runs(State(api): State<Api>, Path(id): Path<String>) -> Answer<Vec<InngestRun>> {
    let runs = api.event_runs(event_id(&id)?).await?;
    Ok(envelope(runs.iter().map(InngestRun::from).collect()))
}

/// Show a run.
#[utoipa::path(
    get,
    path = "/v1/runs/{id}",
    tag = "inngest",
    params(("id" = String, Path, description = "The run's id")),
    responses(
        (status = 200, description = "The run", body = Envelope<InngestRun>),
        (status = 404, description = "There is no such run"),
    )
)]
async fn run(State(api): State<Api>, Path(id): Path<String>) -> Answer<InngestRun> {
    let run = api.run(run_id(&id)?).await?;
    Ok(envelope(InngestRun::from(&run)))
}

/// List what is queued or under way for a run.
#[utoipa::path(
    get,
    path = "/v1/runs/{id}/jobs",
    tag = "inngest",
    params(("id" = String, Path, description = "The run's id")),
    responses(
        (status = 200, description = "The jobs, earliest first; none when the run has ended", body = Envelope<Vec<InngestJob>>),
        (status = 404, description = "There is no such run"),
    )
)]
async fn jobs(State(api): State<Api>, Path(id): Path<String>) -> Answer<Vec<InngestJob>> {
    Ok(envelope(api.run_jobs(run_id(&id)?).await?))
}

/// Cancel a run.
#[utoipa::path(
    delete,
    path = "/v1/runs/{id}",
    tag = "inngest",
    params(("id" = String, Path, description = "The run's id")),
    responses(
        (status = 200, description = "The run as it then stands", body = Envelope<InngestRun>),
        (status = 404, description = "There is no such run"),
        (status = 409, description = "The run has ended otherwise"),
    )
)]
async fn cancel(State(api): State<Api>, Path(id): Path<String>) -> Answer<InngestRun> {
    let id = run_id(&id)?;
    api.cancel(id, "cancelled through the API").await?;
    let run = api.run(id).await?;
    Ok(envelope(InngestRun::from(&run)))
}

/// A signal.
#[derive(Deserialize, ToSchema)]
#[schema(as = NewSignal)]
struct SignalBody<'a> {
    /// Its name.
    signal: String,
    #[serde(borrow, default)]
    #[schema(value_type = Option<Value>)]
    data: Option<&'a RawValue>,
    /// How long the signal is kept when nobody waits for it; not at all unless given, which is how Inngest's clients send it.
    #[serde(default)]
    ttl_ms: Option<u64>,
}

/// Whom a signal woke.
#[derive(Serialize, ToSchema)]
struct Signalled {
    /// The run that waited for it; `null` when it is kept for the first that will.
    #[schema(value_type = Option<Id>)]
    run_id: Option<RunId>,
}

/// Send a signal.
///
/// It wakes the run that waits for it, or else is kept for the first that will, if `ttl_ms` says for how long. A 404 always means that it is
/// lost: sending it again cannot tell two runs.
#[utoipa::path(
    post,
    path = "/v1/signals",
    tag = "inngest",
    request_body = SignalBody,
    responses(
        (status = 200, description = "The signal is on disk", body = Envelope<Signalled>),
        (status = 404, description = "Nobody waits for it, and without `ttl_ms` it is not kept"),
    )
)]
async fn signal(
    State(api): State<Api>,
    once: Once,
    headers: HeaderMap,
    body: Body,
) -> Answer<Signalled> {
    let bytes = body::read(&headers, body, api.config.body_bytes).await?;
    let sent: SignalBody<'_> = serde_json::from_slice(&bytes).map_err(|error| {
        let shape = "the body must be {\"signal\":\"NAME\",\"data\":…}";
        ApiError::invalid("invalid_signal", format!("{shape}: {error}"))
    })?;
    let signal = SendSignal {
        signal: sent.signal,
        data: sent.data.map(|raw| raw.get().into()),
        ttl_ms: Some(sent.ttl_ms.unwrap_or(0)),
    };
    let run_id = once.api(&api).send_signal(signal).await?;
    Ok(envelope(Signalled { run_id }))
}

impl Api {
    /// Sends a signal: the run that it woke, none if it is kept for the first that will wait. One that nobody gets is an error.
    pub(super) async fn send_signal(&self, signal: SendSignal) -> Result<Option<RunId>, ApiError> {
        let kept = signal.ttl_ms() > 0;
        let name = signal.signal.clone();
        let operation = Operation::SendSignal(signal);
        if let Some(fault) = operation.fault("signal", self.node.limits()) {
            return Err(ApiError::invalid("invalid_signal", fault));
        }
        let Operation::SendSignal(signal) = operation else {
            return Err(ApiError::internal("a signal turned into something else"));
        };
        match self.node.send_signal(signal).await? {
            None if !kept => Err(ApiError::not_found(
                "nobody_waits",
                format!(
                    "no run waits for the signal `{name}`, and it is not kept; with `ttl_ms` it is, for the first run that will wait"
                ),
            )),
            run_id => Ok(run_id),
        }
    }
}
