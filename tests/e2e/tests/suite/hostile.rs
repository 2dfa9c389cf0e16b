//! Guests that do harm: each gets a clear error in seconds, the host is unharmed, and other runs go on meanwhile.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use abide_e2e::Api;
use serde_json::{Value, json};

use crate::support::{Ledger, deploy, order};

/// The longest that anything may take: bodies have up to 30 s of CPU time, and two of them share a processor with everything else.
const LONGEST: Duration = Duration::from_secs(600);

/// Another run's three steps, beside all this, on a slow machine that is busy.
const BYSTANDER: Duration = Duration::from_secs(180);

/// Tricks at once: more than there are processors.
const AT_ONCE: usize = 4;

/// How a trick must end.
enum End {
    /// Failed, with a failure of the platform that says all this.
    Fails(&'static [&'static str]),
    /// Completed with this.
    Gives(Value),
    /// Completed with anything.
    Completes,
}

use End::{Completes, Fails, Gives};

/// What must come of each, in the order of the README of `tests/guests/hostile`.
fn tricks() -> Vec<(&'static str, Value, End)> {
    let none = || json!({});
    let n = |n: u64| json!({"n": n});
    [
        resources(&none),
        floods(&none, &n),
        contract(&none),
        data(&none),
    ]
    .into_iter()
    .flatten()
    .collect()
}

type Trick = (&'static str, Value, End);

fn resources(none: &dyn Fn() -> Value) -> Vec<Trick> {
    vec![
        ("loop-workflow", none(), Fails(&["CPU"])),
        ("loop-body", none(), Fails(&["CPU", "loop"])),
        ("loop-after-step", none(), Fails(&["CPU"])),
        ("memory-workflow", none(), Fails(&["memory"])),
        ("memory-body", none(), Fails(&["memory", "hoard"])),
        ("table-of-boxes", none(), Fails(&["memory"])),
        ("recursion-workflow", none(), Fails(&["stack"])),
        ("recursion-body", none(), Fails(&["stack", "descend"])),
        ("panic-workflow", none(), Fails(&["panic"])),
        ("panic-body", none(), Fails(&["panic"])),
        ("panic-body-caught", none(), Completes),
        ("abort-workflow", none(), Fails(&[])),
        ("abort-body", none(), Fails(&["abort"])),
        ("exit-workflow", none(), Fails(&["exit"])),
        ("exit-body", none(), Fails(&["exit"])),
        ("out-of-bounds-workflow", none(), Fails(&["out of bounds"])),
    ]
}

fn floods(none: &dyn Fn() -> Value, n: &dyn Fn(u64) -> Value) -> Vec<Trick> {
    vec![
        ("giant-output", none(), Fails(&["limit"])),
        ("giant-result", none(), Fails(&["giant", "limit"])),
        ("giant-result-caught", none(), Completes),
        ("giant-failure", none(), Fails(&[])),
        ("giant-state", none(), Fails(&["large", "limit"])),
        ("giant-state", n(5), Completes),
        ("log-flood-workflow", none(), Completes),
        ("log-flood-body", none(), Completes),
        ("log-giant-line", none(), Completes),
        ("stdout-flood", none(), Completes),
        ("stdout-endless-line", none(), Fails(&["CPU"])),
        ("steps", n(10_000), Gives(json!(10_000))),
        ("steps", n(10_001), Fails(&["step-10000", "10000"])),
        ("parallel-steps", n(10_000), Gives(json!(10_000))),
        ("parallel-steps", n(10_001), Fails(&["step-10000", "10000"])),
        ("sleeps", n(10_001), Fails(&["sleep-10000", "10000"])),
        ("events", n(5_000), Gives(json!(5_000))),
        ("events", n(5_001), Fails(&["send", "5000"])),
        ("duplicate-ids", none(), Completes),
        ("id-length", none(), Fails(&["256"])),
        ("id-length", n(256), Completes),
    ]
}

fn contract(none: &dyn Fn() -> Value) -> Vec<Trick> {
    vec![
        ("next-with-nothing", none(), Fails(&["next"])),
        ("next-after-the-end", none(), Fails(&["next"])),
        ("next-after-cancel", none(), Fails(&["next"])),
        ("finish-in-workflow", none(), Fails(&["finish"])),
        ("finish-unknown-ticket", none(), Fails(&["finish"])),
        ("finish-wrong-ticket", none(), Fails(&["finish"])),
        ("finish-twice", none(), Gives(json!(1))),
        ("finish-never", none(), Fails(&["finish"])),
        ("start-in-body", none(), Fails(&["start", "body"])),
        ("cancel-in-body", none(), Fails(&["cancel", "body"])),
        ("cancel-unknown-ticket", none(), Fails(&["cancel"])),
        ("cancel-twice", none(), Gives(json!(1))),
        ("cancel-complete", none(), Gives(json!(1))),
        ("start-after-cancel", none(), Gives(json!([1, 3]))),
        ("cancel-running-body", none(), Gives(json!(1))),
        ("leave-open", none(), Gives(json!(1))),
        ("skip-execute", none(), Fails(&["finish"])),
    ]
}

fn data(none: &dyn Fn() -> Value) -> Vec<Trick> {
    vec![
        ("json-output", none(), Fails(&["JSON"])),
        ("json-two-values", none(), Fails(&["JSON"])),
        ("json-empty", none(), Fails(&["JSON"])),
        ("json-deep", none(), Fails(&["JSON"])),
        ("json-result", none(), Fails(&["broken", "JSON"])),
        ("json-failure-data", none(), Fails(&["broken", "data"])),
        ("json-input", none(), Fails(&["broken", "input"])),
        ("id-empty", none(), Fails(&["id"])),
        ("id-control-characters", none(), Completes),
        ("id-wide-characters", none(), Completes),
        ("retries", none(), Fails(&["step", "retries"])),
        ("backoff", none(), Fails(&["step", "backoff"])),
        ("sleep-too-long", none(), Fails(&["nap", "366"])),
        ("sleep-overflow", none(), Fails(&["nap", "366"])),
        ("sleep-until-overflow", none(), Fails(&["nap"])),
        ("sleep-until-past", none(), Completes),
        (
            "wait-both-conditions",
            none(),
            Fails(&["wait", "if", "match"]),
        ),
        ("wait-bad-expression", none(), Fails(&["wait", "if"])),
        ("wait-empty-event", none(), Fails(&["wait", "event"])),
        ("event-reserved-name", none(), Fails(&["send", "reserved"])),
        (
            "event-reserved-name-abide",
            none(),
            Fails(&["send", "reserved"]),
        ),
        ("event-empty-name", none(), Fails(&["send", "name"])),
        ("event-bad-data", none(), Fails(&["send", "data"])),
        ("events-none", none(), Fails(&["send"])),
        ("signal-empty-name", none(), Fails(&["signal"])),
        ("signal-wait-long-name", none(), Fails(&["signal", "256"])),
        (
            "invoke-unknown",
            none(),
            Fails(&["no-such-function", "deploy"]),
        ),
        ("invoke-bad-name", none(), Fails(&["a/b/c"])),
        ("invoke-bad-data", none(), Fails(&["call", "data"])),
        ("fetch-bad-url", none(), Fails(&["fetch", "url"])),
        ("fetch-bad-scheme", none(), Fails(&["fetch", "http"])),
        ("fetch-bad-method", none(), Fails(&["method"])),
        ("fetch-bad-header", none(), Fails(&["header"])),
        (
            "fetch-private",
            none(),
            Fails(&["127.0.0.1", "--allow-net"]),
        ),
        (
            "fetch-link-local",
            none(),
            Fails(&["169.254.169.254", "link-local"]),
        ),
    ]
}

fn check(api: &Api, (trick, data, end): &Trick) -> Result<Duration, String> {
    let began = Instant::now();
    let run = api.outcome(&format!("hostile/{trick}"), data, LONGEST);
    let said = run["error"].to_string().to_lowercase();
    let problem = match end {
        Fails(says) if run["status"] == "Failed" => {
            let missing: Vec<_> = says
                .iter()
                .filter(|word| !said.contains(&word.to_lowercase()))
                .collect();
            let empty = run["error"]["message"]
                .as_str()
                .is_none_or(|message| message.trim().is_empty());
            (empty || !missing.is_empty()).then(|| format!("the error does not say {missing:?}"))
        }
        Fails(_) => Some("it should have failed".to_owned()),
        Gives(output) => (run["output"] != *output || run["status"] != "Completed")
            .then(|| format!("it should have given {output}")),
        Completes => (run["status"] != "Completed").then(|| "it should have completed".to_owned()),
    };
    match problem {
        None => Ok(began.elapsed()),
        Some(problem) => {
            let short: String = run["error"].to_string().chars().take(600).collect();
            let output: String = run["output"].to_string().chars().take(100).collect();
            Err(format!(
                "{trick} {data}: {problem}; {} {output} {short}",
                run["status"]
            ))
        }
    }
}

/// Runs of another app, one after the other, for as long as the harm goes on; the longest of them.
fn bystander(api: &Api, stop: &AtomicBool) -> Result<Duration, String> {
    let mut longest = Duration::ZERO;
    let mut number = 0;
    while !stop.load(Ordering::Relaxed) {
        number += 1;
        let began = Instant::now();
        let run = api.outcome(
            "ledger/everything",
            &order(&format!("bystander-{number}"), 0, 20),
            BYSTANDER,
        );
        if run["status"] != "Completed" {
            return Err(format!("a bystander suffered: {run}"));
        }
        longest = longest.max(began.elapsed());
    }
    Ok(longest)
}

#[test]
fn harm_ends_in_a_clear_error_and_nobody_else_suffers() {
    let mut ledger = Ledger::start();
    deploy(&ledger.api, "hostile", "hostile");
    let tricks = tricks();
    let stop = AtomicBool::new(false);
    let (failed, longest) = thread::scope(|scope| {
        let bystander = scope.spawn(|| bystander(&ledger.api, &stop));
        let failed = all(&ledger.api, &tricks);
        stop.store(true, Ordering::Relaxed);
        (
            failed,
            bystander
                .join()
                .unwrap_or_else(|_| Err("the bystander's check panicked".into())),
        )
    });
    assert!(
        failed.is_empty(),
        "{} of {}:\n{}",
        failed.len(),
        tricks.len(),
        failed.join("\n")
    );
    println!(
        "the slowest bystander took {:?}",
        longest.expect("nobody else suffers")
    );
    assert!(ledger.server.is_alive());
    assert!(
        !ledger.server.output().contains("panicked"),
        "{}",
        ledger.server.output()
    );
    let health = ledger.api.get("/health").json;
    assert_eq!(health["status"], "ok", "{health}");
}

/// Some at once, all of them; what went wrong.
fn all(api: &Api, tricks: &[Trick]) -> Vec<String> {
    let (give, take) = mpsc::channel();
    let next = std::sync::atomic::AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            let (give, next) = (give.clone(), &next);
            scope.spawn(move || {
                while let Some(trick) = tricks.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let result = check(api, trick);
                    if let Ok(took) = &result {
                        println!("{} {} {took:?}", trick.0, trick.1);
                    }
                    // The receiver outlives the threads.
                    let _ = give.send(result);
                }
            });
        }
        drop(give);
        take.iter().filter_map(Result::err).collect()
    })
}

#[test]
fn ten_thousand_sleeps_are_cancelled_at_once() {
    let ledger = Ledger::start();
    deploy(&ledger.api, "hostile", "hostile");
    let run = ledger
        .api
        .run_of(&ledger.api.send("hostile/sleeps", &json!({"n": 10_000})));
    ledger.stands(&run, "Sleeping");
    assert_eq!(ledger.api.delete(&format!("/v1/runs/{run}")).status, 200);
    let ledger = ledger.restart();
    assert_eq!(ledger.api.run(&run)["status"], "Cancelled");
    assert_eq!(
        ledger
            .api
            .outcome("ledger/sequence", &order("after", 1, 0), BYSTANDER)["status"],
        "Completed"
    );
}

#[test]
fn a_failure_shows_the_guests_stack() {
    let ledger = Ledger::start();
    deploy(&ledger.api, "hostile", "hostile");
    let run = ledger
        .api
        .outcome("hostile/out-of-bounds-workflow", &json!({}), BYSTANDER);
    let stack = run["error"]["stack"].as_str().unwrap_or_default();
    assert!(
        stack.contains("functions@0.1.0#run"),
        "function names are in the component: {:#}",
        run["error"]
    );
}
