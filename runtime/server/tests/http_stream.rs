//! Streams that a client can go on with after its connection broke.

mod http_support;

use axum::body::Body;
use axum::http::{Request, StatusCode};
use http_support::{COMPLETED, EVENT, Messages, Served, three_runs};
use serde_json::json;

/// Opens a stream, after this message if there is one.
async fn follow(served: &Served, path: &str, last: &str) -> Messages {
    let mut request = Request::get(path);
    if !last.is_empty() {
        request = request.header("last-event-id", last);
    }
    let request = request.body(Body::empty()).expect("a right request");
    Messages::new(served.request(request).await)
}

async fn send(served: &Served, name: &str) {
    let sent = served
        .post("/e/key", format!(r#"{{"name":"{name}"}}"#))
        .await;
    assert_eq!(sent.status, StatusCode::OK, "{}", sent.text);
}

async fn next_name(messages: &mut Messages) -> String {
    let (kind, data) = messages.next().await.expect("a message");
    assert_eq!(kind, "event", "{data}");
    data["name"].as_str().expect("a name").to_owned()
}

#[tokio::test]
async fn a_client_that_comes_back_gets_what_it_missed() {
    let served = Served::empty().await;
    let mut messages = follow(&served, "/api/v1/stream", "").await;
    assert_eq!(messages.next().await.expect("a message").0, "open");
    send(&served, "one").await;
    assert_eq!(next_name(&mut messages).await, "one");
    let last = messages.id.clone();
    drop(messages);
    send(&served, "two").await;
    send(&served, "three").await;
    let in_header = ("/api/v1/stream".to_owned(), last.as_str());
    let in_address = (format!("/api/v1/stream?last_event_id={last}"), "");
    for (path, header) in [&in_header, &in_address] {
        let mut messages = follow(&served, path, header).await;
        assert_eq!(messages.next().await.expect("a message").0, "open");
        assert_eq!(next_name(&mut messages).await, "two");
        assert_eq!(next_name(&mut messages).await, "three");
    }
    // A browser that opens a stream again sends what it has seen last beside the address, which says what it had seen first.
    let mut messages = follow(
        &served,
        &in_address.0,
        &last_after_two(&served, &last).await,
    )
    .await;
    assert_eq!(messages.next().await.expect("a message").0, "open");
    assert_eq!(next_name(&mut messages).await, "three");
}

async fn last_after_two(served: &Served, last: &str) -> String {
    let mut messages = follow(served, "/api/v1/stream", last).await;
    assert_eq!(messages.next().await.expect("a message").0, "open");
    assert_eq!(next_name(&mut messages).await, "two");
    messages.id.clone()
}

#[tokio::test]
async fn a_client_that_cannot_go_on_is_told_to_load_again() {
    let served = Served::empty().await;
    let mut messages = follow(&served, "/api/v1/stream", "0123456789abcdef-5").await;
    assert_eq!(messages.next().await.expect("a message").0, "reset");
    send(&served, "one").await;
    assert_eq!(next_name(&mut messages).await, "one");
}

#[tokio::test]
async fn a_stream_shows_only_what_was_asked_for() {
    let served = Served::with(&three_runs(), abide_server::http::HttpConfig::default()).await;
    let mut events = follow(&served, "/api/v1/stream?show=events&name=b", "").await;
    let mut runs = follow(&served, "/api/v1/stream?function=shop/pay&show=runs", "").await;
    for messages in [&mut events, &mut runs] {
        assert_eq!(messages.next().await.expect("a message").0, "open");
    }
    send(&served, "a").await;
    send(&served, "b").await;
    assert_eq!(next_name(&mut events).await, "b");
    let waiting = http_support::WAITING;
    let cancelled = served
        .post(&format!("/api/v1/runs/{waiting}/cancel"), "")
        .await;
    assert_eq!(cancelled.status, StatusCode::OK, "{}", cancelled.text);
    let (kind, run) = runs.next().await.expect("a message");
    assert_eq!(kind, "run");
    assert_eq!(run["run_id"], waiting.to_string());
    assert_eq!(run["status"], "Cancelled");
    let wrong = served.get("/api/v1/stream?show=apps").await;
    assert_eq!(wrong.json()["code"], "invalid_query");
}

#[tokio::test]
async fn heavy_events_come_a_few_at_a_time_and_none_is_left_out() {
    let served = Served::empty().await;
    let mut messages = follow(&served, "/api/v1/stream", "").await;
    assert_eq!(messages.next().await.expect("a message").0, "open");
    let names: Vec<String> = (0..8).map(|n| format!("heavy/{n}")).collect();
    let text = "x".repeat(600 << 10);
    let events = names
        .iter()
        .map(|name| json!({ "name": name, "data": { "text": text } }));
    let events: Vec<_> = events.collect();
    let sent = served.post("/e/key", json!(events).to_string()).await;
    assert_eq!(sent.status, StatusCode::OK, "{}", sent.text);
    for name in &names {
        assert_eq!(next_name(&mut messages).await, *name);
    }
    send(&served, "one").await;
    assert_eq!(next_name(&mut messages).await, "one");
}

#[tokio::test]
async fn what_a_client_has_seen_of_a_run_is_not_sent_again() {
    let served = Served::with(&three_runs(), abide_server::http::HttpConfig::default()).await;
    let path = format!("/api/v1/runs/{COMPLETED}/stream");
    let mut messages = follow(&served, &path, "").await;
    assert_eq!(messages.next().await.expect("a message").0, "run");
    let last = messages.id.clone();
    assert!(!last.is_empty());
    let mut again = follow(&served, &path, &last).await;
    assert_eq!(again.next().await.expect("a message").0, "end");
    let mut other = follow(&served, &path, "0").await;
    assert_eq!(other.next().await.expect("a message").0, "run");
    let mut of_event = follow(&served, &format!("/api/v1/events/{EVENT}/stream"), "").await;
    for _ in 0..3 {
        assert_eq!(of_event.next().await.expect("a message").0, "run");
    }
    assert!(!of_event.id.is_empty());
}
