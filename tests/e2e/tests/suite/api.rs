//! The HTTP API as clients of Inngest know it, and Abide's own: shapes, statuses, what is refused.

use abide_e2e::{Answer, until};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Ledger, SOON, order, value};

fn post_text(ledger: &Ledger, path: &str, body: &str) -> Answer {
    let body = body.to_owned();
    ledger.api.call(Method::POST, path, |request| {
        request.header("content-type", "text/plain").body(body)
    })
}

fn envelope(answer: &Answer) -> &Value {
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert!(
        answer.json["metadata"]["fetched_at"].is_string(),
        "{}",
        answer.text
    );
    assert!(
        answer.json["metadata"]
            .as_object()
            .is_some_and(|metadata| metadata.contains_key("cached_until")),
        "{}",
        answer.text
    );
    &answer.json["data"]
}

#[test]
fn one_event_or_many_are_answered_with_their_ids() {
    let ledger = Ledger::start();
    let one = ledger.api.post(
        "/e/any-key",
        &json!({"name": "ledger/sequence", "data": order("a", 1, 0)}),
    );
    assert_eq!(one.json["status"], 200);
    assert_eq!(one.json["ids"].as_array().map(Vec::len), Some(1));
    assert!(
        one.json.get("error").is_none(),
        "Inngest's SDKs look for its absence: {}",
        one.text
    );
    let many = post_text(
        &ledger,
        "/e/NO_EVENT_KEY_SET",
        r#"[{"name":"a/b"},{"name":"a/c","data":{"x":1.50}}]"#,
    );
    assert_eq!(
        many.json["ids"].as_array().map(Vec::len),
        Some(2),
        "{}",
        many.text
    );
    let id = many.json["ids"][1].as_str().expect("an id");
    let event = ledger.api.get(&format!("/v1/events/{id}"));
    let event_of = envelope(&event);
    assert_eq!(
        (&event_of["name"], &event_of["internal_id"]),
        (&json!("a/c"), &json!(id))
    );
    assert!(
        event.text.contains(r#""data":{"x":1.50}"#),
        "payloads come back as they were sent: {}",
        event.text
    );
}

#[test]
fn a_request_with_a_wrong_event_is_refused_whole() {
    let ledger = Ledger::start();
    let wrong = [
        (
            json!([{"name": "kept/not"}, {"name": ""}]),
            "event 1",
            "name",
        ),
        (
            json!([{"name": "kept/not"}, {"name": "b", "data": []}]),
            "event 1",
            "data",
        ),
        (
            json!({"name": "inngest/function.failed"}),
            "event 0",
            "reserved",
        ),
        (json!({"name": "Abide/x"}), "event 0", "reserved"),
        (json!({"name": "kept/not", "ts": 5}), "event 0", "ts"),
        (json!({"data": {}}), "event 0", "name"),
    ];
    for (body, index, field) in wrong {
        let answer = ledger.api.post("/e/key", &body);
        assert_eq!(answer.status, 400, "{body}: {}", answer.text);
        assert_eq!(
            (&answer.json["status"], &answer.json["ids"]),
            (&json!(400), &json!([])),
            "{}",
            answer.text
        );
        let error = answer.json["error"].as_str().unwrap_or_default();
        assert!(
            error.contains(index) && error.contains(field),
            "{body}: {error}"
        );
    }
    let garbage = post_text(&ledger, "/e/key", "{not json");
    assert_eq!(
        (garbage.status, &garbage.json["ids"]),
        (400, &json!([])),
        "{}",
        garbage.text
    );
    let stored = ledger.api.get("/v1/events?name=kept/not");
    assert_eq!(
        envelope(&stored),
        &json!([]),
        "nothing of a refused request is stored"
    );
    let giant = format!(
        r#"{{"name":"a","data":{{"x":"{}"}}}}"#,
        "x".repeat(11 << 20)
    );
    assert_eq!(post_text(&ledger, "/e/key", &giant).status, 413);
    let large = format!(r#"{{"name":"a","data":{{"x":"{}"}}}}"#, "x".repeat(4 << 20));
    assert_eq!(
        post_text(&ledger, "/e/key", &large).status,
        400,
        "an event has at most 3 MiB"
    );
}

#[test]
fn the_poll_loop_of_inngests_documentation_works() {
    let ledger = Ledger::start();
    let id = ledger.api.send("ledger/sequence", &order("poll", 3, 0));
    let run = until("the run completes", SOON, || {
        let answer = ledger.api.get(&format!("/v1/events/{id}/runs"));
        let run = envelope(&answer)[0].clone();
        let status = run["status"].as_str().unwrap_or_default().to_owned();
        assert!(["", "Running", "Completed"].contains(&&*status), "{status}");
        (status == "Completed").then_some(run)
    });
    assert_eq!(
        run["output"],
        json!({"key": "poll", "values": [value(0), value(1), value(2)]})
    );
    for member in [
        "run_id",
        "run_started_at",
        "function_id",
        "function_version",
        "event_id",
        "batch_id",
        "original_run_id",
        "cron",
        "ended_at",
    ] {
        assert!(run.get(member).is_some(), "{member} in {run}");
    }
    assert_eq!(
        (&run["function_id"], &run["event_id"]),
        (&json!("ledger/sequence"), &json!(id))
    );
    let again = ledger.api.get(&format!(
        "/v1/runs/{}",
        run["run_id"].as_str().expect("an id")
    ));
    assert_eq!(envelope(&again), &run);
}

#[test]
fn a_run_is_cancelled_once_and_stays_so() {
    let ledger = Ledger::start();
    let event = ledger
        .api
        .send("ledger/sleep", &order("cancel", 1, 3_600_000));
    let run = ledger.api.run_of(&event);
    ledger.stands(&run, "Sleeping");
    let path = format!("/v1/runs/{run}");
    let cancelled = ledger.api.delete(&path);
    assert_eq!(envelope(&cancelled)["status"], "Cancelled");
    assert_eq!(
        ledger.api.delete(&path).status,
        200,
        "once more is no error"
    );
    let ledger = ledger.restart();
    assert_eq!(envelope(&ledger.api.get(&path))["status"], "Cancelled");
    let done = ledger
        .api
        .outcome("ledger/sequence", &order("done", 1, 0), SOON);
    let refused = ledger.api.delete(&format!(
        "/v1/runs/{}",
        done["run_id"].as_str().expect("an id")
    ));
    assert_eq!(
        (refused.status, &refused.json["status"]),
        (409, &json!(409)),
        "{}",
        refused.text
    );
}

#[test]
fn what_is_not_there_is_said_in_the_dialect_of_the_route() {
    let ledger = Ledger::start();
    let nobody = "01J8Z6QW3C9G5V2N7T4R0K1M8X";
    for path in [
        "/v1/events/ID",
        "/v1/events/ID/runs",
        "/v1/runs/ID",
        "/v1/nothing",
    ] {
        let answer = ledger.api.get(&path.replace("ID", nobody));
        assert_eq!(
            (answer.status, &answer.json["status"]),
            (404, &json!(404)),
            "{path}: {}",
            answer.text
        );
        assert!(answer.json["error"].is_string(), "{path}: {}", answer.text);
    }
    let problems = [
        "/api/v1/runs/ID",
        "/api/v1/runs/ID/journal",
        "/api/v1/runs/ID/logs",
        "/api/v1/events/ID",
        "/api/v1/apps/x",
        "/api/v1/functions/x/y",
        "/nothing",
    ];
    for path in problems {
        let answer = ledger.api.get(&path.replace("ID", nobody));
        assert_eq!(
            (answer.status, &*answer.content_type),
            (404, "application/problem+json"),
            "{path}: {}",
            answer.text
        );
        assert!(
            answer.json["code"].is_string() && answer.json["detail"].is_string(),
            "{path}: {}",
            answer.text
        );
    }
    for path in [
        "/v1/runs/short",
        "/api/v1/runs/short",
        "/api/v1/runs?limit=0",
        "/api/v1/runs?status=Odd",
        "/api/v1/runs?odd=1",
    ] {
        assert_eq!(ledger.api.get(path).status, 400, "{path}");
    }
    let wrong_method = ledger.api.get("/e/key");
    assert_eq!(
        (wrong_method.status, &wrong_method.json["ids"]),
        (405, &json!([])),
        "{}",
        wrong_method.text
    );
}

#[test]
fn a_repeated_request_with_a_seed_is_the_same_request() {
    let ledger = Ledger::start();
    let body = json!([{"name": "ledger/sequence", "data": order("seed-1", 1, 0)}, {"name": "ledger/sequence", "data": order("seed-2", 1, 0)}]);
    let send = |ledger: &Ledger, seed: &str| {
        ledger.api.call(Method::POST, "/e/key", |request| {
            request.header("x-inngest-event-id-seed", seed).json(&body)
        })
    };
    let repeatable = "1767225600000,AAECAwQFBgcICQ==";
    let first = send(&ledger, repeatable);
    assert_eq!(first.status, 200, "{}", first.text);
    assert_eq!(send(&ledger, repeatable).json, first.json);
    let ledger = ledger.restart();
    assert_eq!(
        send(&ledger, repeatable).json,
        first.json,
        "also after a restart"
    );
    let id = first.json["ids"][0].as_str().expect("an id");
    ledger.api.ended(&ledger.api.run_of(id), SOON);
    assert_eq!(ledger.api.runs_of(id).len(), 1);
    assert_eq!(
        ledger.api.get("/api/v1/runs").json["data"]
            .as_array()
            .map(Vec::len),
        Some(2)
    );
    assert_eq!(send(&ledger, "not a seed").status, 400);
}

#[test]
fn events_of_one_id_start_a_function_once() {
    let ledger = Ledger::start();
    let event = json!({"id": "order-1", "name": "ledger/sequence", "data": order("dedupe", 1, 0)});
    let first = ledger.api.send_event(&event);
    let second = ledger.api.send_event(&event);
    ledger.api.ended(&ledger.api.run_of(&first), SOON);
    assert_ne!(
        first, second,
        "a duplicate is stored under an id of its own"
    );
    assert_eq!(
        ledger.api.get(&format!("/v1/events/{second}")).json["data"]["id"],
        "order-1"
    );
    assert_eq!(
        ledger.api.get("/api/v1/runs").json["data"]
            .as_array()
            .map(Vec::len),
        Some(1)
    );
}

#[test]
fn a_signal_finds_the_run_that_waits_for_it_or_is_kept() {
    let ledger = Ledger::start();
    let signal = |name: &str, value: u64| {
        ledger.api.post(
            "/v1/signals",
            &json!({"signal": name, "data": value, "ttl_ms": 3_600_000}),
        )
    };
    let waiting = ledger.api.run_of(
        &ledger
            .api
            .send("ledger/signal-wait", &order("signal-1", 0, 0)),
    );
    ledger.stands(&waiting, "Waiting");
    assert_eq!(envelope(&signal("signal-1", 5))["run_id"], json!(waiting));
    assert_eq!(ledger.api.ended(&waiting, SOON)["output"]["values"][0], 5);
    assert_eq!(envelope(&signal("signal-2", 6))["run_id"], Value::Null);
    let late = ledger
        .api
        .outcome("ledger/signal-wait", &order("signal-2", 0, 0), SOON);
    assert_eq!(late["output"]["values"][0], 6);
}

#[test]
fn lists_come_in_pages_newest_first() {
    let ledger = Ledger::start();
    let events: Vec<_> = (0..5)
        .map(|n| json!({"name": "ledger/sequence", "data": order(&format!("page-{n}"), 1, 0)}))
        .collect();
    let sent = ledger.api.post("/e/key", &json!(events));
    for id in sent.json["ids"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
    {
        ledger.api.ended(&ledger.api.run_of(id), SOON);
    }
    for list in ["runs", "events"] {
        let id = list.trim_end_matches('s').to_owned() + "_id";
        let mut seen = Vec::new();
        let mut path = format!("/api/v1/{list}?limit=2");
        loop {
            let page = ledger.api.get(&path).json;
            seen.extend(
                page["data"]
                    .as_array()
                    .into_iter()
                    .flatten()
                    .map(|item| item[&id].as_str().unwrap_or_default().to_owned()),
            );
            let Some(cursor) = page["next_cursor"].as_str() else {
                break;
            };
            path = format!("/api/v1/{list}?limit=2&cursor={cursor}");
        }
        assert_eq!(seen.len(), 5, "{list}: {seen:?}");
        assert!(seen.is_sorted_by(|a, b| a > b), "{list}: {seen:?}");
    }
    let filtered = ledger
        .api
        .get("/api/v1/runs?function=ledger/sequence&status=Completed")
        .json;
    assert_eq!(filtered["data"].as_array().map(Vec::len), Some(5));
    let none = ledger.api.get("/api/v1/runs?function=ledger/retry").json;
    assert_eq!(none["data"], json!([]));
}

#[test]
fn health_says_what_is_served() {
    let ledger = Ledger::start();
    let health = ledger.api.get("/health");
    assert_eq!(health.status, 200);
    assert_eq!(
        (&health.json["status"], &health.json["apps"]),
        (&json!("ok"), &json!(1)),
        "{}",
        health.text
    );
}
