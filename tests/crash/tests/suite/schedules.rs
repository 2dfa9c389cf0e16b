//! Nights go by in virtual time: what the API says of a schedule is what happens, also after a power cut and in a pause.

use std::time::Duration;

use abide_crash::door::Door;
use abide_crash::life::{Folders, Life};
use abide_e2e::guest;
use abide_store::MemoryDisk;
use http::Method;
use serde_json::Value;

/// 2026-01-01T00:00:00Z; it is one in the morning in Berlin.
const BEGIN_MS: u64 = 1_767_225_600_000;
const HOUR_MS: u64 = 3_600_000;
const DAY_MS: u64 = 24 * HOUR_MS;

/// What a busy machine may need for what takes no virtual time.
const SOON: Duration = Duration::from_secs(180);

/// The only schedule that is listed.
async fn schedule(door: &Door) -> Value {
    let listed = door.get("/api/v1/schedules").await.expect("an answer").json;
    assert_eq!(listed["data"].as_array().map(Vec::len), Some(1), "{listed}");
    listed["data"][0].clone()
}

/// The next two ticks.
async fn next(door: &Door) -> [String; 2] {
    let schedule = schedule(door).await;
    [0, 1].map(|n| schedule["next"][n].as_str().expect("a tick").to_owned())
}

/// The runs of the schedule's function, newest first, once they stand so.
async fn nights(door: &Door, statuses: &[&str]) -> Vec<Value> {
    let path = "/api/v1/runs?function=golden/nightly";
    let look = async {
        loop {
            let listed = door.get(path).await.expect("an answer").json;
            let runs = listed["data"].as_array().expect("a list").clone();
            if runs.iter().map(|run| &run["status"]).eq(statuses) {
                return runs;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    if let Ok(runs) = tokio::time::timeout(SOON, look).await {
        return runs;
    }
    let listed = door.get(path).await.expect("an answer").json;
    panic!("the runs are not {statuses:?}: {listed:#}")
}

/// Pauses the function, or resumes it.
async fn act(door: &Door, action: &str) {
    let path = format!("/api/v1/functions/golden/nightly/{action}");
    let answer = door.call(Method::POST, &path, &[], Vec::new()).await;
    let answer = answer.expect("an answer");
    assert_eq!(answer.status, 200, "{}", answer.json);
}

#[test]
fn each_night_that_is_listed_is_a_run_across_a_pause_a_power_cut_and_days_without_power() {
    let code_cache = tempfile::tempdir().expect("a temporary folder");
    let folders = Folders::sharing(code_cache.path()).expect("folders");
    let disk = MemoryDisk::new();
    let begin = |now_ms| Life::begin(&disk, &folders, now_ms).expect("the node opens");

    let life = begin(BEGIN_MS);
    let wasm = std::fs::read(guest("golden")).expect("a guest");
    let door = life.door();
    let deployed = life.run(door.deploy("golden", wasm, ""));
    assert_eq!(deployed.expect("an answer").status, 200);
    life.run(async {
        let listed = schedule(door).await;
        assert_eq!(listed["function_id"], "golden/nightly");
        assert_eq!(
            (&listed["catchup"], &listed["paused_at"]),
            (&"last".into(), &Value::Null)
        );
        let ticks = next(door).await;
        assert!(ticks[0].starts_with("2026-01-01T02:00:00"), "{ticks:?}");
        assert!(ticks[1].starts_with("2026-01-02T02:00:00"), "{ticks:?}");
        nights(door, &[]).await;

        life.node().advance_clock_to(BEGIN_MS + 2 * HOUR_MS);
        let ran = nights(door, &["Completed"]).await;
        assert_eq!(ran[0]["cron"], listed["cron"], "{:#}", ran[0]);
        let ticks = next(door).await;
        assert!(ticks[0].starts_with("2026-01-02T02:00:00"), "{ticks:?}");

        act(door, "pause").await;
        assert!(schedule(door).await["paused_at"].is_string());
        life.node()
            .advance_clock_to(BEGIN_MS + DAY_MS + 2 * HOUR_MS);
        nights(door, &["Queued", "Completed"]).await;
    });
    life.end();

    let life = begin(BEGIN_MS + DAY_MS + 3 * HOUR_MS);
    let door = life.door();
    life.run(async {
        assert!(schedule(door).await["paused_at"].is_string());
        nights(door, &["Queued", "Completed"]).await;
        act(door, "resume").await;
        assert_eq!(schedule(door).await["paused_at"], Value::Null);
        nights(door, &["Completed", "Completed"]).await;
    });
    life.end();

    // Three nights are missed: `catchup` says that the last of them counts.
    let life = begin(BEGIN_MS + 4 * DAY_MS + 3 * HOUR_MS);
    let door = life.door();
    life.run(async {
        nights(door, &["Completed"; 3]).await;
        let ticks = next(door).await;
        assert!(ticks[0].starts_with("2026-01-06T02:00:00"), "{ticks:?}");
    });
    life.end();
}
