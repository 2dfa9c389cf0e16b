//! `Idempotency-Key`: a request that is sent again has its effect once.

mod http_support;

use axum::body::Body;
use axum::http::{Method, Request, StatusCode};
use http_support::{Answer, FAILED, Served, three_runs};
use serde_json::Value;

async fn post(served: &Served, path: &str, key: &str, body: &str) -> Answer {
    let request = Request::builder()
        .method(Method::POST)
        .uri(path)
        .header("idempotency-key", key)
        .body(Body::from(body.to_owned()))
        .expect("a right request");
    served.call(request).await
}

async fn jobs(served: &Served) -> usize {
    let listed = served.get("/api/v1/jobs").await.json();
    listed["data"].as_array().expect("a list").len()
}

const CANCEL: &str = r#"{"action":"cancel","filter":{"function":"shop/pay"}}"#;

#[tokio::test]
async fn a_job_is_started_once_however_often_it_is_asked_for() {
    let served = Served::with(&three_runs(), abide_server::http::HttpConfig::default()).await;
    let first = post(&served, "/api/v1/jobs", "one", CANCEL).await;
    assert_eq!(first.status, StatusCode::OK, "{}", first.text);
    assert_eq!(first.header("idempotency-replayed"), "");
    let again = post(&served, "/api/v1/jobs", "one", CANCEL).await;
    assert_eq!((again.status, &again.text), (StatusCode::OK, &first.text));
    assert_eq!(again.header("idempotency-replayed"), "true");
    assert_eq!(again.header("content-type"), "application/json");
    assert_eq!(jobs(&served).await, 1);
    let other = post(&served, "/api/v1/jobs", "two", CANCEL).await;
    assert_ne!(other.text, first.text);
    assert_eq!(jobs(&served).await, 2);
}

#[tokio::test]
async fn a_key_stands_for_one_body_and_one_path() {
    let served = Served::with(&three_runs(), abide_server::http::HttpConfig::default()).await;
    post(&served, "/api/v1/jobs", "one", CANCEL).await;
    let changed = CANCEL.replace("pay", "mail");
    let refused = post(&served, "/api/v1/jobs", "one", &changed).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(refused.json()["code"], "idempotency_key_reused");
    let elsewhere = post(&served, &format!("/api/v1/runs/{FAILED}/replay"), "one", "").await;
    assert_eq!(elsewhere.json()["code"], "refused", "{}", elsewhere.text);
}

#[tokio::test]
async fn what_was_refused_leaves_the_key_free() {
    let served = Served::empty().await;
    let wrong = post(&served, "/api/v1/jobs", "one", "{").await;
    assert_eq!(wrong.json()["code"], "invalid_body");
    let right = post(&served, "/api/v1/jobs", "one", CANCEL).await;
    assert_eq!(right.status, StatusCode::OK, "{}", right.text);
    let long = "x".repeat(256);
    let unusable = post(&served, "/api/v1/jobs", &long, CANCEL).await;
    assert_eq!(unusable.json()["code"], "invalid_idempotency_key");
}

#[tokio::test]
async fn events_of_one_key_are_stored_once() {
    let served = Served::empty().await;
    let ids = |answer: &Answer| -> Value { answer.json()["ids"].clone() };
    let body = r#"[{"name":"a"},{"name":"b"}]"#;
    let first = post(&served, "/e/key", "one", body).await;
    let again = post(&served, "/e/key", "one", body).await;
    assert_eq!(ids(&first), ids(&again), "{}", again.text);
    let other = post(&served, "/e/key", "two", body).await;
    assert_ne!(ids(&first), ids(&other));
    let listed = served.get("/api/v1/events").await.json();
    assert_eq!(listed["data"].as_array().map(Vec::len), Some(4));
    let refused = post(&served, "/e/key", "one", r#"{"name":"c"}"#).await;
    assert_eq!(refused.json()["status"], 422, "{}", refused.text);
}
