//! What a node counts of itself, compared with what it did: over the API's time series and over `/metrics`.

mod http_support;

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::time::Duration;

use abide_core::event::NewEvent;
use abide_server::{Measure, NodeConfig, Range, Site, SiteConfig};
use axum::http::{Method, StatusCode};
use http_support::{Messages, Served, guest, request};
use serde_json::{Value, json};

/// How often it is looked until something is so: some minutes.
const TRIES: usize = 20_000;

async fn served() -> Served {
    let served = Served::empty().await;
    let put = request(Method::PUT, "/api/v1/apps/operate", guest("operate"));
    let answer = served.call(put).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    served
}

/// Sends an event, and waits until its runs have ended.
async fn done(served: &Served, event: &Value) {
    let id = send(served, event).await;
    let path = format!("/api/v1/events/{id}/stream?steps=false");
    let mut messages = Messages::new(served.request(request(Method::GET, &path, "")).await);
    while let Some((name, _)) = messages.next().await {
        if name == "end" {
            return;
        }
    }
    panic!("the stream broke");
}

async fn send(served: &Served, event: &Value) -> String {
    let answer = served.post("/e/key", event.to_string()).await;
    answer.json()["ids"][0].as_str().expect("an id").to_owned()
}

fn order(amount: u64) -> Value {
    json!({"name": "operate/order", "data": {"amount": amount}})
}

/// Three runs that complete, two that fail, one that sleeps, and two of which one must wait for the other.
async fn some_work(served: &Served) {
    for amount in [1, 2, 3, 51, 52] {
        done(served, &order(amount)).await;
    }
    let sleeps = json!({"n": 1, "sleep_ms": 3_600_000, "tenant": "acme"});
    send(served, &json!({"name": "operate/remind", "data": sleeps})).await;
    for _ in 0..2 {
        send(
            served,
            &json!({"name": "operate/one-by-one", "data": sleeps}),
        )
        .await;
    }
}

/// The sum of a measure's points in the last hour, or the latest of a level's.
async fn measured(served: &Served, name: &str) -> f64 {
    let answer = served.get(&format!("/api/v1/series?name={name}")).await;
    let series = answer.json()["series"][0].clone();
    assert_eq!(series["name"], name);
    let values = series["values"].as_array().expect("values");
    let mut known = values.iter().filter_map(Value::as_f64);
    match series["kind"].as_str() {
        Some("count") => known.sum(),
        _ => known.next_back().unwrap_or(f64::NAN),
    }
}

/// Measures until something is so: the shard counts what sleeps a moment after the answer to an event.
async fn until(served: &Served, name: &str, expected: f64) {
    let mut found = f64::NAN;
    for _ in 0..TRIES {
        served.node.measure_series().await;
        found = measured(served, name).await;
        if (found - expected).abs() < 1e-6 {
            return;
        }
        tokio::task::yield_now().await;
    }
    panic!("{name} is {found}, not {expected}");
}

#[tokio::test]
async fn the_series_say_what_happened() {
    let served = served().await;
    some_work(&served).await;
    let events = served.get("/api/v1/events?limit=200").await.json();
    // What the platform tells of ended runs is among them.
    let events = events["data"].as_array().map_or(0, Vec::len);
    assert!(events >= 8, "{events}");
    for (name, expected) in [
        ("runs_started", 7.0),
        ("runs_ended_completed", 3.0),
        ("runs_ended_failed", 2.0),
        ("runs_ended_cancelled", 0.0),
        // Two steps of each order.
        ("steps", 10.0),
    ] {
        until(&served, name, expected).await;
    }
    let events = u32::try_from(events).expect("few");
    until(&served, "events", f64::from(events)).await;
    let longest = measured(&served, "run_duration_p99").await;
    assert!(longest > 0.0, "{longest}");
    assert!(measured(&served, "memory_bytes").await > 1e6);
}

#[tokio::test]
async fn a_range_and_names_are_chosen_and_a_wrong_one_is_refused() {
    let served = Served::empty().await;
    served.node.measure_series().await;
    let all = served.get("/api/v1/series?range=day").await.json();
    assert_eq!(
        (&all["range"], &all["step_ms"]),
        (&json!("day"), &json!(60_000))
    );
    assert!(all["series"].as_array().is_some_and(|all| all.len() > 15));
    let two = served
        .get("/api/v1/series?name=events,steps&name=events")
        .await
        .json();
    let names = two["series"].as_array().expect("series").iter();
    let names: Vec<_> = names.map(|it| it["name"].clone()).collect();
    assert_eq!(names, [json!("events"), json!("steps")]);
    for (query, word) in [
        ("range=year", "month"),
        ("name=evnts", "events"),
        ("nme=events", "name"),
    ] {
        let refused = served.get(&format!("/api/v1/series?{query}")).await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{query}");
        let problem = refused.json();
        assert_eq!(problem["code"], "invalid_query");
        assert!(
            problem["detail"]
                .as_str()
                .is_some_and(|it| it.contains(word))
        );
    }
}

/// The lines of `/metrics`, as what comes before the value and the value.
async fn lines(served: &Served) -> BTreeMap<String, f64> {
    let answer = served.get("/metrics").await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(
        answer.header("content-type"),
        "text/plain; version=0.0.4; charset=utf-8"
    );
    let lines = answer.text.lines().filter(|line| !line.starts_with('#'));
    let pairs = lines.filter_map(|line| line.rsplit_once(' '));
    pairs
        .map(|(name, value)| (name.to_owned(), value.parse().expect("a number")))
        .collect()
}

/// What a line says when it says something expected: the shard counts some things a moment after an answer.
async fn until_line(served: &Served, line: &str, expected: f64) {
    let mut found = None;
    for _ in 0..TRIES {
        found = lines(served).await.get(line).copied();
        if found.is_some_and(|found| (found - expected).abs() < 1e-6) {
            return;
        }
        tokio::task::yield_now().await;
    }
    panic!("{line} is {found:?}, not {expected}");
}

#[tokio::test]
async fn prometheus_is_told_what_happened() {
    let served = served().await;
    some_work(&served).await;
    let pay = "environment=\"default\",function=\"operate/pay\"";
    for (line, expected) in [
        (format!("abide_runs_started_total{{{pay}}}"), 5.0),
        (
            format!("abide_runs_ended_total{{{pay},status=\"completed\"}}"),
            3.0,
        ),
        (
            format!("abide_runs_ended_total{{{pay},status=\"failed\"}}"),
            2.0,
        ),
        (format!("abide_run_duration_seconds_count{{{pay}}}"), 5.0),
        (
            "abide_steps_total{environment=\"default\",kind=\"run\",outcome=\"completed\"}".into(),
            8.0,
        ),
        (
            "abide_steps_total{environment=\"default\",kind=\"run\",outcome=\"failed\"}".into(),
            2.0,
        ),
        // One waits in its lane for the other, two sleep.
        ("abide_queued_runs{environment=\"default\"}".into(), 1.0),
        (
            "abide_pending_operations{environment=\"default\",kind=\"sleep\"}".into(),
            2.0,
        ),
        (
            "abide_executions_total{environment=\"default\",journal=\"new\"}".into(),
            7.0,
        ),
        (
            "abide_http_requests_total{method=\"PUT\",route=\"/api/v1/apps/{app}\",status=\"2xx\"}"
                .into(),
            1.0,
        ),
        ("abide_apps{environment=\"default\"}".into(), 1.0),
    ] {
        until_line(&served, &line, expected).await;
    }
    served.get("/api/v1/runs/nonsense").await;
    until_line(
        &served,
        "abide_http_problems_total{code=\"invalid_run_id\"}",
        1.0,
    )
    .await;
}

#[tokio::test]
async fn a_run_says_where_its_time_went() {
    let served = served().await;
    let id = send(&served, &order(1)).await;
    done(&served, &order(2)).await;
    let event = loop {
        let event = served.get(&format!("/api/v1/events/{id}")).await.json();
        if event["runs"][0]["status"] == "Completed" {
            break event;
        }
        tokio::task::yield_now().await;
    };
    let run = event["runs"][0]["run_id"].as_str().expect("an id");
    let run = served.get(&format!("/api/v1/runs/{run}")).await.json();
    let timings = &run["timings"];
    assert!(timings["queue_ms"].is_u64(), "{timings}");
    let of = |part: &str| timings["execution"][part].as_u64().expect("it is known");
    assert!(of("guest_us") > 0, "{timings}");
    // It began with an empty journal, and reached out to nothing.
    assert_eq!((of("replay_us"), of("sync_us")), (0, 0), "{timings}");
}

/// The parts of a step's time: queue, replay, guest, host, sync. They are never more than the step took, whose recorded times are whole
/// milliseconds.
fn parts(step: &Value) -> [u64; 5] {
    let parts = ["queue_us", "replay_us", "guest_us", "host_us", "sync_us"]
        .map(|part| step["timings"][part].as_u64().expect("it is known"));
    let took_ms = step["duration_ms"].as_u64().expect("it ended");
    assert!(
        parts.iter().sum::<u64>() <= (took_ms + 1) * 1_000,
        "{step:#}"
    );
    parts
}

/// The run of this event, once it has ended.
async fn ended(served: &Served, event: &Value) -> Value {
    let id = send(served, event).await;
    for _ in 0..TRIES {
        let event = served.get(&format!("/api/v1/events/{id}")).await.json();
        let run = &event["runs"][0];
        if run["ended_at"].is_string() {
            let run = run["run_id"].as_str().expect("an id");
            return served.get(&format!("/api/v1/runs/{run}")).await.json();
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("{event} starts no run that ends");
}

/// Answers every request with 200, from a thread that ends with the process.
fn answers() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.expect("a connection");
            let mut last = Vec::new();
            // To the end of the head, and of the body `body` where there is one.
            while !(last.ends_with(b"\r\n\r\n") && !last.starts_with(b"POST")
                || last.ends_with(b"body"))
            {
                let mut byte = [0];
                stream.read_exact(&mut byte).expect("a request");
                last.push(byte[0]);
            }
            let answer = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}";
            stream.write_all(answer.as_bytes()).expect("it is read");
        }
    });
    address
}

#[tokio::test]
async fn each_step_says_where_its_time_went() {
    let served = served().await;
    let address = answers();
    let path = format!("/api/v1/apps/golden?allow_net={address}");
    let put = request(Method::PUT, &path, guest("golden"));
    let answer = served.call(put).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);

    let run = ended(&served, &order(1)).await;
    let [price, charge] = [0, 1].map(|step| parts(&run["steps"][step]));
    let [_, replay, _, _, sync] = price;
    assert!(replay > 0, "an instance was made for it: {run:#}");
    assert_eq!((sync, charge[4]), (0, 0), "nothing left: {run:#}");
    let guests = run["timings"]["execution"]["guest_us"].as_u64();
    assert!(guests >= Some(price[2] + charge[2]), "{run:#}");

    let event = json!({"name": "golden/outside", "data": {"authority": address}});
    let run = ended(&served, &event).await;
    assert_eq!(run["output"], 200, "{run:#}");
    let [_, replay, guest, host, _] = parts(&run["steps"][0]);
    assert!(replay > 0 && guest > 0 && host > 0, "{run:#}");

    let url = format!("http://{address}/");
    let event = json!({"name": "golden/fetch", "data": {"url": url}});
    let run = ended(&served, &event).await;
    assert_eq!(run["output"]["status"], 200, "{run:#}");
    let [_, replay, guest, host, _] = parts(&run["steps"][0]);
    assert_eq!((replay, guest), (0, 0), "no guest executes it: {run:#}");
    assert!(host > 0, "{run:#}");

    // What only waits has nothing to tell, and what failed has.
    let run = ended(&served, &json!({"name": "golden/steps", "data": {}})).await;
    let sleep = &run["steps"][1];
    assert_eq!(
        (&sleep["kind"], &sleep["timings"]),
        (&json!("sleep-until"), &Value::Null),
        "{run:#}"
    );
    let run = ended(&served, &order(51)).await;
    assert_eq!(run["steps"][1]["status"], "failed");
    parts(&run["steps"][1]);
}

#[tokio::test]
async fn the_series_go_on_after_a_restart() {
    let directory = tempfile::tempdir().expect("a directory");
    let open = || Site::open(SiteConfig::new(NodeConfig::new(directory.path())));
    let event = || NewEvent {
        name: "order/placed".into(),
        ..NewEvent::default()
    };
    let counted = |site: &Site| {
        let node = site.default_node().expect("it is there");
        let now_ms = node.clock().now_ms();
        let points = Range::ALL.map(|range| {
            let points = node.series().points(Measure::Events, range, now_ms);
            let sum: f64 = points.values.into_iter().flatten().sum();
            format!("{sum}")
        });
        (node, points)
    };
    let site = open().await.expect("it opens");
    let (node, _) = counted(&site);
    let sent = node.send_events(vec![event(), event()], None).await;
    assert_eq!(sent.expect("they are taken").len(), 2);
    // What was not made a point yet is measured when the server stops.
    site.shutdown().await;
    drop((site, node));
    let site = open().await.expect("it opens again");
    let (node, points) = counted(&site);
    assert_eq!(points, ["2"; 3]);
    node.send_events(vec![event()], None)
        .await
        .expect("it is taken");
    node.measure_series().await;
    assert_eq!(counted(&site).1, ["3"; 3]);
    site.shutdown().await;
}
