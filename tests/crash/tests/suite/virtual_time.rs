//! Virtual time, in process: months pass in milliseconds, with real guests.

use std::time::Duration;

use abide_crash::door::Door;
use abide_crash::life::{Folders, Life, keep_time};
use abide_e2e::guest;
use abide_store::MemoryDisk;
use http::Method;
use serde_json::{Value, json};
use tempfile::TempDir;

/// 2026-01-01.
const BEGIN_MS: u64 = 1_767_225_600_000;
const DAY_MS: u64 = 86_400_000;

/// A test that waits in real time would take days; this is what a busy machine may need for the rest.
const SOON: Duration = Duration::from_secs(180);

struct Machine {
    disk: MemoryDisk,
    folders: Folders,
    _code_cache: TempDir,
}

impl Machine {
    fn new() -> Self {
        let code_cache = tempfile::tempdir().expect("a temporary folder");
        let folders = Folders::sharing(code_cache.path()).expect("folders");
        Self {
            disk: MemoryDisk::new(),
            folders,
            _code_cache: code_cache,
        }
    }

    fn begin(&self, now_ms: u64) -> Life {
        Life::begin(&self.disk, &self.folders, now_ms).expect("the node opens")
    }
}

fn deploy(life: &Life) {
    let wasm = std::fs::read(guest("ledger")).expect("a guest");
    let reply = life
        .run(life.door().deploy("ledger", wasm, ""))
        .expect("an answer");
    assert_eq!(reply.status, 200, "{}", reply.json);
}

async fn send(door: &Door, event: Value) -> String {
    let body = event.to_string().into_bytes();
    let reply = door
        .call(Method::POST, "/e/test", &[], body)
        .await
        .expect("an answer");
    reply.json["ids"][0].as_str().expect("an id").to_owned()
}

/// The run of an event once it stands so.
async fn stands(door: &Door, event: &str, status: &str) -> Value {
    let look = async {
        loop {
            let reply = door
                .get(&format!("/api/v1/events/{event}"))
                .await
                .expect("an answer");
            if reply.json["runs"][0]["status"] == status {
                return reply.json["runs"][0].clone();
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    if let Ok(run) = tokio::time::timeout(SOON, look).await {
        return run;
    }
    let now = door.get(&format!("/api/v1/events/{event}")).await;
    panic!(
        "the run of {event} is not {status}: {}",
        now.expect("an answer").json
    )
}

/// Waits until the run of an event is in its sleep of this number, counted from 1, and that is on the disk: what is lost with the power
/// would count as nothing done, and a run that gets nothing done in three lives is paused.
async fn sleeps(door: &Door, event: &str, number: usize) {
    let run = stands(door, event, "Sleeping").await;
    let path = format!("/api/v1/runs/{}", run["run_id"].as_str().expect("an id"));
    let look = async {
        loop {
            let run = door.get(&path).await.expect("an answer").json;
            let steps = run["steps"].as_array().expect("steps").iter();
            let mut sleeps = steps.filter(|step| step["kind"] == "sleep");
            if sleeps
                .nth(number - 1)
                .is_some_and(|step| step["status"] == "sleeping")
            {
                return;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(SOON, look)
        .await
        .expect("the sleep has begun");
}

fn sleeper(days: u64, count: u64) -> Value {
    json!({"name": "ledger/sleep", "data": {"key": format!("{days}"), "seed": 7, "count": count, "sleep_ms": days * DAY_MS}})
}

#[test]
fn a_sleep_of_three_days_is_as_long_as_it_says() {
    let machine = Machine::new();
    let life = machine.begin(BEGIN_MS);
    deploy(&life);
    life.run(async {
        let event = send(life.door(), sleeper(3, 1)).await;
        stands(life.door(), &event, "Sleeping").await;
        life.node().advance_clock_to(BEGIN_MS + 3 * DAY_MS - 1_000);
        let run = stands(life.door(), &event, "Sleeping").await;
        assert_eq!(run["ended_at"], Value::Null, "a sleep is never too short");
        life.node()
            .advance_clock_to(life.node().next_due_ms().expect("a timer"));
        let run = stands(life.door(), &event, "Completed").await;
        assert!(
            run["ended_at"]
                .as_str()
                .is_some_and(|at| at.starts_with("2026-01-04T00:00:0")),
            "{run}"
        );
    });
    life.end();
}

#[test]
fn a_year_of_sleeps_and_restarts_passes_in_seconds() {
    let machine = Machine::new();
    let life = machine.begin(BEGIN_MS);
    deploy(&life);
    let event = life.run(send(life.door(), sleeper(61, 6)));
    life.run(stands(life.door(), &event, "Sleeping"));
    life.end();
    // The machine is off for half a year: what came due meanwhile goes on at once.
    let mut now_ms = BEGIN_MS + 183 * DAY_MS;
    for slept in 2..5 {
        let life = machine.begin(now_ms);
        life.run(sleeps(life.door(), &event, slept));
        // It began to sleep now: the clock stands while nobody moves it.
        now_ms += 61 * DAY_MS;
        life.end();
    }
    let life = machine.begin(now_ms);
    let run = life.run(async {
        tokio::select! {
            run = stands(life.door(), &event, "Completed") => run,
            () = keep_time(life.node(), u64::MAX) => Value::Null,
        }
    });
    assert_eq!(
        run["output"]["values"].as_array().map(Vec::len),
        Some(6),
        "{run}"
    );
    life.end();
}

#[test]
fn a_wait_times_out_at_its_time_and_not_before() {
    let machine = Machine::new();
    let life = machine.begin(BEGIN_MS);
    deploy(&life);
    let wait =
        json!({"name": "ledger/wait", "data": {"key": "w", "seed": 7, "timeout_ms": 30 * DAY_MS}});
    let run = life.run(async {
        let event = send(life.door(), wait).await;
        stands(life.door(), &event, "Waiting").await;
        life.node().advance_clock_to(BEGIN_MS + 29 * DAY_MS);
        stands(life.door(), &event, "Waiting").await;
        life.node().advance_clock_to(BEGIN_MS + 31 * DAY_MS);
        stands(life.door(), &event, "Completed").await
    });
    assert_eq!(run["output"]["values"][1], Value::Null, "{run}");
    life.end();
}
