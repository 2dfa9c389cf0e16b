//! Traces: what a collector gets of runs, decoded with OpenTelemetry's own types.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;

use abide_e2e::{Api, Receiver, Server, until};
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::logs::v1::{LogRecord, SeverityNumber};
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use opentelemetry_proto::tonic::trace::v1::{Span, Status};
use prost::Message;
use reqwest::Method;
use serde_json::json;

use crate::support::{SOON, deploy, folder, stands};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const CALLER: &str = "b7ad6b7169203331";

/// A server that sends its spans to `collector`, at once.
fn traced(data: &Path, collector: &str) -> Server {
    let variables = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", collector),
        ("OTEL_EXPORTER_OTLP_HEADERS", "x-tenant=acme"),
        (
            "OTEL_RESOURCE_ATTRIBUTES",
            "deployment.environment.name=test",
        ),
        ("OTEL_BSP_SCHEDULE_DELAY", "10"),
    ];
    let starting = Server::spawn_serve_in(data, [] as [&str; 0], variables).expect("it starts");
    starting.ready(SOON).expect("it listens")
}

fn spans(collector: &Receiver) -> Vec<Span> {
    let mut all = Vec::new();
    for request in collector.requests() {
        if request.path == "/v1/logs" {
            continue;
        }
        assert_eq!(request.path, "/v1/traces");
        assert_eq!(
            request.header("content-type"),
            Some("application/x-protobuf")
        );
        assert_eq!(request.header("x-tenant"), Some("acme"));
        let decoded = ExportTraceServiceRequest::decode(request.body.as_slice());
        for resource in decoded.expect("it is OTLP").resource_spans {
            let of = resource.resource.expect("it says who it is").attributes;
            let of: Vec<_> = of.iter().map(|it| it.key.as_str()).collect();
            assert!(of.contains(&"service.name") && of.contains(&"deployment.environment.name"));
            all.extend(
                resource
                    .scope_spans
                    .into_iter()
                    .flat_map(|scope| scope.spans),
            );
        }
    }
    all
}

/// The log records that came.
fn records(collector: &Receiver) -> Vec<LogRecord> {
    let requests = collector.requests().into_iter();
    let of_logs = requests.filter(|request| request.path == "/v1/logs");
    let resources = of_logs.flat_map(|request| {
        assert_eq!(request.header("x-tenant"), Some("acme"));
        let decoded = ExportLogsServiceRequest::decode(request.body.as_slice());
        decoded.expect("it is OTLP").resource_logs
    });
    let scopes = resources.flat_map(|resource| resource.scope_logs);
    scopes.flat_map(|scope| scope.log_records).collect()
}

/// The spans of the trace with this id.
fn trace(collector: &Receiver, id: &str) -> Vec<Span> {
    let all = spans(collector).into_iter();
    all.filter(|span| hex(&span.trace_id) == id).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

fn attribute<'a>(span: &'a Span, key: &str) -> Option<&'a str> {
    match value(&span.attributes, key)? {
        Any::StringValue(text) => Some(text),
        _ => None,
    }
}

fn value<'a>(attributes: &'a [KeyValue], key: &str) -> Option<&'a Any> {
    let found = attributes.iter().find(|it| it.key == key)?;
    found.value.as_ref()?.value.as_ref()
}

fn named<'a>(spans: &'a [Span], name: &str) -> Vec<&'a Span> {
    spans.iter().filter(|span| span.name == name).collect()
}

/// Whether the collector has spans of these names in a trace, each as often as it is listed.
fn tells(collector: &Receiver, id: &str, names: &[&str]) -> bool {
    let spans = trace(collector, id);
    let listed = |name: &str| names.iter().filter(|it| **it == name).count();
    let there = |name: &&str| named(&spans, name).len() >= listed(name);
    names.iter().all(there)
}

/// As [`tells`], and what they hang below is there too.
fn tells_whole(collector: &Receiver, id: &str, names: &[&str], above: &str) -> bool {
    let spans = trace(collector, id);
    let ids: BTreeSet<_> = spans.iter().map(|span| hex(&span.span_id)).collect();
    let hangs = |parent: String| ids.contains(&parent) || parent == above;
    tells(collector, id, names) && spans.iter().all(|span| hangs(hex(&span.parent_span_id)))
}

/// Checks that this is one tree: ids are unique, and every parent is there but the caller's.
#[track_caller]
fn is_a_tree(spans: &[Span], above: &str) {
    let ids: BTreeSet<_> = spans.iter().map(|span| hex(&span.span_id)).collect();
    assert_eq!(ids.len(), spans.len(), "a span is told twice: {spans:#?}");
    let by_parent: BTreeMap<_, _> = spans
        .iter()
        .map(|span| (hex(&span.parent_span_id), span.name.clone()))
        .collect();
    for (parent, child) in &by_parent {
        assert!(
            ids.contains(parent) || parent == above,
            "{child} hangs below {parent}, which is not there"
        );
    }
    for span in spans {
        assert!(span.start_time_unix_nano <= span.end_time_unix_nano);
        assert!(span.start_time_unix_nano > 0);
    }
}

fn send(api: &Api, name: &str, data: &serde_json::Value) -> String {
    let answer = api.call(Method::POST, "/e/key", |request| {
        request
            .header("traceparent", format!("00-{TRACE}-{CALLER}-01"))
            .json(&json!({"name": name, "data": data}))
    });
    assert_eq!(answer.status, 200, "{}", answer.text);
    let id = answer.json["ids"][0].as_str().expect("an id");
    api.run_of(id)
}

#[test]
fn a_run_that_sleeps_through_a_killed_process_is_one_trace() {
    let (data, collector) = (folder(), Receiver::start());
    let server = traced(data.path(), &collector.url());
    let api = server.api();
    deploy(&api, "operate", "operate");
    let reminder = json!({"n": 7, "sleep_ms": 4_000, "payload": "a-secret-of-the-sender"});
    let run = send(&api, "operate/remind", &reminder);
    stands(&api, &run, "Sleeping");
    // Spans leave when they end, in as many messages as there is time for: a kill takes with it what is still to be told.
    until("the first stretch is told", SOON, || {
        tells(&collector, TRACE, &["POST /e/{key}", "execute"]).then_some(())
    });
    server.kill();

    let server = traced(data.path(), &collector.url());
    let api = server.api();
    stands(&api, &run, "Completed");
    until("the rest is told", SOON, || {
        let rest = ["operate/remind", "until-then", "execute", "execute"];
        tells_whole(&collector, TRACE, &rest, CALLER).then_some(())
    });
    server.terminate().expect("it ends");
    let spans = trace(&collector, TRACE);
    is_a_tree(&spans, CALLER);

    let request = named(&spans, "POST /e/{key}")[0];
    assert_eq!(hex(&request.parent_span_id), CALLER);
    let [whole] = named(&spans, "operate/remind")[..] else {
        panic!("one span is the run's: {spans:#?}");
    };
    assert_eq!(whole.parent_span_id, request.span_id);
    assert_eq!(attribute(whole, "abide.run.id"), Some(&*run));
    assert_eq!(attribute(whole, "abide.run.status"), Some("Completed"));
    let [sleep] = named(&spans, "until-then")[..] else {
        panic!("one span is the sleep's: {spans:#?}");
    };
    assert_eq!(sleep.parent_span_id, whole.span_id);
    assert!(sleep.end_time_unix_nano - sleep.start_time_unix_nano >= 4_000_000_000);
    let [first, second] = named(&spans, "execute")[..] else {
        panic!("the run executed twice: {spans:#?}");
    };
    assert!(first.links.is_empty());
    let links: Vec<_> = second.links.iter().map(|link| &link.span_id).collect();
    assert_eq!(
        links,
        [&sleep.span_id],
        "it went on because the sleep ended"
    );
    assert!(first.end_time_unix_nano <= second.start_time_unix_nano);
    for request in collector.requests() {
        let secret = b"a-secret-of-the-sender";
        assert!(!request.body.windows(secret.len()).any(|it| it == secret));
    }
}

#[test]
fn a_run_that_fails_says_so_in_a_trace_of_its_own() {
    let (data, collector) = (folder(), Receiver::start());
    let server = traced(data.path(), &collector.url());
    let api = server.api();
    deploy(&api, "operate", "operate");
    let event = api.send("operate/order", &json!({"amount": 1_000}));
    let run = api.run_of(&event);
    stands(&api, &run, "Failed");
    // The run's place in a trace is shown, although its sender named none.
    let shown = api.run(&run)["traceparent"].as_str().map(str::to_owned);
    let shown = shown.expect("traces are recorded");
    let id = shown.split('-').nth(1).expect("it has an id");
    until("the run's spans are told", SOON, || {
        let names = ["operate/pay", "price", "charge"];
        tells_whole(&collector, id, &names, "").then_some(())
    });
    let spans = trace(&collector, id);
    is_a_tree(&spans, "");
    for name in ["operate/pay", "charge"] {
        let [failed] = named(&spans, name)[..] else {
            panic!("{name}: {spans:#?}");
        };
        let status = failed.status.as_ref().expect("a status");
        assert_eq!(status.code(), StatusCode::Error, "{name}");
        let message = &status.message;
        assert!(message.ends_with("2000 is more than 100"), "{message}");
        assert_eq!(attribute(failed, "error.type"), Some("Declined"));
        assert_eq!(failed.events[0].name, "exception");
    }
    let priced = named(&spans, "price")[0].status.as_ref().map(Status::code);
    assert_eq!(priced, Some(StatusCode::Ok));
    let whole = named(&spans, "operate/pay")[0];
    assert_eq!(shown, format!("00-{id}-{}-01", hex(&whole.span_id)));
    assert!(whole.parent_span_id.is_empty());
}

#[test]
fn what_an_author_spans_and_logs_is_in_the_trace_of_the_run() {
    let (data, collector) = (folder(), Receiver::start());
    let server = traced(data.path(), &collector.url());
    let api = server.api();
    deploy(&api, "operate", "operate");
    let run = send(&api, "operate/order", &json!({"amount": 1_000}));
    stands(&api, &run, "Failed");
    until("everything is told", SOON, || {
        let spans = ["POST /e/{key}", "operate/pay", "charge", "ask the bank"];
        let told = tells_whole(&collector, TRACE, &spans, CALLER);
        let told = told && records(&collector).len() >= 2;
        told.then_some(())
    });
    let spans = trace(&collector, TRACE);
    is_a_tree(&spans, CALLER);
    let (whole, step) = (named(&spans, "operate/pay")[0], named(&spans, "charge")[0]);
    let [asking] = named(&spans, "ask the bank")[..] else {
        panic!("one span is the author's: {spans:#?}");
    };
    assert_eq!(asking.parent_span_id, step.span_id);
    for (key, number) in [("charge.sum", 2_000), ("limit", 100)] {
        let told = value(&asking.attributes, key);
        assert_eq!(told, Some(&Any::IntValue(number)), "{key}");
    }
    let status = asking.status.as_ref().expect("a status");
    assert_eq!(status.code(), StatusCode::Error);
    assert_eq!(status.message, "the bank declines");

    let records = records(&collector);
    let of = |message: &str| {
        let said = Some(Any::StringValue(message.to_owned()));
        let found = records
            .iter()
            .filter(|record| record.body.as_ref().and_then(|body| body.value.clone()) == said);
        let [record] = found.collect::<Vec<_>>()[..] else {
            panic!("{message}: {records:#?}");
        };
        assert_eq!(hex(&record.trace_id), TRACE);
        record
    };
    let order = of("an order");
    assert_eq!(order.span_id, whole.span_id);
    assert_eq!(order.severity_number(), SeverityNumber::Info);
    assert_eq!(
        value(&order.attributes, "amount"),
        Some(&Any::IntValue(1_000))
    );
    let declined = of("the bank declines");
    assert_eq!(declined.span_id, step.span_id);
    assert_eq!(declined.severity_number(), SeverityNumber::Error);
    let step_id = value(&declined.attributes, "abide.step.id");
    assert_eq!(step_id, Some(&Any::StringValue("charge".to_owned())));
    // Where a span begins and ends is in no log.
    assert_eq!(api.logs(&run).len(), 2);
    // Counted when the collector's answer has come, which is after it has the request.
    for name in ["spans", "log_records"] {
        let counted = format!("abide_telemetry_{name}_total{{outcome=\"exported\"}}");
        until(&counted, SOON, || {
            let page = api.get("/metrics").text;
            let line = page.lines().find(|line| line.starts_with(&counted));
            line.filter(|line| !line.ends_with(" 0")).map(drop)
        });
    }
}

#[test]
fn without_a_collector_that_answers_runs_go_on_and_the_server_ends_in_time() {
    let (data, collector) = (folder(), Receiver::start());
    collector.answer(503);
    let mut server = traced(data.path(), &collector.url());
    let api = server.api();
    deploy(&api, "operate", "operate");
    let outcome = api.outcome("operate/order", &json!({"amount": 10}), SOON);
    assert_eq!(outcome["status"], "Completed");
    until("the collector is asked", SOON, || {
        (!collector.requests().is_empty()).then_some(())
    });
    until("what it refuses is counted", SOON, || {
        let page = api.get("/metrics").text;
        let counted = "abide_telemetry_spans_total{outcome=\"dropped\"}";
        let line = page.lines().find(|line| line.starts_with(counted));
        line.filter(|line| !line.ends_with(" 0")).map(drop)
    });
    server.terminate().expect("it ends");
    let status = server.ended(SOON).expect("it ends by itself");
    assert!(status.success(), "{}", server.output());
}
