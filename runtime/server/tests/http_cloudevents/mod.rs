//! `POST /cloudevents/{key}` as a whole: what it keeps of the three modes, and that no request is a fault of the server.

use axum::http::header::{HeaderName, HeaderValue};
use axum::http::{Method, StatusCode};
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};

use crate::http_support::{Served, request};

#[tokio::test]
async fn an_event_is_shown_the_same_in_whichever_mode_it_was_sent() {
    let served = Served::empty().await;
    let event = json!({
        "specversion": "1.0", "id": "42", "source": "/shop", "type": "order/placed", "subject": "a cat",
        "datacontenttype": "application/json", "data": {"amount": 7},
    });
    let structured = [("content-type", "application/cloudevents+json")];
    let batch = [("content-type", "application/cloudevents-batch+json")];
    let binary = [
        ("content-type", "application/json"),
        ("ce-specversion", "1.0"),
        ("ce-id", "42"),
        ("ce-source", "/shop"),
        ("ce-type", "order/placed"),
        ("ce-subject", "a%20cat"),
    ];
    let mut shown = Vec::new();
    for (headers, body) in [
        (&structured[..], event.to_string()),
        (&batch, json!([event]).to_string()),
        (&binary, event["data"].to_string()),
    ] {
        let mut sent = request(Method::POST, "/cloudevents/any", body);
        for (name, value) in headers {
            sent.headers_mut()
                .insert(*name, HeaderValue::from_static(value));
        }
        let answer = served.call(sent).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
        let id = answer.json()["ids"][0].as_str().expect("an id").to_owned();
        let mut event = served.get(&format!("/api/v1/events/{id}")).await.json();
        for own in ["event_id", "received_at", "ts"] {
            event.as_object_mut().expect("an object").remove(own);
        }
        shown.push(event);
    }
    assert_eq!(shown[0]["name"], "order/placed");
    assert_eq!(shown[0]["data"], event["data"]);
    assert_eq!(shown[0]["user"]["cloudevent"]["subject"], "a cat");
    assert_eq!(shown[0], shown[1]);
    assert_eq!(shown[0], shown[2]);
}

/// Headers that something on the way to an event looks at.
const NAMES: [&str; 22] = [
    "content-type",
    "content-encoding",
    "transfer-encoding",
    "expect",
    "accept",
    "authorization",
    "cookie",
    "origin",
    "host",
    "traceparent",
    "tracestate",
    "idempotency-key",
    "x-inngest-event-id-seed",
    "x-inngest-env",
    "x-abide-environment",
    "ce-specversion",
    "ce-id",
    "ce-source",
    "ce-type",
    "ce-time",
    "ce-datacontenttype",
    "ce-anything",
];

fn value() -> impl Strategy<Value = Vec<u8>> {
    let meant = select(vec![
        "1.0",
        "application/cloudevents+json",
        "application/cloudevents-batch+json",
        "application/json",
        "gzip",
        "chunked",
        "100-continue",
        "Bearer abide_sk_00",
        "1767225600000,AAAAAAAAAAAAAA==",
        "18446744073709551615,////////////",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "default",
        "9999-12-31T23:59:59Z",
        "%f0%9f%98%80",
        "%00",
        "%",
    ]);
    prop_oneof![
        meant.prop_map(|text| text.as_bytes().to_vec()),
        proptest::collection::vec(any::<u8>(), 0..40),
    ]
}

fn body() -> impl Strategy<Value = Vec<u8>> {
    let event = json!({"specversion": "1.0", "id": "1", "source": "/s", "type": "t/t", "data": {}});
    let deep = "[".repeat(5_000);
    prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..60),
        select(vec![
            event.to_string(),
            json!([event, event]).to_string(),
            "[]".into(),
            "null".into(),
            format!(r#"{{"data":{deep}"#),
            r#"{"specversion":"1.0","id":"1","source":"/s","type":"inngest/x"}"#.into(),
        ])
        .prop_map(String::into_bytes),
    ]
}

/// Each request is taken, or refused in words for its own fault; the node goes on.
#[test]
fn no_request_is_a_fault_of_the_server() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let served = runtime.block_on(Served::empty());
    let headers = proptest::collection::vec((select(&NAMES[..]), value()), 0..10);
    let mut runner = TestRunner::new(ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    let done = runner.run(&(headers, body()), |(headers, body)| {
        let mut sent = request(Method::POST, "/cloudevents/any", body);
        for (name, value) in &headers {
            if let Ok(value) = HeaderValue::from_bytes(value) {
                sent.headers_mut()
                    .append(HeaderName::from_static(name), value);
            }
        }
        let answer = runtime.block_on(served.call(sent));
        let status = answer.status.as_u16();
        prop_assert!(status < 500, "{}: {}", status, answer.text);
        if status >= 400 {
            let problem = answer.json();
            prop_assert!(
                problem["code"].is_string() && problem["detail"].is_string(),
                "{}",
                problem
            );
        } else {
            prop_assert_eq!(&answer.json()["status"], &Value::from(200));
        }
        Ok(())
    });
    done.unwrap_or_else(|error| panic!("{error}"));
    let health = runtime.block_on(served.get("/health"));
    assert_eq!(health.status, StatusCode::OK, "{}", health.text);
}
