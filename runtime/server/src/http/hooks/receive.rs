//! A request of a third party, and the sample that an operator has sent in its place.

use std::collections::BTreeMap;

use abide_core::event::EventIdSeed;
use abide_core::trace::TraceContext;
use axum::Json;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::view::{EventView, Outcome, Status};
use crate::SendError;
use crate::http::error::{ApiError, Problem};
use crate::http::idempotency::Once;
use crate::http::{Api, body, trace};
use crate::webhooks::{Received, Rejection, Webhook, WebhookRecord};

/// After how many seconds a sender may try a disabled webhook again: senders wait longer by themselves.
const DISABLED_RETRY_S: u32 = 300;

/// The place at which refused requests are counted.
const REFUSED: usize = crate::metrics::WEBHOOKS.len() - 1;

/// Receive a third party's request.
///
/// It becomes an event once its signature is found to be right; a repeated delivery is answered and starts nothing. The webhooks of
/// other environments than `default` are at `/hooks/{environment}/{name}`.
#[utoipa::path(
    post,
    path = "/hooks/{name}",
    tag = "webhooks",
    params(("name" = String, Path, description = "The webhook's name")),
    request_body(content = serde_json::Value, description = "What the provider sends"),
    responses(
        (status = 200, description = "The event is stored, or was before", body = Outcome),
        (status = 204, description = "The webhook's condition leaves the request out: nothing is stored"),
        (status = 400, description = "A header is missing or wrong, or the body cannot be read"),
        (status = 401, description = "The signature is wrong, or too old"),
        (status = 404, description = "There is no such webhook"),
        (status = 415, description = "The body is of a kind that is not taken"),
        (status = 422, description = "The webhook's settings make no event of the request"),
    )
)]
pub(super) async fn receive(
    State(api): State<Api>,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let record = api.webhook(&name).await?;
    if !record.enabled {
        return Err(ApiError {
            retry_after_s: Some(DISABLED_RETRY_S),
            ..ApiError::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "webhook_disabled",
                format!("the webhook `{name}` is disabled; nothing was stored"),
            )
        }
        .into());
    }
    let webhook = compiled(&name, &record)?;
    let bytes = body::read(&headers, body, api.config.body_bytes).await?;
    let now_ms = api.node.clock().now_ms();
    let received = webhook.receive(&record.secrets, &headers, &bytes, now_ms);
    let trace = trace::of_request(&headers);
    let taken = match received {
        Ok(received) => api.take(&name, received, (trace, None)).await,
        Err(rejection) => Err(refuse(&name, &rejection)),
    };
    drop(bytes);
    let became = taken
        .as_ref()
        .map_or(REFUSED, |outcome| outcome.status.place());
    api.node.inner.metrics.webhooks[became].one();
    let outcome = taken?;
    Ok(match outcome {
        Outcome {
            status: Status::LeftOut,
            ..
        } => StatusCode::NO_CONTENT.into_response(),
        Outcome {
            challenge: Some(text),
            ..
        } => {
            let plain = HeaderValue::from_static("text/plain; charset=utf-8");
            let headers = [
                (header::CONTENT_TYPE, plain),
                (
                    header::X_CONTENT_TYPE_OPTIONS,
                    HeaderValue::from_static("nosniff"),
                ),
            ];
            (headers, text).into_response()
        }
        // A sender learns no more than that: how its request looks as an event is none of its business.
        outcome => Json(outcome.without_event()).into_response(),
    })
}

/// How a webhook is tried out. All of it is optional.
#[derive(Deserialize, Default, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = WebhookTest)]
pub(in crate::http) struct WebhookTest {
    /// The body of the request; one such as the provider sends unless given.
    #[schema(value_type = Option<serde_json::Value>)]
    body: Option<Box<RawValue>>,
    /// Headers of the request besides those of the signature.
    headers: Option<BTreeMap<String, String>>,
    /// Whether nothing is to be stored.
    dry_run: Option<bool>,
}

/// Try a webhook out.
///
/// A sample, signed with the webhook's own secret, goes the way of every request. The body is optional.
#[utoipa::path(
    post,
    path = "/api/v1/webhooks/{name}/test",
    tag = "webhooks",
    params(("name" = String, Path, description = "The webhook's name")),
    request_body = Option<WebhookTest>,
    responses(
        (status = 200, description = "What became of the sample", body = Outcome),
        (status = 400, description = "The sample cannot be read"),
        (status = 404, description = "There is no such webhook"),
        (status = 422, description = "The webhook's settings make no event of the sample"),
    )
)]
pub(super) async fn test(
    State(api): State<Api>,
    Path(name): Path<String>,
    once: Once,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Outcome>, Problem> {
    let trace = trace::of_request(&headers);
    let bytes = body::read(&headers, body, api.config.body_bytes).await?;
    let test: WebhookTest = if bytes.is_empty() {
        WebhookTest::default()
    } else {
        serde_json::from_slice(&bytes)
            .map_err(|error| ApiError::invalid("invalid_body", format!("the body: {error}")))?
    };
    Ok(Json(api.test_webhook(&name, test, (trace, &once)).await?))
}

impl Api {
    /// Lets a webhook receive a signed sample.
    pub(in crate::http) async fn test_webhook(
        &self,
        name: &str,
        test: WebhookTest,
        (trace, once): (Option<TraceContext>, &Once),
    ) -> Result<Outcome, ApiError> {
        let record = self.webhook(name).await?;
        let webhook = compiled(name, &record)?;
        let now_ms = self.node.clock().now_ms();
        let id = match once.request() {
            Some(request) => format!("test_{}", abide_host::digest_of(request.as_bytes())),
            None => format!("test_{:016x}", rand::random::<u64>()),
        };
        let body = test.body.map(|body| body.get().to_owned());
        let mut sample = webhook.sample(&record.secrets, body, &id, now_ms);
        for (name, value) in test.headers.iter().flatten() {
            let invalid =
                || ApiError::invalid("invalid_body", format!("headers: `{name}` is none"));
            let header = HeaderName::from_bytes(name.as_bytes()).map_err(|_| invalid())?;
            let value = HeaderValue::from_str(value).map_err(|_| invalid())?;
            sample.headers.insert(header, value);
        }
        let received = webhook.receive(
            &record.secrets,
            &sample.headers,
            sample.body.as_bytes(),
            now_ms,
        );
        let received = received.map_err(|rejection| refuse(name, &rejection))?;
        if test.dry_run == Some(true) {
            Ok(Outcome::of(&received))
        } else {
            self.take(name, received, (trace, once.seed())).await
        }
    }

    /// Stores what was received. When this returns it is durable.
    async fn take(
        &self,
        name: &str,
        received: Received,
        (trace, seed): (Option<TraceContext>, Option<EventIdSeed>),
    ) -> Result<Outcome, ApiError> {
        let mut outcome = Outcome::of(&received);
        let Received::Event { event, delivery } = received else {
            return Ok(outcome);
        };
        let accepted = match delivery {
            Some(delivery) => {
                let source = name.to_owned();
                let delivered = self
                    .node
                    .deliver_event(source, delivery, event, trace)
                    .await;
                delivered.map(|(id, repeated)| (Some(id), repeated))
            }
            None => {
                let ids = self
                    .node
                    .send_traced_events(vec![event], vec![trace], seed)
                    .await;
                ids.map(|ids| (ids.first().copied(), false))
            }
        };
        let (id, repeated) = accepted.map_err(|error| match error {
            SendError::Invalid(invalid) => unmapped(name, invalid.to_string()),
            SendError::Overloaded { .. } | SendError::Stopping => error.into(),
        })?;
        outcome.id = id;
        outcome.status = if repeated {
            Status::Repeated
        } else {
            Status::Accepted
        };
        Ok(outcome)
    }
}

fn compiled(name: &str, record: &WebhookRecord) -> Result<Webhook, ApiError> {
    Webhook::compile(name, &record.settings).map_err(|invalid| {
        // It was checked when it was set; a later version may be stricter.
        tracing::error!(webhook = name, %invalid, "a webhook's settings cannot be used");
        ApiError::internal(format!("the webhook `{name}` cannot be used: {invalid}"))
    })
}

/// What the sender is told. Who has not proved to be the provider is told nothing about the webhook.
fn refuse(name: &str, rejection: &Rejection) -> ApiError {
    let detail = rejection.to_string();
    let error = match rejection {
        Rejection::Missing(_) => ApiError::invalid("missing_header", detail),
        Rejection::Repeated(_) => ApiError::invalid("repeated_header", detail),
        Rejection::Malformed { .. } => ApiError::invalid("malformed_signature", detail),
        Rejection::Forged => ApiError::new(StatusCode::UNAUTHORIZED, "invalid_signature", detail),
        Rejection::Stale => ApiError::new(StatusCode::UNAUTHORIZED, "stale_signature", detail),
        Rejection::UnsupportedBody(_) => ApiError::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported_body",
            detail,
        ),
        Rejection::UnreadableBody(_) => ApiError::invalid("unreadable_body", detail),
        Rejection::Unmapped { .. } => return unmapped(name, detail),
    };
    tracing::debug!(
        webhook = name,
        code = error.code,
        "a webhook's request was refused"
    );
    error
}

/// The request is the provider's, and is lost unless somebody changes the settings: worth a warning, without a word of the body.
fn unmapped(name: &str, problem: String) -> ApiError {
    tracing::warn!(webhook = name, "a verified webhook request made no event");
    ApiError::new(
        StatusCode::UNPROCESSABLE_ENTITY,
        "unmapped_delivery",
        problem,
    )
}

impl Outcome {
    /// What becomes of it, before anything is stored.
    fn of(received: &Received) -> Self {
        let mut outcome = Self {
            status: Status::LeftOut,
            id: None,
            challenge: None,
            event: None,
        };
        match received {
            Received::LeftOut => {}
            Received::Challenge(text) => {
                outcome.status = Status::Challenge;
                outcome.challenge = Some(text.clone());
            }
            Received::Event { event, .. } => {
                outcome.status = Status::NotStored;
                outcome.event = Some(EventView::of(event));
            }
        }
        outcome
    }
}
