//! Housekeeping of a node, as somebody sees it who looks through the API.

mod http_support;

use abide_server::http::HttpConfig;
use axum::http::StatusCode;
use http_support::{COMPLETED, EVENT, FAILED, Served, WAITING, three_runs};
use serde_json::json;

#[tokio::test]
async fn finished_runs_go_when_their_time_has_come_and_what_waits_stays_with_its_event() {
    // They ended at the beginning of 2026; 30 days are the default.
    let served = Served::keeping(&three_runs(), HttpConfig::default(), None).await;
    served.node.keep_house().await.expect("it is done");
    for run in [FAILED, COMPLETED] {
        let answer = served.get(&format!("/api/v1/runs/{run}")).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{}", answer.text);
    }
    let waiting = served.get(&format!("/api/v1/runs/{WAITING}")).await;
    assert_eq!(waiting.status, StatusCode::OK, "{}", waiting.text);
    let runs = served.get("/api/v1/runs").await.json();
    assert_eq!(runs["data"].as_array().map(Vec::len), Some(1));
    assert_eq!(runs["data"][0]["run_id"], json!(WAITING.to_string()));
    let event = served.get(&format!("/api/v1/events/{EVENT}")).await;
    assert_eq!(event.status, StatusCode::OK, "{}", event.text);
    // Nothing more to do the second time.
    served.node.keep_house().await.expect("it is done");
    let runs = served.get("/api/v1/runs").await.json();
    assert_eq!(runs["data"].as_array().map(Vec::len), Some(1));
}
