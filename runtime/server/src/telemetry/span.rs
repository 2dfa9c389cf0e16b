//! The shape of a span, and how failures are told in it.

use std::borrow::Cow;
use std::time::{Duration, SystemTime};

use abide_core::failure::Failure;
use abide_core::trace::TraceContext;
use opentelemetry::trace::{
    Event, Link, SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState,
};
use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanLinks};

/// The most bytes of a text that authors wrote, such as a message of an error.
const MOST_TEXT: usize = 4_096;

/// What is known of a span before its attributes.
pub(super) struct Shape<'a> {
    pub trace: &'a TraceContext,
    pub id: u64,
    /// The span above it; 0 for none.
    pub parent: u64,
    pub name: Cow<'static, str>,
    pub start_ms: u64,
    pub end_ms: u64,
}

/// A span that is to be exported.
pub(super) struct Span(SpanData);

impl Span {
    /// A span inside of the process.
    pub(super) fn new(shape: Shape<'_>) -> Self {
        let end_ms = shape.end_ms.max(shape.start_ms);
        Self(SpanData {
            span_context: context(shape.trace, shape.id),
            parent_span_id: SpanId::from(shape.parent),
            parent_span_is_remote: false,
            span_kind: SpanKind::Internal,
            name: shape.name,
            start_time: time(shape.start_ms),
            end_time: time(end_ms),
            attributes: Vec::new(),
            dropped_attributes_count: 0,
            events: SpanEvents::default(),
            links: SpanLinks::default(),
            status: Status::Unset,
            instrumentation_scope: scope(),
        })
    }

    #[must_use]
    pub(super) fn kind(mut self, kind: SpanKind) -> Self {
        self.0.span_kind = kind;
        self
    }

    /// Its parent is another process' span.
    #[must_use]
    pub(super) fn remote_parent(mut self, is_remote: bool) -> Self {
        self.0.parent_span_is_remote = is_remote;
        self
    }

    #[must_use]
    pub(super) fn with(
        mut self,
        name: &'static str,
        value: impl Into<opentelemetry::Value>,
    ) -> Self {
        self.0.attributes.push(KeyValue::new(name, value));
        self
    }

    #[must_use]
    pub(super) fn with_all(mut self, attributes: impl IntoIterator<Item = KeyValue>) -> Self {
        self.0.attributes.extend(attributes);
        self
    }

    #[must_use]
    pub(super) fn with_some(
        self,
        name: &'static str,
        value: Option<impl Into<opentelemetry::Value>>,
    ) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    /// It came of the span with this id.
    #[must_use]
    pub(super) fn linked(mut self, trace: &TraceContext, id: u64) -> Self {
        let link = Link::with_context(context(trace, id));
        self.0.links.links.push(link);
        self
    }

    /// It ended well.
    #[must_use]
    pub(super) fn ok(mut self) -> Self {
        self.0.status = Status::Ok;
        self
    }

    /// It ended with an error that has no more to say.
    #[must_use]
    pub(super) fn error(mut self, what: &str) -> Self {
        self.0.status = Status::error(cut(what).to_owned());
        self
    }

    /// It failed at `at_ms`.
    #[must_use]
    pub(super) fn failed(mut self, failure: &Failure, at_ms: u64) -> Self {
        let mut attributes = vec![
            KeyValue::new("exception.type", cut(&failure.name).to_owned()),
            KeyValue::new("exception.message", cut(&failure.message).to_owned()),
        ];
        if let Some(stack) = &failure.stack {
            attributes.push(KeyValue::new("exception.stacktrace", cut(stack).to_owned()));
        }
        let event = Event::new("exception", time(at_ms), attributes, 0);
        self.0.events.events.push(event);
        self.with("error.type", cut(&failure.name).to_owned())
            .error(&failure.message)
    }

    pub(super) fn done(self) -> SpanData {
        self.0
    }
}

pub(super) fn scope() -> InstrumentationScope {
    InstrumentationScope::builder("abide")
        .with_version(env!("CARGO_PKG_VERSION"))
        .build()
}

fn context(trace: &TraceContext, id: u64) -> SpanContext {
    // What is kept of a state is well-formed.
    let state = trace.tracestate().and_then(|state| state.parse().ok());
    SpanContext::new(
        TraceId::from(trace.trace_id()),
        SpanId::from(id),
        TraceFlags::SAMPLED,
        false,
        state.unwrap_or(TraceState::NONE),
    )
}

pub(super) fn time(at_ms: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH
        .checked_add(Duration::from_millis(at_ms))
        .unwrap_or(SystemTime::UNIX_EPOCH)
}

/// At most so much of a text as is told.
pub(super) fn cut(text: &str) -> &str {
    match text.char_indices().find(|(at, _)| *at > MOST_TEXT) {
        Some((at, _)) => &text[..at],
        None => text,
    }
}
