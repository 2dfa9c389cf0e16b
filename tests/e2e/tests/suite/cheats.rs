//! Workflow code that tries to learn what replay could not repeat: whatever it sees, it sees again.

use std::collections::BTreeMap;

use abide_e2e::{Server, guest, until};
use serde_json::{Value, json};

use crate::support::{SOON, folder};

const TRICKS: [&str; 14] = [
    "globals",
    "captured",
    "addresses",
    "hash-order",
    "floats",
    "environment",
    "network",
    "files",
    "stdin",
    "threads",
    "clock",
    "sleep-outside",
    "randomness",
    "body-clock",
];

/// Long enough to kill the node in the middle of all of them.
const REST_MS: u64 = 4_000;

/// Runs every trick; the node is killed while they rest, so that another process ends what one began.
fn ended() -> BTreeMap<&'static str, Value> {
    let data = folder();
    let server = Server::serve_with(data.path(), ["--check-replay"]);
    let answer = server.api().deploy("cheats", &guest("cheats"), "");
    assert_eq!(answer.status, 200, "{}", answer.text);
    let runs: BTreeMap<_, _> = TRICKS
        .map(|trick| {
            (
                trick,
                server.api().run_of(
                    &server
                        .api()
                        .send(&format!("cheats/{trick}"), &json!({"sleep_ms": REST_MS})),
                ),
            )
        })
        .into();
    let rests = |run: &String| {
        matches!(
            server.api().run(run)["status"].as_str(),
            Some("Sleeping" | "Failed" | "Paused")
        )
    };
    until("all of them rest", SOON, || {
        runs.values().all(rests).then_some(())
    });
    server.kill();
    let server = Server::serve_with(data.path(), ["--check-replay"]);
    let ended = runs
        .into_iter()
        .map(|(trick, run)| (trick, server.api().ended(&run, SOON)))
        .collect();
    assert!(
        !server.output().contains("does not replay"),
        "{}",
        server.output()
    );
    ended
}

#[test]
fn what_is_seen_live_is_seen_again_in_another_process() {
    let runs = ended();
    for (trick, run) in &runs {
        let output = &run["output"];
        if *trick == "sleep-outside" && run["status"] == "Failed" {
            let message = run["error"]["message"].as_str().unwrap_or_default();
            assert!(
                message.contains("ctx.sleep") || message.contains("step"),
                "{trick}: {message}"
            );
            continue;
        }
        assert_eq!(
            (&run["status"], &output["same"]),
            (&json!("Completed"), &json!(true)),
            "{trick}: {run:#}"
        );
    }
    let output = |trick: &str| &runs[trick]["output"];
    let globals = &output("globals")["seen"];
    let untouched = json!({"counter": 0, "local": 0});
    assert_eq!((&globals[0], &globals[1]), (&untouched, &untouched));
    assert!(
        !runs["globals"]["steps"].to_string().contains("tainted"),
        "what a body changes stays with it"
    );
    assert_eq!(output("captured")["seen"], json!([0, 0]));
    // A body may find what an earlier body of the same twin has left; the workflow never does.
    let handed = &output("captured")["bodies"][2]["handed"];
    assert!([json!(0), json!(2)].contains(handed), "{handed}");
    assert_eq!(output("environment")["bodies"], json!([null]));
    for (seen, member) in [("variables", "variables"), ("arguments", "arguments")] {
        assert_eq!(
            output("environment")["seen"][0][member],
            json!([]),
            "{seen}"
        );
    }
    assert_eq!(
        output("clock")["seen"][0]["spin_ns"],
        "0",
        "the clock stands"
    );
    assert_eq!(
        output("body-clock")["bodies"],
        json!([{"moved": true}]),
        "a body's clock is real"
    );
    let draws = &output("randomness")["bodies"];
    assert_ne!(draws[0], draws[1], "a body's randomness is real");
    let canonical = ["7ff8000000000000", "fff8000000000000"];
    for bits in output("floats")["seen"][0]["f64"]
        .as_array()
        .into_iter()
        .flatten()
    {
        assert!(
            bits.as_str()
                .is_some_and(|bits| canonical.contains(&bits) || !bits.starts_with("7ff4")),
            "{bits}"
        );
    }
    let network = output("network")["seen"].to_string();
    assert!(
        !network.contains("status "),
        "nothing was reached: {network}"
    );
}

#[test]
fn randomness_differs_from_run_to_run() {
    let data = folder();
    let server = Server::serve(data.path());
    assert_eq!(
        server.api().deploy("cheats", &guest("cheats"), "").status,
        200
    );
    let seen = || {
        server.api().outcome("cheats/randomness", &json!({}), SOON)["output"]["seen"][0]["secure"]
            .clone()
    };
    let (first, second) = (seen(), seen());
    assert!(first.is_string() && first != second, "{first} {second}");
}

#[test]
fn a_refusal_says_how_to_do_it_right() {
    let data = folder();
    let server = Server::serve(data.path());
    let api = server.api();
    assert_eq!(api.deploy("cheats", &guest("cheats"), "").status, 200);
    let run = api.outcome("cheats/network", &json!({}), SOON);
    let logs = api.logs(run["run_id"].as_str().expect("an id"));
    let said = format!("{logs:?} {}", run["output"]);
    assert!(
        said.contains("step"),
        "neither the log nor the error says to use a step: {said}"
    );
}
