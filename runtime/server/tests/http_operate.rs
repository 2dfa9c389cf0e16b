//! What operators see and do: filters, functions in full, why runs wait, jobs, schemas.

mod http_support;

use std::collections::BTreeMap;
use std::sync::Arc;

use abide_core::event::{EventSource, NewEvent};
use abide_core::function::options::{ConcurrencyUnit, CronTrigger, EventTrigger, Throttle};
use abide_core::function::{FunctionConfig, Trigger};
use abide_core::ids::{Digest, EventId, FunctionId, RunId};
use abide_core::journal::WORKFLOW_OP;
use abide_core::state::{
    App, Control, ControlKey, ControlKind, Counter, Deployed, EventSchema, LaneKey,
    PendingDebounce, Place, Queue, Registration, Run, RunEnd, RunStatus, Write,
};
use abide_server::http::HttpConfig;
use axum::http::{Method, StatusCode};
use http_support::{FAR, Messages, Served, T0, request, three_runs};
use serde_json::{Value, json};

const HOUR: u64 = 3_600_000;

fn id(n: u64) -> u128 {
    u128::from(T0 + n * HOUR) << 80
}

/// Six runs of `shop/pay`, an hour apart, of events whose `n` is their number; every other one failed.
fn six_runs() -> Vec<Write> {
    let mut writes = Vec::new();
    for n in 0..6 {
        let event = NewEvent {
            name: "order/placed".into(),
            data: Some(format!("{{\"n\":{n}}}").into()),
            ..NewEvent::default()
        }
        .accept(EventId(id(n)), T0 + n * HOUR, EventSource::Api);
        writes.push(Write::PutEvent(Arc::new(event)));
        let failed = n % 2 == 1;
        let function = FunctionId::new("shop", "pay");
        writes.push(Write::PutRun(Arc::new(Run {
            status: if failed {
                RunStatus::Failed
            } else {
                RunStatus::Skipped
            },
            ended_ms: Some(T0 + n * HOUR + 5),
            end: Some(RunEnd::Skipped("a run is alive".into())),
            ..Run::queued(
                RunId(id(n)),
                function,
                Digest([7; 32]),
                EventId(id(n)),
                T0 + n * HOUR,
            )
        })));
    }
    writes
}

/// An app with a function that is throttled, one with a schedule, and a schema.
fn shop() -> Write {
    let function = |id: &str| FunctionConfig {
        id: id.into(),
        ..FunctionConfig::default()
    };
    let schema = EventSchema {
        event: "order/placed".into(),
        v: None,
        schema: r#"{"required":["n"]}"#.into(),
    };
    Write::PutApp(Arc::new(App {
        id: "shop".into(),
        current: Deployed {
            digest: Digest([7; 32]),
            at_ms: T0,
            bytes: 5,
            functions: vec![
                FunctionConfig {
                    triggers: vec![Trigger::Event(EventTrigger {
                        event: "order/paid".into(),
                        if_expr: None,
                    })],
                    throttle: Some(Throttle {
                        limit: 2,
                        period_ms: 60_000,
                        burst: 0,
                        key: None,
                    }),
                    ..function("pay")
                },
                FunctionConfig {
                    triggers: vec![Trigger::Cron(CronTrigger {
                        schedule: "TZ=Europe/Berlin 0 6 * * MON".into(),
                        jitter_ms: None,
                        catchup: abide_core::cron::Catchup::None,
                    })],
                    ..function("report")
                },
            ],
            schemas: vec![schema],
        },
        variables: BTreeMap::new(),
        allow_net: vec![],
        deployments: 1,
    }))
}

async fn served(writes: Vec<Write>) -> Served {
    Served::with(&writes, HttpConfig::default()).await
}

#[tokio::test]
async fn runs_are_filtered_by_statuses_times_and_a_condition_over_their_event() {
    let served = served(six_runs()).await;
    let numbers = async |query: &str| {
        let answer = served.get(&format!("/api/v1/runs?{query}")).await;
        assert_eq!(answer.status, StatusCode::OK, "{query}: {}", answer.text);
        let page = answer.json();
        let number = |run: &Value| {
            let id: RunId = run["run_id"]
                .as_str()
                .and_then(|id| id.parse().ok())
                .expect("an id");
            (id.made_at_ms() - T0) / HOUR
        };
        let runs = page["data"].as_array().expect("a list");
        (
            runs.iter().map(number).collect::<Vec<_>>(),
            page["next_cursor"].clone(),
        )
    };
    assert_eq!(numbers("status=failed").await.0, [5, 3, 1]);
    assert_eq!(numbers("status=failed,skipped").await.0, [5, 4, 3, 2, 1, 0]);
    assert_eq!(numbers("status=queued&status=skipped").await.0, [4, 2, 0]);
    let times = "since=2026-01-01T01:00:00Z&until=2026-01-01T04:00:00Z";
    assert_eq!(numbers(times).await.0, [3, 2, 1]);
    let condition = "if=event.data.n%20%3E%202";
    assert_eq!(numbers(condition).await.0, [5, 4, 3]);
    assert_eq!(
        numbers(&format!("{condition}&{times}&status=failed"))
            .await
            .0,
        [3]
    );
    let (first, next) = numbers(&format!("{condition}&limit=2")).await;
    assert_eq!(first, [5, 4]);
    let next = next.as_str().expect("there is more").to_owned();
    let rest = numbers(&format!("{condition}&limit=2&cursor={next}")).await;
    assert_eq!(rest, (vec![3], Value::Null));
    assert_eq!(numbers("if=event.data.n").await.0, Vec::<u64>::new());
    for (query, code) in [
        ("status=done", "invalid_status"),
        ("since=1h", "invalid_time"),
        ("if=1%20%2B", "invalid_condition"),
    ] {
        let answer = served.get(&format!("/api/v1/runs?{query}")).await;
        assert_eq!(answer.json()["code"], code, "{}", answer.text);
    }
}

#[tokio::test]
async fn a_function_is_shown_with_its_whole_configuration_and_its_next_ticks() {
    let mut writes = vec![shop()];
    writes.push(Write::PutControl {
        key: ControlKey {
            kind: ControlKind::Pause,
            function: FunctionId::new("shop", "pay"),
            key: String::new(),
        },
        control: Control::Paused { since_ms: T0 },
    });
    let served = served(writes).await;
    let pay = served.get("/api/v1/functions/shop/pay").await.json();
    assert_eq!(pay["paused_at"], "2026-01-01T00:00:00.000Z");
    let option = |function: &Value, name: &str| {
        let options = function["options"].as_array().expect("options").clone();
        options
            .into_iter()
            .find(|option| option["option"] == name)
            .unwrap_or_else(|| panic!("no option {name} in {function:#}"))
    };
    assert_eq!(option(&pay, "retries")["is_default"], true);
    let throttle = option(&pay, "throttle");
    assert_eq!(throttle["is_default"], false);
    assert!(
        throttle["value"]
            .as_str()
            .is_some_and(|text| text.starts_with("2 per 1m")),
        "{throttle}"
    );
    let report = served.get("/api/v1/functions/shop/report").await.json();
    assert_eq!(report["paused_at"], Value::Null);
    let schedule = &report["schedules"][0];
    assert_eq!(schedule["fires"], "at 06:00 on Monday, Europe/Berlin");
    assert_eq!(schedule["next"].as_array().map(Vec::len), Some(3));
    let all = served.get("/api/v1/functions").await.json();
    assert_eq!(all["data"][0]["paused_at"], "2026-01-01T00:00:00.000Z");
}

/// A run of `shop/pay` in its queue, behind another one.
fn queued() -> (Vec<Write>, RunId) {
    let queue = Queue {
        lane: "throttle\t".into(),
        order_ms: T0,
        counters: vec![Counter {
            name: "fn\tshop/pay\tstep\t\t".into(),
            limit: 3,
            per: ConcurrencyUnit::Step,
        }],
        throttle: Some("".into()),
    };
    let function = FunctionId::new("shop", "pay");
    let mut writes = vec![shop()];
    for n in [1, 2] {
        let (run, event) = (RunId(id(n)), EventId(id(n)));
        writes.push(Write::PutRun(Arc::new(Run {
            queue: Some(Box::new(queue.clone())),
            ..Run::queued(run, function.clone(), Digest([7; 32]), event, T0)
        })));
        writes.push(Write::PutQueued {
            lane: LaneKey {
                function: function.clone(),
                lane: queue.lane.clone(),
            },
            place: Place { order_ms: T0, run },
        });
    }
    writes.push(Write::PutControl {
        key: ControlKey {
            kind: ControlKind::Pause,
            function,
            key: String::new(),
        },
        control: Control::Paused { since_ms: T0 },
    });
    (writes, RunId(id(2)))
}

#[tokio::test]
async fn a_queued_run_says_what_it_waits_for_and_who_is_ahead() {
    let (writes, run) = queued();
    let served = served(writes).await;
    let shown = served.get(&format!("/api/v1/runs/{run}")).await.json();
    assert_eq!(shown["status"], "Queued");
    assert_eq!(
        shown["waiting_for"],
        "is queued behind 1 run: its function is paused since 2026-01-01T00:00:00.000Z"
    );
    assert_eq!(
        shown["queue"]["concurrency"][0],
        json!({ "limit": 3, "per": "step", "key": "" })
    );
    let function = served.get("/api/v1/functions/shop/pay").await.json();
    assert_eq!(function["queued"], json!({ "runs": 2, "at_least": false }));
}

#[tokio::test]
async fn an_event_in_a_debounce_says_so_and_its_stream_waits_for_the_run() {
    let event = EventId(id(1));
    let run = RunId(id(2));
    let mut writes = six_runs();
    writes.push(Write::LinkEvent { event, run });
    writes.push(Write::Register {
        run,
        op: WORKFLOW_OP,
        registration: Arc::new(Registration::Debounce(Box::new(PendingDebounce {
            function: FunctionId::new("shop", "index"),
            key: String::new(),
            first_ms: T0,
            due_ms: FAR,
            events: vec![(T0, event)],
        }))),
    });
    // The run that six_runs has under this id would be in the way.
    writes.retain(|write| !matches!(write, Write::PutRun(other) if other.id == run));
    let served = served(writes).await;
    let shown = served.get(&format!("/api/v1/events/{event}")).await.json();
    assert_eq!(shown["runs"], json!([]));
    let pending = &shown["pending"][0];
    assert_eq!(
        (
            &pending["function_id"],
            &pending["control"],
            &pending["events"]
        ),
        (&json!("shop/index"), &json!("debounce"), &json!(1))
    );
    let missing = served.get(&format!("/api/v1/runs/{run}")).await;
    assert_eq!(missing.status, StatusCode::NOT_FOUND);
    let detail = missing.json()["detail"].clone();
    assert!(
        detail
            .as_str()
            .is_some_and(|text| text.contains("the debounce of `shop/index`")),
        "{detail}"
    );
    let path = format!("/api/v1/events/{event}/stream");
    let mut messages = Messages::new(served.request(request(Method::GET, &path, "")).await);
    let at_once = tokio::time::timeout(std::time::Duration::from_millis(200), messages.next());
    assert!(at_once.await.is_err(), "the stream waits for the run");
}

#[tokio::test]
async fn a_job_is_counted_before_it_is_started() {
    let served = served([six_runs(), three_runs()].concat()).await;
    let count = async |body: Value| {
        let answer = served.post("/api/v1/jobs", body.to_string()).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
        answer.json()
    };
    let all = json!({ "action": "replay", "filter": {}, "dry_run": true });
    assert_eq!(
        count(all).await,
        json!({ "dry_run": true, "matching": 4, "examined": 9, "complete": true })
    );
    let some = json!({
        "action": "replay",
        "filter": { "function": "shop/pay", "status": "failed", "if": "event.data.n > 1" },
        "dry_run": true,
    });
    assert_eq!(count(some).await["matching"], 2);
    let waiting = json!({ "action": "cancel", "filter": { "app": "shop" }, "dry_run": true });
    assert_eq!(count(waiting).await["matching"], 1);
    for (body, code) in [
        (json!({ "action": "replay" }), "invalid_body"),
        (json!({ "action": "fly", "filter": {} }), "invalid_body"),
        (
            json!({ "action": "replay", "filter": { "status": "running" } }),
            "invalid_filter",
        ),
        (
            json!({ "action": "cancel", "filter": { "status": ["failed"] } }),
            "invalid_filter",
        ),
        (
            json!({ "action": "cancel", "filter": { "status": "done" } }),
            "invalid_status",
        ),
        (
            json!({ "action": "replay", "filter": {}, "rate_per_second": 0 }),
            "invalid_rate",
        ),
        (
            json!({ "action": "replay", "filter": { "if": "1 +" } }),
            "invalid_filter",
        ),
        (
            json!({ "action": "replay", "filter": { "since": "1h" } }),
            "invalid_time",
        ),
    ] {
        let answer = served.post("/api/v1/jobs", body.to_string()).await;
        assert_eq!(
            (answer.status, &answer.json()["code"]),
            (StatusCode::BAD_REQUEST, &json!(code)),
            "{body}: {}",
            answer.text
        );
    }
    let missing = served.get("/api/v1/jobs/01J8Z6QW3C9G5V2N7T4R0K1M8X").await;
    assert_eq!(missing.json()["code"], "no_such_job");
    assert_eq!(served.get("/api/v1/jobs").await.json()["data"], json!([]));
}

#[tokio::test]
async fn inngests_cancellations_are_refused_in_its_words() {
    let served = served(vec![shop()]).await;
    let post = async |body: Value| served.post("/v1/cancellations", body.to_string()).await;
    let long_ago = "2026-01-01T00:00:00Z";
    for (body, status, says) in [
        (json!({}), 400, "app_id is required"),
        (
            json!({ "app_id": "shop", "function_id": "pay" }),
            400,
            "started_before is required",
        ),
        (
            json!({ "app_id": "shop", "function_id": "pay", "started_before": "2090-01-01T00:00:00Z" }),
            400,
            "in the past",
        ),
        (
            json!({ "app_id": "shop", "function_id": "fly", "started_before": long_ago }),
            404,
            "no function `fly`",
        ),
        (
            json!({ "app_id": "shop", "function_id": "pay", "started_before": long_ago, "if": "1 +" }),
            400,
            "if: ",
        ),
    ] {
        let answer = post(body).await;
        assert_eq!(answer.status.as_u16(), status, "{}", answer.text);
        let error = answer.json()["error"].clone();
        assert!(
            error.as_str().is_some_and(|error| error.contains(says)),
            "{error} does not say {says:?}"
        );
    }
    let unknown = "/v1/cancellations/01J8Z6QW3C9G5V2N7T4R0K1M8X";
    assert_eq!(served.delete(unknown).await.status, StatusCode::NOT_FOUND);
    assert_eq!(
        served.get("/v1/cancellations").await.json()["data"],
        json!([])
    );
}

#[tokio::test]
async fn schemas_are_listed_with_who_set_them() {
    let mut writes = vec![shop()];
    for v in [None, Some("2".to_owned())] {
        writes.push(Write::PutSchema(EventSchema {
            event: "order/placed".into(),
            v,
            schema: "true".into(),
        }));
    }
    let served = served(writes).await;
    let all = served.get("/api/v1/schemas").await.json();
    let who: Vec<_> = all["data"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|schema| (&schema["source"], &schema["v"], &schema["in_force"]))
        .collect();
    assert_eq!(
        who,
        [
            (&json!("operator"), &Value::Null, &json!(true)),
            (&json!("app"), &Value::Null, &json!(false)),
            (&json!("operator"), &json!("2"), &json!(true)),
        ]
    );
    for path in ["order/placed", "order%2Fplaced"] {
        let found = served.get(&format!("/api/v1/schemas/{path}?v=2")).await;
        assert_eq!(found.json()["data"][0]["schema"], true, "{}", found.text);
    }
    let missing = served.get("/api/v1/schemas/order/paid").await;
    assert_eq!(missing.json()["code"], "no_such_schema");
    let missing = served.delete("/api/v1/schemas/order/placed?v=9").await;
    assert_eq!(missing.json()["code"], "no_such_schema");
    let broken = served
        .call(request(Method::PUT, "/api/v1/schemas/a", "{"))
        .await;
    assert_eq!(broken.json()["code"], "invalid_body");
}
