//! What operators do, with the commands that they have: replay, pause, cancel, look why something waits, set schemas.

use std::collections::BTreeSet;

use abide_e2e::{Api, Ran, Run, Server, guest, until};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{SOON, deploy, folder, given_time, stands};

/// An hour: longer than any test.
const LONG_MS: u64 = 3_600_000;

/// A server with the guest `operate`.
struct Shop {
    data: TempDir,
    server: Server,
    api: Api,
}

impl Shop {
    fn open() -> Self {
        let data = folder();
        let server = Server::serve(data.path());
        let api = server.api();
        deploy(&api, "operate", "operate");
        Self { data, server, api }
    }

    /// Kills the process, and serves the same data by a new one.
    fn crash(self) -> Self {
        let Self { data, server, .. } = self;
        server.kill();
        let server = Server::serve(data.path());
        let api = server.api();
        Self { data, server, api }
    }

    /// Runs a command against the server.
    #[track_caller]
    fn abide(&self, arguments: &[&str]) -> Ran {
        Run::abide(arguments)
            .env("ABIDE_URL", self.server.url())
            .run()
    }

    #[track_caller]
    fn json(&self, arguments: &[&str]) -> Value {
        self.abide(&[arguments, &["--json"]].concat()).done().json()
    }

    /// Sends orders that are declined, in one request, and waits until their runs have failed.
    #[track_caller]
    fn declined(&self, count: u64) -> Vec<String> {
        let order = |_| json!({"name": "operate/order", "data": {"amount": 60}});
        let orders: Vec<_> = (0..count).map(order).collect();
        let answer = self.api.post("/e/test", &json!(orders));
        assert_eq!(answer.status, 200, "{}", answer.text);
        let failed = || {
            let runs = self.runs("status=failed&limit=200");
            (runs.len() as u64 == count).then_some(runs)
        };
        let runs = until("all orders are declined", SOON, failed);
        runs.iter().map(id_of).collect()
    }

    /// Sends a reminder; gives its run.
    #[track_caller]
    fn remind(&self, event: &str, data: &Value) -> String {
        self.api.run_of(&self.api.send(event, data))
    }

    #[track_caller]
    fn runs(&self, query: &str) -> Vec<Value> {
        let answer = self.api.get(&format!("/api/v1/runs?{query}"));
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.json["data"].as_array().cloned().unwrap_or_default()
    }
}

fn id_of(run: &Value) -> String {
    run["run_id"].as_str().expect("runs have ids").to_owned()
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_default()
}

#[test]
fn a_failed_run_is_replayed_from_its_start_and_from_a_step_with_another_input() {
    let shop = Shop::open();
    let failed = shop.declined(1).remove(0);
    let dead = shop.json(&["runs", "list", "--status", "failed", "--since", "1h"]);
    assert_eq!(dead["data"][0]["run_id"], json!(failed));

    let again = shop.json(&["runs", "replay", &failed]);
    let again = shop.api.ended(&id_of(&again), SOON);
    assert_eq!(
        (
            &again["status"],
            &again["original_run_id"],
            &again["event_id"]
        ),
        (
            &json!("Failed"),
            &json!(failed),
            &dead["data"][0]["event_id"]
        )
    );

    let from = ["runs", "replay", &failed, "--from-step"];
    let mended = shop.json(&[&from[..], &["charge", "--input", r#"{"sum":80}"#]].concat());
    let mended = shop.api.ended(&id_of(&mended), SOON);
    assert_eq!(
        mended["output"],
        json!({"price": 120, "charged": 80}),
        "{mended:#}"
    );
    assert_eq!(mended["steps"][0]["id"], "price");
    assert_eq!(mended["steps"][0]["result"], 120);

    shop.abide(&[&from[..], &["nothing"]].concat())
        .refused(1, &["nothing", "price", "charge"]);
    shop.abide(&[&from[..], &["price", "--input", "1"]].concat())
        .refused(1, &["price", "input"]);
    let said = shop.abide(&["runs", "replay", &failed]).done();
    assert!(said.stdout.contains("replays"), "{}", said.stdout);
    said.says(&["runs show"]);
    let shown = shop.abide(&["runs", "show", &id_of(&mended)]).done();
    assert!(
        shown.stdout.contains("replays") && shown.stdout.contains(&failed),
        "{}",
        shown.stdout
    );
}

#[test]
fn many_failed_runs_are_replayed_once_each_although_the_process_is_killed() {
    let mut shop = Shop::open();
    let failed = shop.declined(120);
    let mended = shop
        .api
        .deploy("operate", &guest("operate"), "?var=LIMIT=1000");
    assert_eq!(mended.status, 200, "{}", mended.text);
    let select = ["replay", "--function", "operate/pay", "--since", "1h"];
    let counted = shop.abide(&[&select[..], &["--dry-run"]].concat()).done();
    assert_eq!(counted.stdout, "120 runs would be replayed");
    assert_eq!(shop.runs("status=completed").len(), 0);

    let body =
        json!({"action": "replay", "filter": {"function": "operate/pay"}, "rate_per_second": 60});
    let started = shop.api.post("/api/v1/jobs", &body);
    assert_eq!(started.status, 200, "{}", started.text);
    let job = text(&started.json, "job_id").to_owned();
    until("some runs are replayed", SOON, || {
        let shown = shop.api.get(&format!("/api/v1/jobs/{job}"));
        shown.json["done"].as_u64().filter(|done| *done >= 20)
    });
    shop = shop.crash();
    let watched = shop.json(&["jobs", "watch", &job]);
    assert_eq!(
        (&watched["state"], &watched["done"]),
        (&json!("finished"), &json!(120)),
        "{watched:#}"
    );
    let replays = until("all replays are completed", SOON, || {
        let runs = shop.runs("status=completed&limit=200");
        (runs.len() >= 120).then_some(runs)
    });
    let originals: BTreeSet<_> = replays
        .iter()
        .map(|run| text(run, "original_run_id").to_owned())
        .collect();
    assert_eq!(replays.len(), 120);
    assert_eq!(originals, failed.into_iter().collect());
}

#[test]
fn a_job_can_be_stopped_and_what_it_has_done_stays_done() {
    let shop = Shop::open();
    shop.declined(5);
    let body = json!({"action": "replay", "filter": {"app": "operate"}, "rate_per_second": 0.001});
    let job = text(&shop.api.post("/api/v1/jobs", &body).json, "job_id").to_owned();
    let replayed = || shop.runs("").len().checked_sub(6);
    until("the first run is replayed", SOON, replayed);
    let stopped = shop.json(&["jobs", "stop", &job]);
    assert_eq!(
        (&stopped["state"], &stopped["done"]),
        (&json!("stopped"), &json!(1)),
        "{stopped:#}"
    );
    let shown = shop.abide(&["jobs", "show", &job]).done();
    assert!(
        shown.stdout.contains("stopped") && shown.stdout.contains("of the app operate"),
        "{}",
        shown.stdout
    );
    shop.abide(&["jobs", "watch", &job]).expect(1).says(&[]);
    let listed = shop.abide(&["jobs", "list"]).done();
    assert!(listed.stdout.contains(&job), "{}", listed.stdout);
    shop.abide(&["jobs", "show", "01J8Z6QW3C9G5V2N7T4R0K1M8X"])
        .refused(1, &["no job"]);
}

#[test]
fn a_paused_run_keeps_what_comes_for_it_until_it_is_resumed() {
    let shop = Shop::open();
    let reason = "the printer is out";
    let (run, sleep_ms, paused) = given_time(|sleep_ms| {
        let run = shop.remind("operate/remind", &json!({"n": 7, "sleep_ms": sleep_ms}));
        until("it sleeps, or has slept", SOON, || {
            let now = shop.api.run(&run);
            ["Sleeping", "Completed"]
                .contains(&text(&now, "status"))
                .then_some(())
        });
        let pause = ["runs", "pause", &run, "--reason", reason, "--json"];
        let ran = shop.abide(&pause);
        // Otherwise it slept less than a command takes.
        (ran.code == 0).then(|| (run, sleep_ms, ran.json()))
    });
    assert_eq!(paused["status"], "Paused");
    assert!(
        text(&paused, "paused_reason").contains("the printer is out"),
        "{paused:#}"
    );
    let shop = shop.crash();
    // Another run that begins to sleep later for as long: when it has ended, the first one's time has come as well.
    let other = shop.remind("operate/remind", &json!({"n": 8, "sleep_ms": sleep_ms}));
    assert_eq!(shop.api.ended(&other, SOON)["status"], "Completed");
    assert_eq!(shop.api.run(&run)["status"], "Paused");
    let said = shop.abide(&["runs", "show", &run]).done();
    assert!(
        said.stdout.contains("is paused: the printer is out"),
        "{}",
        said.stdout
    );
    let _ = shop.abide(&["runs", "resume", &run]).done();
    let ended = shop.api.ended(&run, SOON);
    assert_eq!(
        (&ended["status"], &ended["output"]),
        (&json!("Completed"), &json!(7))
    );
    shop.abide(&["runs", "pause", &run])
        .refused(1, &["has ended"]);
}

#[test]
fn events_of_a_paused_function_queue_across_a_restart_until_it_is_resumed() {
    let shop = Shop::open();
    let paused = shop.json(&["functions", "pause", "operate/remind"]);
    assert!(paused["paused_at"].is_string(), "{paused:#}");
    let runs = [1, 2, 3].map(|n| shop.remind("operate/remind", &json!({"n": n, "sleep_ms": 0})));
    let shop = shop.crash();
    let another = shop.remind("operate/one-by-one", &json!({"n": 4, "sleep_ms": 0}));
    assert_eq!(shop.api.ended(&another, SOON)["status"], "Completed");
    let waiting = shop.api.run(&runs[2]);
    assert_eq!(waiting["status"], "Queued");
    assert!(
        text(&waiting, "waiting_for").contains("its function is paused")
            && text(&waiting, "waiting_for").contains("behind 2 runs"),
        "{waiting:#}"
    );
    let listed = shop.abide(&["functions", "list"]).done();
    assert!(listed.stdout.contains("paused"), "{}", listed.stdout);
    let shown = shop.abide(&["functions", "show", "operate/remind"]).done();
    for says in ["no run starts", "3 runs", "retries", "(default)"] {
        assert!(shown.stdout.contains(says), "{says:?}: {}", shown.stdout);
    }
    let _ = shop
        .abide(&["functions", "resume", "operate/remind"])
        .done();
    for run in runs {
        assert_eq!(shop.api.ended(&run, SOON)["status"], "Completed");
    }
    shop.abide(&["functions", "pause", "operate/nothing"])
        .refused(1, &["operate/nothing", "operate/remind"]);
}

#[test]
fn runs_are_cancelled_in_bulk_by_what_their_events_say() {
    let shop = Shop::open();
    let data = |n: u64| json!({"n": n, "sleep_ms": LONG_MS});
    let runs: Vec<_> = (0..8)
        .map(|n| shop.remind("operate/remind", &data(n)))
        .collect();
    for run in &runs {
        stands(&shop.api, run, "Sleeping");
    }
    let select = ["runs", "cancel", "--function", "operate/remind"];
    let select = [&select[..], &["--if", "event.data.n >= 5"]].concat();
    let counted = shop.abide(&[&select[..], &["--dry-run"]].concat()).done();
    assert_eq!(counted.stdout, "3 runs would be cancelled");
    shop.abide(&select).refused(2, &["3 runs", "--yes"]);
    let done = shop.json(&[&select[..], &["--yes", "--reason", "withdrawn"]].concat());
    assert_eq!(
        (&done["state"], &done["done"]),
        (&json!("finished"), &json!(3)),
        "{done:#}"
    );
    for (n, run) in runs.iter().enumerate() {
        let run = shop.api.run(run);
        let expected = if n >= 5 { "Cancelled" } else { "Sleeping" };
        assert_eq!(run["status"], expected, "{run:#}");
        assert!(n < 5 || run["error"]["message"] == "withdrawn", "{run:#}");
    }
    let by_id = shop.abide(&["runs", "cancel", &runs[0], &runs[7], &runs[1]]);
    let by_id = by_id.done();
    assert!(by_id.stdout.contains(&runs[0]) && by_id.stdout.contains(&runs[1]));

    let body = json!({"app_id": "operate", "function_id": "remind", "started_before": "2020-01-01T00:00:00Z"});
    let none = shop.api.post("/v1/cancellations", &body);
    assert_eq!(none.status, 200, "{}", none.text);
    assert_eq!(none.json["data"]["function_id"], "remind");
    let all = shop.api.get("/v1/cancellations");
    assert_eq!(all.json["data"].as_array().map(Vec::len), Some(2));
    let id = text(&none.json["data"], "id").to_owned();
    let stopped = shop.api.delete(&format!("/v1/cancellations/{id}"));
    assert_eq!(stopped.json["data"], json!({"ok": true}));
    assert_eq!(shop.api.run(&runs[2])["status"], "Sleeping");
}

#[test]
fn a_run_behind_a_limit_says_so_and_other_keys_go_on() {
    let shop = Shop::open();
    let data =
        |tenant: &str, sleep_ms: u64| json!({"n": 1, "tenant": tenant, "sleep_ms": sleep_ms});
    let first = shop.remind("operate/one-by-one", &data("acme", LONG_MS));
    stands(&shop.api, &first, "Sleeping");
    let second = shop.remind("operate/one-by-one", &data("acme", 0));
    let other = shop.remind("operate/one-by-one", &data("globex", 0));
    assert_eq!(shop.api.ended(&other, SOON)["status"], "Completed");
    let waiting = shop.api.run(&second);
    assert_eq!(waiting["status"], "Queued");
    assert_eq!(
        text(&waiting, "waiting_for"),
        r#"is queued: 1 run for "acme" under way, as many as may be"#
    );
    let _ = shop.abide(&["runs", "cancel", &first]).done();
    assert_eq!(shop.api.ended(&second, SOON)["status"], "Completed");
}

#[test]
fn an_event_in_a_debounce_is_followed_until_its_run_has_ended() {
    let shop = Shop::open();
    // It has to be quiet for so long that two commands fit in, also on a slow machine.
    let event = shop.api.send("operate/changed", &json!({"n": 1}));
    let shown = shop.api.get(&format!("/api/v1/events/{event}"));
    assert_eq!(shown.json["pending"][0]["control"], "debounce");
    let said = shop.abide(&["events", "show", &event]).done();
    assert!(
        said.stdout.contains("debounce of operate/index"),
        "{}",
        said.stdout
    );
    let followed = shop.json(&["send", "operate/changed", "--data", r#"{"n":2}"#, "--wait"]);
    let runs = followed["runs"].as_array().cloned().unwrap_or_default();
    assert_eq!(runs.len(), 1, "{followed:#}");
    assert_eq!(runs[0]["output"], json!([1, 2]), "{followed:#}");
    assert_eq!(shop.api.runs_of(&event)[0]["event_count"], 2);
}

#[test]
fn events_that_break_their_schema_are_refused_with_the_place_of_the_fault() {
    let shop = Shop::open();
    let send = |event: Value| shop.api.post("/e/test", &event);
    let order = |amount: Value| json!({"name": "operate/order", "data": {"amount": amount}});
    let refused = send(json!([order(json!(1)), order(json!(-1))]));
    assert_eq!(refused.status, 400, "{}", refused.text);
    let error = text(&refused.json, "error");
    assert!(
        error.starts_with("event 1: data") && error.contains("amount"),
        "{error}"
    );
    assert_eq!(shop.runs("").len(), 0, "nothing of the request was taken");

    let set = shop.json(&["schemas", "set", "operate/order", r#"{"required":["id"]}"#]);
    assert_eq!(set["source"], "operator");
    assert_eq!(send(order(json!(1))).status, 400);
    let mut with_id = order(json!("any"));
    with_id["data"]["id"] = json!(5);
    assert_eq!(
        send(with_id).status,
        200,
        "the app's schema does not count now"
    );
    let mut versioned = order(json!(1));
    versioned["v"] = json!("2");
    assert_eq!(
        send(versioned.clone()).status,
        200,
        "no schema has this version"
    );
    let _ = shop
        .abide(&["schemas", "set", "operate/order", "--v", "2", "false"])
        .done();
    assert_eq!(send(versioned).status, 400);

    let shop = shop.crash();
    let send = |event: Value| shop.api.post("/e/test", &event);
    assert_eq!(send(order(json!(1))).status, 400, "it is kept");
    let listed = shop.abide(&["schemas", "list"]).done();
    assert!(listed.stdout.contains("(overridden)"), "{}", listed.stdout);
    let _ = shop.abide(&["schemas", "delete", "operate/order"]).done();
    assert_eq!(send(order(json!(1))).status, 200, "the app's counts again");
    let left = shop.json(&["schemas", "show", "operate/order"]);
    assert_eq!(left["data"].as_array().map(Vec::len), Some(2), "{left:#}");
    shop.abide(&["schemas", "delete", "operate/order"])
        .refused(1, &["no schema"]);
    shop.abide(&["schemas", "set", "a/b", r#"{"type":7}"#])
        .refused(1, &["a/b"]);
}

#[test]
fn a_function_is_invoked_by_hand_and_what_its_runs_did_is_counted() {
    let shop = Shop::open();
    let invoke = |data: &str, more: &[&str]| {
        let arguments = ["functions", "invoke", "operate/pay", "--data", data];
        shop.abide(&[&arguments, more].concat())
    };
    let told = invoke(r#"{"amount":10}"#, &["--wait"]).done().stdout;
    assert!(told.contains("invoked operate/pay as "), "{told}");
    assert!(told.contains("charge"), "{told}");
    let report = invoke(r#"{"amount":20}"#, &["--wait", "--json"])
        .done()
        .json();
    assert_eq!(report["runs"][0]["status"], "Completed");
    assert_eq!(report["runs"][0]["output"]["charged"], 40);
    // The event that it sees is not one of those that start it.
    let event = shop
        .api
        .get(&format!("/api/v1/events/{}", text(&report, "event_id")));
    assert_eq!(event.json["name"], "inngest/function.invoked");
    invoke(r#"{"amount":60}"#, &["--wait"])
        .expect(1)
        .says(&["runs show"]);
    let started = invoke(r#"{"amount":10}"#, &["--json"]).done().json();
    stands(&shop.api, text(&started, "run_id"), "Completed");
    invoke("[1]", &[]).refused(2, &["--data must be a JSON object"]);
    shop.abide(&["functions", "invoke", "operate/nobody"])
        .refused(1, &["operate/nobody", "operate/pay"]);

    let function = shop.json(&["functions", "show", "operate/pay"]);
    for window in ["hour", "day"] {
        let totals = &function["totals"][window];
        let counts = ["started", "completed", "failed", "cancelled"].map(|it| &totals[it]);
        assert_eq!(counts, [4, 3, 1, 0], "{totals}");
        assert!(totals["duration_p99_ms"].is_number(), "{totals}");
    }
    let all = shop.api.get("/api/v1/functions").json;
    let of = |id: &str| {
        let all = all["data"].as_array().expect("a list");
        let found = all.iter().find(|it| it["id"] == id);
        found.expect("it is deployed")["totals"].clone()
    };
    assert_eq!(of("operate/pay"), function["totals"]);
    assert_eq!(of("operate/remind"), Value::Null);
    let shown = shop.abide(&["functions", "show", "operate/pay"]).done();
    let line = "last hour 4 started, 3 completed, 1 failed";
    assert!(shown.stdout.contains(line), "{}", shown.stdout);
}
