//! `Idempotency-Key`: a request that creates something can be sent again, and has its effect once.
//!
//! One layer over every `POST` and `PUT` of the API. What a key stands for is recorded before anything is done (`begun`), and the answer
//! before it is given (`answered`); both for at least 24 hours, in the admin store. A repeated request gets the recorded answer. A request
//! that was begun and never answered, because the process died in between, goes to its handler again, which knows by the request's name
//! ([`Once`]) what it made before; routes whose handlers do not are not in [`REPEATABLE`], and their clients are told that nobody knows.
//! Invariants: whatever was answered 2xx to a key is answered to it again; the handler goes on when the client goes away, so that its
//! answer is there when the client comes back.
//!
//! It must not know what a request creates.

mod once;

use std::collections::HashSet;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http_body_util::BodyExt as _;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use super::error::{ApiError, Dialect};
use super::{Api, body, events};
use crate::admin::{AdminRecord, Principal};
pub(super) use once::Once;

/// The header, as the draft of the IETF names it.
pub(super) const HEADER: HeaderName = HeaderName::from_static("idempotency-key");

/// On an answer that was recorded before.
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// The longest key.
const MOST_BYTES: usize = 255;

/// How long a key stands for its request.
const KEPT_MS: u64 = abide_core::DAY_MS;

/// Routes whose requests are authenticated by themselves, or whose answers hold secrets that must be stored nowhere.
const LEFT_OUT: [&str; 3] = ["/api/v1/backup", "/api/v1/keys", "/hooks"];

/// Routes whose requests can be handled again when nobody knows how they ended, by their patterns. What the request makes is found by its
/// name, or what it asks for is how something is to be, so that asking twice is asking once.
const REPEATABLE: [&str; 28] = [
    "/api/v1/apps/{app}",
    "/api/v1/environments",
    "/api/v1/functions/{app}/{function}/invoke",
    "/api/v1/functions/{app}/{function}/pause",
    "/api/v1/functions/{app}/{function}/resume",
    "/api/v1/import",
    "/api/v1/jobs",
    "/api/v1/jobs/{id}/stop",
    "/api/v1/notifications",
    "/api/v1/notifications/{name}",
    "/api/v1/notifications/{name}/disable",
    "/api/v1/notifications/{name}/enable",
    "/api/v1/notifications/{name}/test",
    "/api/v1/runs/{id}/cancel",
    "/api/v1/runs/{id}/pause",
    "/api/v1/runs/{id}/replay",
    "/api/v1/runs/{id}/resume",
    "/api/v1/webhooks",
    "/api/v1/schemas/{*event}",
    "/api/v1/webhooks/{name}",
    "/api/v1/webhooks/{name}/disable",
    "/api/v1/webhooks/{name}/enable",
    "/api/v1/webhooks/{name}/secret",
    "/api/v1/webhooks/{name}/test",
    "/cloudevents/{key}",
    "/e/{key}",
    "/v1/cancellations",
    "/v1/signals",
];

/// Where components are deployed.
const APPS: &str = "/api/v1/apps/";

/// Whether a route heeds the header.
pub(super) fn heeds(method: &Method, path: &str) -> bool {
    let makes = *method == Method::POST || *method == Method::PUT;
    // Pages are no part of it: strangers may ask for one, and one shows a new key.
    let is_api = Dialect::of(path) != Dialect::Page;
    makes && is_api && !LEFT_OUT.iter().any(|prefix| path.starts_with(prefix))
}

/// Requests with a key that are being handled in this process.
pub(super) type UnderWay = Arc<Mutex<HashSet<String>>>;

/// What a key stands for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Remembered {
    /// When the request came first: milliseconds since the Unix epoch.
    at_ms: u64,
    /// The SHA-256 of its body.
    body: String,
    /// What it was answered; none while that is not known.
    answer: Option<Recorded>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Recorded {
    status: u16,
    content_type: String,
    text: String,
}

impl AdminRecord for Remembered {
    const KIND: &'static str = "idempotent-request";
}

/// A request with a key.
struct Keyed {
    api: Api,
    /// The SHA-256 of who asks, for what, and the key.
    digest: [u8; 32],
    /// The SHA-256 of the body.
    body: String,
}

/// The layer.
pub(super) async fn once(State(api): State<Api>, request: Request, next: Next) -> Response {
    let heeded = heeds(request.method(), request.uri().path());
    let Some(key) = request.headers().get(&HEADER).filter(|_| heeded).cloned() else {
        return next.run(request).await;
    };
    let dialect = Dialect::of(request.uri().path());
    // In a task of its own: it goes on when the client goes away, which is when clients ask again.
    let task = tokio::spawn(async move { handle(api, &key, request, next).await });
    let outcome = task.await.unwrap_or_else(|error| {
        Err(ApiError::internal(format!(
            "the request broke off: {error}"
        )))
    });
    outcome.unwrap_or_else(|error| dialect.render(&error))
}

async fn handle(
    api: Api,
    key: &HeaderValue,
    request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    let key = usable(key)?;
    let (head, body) = request.into_parts();
    let pattern = head.extensions.get::<MatchedPath>();
    let repeatable = pattern.is_some_and(|pattern| REPEATABLE.contains(&pattern.as_str()));
    let bytes = body::read(&head.headers, body, most_bytes(&api, head.uri.path())).await?;
    let principal = head.extensions.get::<Principal>();
    let who = principal.and_then(|principal| principal.key_id.as_deref());
    let what = [who.unwrap_or_default(), &head.uri.to_string(), key].join("\0");
    let keyed = Keyed {
        digest: abide_host::digest_of(what.as_bytes()).0,
        body: abide_host::digest_of(&bytes).to_string(),
        api,
    };
    let _turn = keyed.take_turn()?;
    let known = keyed.known().await?;
    if let Some(known) = &known {
        if known.body != keyed.body {
            return Err(reused());
        }
        if let Some(answer) = &known.answer {
            return Ok(replayed(answer));
        }
    }
    let mut request = Request::from_parts(head, Body::from(bytes));
    let is_events = Dialect::of(request.uri().path()) == Dialect::Ingest;
    if known.is_some() && !repeatable {
        return Err(unknown_outcome());
    }
    let remembered = match known {
        Some(known) => known,
        None => keyed.begin().await?,
    };
    let once = Once::new(remembered.at_ms, &keyed.digest);
    request.extensions_mut().insert(once);
    if is_events && !request.headers().contains_key(events::SEED_HEADER) {
        let seed = keyed.seed(remembered.at_ms)?;
        request.headers_mut().insert(events::SEED_HEADER, seed);
    }
    keyed.end(remembered, next.run(request).await).await
}

/// The largest body that the handler of a path may take.
fn most_bytes(api: &Api, path: &str) -> usize {
    let (component, other) = (api.config.component_bytes, api.config.body_bytes);
    match path {
        // A component grows by a third in base64.
        "/api/v1/import" => component / 3 * 4 + other,
        path if path.starts_with(APPS) => component.max(other),
        _ => other,
    }
}

fn usable(key: &HeaderValue) -> Result<&str, ApiError> {
    let text = key.to_str().ok();
    text.filter(|text| (1..=MOST_BYTES).contains(&text.len()))
        .ok_or_else(|| {
            ApiError::invalid(
                "invalid_idempotency_key",
                format!("header `Idempotency-Key`: must have 1 to {MOST_BYTES} visible characters of ASCII"),
            )
        })
}

fn reused() -> ApiError {
    ApiError::new(
        StatusCode::UNPROCESSABLE_ENTITY,
        "idempotency_key_reused",
        "this `Idempotency-Key` was used for a request with another body; use a new key for a new request",
    )
}

fn unknown_outcome() -> ApiError {
    ApiError::conflict(
        "idempotency_unknown",
        "a request with this `Idempotency-Key` was begun, and the node stopped before it knew how it ended; look whether it was done, and if not, use a new key",
    )
}

/// Days since 1970: records of a day lie together, so that they can be removed together.
fn day(at_ms: u64) -> u64 {
    at_ms / abide_core::DAY_MS
}

impl Keyed {
    fn id(&self, day: u64) -> String {
        format!("{day:06}-{}", hex::encode(self.digest))
    }

    /// One at a time.
    fn take_turn(&self) -> Result<Turn, ApiError> {
        let name = format!("{}-{}", self.api.environment, hex::encode(self.digest));
        let under_way = self.api.under_way.clone();
        if !under_way.lock().insert(name.clone()) {
            let mut error = ApiError::conflict(
                "idempotency_in_progress",
                "a request with this `Idempotency-Key` is being handled; ask again in a second",
            );
            error.retry_after_s = Some(1);
            return Err(error);
        }
        Ok(Turn { under_way, name })
    }

    /// What is known of the key: it was recorded today, or yesterday.
    async fn known(&self) -> Result<Option<Remembered>, ApiError> {
        let now_ms = self.api.node.clock().now_ms();
        for day in [day(now_ms), day(now_ms).saturating_sub(1)] {
            let found = self
                .api
                .admin
                .get::<Remembered>(&self.api.environment, &self.id(day))
                .await
                .map_err(ApiError::from)?;
            if let Some(found) = found
                && found.at_ms.saturating_add(KEPT_MS) > now_ms
            {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// Records that the request is about to be done, and forgets what is older than the day before.
    async fn begin(&self) -> Result<Remembered, ApiError> {
        let remembered = Remembered {
            at_ms: self.api.node.clock().now_ms(),
            body: self.body.clone(),
            answer: None,
        };
        self.put(&remembered).await?;
        let oldest = format!("{:06}-", day(remembered.at_ms).saturating_sub(1));
        if self.api.forgotten_before.lock().as_deref() != Some(&oldest) {
            let forget = self
                .api
                .admin
                .delete_before::<Remembered>(&self.api.environment, &oldest);
            forget.await.map_err(ApiError::from)?;
            *self.api.forgotten_before.lock() = Some(oldest);
        }
        Ok(remembered)
    }

    async fn put(&self, remembered: &Remembered) -> Result<(), ApiError> {
        let id = self.id(day(remembered.at_ms));
        let put = self.api.admin.put(&self.api.environment, &id, remembered);
        put.await.map_err(ApiError::from)
    }

    /// Records an answer before it is given. What was refused has created nothing: then the key is free again.
    async fn end(
        &self,
        mut remembered: Remembered,
        response: Response,
    ) -> Result<Response, ApiError> {
        let status = response.status();
        if status.is_server_error() {
            return Ok(response);
        }
        if !status.is_success() {
            let id = self.id(day(remembered.at_ms));
            let free = self
                .api
                .admin
                .delete::<Remembered>(&self.api.environment, &id);
            free.await.map_err(ApiError::from)?;
            return Ok(response);
        }
        let (head, body) = response.into_parts();
        let bytes = body.collect().await.map_err(|error| {
            ApiError::internal(format!("the answer could not be recorded: {error}"))
        })?;
        let bytes = bytes.to_bytes();
        let content_type = head.headers.get(header::CONTENT_TYPE);
        remembered.answer = Some(Recorded {
            status: status.as_u16(),
            content_type: content_type
                .and_then(|value| value.to_str().ok())
                .unwrap_or_default()
                .to_owned(),
            text: String::from_utf8_lossy(&bytes).into_owned(),
        });
        self.put(&remembered).await?;
        Ok(Response::from_parts(head, Body::from(bytes)))
    }

    /// The seed of events: the same for the same request, however often it is sent.
    fn seed(&self, at_ms: u64) -> Result<HeaderValue, ApiError> {
        let text = format!("{at_ms},{}", STANDARD.encode(&self.digest[..10]));
        HeaderValue::try_from(text)
            .map_err(|error| ApiError::internal(format!("a seed was no header: {error}")))
    }
}

fn replayed(answer: &Recorded) -> Response {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::OK);
    let mut response = (status, answer.text.clone()).into_response();
    let headers = response.headers_mut();
    headers.insert(REPLAYED, HeaderValue::from_static("true"));
    if let Ok(content_type) = HeaderValue::try_from(&answer.content_type) {
        headers.insert(header::CONTENT_TYPE, content_type);
    }
    response
}

/// The right to handle a request, until it is dropped.
struct Turn {
    under_way: UnderWay,
    name: String,
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.under_way.lock().remove(&self.name);
    }
}

#[cfg(test)]
mod tests;
