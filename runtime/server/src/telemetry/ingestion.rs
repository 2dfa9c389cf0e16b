//! The span of a request that sends events.
//!
//! The caller's context is kept: the span hangs below the caller's, and the events below the span. A request without context is a trace of
//! its own, and its events are in none: each of their runs begins one, so that a request with many events makes no trace of all of them.

use std::time::{SystemTime, UNIX_EPOCH};

use abide_core::trace::{TRACEPARENT, TRACESTATE, TraceContext};
use axum::extract::{MatchedPath, Request, State};
use axum::http::HeaderValue;
use axum::middleware::Next;
use axum::response::Response;
use opentelemetry::trace::SpanKind;

use super::Tracer;
use super::span::{Shape, Span};
use crate::http::trace::of_request;

/// The routes that take events.
const INGESTING: [&str; 3] = ["/e/{key}", "/cloudevents/{key}", "/hooks/{name}"];

/// Handles a request that sends events in a span, if its trace is recorded.
pub(crate) async fn record(
    State(tracer): State<Tracer>,
    mut request: Request,
    next: Next,
) -> Response {
    let path = request.extensions().get::<MatchedPath>();
    let Some(route) = path.map(|path| path.as_str().to_owned()) else {
        return next.run(request).await;
    };
    if !INGESTING.contains(&&*route) {
        return next.run(request).await;
    }
    let given = of_request(request.headers());
    let trace_id = match &given {
        Some(given) => given.trace_id(),
        None => rand::random::<u128>().max(1),
    };
    let parent_decided = given.as_ref().map(TraceContext::is_sampled);
    if !tracer.sampling().samples(trace_id, parent_decided) {
        return next.run(request).await;
    }
    let id = rand::random::<u64>().max(1);
    let parent = given.as_ref().map_or(0, TraceContext::parent_id);
    if let Some(given) = &given {
        let here = TraceContext::begin(trace_id, id, true);
        if let Ok(value) = HeaderValue::try_from(here.traceparent()) {
            request.headers_mut().insert(TRACEPARENT, value);
        }
        if given.tracestate().is_none() {
            request.headers_mut().remove(TRACESTATE);
        }
    }
    let method = request.method().to_string();
    let trace = match given {
        Some(given) => given,
        None => TraceContext::begin(trace_id, id, true),
    };
    let start_ms = now_ms();
    let response = next.run(request).await;
    let status = response.status();
    let span = Span::new(Shape {
        trace: &trace,
        id,
        parent,
        name: format!("{method} {route}").into(),
        start_ms,
        end_ms: now_ms(),
    })
    .kind(SpanKind::Server)
    .remote_parent(parent != 0)
    .with("http.request.method", method)
    .with("http.route", route)
    .with("http.response.status_code", i64::from(status.as_u16()))
    .with("abide.environment", tracer.source.environment.to_string());
    let span = if status.is_server_error() {
        span.with("error.type", status.as_str().to_owned())
            .error("the server failed")
    } else {
        span
    };
    tracer.shared.exporter.offer(vec![span.done()]);
    response
}

/// Milliseconds since the Unix epoch by the machine's clock: what other processes' spans go by.
fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    })
}
