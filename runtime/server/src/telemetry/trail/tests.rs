//! Journals in, spans out.

use std::collections::HashSet;
use std::sync::Arc;

use abide_core::failure::{Failure, Origin};
use abide_core::ids::{Digest, FunctionId};
use opentelemetry::trace::Status;

use super::*;

const RUN: RunId = RunId(7);

struct Fake {
    event: Event,
    journal: Vec<Entry>,
}

impl Lookup for Fake {
    fn event(&self, id: EventId) -> Option<Event> {
        (id == self.event.id).then(|| self.event.clone())
    }
    fn journal(&self, _: RunId) -> Vec<Entry> {
        self.journal.clone()
    }
    fn events(&self, _: RunId) -> Vec<EventId> {
        Vec::new()
    }
    fn run(&self, _: RunId) -> Option<Run> {
        None
    }
}

fn event(traceparent: Option<&str>) -> Event {
    let trace = traceparent.and_then(|parent| TraceContext::parse(parent, []));
    Event {
        id: EventId(1),
        received_ms: 90,
        name: "shop/ordered".into(),
        data: r#"{"card":"secret"}"#.into(),
        user: None,
        ts: 90,
        v: None,
        external_id: None,
        source: EventSource::Api,
        trace: trace.map(Box::new),
    }
}

fn run(status: RunStatus) -> Run {
    let function = FunctionId::resolve("pay", &Arc::from("shop"));
    Run {
        status,
        started_ms: Some(110),
        ended_ms: status.is_final().then_some(900),
        ..Run::queued(RUN, function, Digest([0; 32]), EventId(1), 100)
    }
}

fn started(op: OpNumber, kind: Kind, id: &str, at_ms: u64) -> Entry {
    Entry::OperationStarted {
        op,
        after: 0,
        kind,
        id: id.into(),
        occurrence: 0,
        digest: 0,
        summary: String::new(),
        at_ms,
    }
}

fn completed(op: OpNumber, attempts: u32, started_ms: u64, at_ms: u64) -> Entry {
    Entry::Completed {
        op,
        outcome: Outcome::Done("\"secret\"".into()),
        attempts,
        started_ms,
        at_ms,
    }
}

/// A step that fails once and is attempted again after a rest, then a sleep.
fn story() -> Vec<Entry> {
    vec![
        Entry::AttemptStarted {
            attempt: 0,
            at_ms: 110,
        },
        started(0, Kind::Run, "charge", 111),
        Entry::BodyFailed {
            op: 0,
            attempt: 0,
            failure: Failure::platform(Origin::Guest, "declined"),
            started_ms: 112,
            at_ms: 120,
            retry_at_ms: 400,
        },
        completed(0, 2, 400, 410),
        started(1, Kind::Sleep, "a-day", 411),
        completed(1, 0, 411, 800),
        Entry::WorkflowReturned {
            output: "\"secret\"".into(),
            at_ms: 801,
        },
    ]
}

/// Follows the story with rests after these entries; the process is restarted after each if `restarts`.
fn follow(store: &Fake, rests: &[usize], restarts: bool, sampling: Sampling) -> Vec<SpanData> {
    let environment: Arc<str> = "default".into();
    let mut out = Vec::new();
    let take_up = |first: usize| {
        let first = u32::try_from(first).expect("small");
        Trail::take_up(
            &run(RunStatus::Running),
            first,
            &environment,
            sampling,
            store,
        )
    };
    let mut trail = take_up(0);
    for (index, entry) in store.journal.iter().enumerate() {
        let number = u32::try_from(index).expect("small");
        trail.entry(number, entry, &run(RunStatus::Running), &mut out);
        if rests.contains(&index) {
            assert!(!trail.stands(&run(RunStatus::Sleeping), store, &mut out));
            if restarts {
                trail = take_up(index + 1);
            }
        }
    }
    assert!(trail.stands(&run(RunStatus::Completed), store, &mut out));
    out
}

fn named<'a>(spans: &'a [SpanData], name: &str) -> Vec<&'a SpanData> {
    spans.iter().filter(|span| span.name == name).collect()
}

#[track_caller]
fn is_a_tree(spans: &[SpanData]) {
    let ids: HashSet<_> = spans.iter().map(|it| it.span_context.span_id()).collect();
    assert_eq!(ids.len(), spans.len(), "{spans:#?}");
    let roots = spans.iter().filter(|it| !ids.contains(&it.parent_span_id));
    assert_eq!(roots.count(), 1, "{spans:#?}");
}

#[test]
fn a_retried_step_has_a_span_for_each_attempt_and_each_rest_ends_a_stretch() {
    let store = Fake {
        event: event(None),
        journal: story(),
    };
    let spans = follow(&store, &[2, 4], false, Sampling::default());
    is_a_tree(&spans);
    let whole = named(&spans, "shop/pay")[0];
    assert_eq!(whole.status, Status::Ok);
    let step = named(&spans, "charge")[0];
    let parents = |name: &str| named(&spans, name)[0].parent_span_id;
    assert_eq!(parents("charge"), whole.span_context.span_id());
    for attempt in ["charge (attempt 1)", "charge (attempt 2)"] {
        assert_eq!(parents(attempt), step.span_context.span_id());
    }
    let failed = named(&spans, "charge (attempt 1)")[0];
    assert!(matches!(&failed.status, Status::Error { description } if description == "declined"));
    assert_eq!(failed.events[0].name, "exception");
    // What it had called names this span.
    let called = attempt_span(RUN, 0, 0);
    assert_eq!(failed.span_context.span_id(), called.into());
    let [first, second, third] = named(&spans, "execute")[..] else {
        panic!("three stretches: {spans:#?}");
    };
    let links = |span: &SpanData| -> Vec<_> {
        span.links
            .iter()
            .map(|it| it.span_context.span_id())
            .collect()
    };
    assert_eq!(links(first), []);
    assert_eq!(links(second), [first.span_context.span_id(), called.into()]);
    let sleep = named(&spans, "a-day")[0].span_context.span_id();
    assert_eq!(links(third), [second.span_context.span_id(), sleep]);
    assert_eq!(named(&spans, "queue").len(), 1);
    assert!(!format!("{spans:?}").contains("secret"));
}

#[test]
fn restarts_change_no_span_and_tell_none_twice() {
    let store = Fake {
        event: event(None),
        journal: story(),
    };
    let without_links = |spans: Vec<SpanData>| -> Vec<SpanData> {
        let bare = |span| SpanData {
            links: opentelemetry_sdk::trace::SpanLinks::default(),
            ..span
        };
        spans.into_iter().map(bare).collect()
    };
    let whole = follow(&store, &[2, 4], false, Sampling::default());
    let restarted = follow(&store, &[2, 4], true, Sampling::default());
    // A new process does not know the stretch before, only what woke the run.
    assert_eq!(without_links(restarted.clone()), without_links(whole));
    let second = named(&restarted, "execute")[1];
    let link = second.links[0].span_context.span_id();
    assert_eq!(link, attempt_span(RUN, 0, 0).into());
}

#[test]
fn what_is_left_when_a_run_is_cancelled_is_told_as_cancelled() {
    let mut journal = story();
    journal.truncate(5);
    let store = Fake {
        event: event(None),
        journal,
    };
    let environment: Arc<str> = "default".into();
    // In a new process, which never saw it begin.
    let sampling = Sampling::default();
    let cancelled = run(RunStatus::Cancelled);
    let mut trail = Trail::take_up(&cancelled, 5, &environment, sampling, &store);
    let mut spans = Vec::new();
    assert!(trail.stands(&cancelled, &store, &mut spans));
    let names: Vec<_> = spans.iter().map(|span| &*span.name).collect();
    assert_eq!(names, ["a-day", "shop/pay"]);
    let status = opentelemetry::KeyValue::new("abide.step.status", "cancelled");
    assert!(spans[0].attributes.contains(&status));
    is_a_tree(&spans);
}

#[test]
fn the_callers_trace_is_kept_and_its_decision_too() {
    let parent =
        |flags: &str| format!("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-{flags}");
    let told = |flags: &str, sampling: &str| {
        let store = Fake {
            event: event(Some(&parent(flags))),
            journal: story(),
        };
        let sampling = Sampling::parse(sampling, Some("0")).expect("a sampler");
        follow(&store, &[], false, sampling)
    };
    let spans = told("01", "parentbased_traceidratio");
    is_a_tree(&spans);
    let whole = named(&spans, "shop/pay")[0];
    assert_eq!(whole.parent_span_id.to_string(), "b7ad6b7169203331");
    assert!(whole.parent_span_is_remote);
    for span in &spans {
        let id = span.span_context.trace_id().to_string();
        assert_eq!(id, "0af7651916cd43dd8448eb211c80319c");
    }
    assert!(told("00", "parentbased_always_on").is_empty());
    assert!(told("01", "always_off").is_empty());
    assert!(!told("00", "always_on").is_empty());
}
