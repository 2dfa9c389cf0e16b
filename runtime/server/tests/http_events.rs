//! Events come in and are shown: `POST /e/{key}` and what lists events.

mod http_cloudevents;
mod http_support;

use abide_server::http::HttpConfig;
use axum::http::{Method, StatusCode};
use http_support::{EVENT, Served, request, three_runs};
use serde_json::{Value, json};

#[tokio::test]
async fn events_are_accepted_in_the_shape_that_sdks_expect() {
    let served = Served::empty().await;
    let answer = served
        .post(
            "/e/NO_EVENT_KEY_SET",
            r#"{"name":"user/created","data":{"a": 1.50}}"#,
        )
        .await;
    assert_eq!(answer.status, StatusCode::OK);
    let body = answer.json();
    assert_eq!(body["status"], 200);
    assert!(body.get("error").is_none());
    let id = body["ids"][0].as_str().expect("an id");
    assert_eq!(
        (id.len(), body["ids"].as_array().map(Vec::len)),
        (26, Some(1))
    );

    let shown = served.get(&format!("/v1/events/{id}")).await;
    assert!(
        shown.text.contains(r#""data":{"a": 1.50}"#),
        "the payload is kept as it is: {}",
        shown.text
    );
    let shown = shown.json();
    assert_eq!(shown["data"]["internal_id"], id);
    assert_eq!(shown["data"]["name"], "user/created");
    assert_eq!(shown["metadata"]["cached_until"], Value::Null);
    assert!(shown["metadata"]["fetched_at"].is_string());
    let runs = served.get(&format!("/v1/events/{id}/runs")).await.json();
    assert_eq!(runs["data"], json!([]));
}

#[tokio::test]
async fn a_body_may_be_an_array_in_plain_text() {
    let served = Served::empty().await;
    let mut message = request(
        Method::POST,
        "/e/key",
        r#"[{"name":"a"},{"name":"b","ts":0,"data":null}]"#,
    );
    message.headers_mut().insert(
        "content-type",
        "text/plain;charset=UTF-8".parse().expect("a value"),
    );
    let answer = served.call(message).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.json()["ids"].as_array().map(Vec::len), Some(2));
    let listed = served.get("/api/v1/events?name=b").await.json();
    assert_eq!(listed["data"][0]["data"], json!({}));
    assert_eq!(listed["next_cursor"], Value::Null);
}

#[tokio::test]
async fn one_wrong_event_refuses_the_request_and_nothing_is_stored() {
    let served = Served::empty().await;
    for (body, error) in [
        (
            r#"[{"name":"a"},{"name":"b","data":[]}]"#,
            "event 1: data: must be a JSON object",
        ),
        (
            r#"[{"name":"a"},{"data":{}}]"#,
            "event 1: name: is required",
        ),
        (
            r#"{"name":"inngest/x"}"#,
            "event 0: name: the prefix `inngest/` is reserved",
        ),
        (r#"{"name":"a","ts":5}"#, "event 0: ts: 5 is not a time"),
        ("[]", "a request must hold 1 to 5000 events"),
        ("{", "the body is not valid JSON"),
        ("", "the body is empty"),
    ] {
        let answer = served.post("/e/key", body).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{body}");
        let shown = answer.json();
        assert_eq!(
            (&shown["ids"], &shown["status"]),
            (&json!([]), &json!(400)),
            "{body}"
        );
        assert!(
            shown["error"]
                .as_str()
                .is_some_and(|it| it.starts_with(error)),
            "{body}: {shown}"
        );
    }
    let many = format!("[{}]", vec![r#"{"name":"a"}"#; 5_001].join(","));
    assert_eq!(
        served.post("/e/key", many).await.status,
        StatusCode::BAD_REQUEST
    );
    assert_eq!(served.get("/api/v1/events").await.json()["data"], json!([]));
}

#[tokio::test]
async fn a_body_beyond_the_limit_is_refused() {
    let config = HttpConfig {
        body_bytes: 1_000,
        ..HttpConfig::default()
    };
    let served = Served::with(&[], config).await;
    let answer = served.post("/e/key", "x".repeat(1_001)).await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(answer.json()["status"], 413);
    assert!(
        answer.json()["error"]
            .as_str()
            .is_some_and(|error| error.contains("1000 bytes"))
    );
}

#[tokio::test]
async fn a_seed_makes_a_repeated_request_the_same_request() {
    let served = Served::empty().await;
    let send = async || {
        let mut message = request(Method::POST, "/e/key", r#"[{"name":"a"},{"name":"b"}]"#);
        let seed = "1700000000000,AAECAwQFBgcICQ==".parse().expect("a value");
        message
            .headers_mut()
            .insert("x-inngest-event-id-seed", seed);
        served.call(message).await.json()["ids"].clone()
    };
    let first = send().await;
    assert_eq!(send().await, first);
    assert_eq!(
        served.get("/api/v1/events").await.json()["data"]
            .as_array()
            .map(Vec::len),
        Some(2)
    );

    let mut message = request(Method::POST, "/e/key", r#"{"name":"a"}"#);
    message
        .headers_mut()
        .insert("x-inngest-event-id-seed", "5".parse().expect("a value"));
    let answer = served.call(message).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert!(
        answer.json()["error"]
            .as_str()
            .is_some_and(|error| error.contains("x-inngest-event-id-seed"))
    );
}

#[tokio::test]
async fn events_are_listed_newest_first_page_by_page() {
    let served = Served::empty().await;
    let names: Vec<_> = (0..5).map(|n| format!(r#"{{"name":"n{n}"}}"#)).collect();
    served
        .post("/e/key", format!("[{}]", names.join(",")))
        .await;
    let mut seen = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = served
            .get(&format!("/api/v1/events?limit=2&cursor={cursor}"))
            .await
            .json();
        let events = page["data"].as_array().expect("a list").clone();
        seen.extend(
            events
                .iter()
                .map(|event| event["name"].as_str().unwrap_or_default().to_owned()),
        );
        match page["next_cursor"].as_str() {
            Some(next) => next.clone_into(&mut cursor),
            None => break,
        }
    }
    assert_eq!(seen, ["n4", "n3", "n2", "n1", "n0"]);
    let first = served.get("/v1/events?limit=1").await.json();
    assert_eq!(first["data"][0]["name"], "n4");
    let after = first["data"][0]["internal_id"]
        .as_str()
        .expect("an id")
        .to_owned();
    let second = served
        .get(&format!("/v1/events?limit=1&cursor={after}"))
        .await
        .json();
    assert_eq!(second["data"][0]["name"], "n3");
}

#[tokio::test]
async fn an_event_shows_the_runs_that_it_started() {
    let served = Served::with(&three_runs(), HttpConfig::default()).await;
    let shown = served.get(&format!("/api/v1/events/{EVENT}")).await.json();
    assert_eq!(shown["name"], "order/placed");
    assert_eq!(shown["source"], "api");
    let runs: Vec<_> = shown["runs"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|run| &run["status"])
        .collect();
    assert_eq!(runs, ["Waiting", "Failed", "Completed"]);
    // The poll loop of Inngest's documentation.
    let polled = served.get(&format!("/v1/events/{EVENT}/runs")).await.json();
    let runs: Vec<_> = polled["data"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|run| &run["status"])
        .collect();
    assert_eq!(runs, ["Running", "Failed", "Completed"]);
    assert_eq!(polled["data"][2]["output"], "done");
    assert_eq!(polled["data"][1]["output"]["message"], "declined");
    assert_eq!(polled["data"][0]["output"], Value::Null);
}

#[tokio::test]
async fn each_group_of_routes_answers_errors_in_its_own_shape() {
    let served = Served::empty().await;
    let no_id = "/v1/events/01J8Z6QW3C9G5V2N7T4R0K1M8X";
    for (path, status) in [
        (no_id, 404),
        ("/v1/events/x", 400),
        ("/v1/nothing", 404),
        ("/v1/events?limit=x", 400),
    ] {
        let answer = served.get(path).await;
        assert_eq!(answer.status.as_u16(), status, "{path}");
        let shown = answer.json();
        assert_eq!(shown["status"], status, "{path}");
        assert!(
            shown["error"].is_string() && shown.get("ids").is_none(),
            "{path}: {shown}"
        );
    }
    for (path, status, code) in [
        (
            "/api/v1/events/01J8Z6QW3C9G5V2N7T4R0K1M8X",
            404,
            "no_such_event",
        ),
        (
            "/api/v1/runs/01J8Z6QW3C9G5V2N7T4R0K1M8X",
            404,
            "no_such_run",
        ),
        ("/api/v1/runs/x/stream", 400, "invalid_run_id"),
        (
            "/api/v1/events/01J8Z6QW3C9G5V2N7T4R0K1M8X/stream",
            404,
            "no_such_event",
        ),
        ("/api/v1/nothing", 404, "unknown_path"),
        ("/nothing", 404, "unknown_path"),
        ("/api/v1/events?limt=5", 400, "invalid_query"),
        ("/api/v1/events?limit=0", 400, "invalid_limit"),
        ("/api/v1/runs?status=Odd", 400, "invalid_status"),
        ("/api/v1/runs?cursor=5", 400, "invalid_cursor"),
        ("/api/v1/apps/none", 404, "no_such_app"),
    ] {
        let answer = served.get(path).await;
        assert_eq!(answer.status.as_u16(), status, "{path}");
        assert_eq!(
            answer.header("content-type"),
            "application/problem+json",
            "{path}"
        );
        let shown = answer.json();
        assert_eq!(
            (&shown["code"], &shown["status"]),
            (&json!(code), &json!(status)),
            "{path}"
        );
        assert!(
            shown["detail"].is_string() && shown["title"].is_string(),
            "{path}: {shown}"
        );
    }
    for (method, path, allow, member) in [
        (Method::GET, "/e/key", "POST", "ids"),
        (Method::PUT, "/v1/events", "GET,HEAD", "error"),
        (Method::DELETE, "/api/v1/apps", "GET,HEAD", "code"),
        (Method::POST, "/health", "GET,HEAD", "code"),
    ] {
        let answer = served.call(request(method, path, "")).await;
        assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED, "{path}");
        assert_eq!(answer.header("allow"), allow, "{path}");
        assert!(
            answer.json().get(member).is_some(),
            "{path}: {}",
            answer.text
        );
    }
}

#[tokio::test]
async fn every_answer_has_a_request_id() {
    let served = Served::empty().await;
    let ids = [served.get("/health").await, served.get("/nothing").await];
    assert!(
        ids.iter()
            .all(|answer| !answer.header("x-request-id").is_empty())
    );
    assert_ne!(ids[0].header("x-request-id"), ids[1].header("x-request-id"));
    let mut message = request(Method::GET, "/health", "");
    message
        .headers_mut()
        .insert("x-request-id", "from-the-proxy".parse().expect("a value"));
    assert_eq!(
        served.call(message).await.header("x-request-id"),
        "from-the-proxy"
    );
}
