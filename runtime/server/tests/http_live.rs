//! The API over a node that executes a real app: deploy, send, watch, wake.

mod http_support;

use axum::http::{Method, StatusCode};
use http_support::{Messages, Served, guest, request};
use serde_json::{Value, json};

async fn served() -> Served {
    let served = Served::empty().await;
    let put = request(
        Method::PUT,
        "/api/v1/apps/bench?var=REGION=eu",
        guest("bench"),
    );
    let answer = served.call(put).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    let app = answer.json();
    assert_eq!(
        (&app["id"], &app["deployments"], &app["variables"]),
        (&json!("bench"), &json!(1), &json!(["REGION"]))
    );
    served
}

/// Sends an event, and watches its runs.
async fn send(served: &Served, event: &Value) -> (String, Messages) {
    let answer = served.post("/e/key", event.to_string()).await;
    let id = answer.json()["ids"][0].as_str().expect("an id").to_owned();
    let path = format!("/api/v1/events/{id}/stream");
    let messages = Messages::new(served.request(request(Method::GET, &path, "")).await);
    (id, messages)
}

/// The last state of a run before this status, or before the end of the stream.
async fn until(messages: &mut Messages, status: &str) -> Value {
    loop {
        let (name, run) = messages.next().await.expect("the stream goes on");
        assert_eq!(name, "run", "the stream ended before a run was {status}");
        if run["status"] == status {
            return run;
        }
    }
}

#[tokio::test]
async fn a_deployed_app_is_listed_with_its_functions() {
    let served = served().await;
    let apps = served.get("/api/v1/apps").await.json();
    assert_eq!(apps["data"][0]["id"], "bench");
    let function = served.get("/api/v1/functions/bench/ten").await.json();
    assert_eq!(function["triggers"][0]["event"], "bench/ten");
    let none = served.get("/api/v1/functions/bench/eleven").await.json();
    assert_eq!(none["code"], "no_such_function");
    assert!(
        none["detail"]
            .as_str()
            .is_some_and(|detail| detail.contains("bench/ten"))
    );
}

#[tokio::test]
async fn a_run_is_watched_to_its_end() {
    let served = served().await;
    let (event, mut messages) = send(&served, &json!({ "name": "bench/ten" })).await;
    let run = until(&mut messages, "Completed").await;
    assert_eq!(
        messages.next().await.map(|(name, _)| name).as_deref(),
        Some("end")
    );
    assert_eq!(messages.next().await, None);
    assert_eq!(
        (&run["output"], &run["function_id"]),
        (&json!(45), &json!("bench/ten"))
    );
    let steps = run["steps"].as_array().expect("a list");
    let ids: Vec<_> = steps
        .iter()
        .map(|step| step["id"].as_str().unwrap_or_default())
        .collect();
    assert_eq!((ids.len(), ids[0], ids[9]), (10, "step", "step:9"));
    assert!(
        steps.iter().all(|step| step["status"] == "completed"),
        "{run}"
    );
    assert_eq!(steps[9]["result"], 9);

    let polled = served.get(&format!("/v1/events/{event}/runs")).await.json();
    assert_eq!(
        (&polled["data"][0]["status"], &polled["data"][0]["output"]),
        (&json!("Completed"), &json!(45))
    );
    let id = run["run_id"].as_str().expect("an id");
    let polled = served.get(&format!("/v1/runs/{id}")).await.json();
    assert_eq!(polled["data"]["output"], 45);
}

#[tokio::test]
async fn whoever_only_waits_for_the_end_is_spared_the_steps() {
    let served = served().await;
    let sent = served.post("/e/key", r#"{"name":"bench/ten"}"#).await;
    let id = sent.json()["ids"][0].as_str().expect("an id").to_owned();
    let path = format!("/api/v1/events/{id}/stream?steps=false");
    let mut messages = Messages::new(served.request(request(Method::GET, &path, "")).await);
    let run = until(&mut messages, "Completed").await;
    assert_eq!((&run["output"], run.get("steps")), (&json!(45), None));
    assert_eq!(
        messages.next().await.map(|(name, _)| name).as_deref(),
        Some("end")
    );
    let refused = served
        .get(&format!("/api/v1/events/{id}/stream?steps=no"))
        .await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_waiting_run_says_what_it_waits_for_and_goes_on_when_it_comes() {
    let served = served().await;
    let resume = json!({ "name": "bench/resume", "data": { "n": 2, "key": "k1" } });
    let (_, mut messages) = send(&served, &resume).await;
    let run = until(&mut messages, "Waiting").await;
    let sentence = run["waiting_for"].as_str().unwrap_or_default();
    assert!(
        sentence.starts_with("waits for `bench/wake` where data.key equals \"k1\", until 20"),
        "{sentence}"
    );
    let wait = &run["steps"][2];
    assert_eq!(
        (&wait["id"], &wait["status"]),
        (&json!("wake"), &json!("waiting"))
    );
    assert_eq!(
        wait["waiting"]["match"],
        json!({ "path": "data.key", "value": "\"k1\"" })
    );

    served
        .post("/e/key", r#"{"name":"bench/wake","data":{"key":"other"}}"#)
        .await;
    served
        .post("/e/key", r#"{"name":"bench/wake","data":{"key":"k1"}}"#)
        .await;
    let run = until(&mut messages, "Completed").await;
    assert_eq!(
        (&run["output"], &run["steps"][2]["status"]),
        (&json!(1), &json!("completed"))
    );
}

#[tokio::test]
async fn a_run_can_be_cancelled_while_it_sleeps() {
    let served = served().await;
    let sleeper = json!({ "name": "bench/sleeper", "data": { "sleep_ms": 3_600_000 } });
    let (_, mut messages) = send(&served, &sleeper).await;
    let run = until(&mut messages, "Sleeping").await;
    assert!(
        run["waiting_for"]
            .as_str()
            .is_some_and(|text| text.starts_with("sleeps until 20")),
        "{run}"
    );
    let path = format!("/v1/runs/{}", run["run_id"].as_str().expect("an id"));
    assert_eq!(served.delete(&path).await.status, StatusCode::OK);
    let run = until(&mut messages, "Cancelled").await;
    assert_eq!(run["steps"][0]["status"], "cancelled");
}
