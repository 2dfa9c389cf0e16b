//! Request ids, and what is logged of a request.
//!
//! Paths hold event keys and queries hold variables, so only the route's pattern is logged.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::extract::{MatchedPath, Request};
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;
use tower_http::classify::ServerErrorsFailureClass;
use tracing::Span;

/// Under this name clients find the id of their request, to look it up in the node's log.
const HEADER: HeaderName = HeaderName::from_static("x-request-id");

/// The longest id that is taken over from a proxy.
const MOST_BYTES: usize = 64;

#[derive(Clone)]
struct RequestId(HeaderValue);

/// Gives the request an id, or keeps that of a proxy before us, and puts it on the answer.
pub(super) async fn assign(mut request: Request, next: Next) -> Response {
    let id = request
        .headers()
        .get(&HEADER)
        .filter(|id| id.len() <= MOST_BYTES && id.to_str().is_ok())
        .cloned()
        .unwrap_or_else(fresh);
    request.extensions_mut().insert(RequestId(id.clone()));
    let mut response = next.run(request).await;
    response.headers_mut().insert(HEADER, id);
    response
}

fn fresh() -> HeaderValue {
    static START: LazyLock<u32> = LazyLock::new(rand::random);
    static COUNT: AtomicU64 = AtomicU64::new(1);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    HeaderValue::try_from(format!("{:08x}-{count:x}", *START))
        .unwrap_or_else(|_| HeaderValue::from_static("-"))
}

/// The span in which a request is handled.
pub(super) fn span(request: &Request) -> Span {
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or("-", MatchedPath::as_str);
    let id = request.extensions().get::<RequestId>();
    let id = id.and_then(|id| id.0.to_str().ok()).unwrap_or("-");
    tracing::debug_span!("request", method = %request.method(), route, id)
}

/// Answers of 500 and above. 503 is what a client is told on purpose.
#[allow(clippy::needless_pass_by_value, reason = "tower-http hands it over")]
pub(super) fn failed(class: ServerErrorsFailureClass, latency: Duration, _: &Span) {
    match class {
        ServerErrorsFailureClass::StatusCode(status) if status.as_u16() == 503 => {
            tracing::debug!(%status, ?latency, "request refused");
        }
        class => tracing::error!(%class, ?latency, "request failed"),
    }
}
