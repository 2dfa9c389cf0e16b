//! Events, in Abide's shape and in Inngest's.

use abide_core::event::{Event, EventSource};
use abide_core::ids::{EventId, RunId};
use serde::Serialize;
use utoipa::ToSchema;

use super::pending::PendingView;
use super::run::RunView;
use super::value::{Embedded, Id, Time};

/// An event as Abide's own API shows it.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = Event)]
pub(crate) struct EventView {
    #[schema(value_type = Id)]
    pub(crate) event_id: EventId,
    /// The sender's own id.
    pub(crate) external_id: Option<String>,
    pub(crate) name: String,
    pub(crate) data: Embedded,
    #[schema(value_type = Embedded)]
    pub(crate) user: Option<Embedded>,
    /// When it happened, in milliseconds since 1970.
    pub(crate) ts: u64,
    pub(crate) v: Option<String>,
    pub(crate) received_at: Time,
    /// `api`, `run` or `platform`.
    pub(crate) source: &'static str,
    #[schema(value_type = Option<Id>)]
    pub(crate) sent_by_run_id: Option<RunId>,
    /// Its place in a distributed trace, as W3C Trace Context writes it.
    pub(crate) traceparent: Option<String>,
    pub(crate) tracestate: Option<String>,
    /// Its runs, where they were asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) runs: Option<Vec<RunView>>,
    /// Runs that it will be part of, where they were asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) pending: Option<Vec<PendingView>>,
}

impl From<&Event> for EventView {
    fn from(event: &Event) -> Self {
        let (source, sent_by_run_id) = source(event.source);
        Self {
            event_id: event.id,
            external_id: event.external_id.clone(),
            name: event.name.to_string(),
            data: Embedded(event.data.clone()),
            user: event.user.clone().map(Embedded),
            ts: event.ts,
            v: event.v.clone(),
            received_at: Time(event.received_ms),
            source,
            sent_by_run_id,
            traceparent: event.trace.as_ref().map(|it| it.traceparent()),
            tracestate: event
                .trace
                .as_ref()
                .and_then(|it| it.tracestate().map(str::to_owned)),
            runs: None,
            pending: None,
        }
    }
}

/// An event as Inngest's API shows it: `internal_id` is the platform's, `id` the sender's where there is one.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = InngestEvent)]
pub(crate) struct InngestEvent {
    #[schema(value_type = Id)]
    pub(crate) internal_id: EventId,
    pub(crate) source: &'static str,
    pub(crate) received_at: Time,
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) data: Embedded,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Embedded, required = false)]
    pub(crate) user: Option<Embedded>,
    pub(crate) ts: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) v: Option<String>,
}

impl From<&Event> for InngestEvent {
    fn from(event: &Event) -> Self {
        Self {
            internal_id: event.id,
            source: source(event.source).0,
            received_at: Time(event.received_ms),
            id: event.visible_id(),
            name: event.name.to_string(),
            data: Embedded(event.data.clone()),
            user: event.user.clone().map(Embedded),
            ts: event.ts,
            v: event.v.clone(),
        }
    }
}

fn source(source: EventSource) -> (&'static str, Option<RunId>) {
    match source {
        EventSource::Api => ("api", None),
        EventSource::Run(run) => ("run", Some(run)),
        EventSource::Platform => ("platform", None),
    }
}
