//! Runs are listed, shown, watched and cancelled.

mod http_support;

use std::time::Duration;

use abide_server::http::{self, HttpConfig};
use axum::http::{Method, StatusCode};
use http_support::{COMPLETED, EVENT, FAILED, Messages, Served, WAITING, request, three_runs};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

async fn served() -> Served {
    Served::with(&three_runs(), HttpConfig::default()).await
}

#[tokio::test]
async fn runs_are_listed_newest_first_and_filtered() {
    let served = served().await;
    let ids = async |query: &str| {
        let page = served.get(&format!("/api/v1/runs?{query}")).await.json();
        let runs = page["data"].as_array().expect("a list").clone();
        let ids: Vec<_> = runs
            .iter()
            .map(|run| run["run_id"].as_str().unwrap_or_default().to_owned())
            .collect();
        (ids, page["next_cursor"].clone())
    };
    let all = [COMPLETED, FAILED, WAITING].map(|run| run.to_string());
    assert_eq!(ids("").await, (all.to_vec(), Value::Null));
    assert_eq!(ids("status=failed").await.0, all[1..2]);
    assert_eq!(ids("function=shop/pay").await.0, all[2..3]);
    assert_eq!(ids("app=other").await.0, all[..0]);
    assert_eq!(ids(&format!("event={EVENT}")).await.0, all);
    for event in [String::new(), format!("&event={EVENT}")] {
        let (first, next) = ids(&format!("limit=2{event}")).await;
        assert_eq!(first, all[..2]);
        let next = next.as_str().expect("there is more").to_owned();
        assert_eq!(
            ids(&format!("limit=2&cursor={next}{event}")).await,
            (all[2..].to_vec(), Value::Null)
        );
    }
}

#[tokio::test]
async fn a_run_is_shown_with_its_steps_journal_and_log() {
    let served = served().await;
    let waiting = served.get(&format!("/api/v1/runs/{WAITING}")).await.json();
    assert_eq!(waiting["status"], "Waiting");
    assert_eq!(waiting["steps"][0]["waiting"]["event"], "payment/approved");
    let sentence = waiting["waiting_for"].as_str().unwrap_or_default();
    assert!(
        sentence.starts_with("waits for `payment/approved` where data.id equals 42, until 20"),
        "{sentence}"
    );

    let path = format!("/api/v1/runs/{COMPLETED}");
    let completed = served.get(&path).await;
    assert!(
        completed.text.contains(r#""result":{ "left" : 7 }"#),
        "{}",
        completed.text
    );
    assert_eq!(completed.json()["steps"][0]["duration_ms"], 48);
    let journal = served.get(&format!("{path}/journal")).await.json();
    let types: Vec<_> = journal["data"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|entry| &entry["type"])
        .collect();
    assert_eq!(
        types,
        [
            "attempt_started",
            "operation_started",
            "completed",
            "workflow_returned"
        ]
    );
    let logs = served.get(&format!("{path}/logs")).await.json();
    assert_eq!(logs["data"][0]["step"], Value::Null);
    assert_eq!(logs["data"][1]["step"], "stock");
    assert_eq!(logs["next_after"], "2");
    let newer = served.get(&format!("{path}/logs?after=1")).await.json();
    assert_eq!(newer["data"].as_array().map(Vec::len), Some(1));
    assert_eq!(newer["data"][0]["fields"]["html"], "<b>");
    assert_eq!(newer["cut"], false);
    for (query, messages, next) in [
        ("level=warn", vec![], "2"),
        ("level=INFO&step=stock", vec!["line 1"], "2"),
        ("step=", vec!["line 0"], "2"),
        ("step=nothing", vec![], "2"),
        ("limit=1", vec!["line 0"], "1"),
        ("limit=1&after=0.1", vec!["line 1"], "1.1"),
        ("limit=1&after=1", vec!["line 1"], "1.1"),
        ("limit=1&after=1.1", vec![], "2"),
    ] {
        let page = served.get(&format!("{path}/logs?{query}")).await.json();
        let lines = page["data"].as_array().expect("a list").iter();
        let lines: Vec<_> = lines.map(|line| line["message"].as_str()).collect();
        let messages: Vec<_> = messages.into_iter().map(Some).collect();
        assert_eq!(lines, messages, "{query}");
        assert_eq!(page["next_after"], next, "{query}");
    }
    for (query, code) in [
        ("level=loud", "invalid_level"),
        ("limit=0", "invalid_limit"),
        ("after=x", "invalid_after"),
    ] {
        let refused = served.get(&format!("{path}/logs?{query}")).await;
        assert_eq!(refused.json()["code"], code);
    }
    let none = served.get(&format!("{path}/logs?after=2")).await.json();
    assert_eq!(
        (&none["data"], &none["next_after"]),
        (&json!([]), &json!("2"))
    );
}

#[tokio::test]
async fn cancelling_ends_a_run_once_and_for_all() {
    let served = served().await;
    let path = format!("/v1/runs/{WAITING}");
    assert_eq!(served.get(&path).await.json()["data"]["status"], "Running");
    for _ in 0..2 {
        let answer = served.delete(&path).await;
        assert_eq!(answer.status, StatusCode::OK);
        assert_eq!(answer.json()["data"]["status"], "Cancelled");
    }
    let ended = served.delete(&format!("/v1/runs/{COMPLETED}")).await;
    assert_eq!(
        (ended.status, &ended.json()["status"]),
        (StatusCode::CONFLICT, &json!(409))
    );
    let ended = served
        .post(&format!("/api/v1/runs/{FAILED}/cancel"), "")
        .await;
    assert_eq!(ended.json()["code"], "run_ended");
    assert_eq!(
        served
            .post(&format!("/api/v1/runs/{WAITING}/cancel"), "{")
            .await
            .json()["code"],
        "invalid_body"
    );
}

#[tokio::test]
async fn the_reason_of_a_cancellation_is_kept() {
    let served = served().await;
    let path = format!("/api/v1/runs/{WAITING}/cancel");
    let answer = served
        .post(&path, r#"{"reason":"the order was withdrawn"}"#)
        .await
        .json();
    assert_eq!(answer["status"], "Cancelled");
    assert_eq!(answer["error"]["message"], "the order was withdrawn");
    assert_eq!(answer["steps"][0]["status"], "cancelled");
    assert_eq!(answer["waiting_for"], Value::Null);
}

#[tokio::test]
async fn a_stream_shows_a_run_as_it_stands_and_then_each_change_until_it_ends() {
    let served = served().await;
    let path = format!("/api/v1/runs/{WAITING}/stream");
    let mut messages = Messages::new(served.request(request(Method::GET, &path, "")).await);
    let (name, run) = messages.next().await.expect("the state");
    assert_eq!((name.as_str(), &run["status"]), ("run", &json!("Waiting")));
    assert_eq!(run["steps"][0]["id"], "approval");
    served.delete(&format!("/v1/runs/{WAITING}")).await;
    let (name, run) = messages.next().await.expect("the change");
    assert_eq!(
        (name.as_str(), &run["status"]),
        ("run", &json!("Cancelled"))
    );
    assert_eq!(
        messages.next().await.map(|(name, _)| name).as_deref(),
        Some("end")
    );
    assert_eq!(messages.next().await, None);
}

#[tokio::test]
async fn a_stream_of_an_event_shows_all_its_runs() {
    let served = served().await;
    let path = format!("/api/v1/events/{EVENT}/stream");
    let mut messages = Messages::new(served.request(request(Method::GET, &path, "")).await);
    for (id, status) in [
        (WAITING, "Waiting"),
        (FAILED, "Failed"),
        (COMPLETED, "Completed"),
    ] {
        let (_, run) = messages.next().await.expect("the state");
        assert_eq!(
            (&run["run_id"], &run["status"]),
            (&json!(id), &json!(status))
        );
    }
    served.delete(&format!("/v1/runs/{WAITING}")).await;
    assert_eq!(
        messages.next().await.expect("the change").1["status"],
        "Cancelled"
    );
    assert_eq!(
        messages.next().await.map(|(name, _)| name).as_deref(),
        Some("end")
    );

    let id = served
        .post("/e/key", r#"{"name":"nobody/listens"}"#)
        .await
        .json()["ids"][0]
        .clone();
    let path = format!("/api/v1/events/{}/stream", id.as_str().unwrap_or_default());
    let mut messages = Messages::new(served.request(request(Method::GET, &path, "")).await);
    assert_eq!(
        messages.next().await.map(|(name, _)| name).as_deref(),
        Some("end")
    );
    assert_eq!(messages.next().await, None);
}

#[tokio::test]
async fn a_signal_is_kept_if_it_is_to_be() {
    let served = Served::empty().await;
    let kept = served
        .post(
            "/v1/signals",
            r#"{"signal":"go","data":{"a":1},"ttl_ms":60000}"#,
        )
        .await;
    assert_eq!(
        (kept.status, &kept.json()["data"]["run_id"]),
        (StatusCode::OK, &Value::Null)
    );
    // As Inngest's clients send it.
    let lost = served.post("/v1/signals", r#"{"signal":"lost"}"#).await;
    assert_eq!(lost.status, StatusCode::NOT_FOUND);
    for wrong in ["", "{}", r#"{"signal":""}"#, r#"{"signal":5}"#] {
        assert_eq!(
            served.post("/v1/signals", wrong).await.status,
            StatusCode::BAD_REQUEST,
            "{wrong}"
        );
    }
}

#[tokio::test]
async fn what_is_no_component_is_refused() {
    let served = Served::empty().await;
    let put =
        async |path: &str, body: &'static str| served.call(request(Method::PUT, path, body)).await;
    let refused = put("/api/v1/apps/shop", "not wasm").await;
    assert_eq!(
        (refused.status.as_u16(), &refused.json()["code"]),
        (422, &json!("invalid_component"))
    );
    for (path, body, code) in [
        ("/api/v1/apps/shop", "", "empty_body"),
        ("/api/v1/apps/Shop_1", "x", "invalid_app_id"),
        ("/api/v1/apps/shop?var=TOKEN", "x", "invalid_variable"),
        ("/api/v1/apps/shop?alow_net=x", "x", "invalid_query"),
    ] {
        let answer = put(path, body).await;
        assert_eq!(
            (answer.status.as_u16(), &answer.json()["code"]),
            (400, &json!(code)),
            "{path}"
        );
    }
    assert_eq!(served.get("/api/v1/apps").await.json()["data"], json!([]));
    assert_eq!(
        served.get("/api/v1/functions").await.json()["data"],
        json!([])
    );
}

#[tokio::test]
async fn health_is_told_and_a_development_server_is_found() {
    let served = Served::empty().await;
    let health = served.get("/health").await;
    assert_eq!(
        (health.status, &health.json()["status"]),
        (StatusCode::OK, &json!("ok"))
    );
    assert_eq!(served.get("/dev").await.status, StatusCode::NOT_FOUND);
    let config = HttpConfig {
        dev: true,
        ..HttpConfig::default()
    };
    let dev = Served::with(&[], config).await;
    assert_eq!(dev.get("/dev").await.status, StatusCode::OK);
    dev.node.shutdown().await;
    for (path, status) in [
        ("/ready", StatusCode::SERVICE_UNAVAILABLE),
        // It lives: whoever watches over the process need not end it.
        ("/health", StatusCode::OK),
    ] {
        assert_eq!(dev.get(path).await.status, status, "{path}");
    }
    let refused = dev.post("/e/key", r#"{"name":"a"}"#).await;
    assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(refused.header("retry-after"), "1");
}

#[tokio::test]
async fn a_server_that_stops_ends_its_streams() {
    let served = served().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let shutdown = async move {
        let _ = stopped.await;
    };
    let serving = tokio::spawn(http::serve(listener, served.router.clone(), shutdown));
    let mut socket = TcpStream::connect(address).await.expect("it is reachable");
    let head = format!("GET /api/v1/runs/{WAITING}/stream HTTP/1.1\r\nhost: localhost\r\n\r\n");
    socket.write_all(head.as_bytes()).await.expect("it is sent");
    let mut text = String::new();
    while !text.contains("event: run") {
        let mut part = [0; 4096];
        let count = socket.read(&mut part).await.expect("an answer");
        assert_ne!(count, 0, "the stream ended early: {text}");
        text += std::str::from_utf8(&part[..count]).expect("it is text");
    }
    stop.send(()).expect("the server listens");
    let rest = socket.read_to_string(&mut text);
    tokio::time::timeout(Duration::from_secs(120), rest)
        .await
        .expect("the stream ends")
        .expect("in good order");
    assert!(text.ends_with("0\r\n\r\n"), "the last chunk came: {text:?}");
    serving.await.expect("no panic").expect("no error");
}
