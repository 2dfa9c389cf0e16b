//! Every command that talks to a server: what it prints, what it refuses, and its exit code.

use std::fs;

use abide_e2e::{Ran, Run, guest};
use serde_json::{Value, json};

use crate::support::{Ledger, SOON, folder, order, value};

const NOBODY: &str = "01J8Z6QW3C9G5V2N7T4R0K1M8X";

/// Runs commands against one server.
struct Terminal {
    ledger: Ledger,
}

impl Terminal {
    fn open() -> Self {
        Self {
            ledger: Ledger::start(),
        }
    }

    #[track_caller]
    fn run(&self, arguments: &[&str]) -> Ran {
        Run::abide(arguments)
            .env("ABIDE_URL", self.ledger.server.url())
            .run()
    }

    #[track_caller]
    fn json(&self, arguments: &[&str]) -> Value {
        self.run(&[arguments, &["--json"]].concat()).done().json()
    }
}

fn data(key: &str, count: u64, sleep_ms: u64) -> String {
    order(key, count, sleep_ms).to_string()
}

#[test]
fn wrong_usage_is_code_2_and_says_what_would_be_right() {
    let wrong: [(&[&str], &[&str]); 16] = [
        (&[], &["Usage"]),
        (&["fly"], &["fly"]),
        (&["serve"], &["--data"]),
        (
            &["serve", "--data", "x", "--listen", "nonsense"],
            &["--listen"],
        ),
        (
            &[
                "serve",
                "--data",
                "x",
                "--listen",
                "127.0.0.1:0",
                "--allow-net",
                "http://x/",
            ],
            &["--allow-net", "HOST"],
        ),
        (&["send"], &["NAME"]),
        (&["send", "a", "--event", "x.json"], &["--event"]),
        (&["send", "a", "--data", "{not json"], &["--data", "JSON"]),
        (&["send", "a", "--data", "[1]"], &["--data", "object"]),
        (&["send", "a", "--wait", "--timeout", "soon"], &["60s"]),
        (&["runs", "list", "--status", "odd"], &["completed"]),
        (&["runs", "list", "--limit", "0"], &["--limit"]),
        (&["runs", "list", "--function", "x"], &["app/function"]),
        (&["functions", "show", "x"], &["app/function"]),
        (&["deploy"], &["FILE"]),
        (
            &["runs", "show", NOBODY, "--url", "127.0.0.1:1"],
            &["http://"],
        ),
    ];
    let place = folder();
    for (arguments, says) in wrong {
        let ran = Run::abide(arguments).inside(place.path()).run().expect(2);
        ran.says(says);
        assert_eq!(ran.stdout, "", "{arguments:?}");
    }
    let folder_is_no_file = place.path().to_string_lossy();
    Run::abide(["deploy", &folder_is_no_file])
        .run()
        .refused(2, &["folder", "abide build"]);
}

#[test]
fn help_is_a_result() {
    for arguments in [
        &["--help"][..],
        &["send", "--help"],
        &["runs", "--help"],
        &["--version"],
    ] {
        let ran = Run::abide(arguments).run().done();
        assert!(!ran.stdout.is_empty(), "{arguments:?}");
        assert_eq!(ran.stderr, "", "{arguments:?}");
    }
}

#[test]
fn no_server_is_code_3_for_every_command_that_needs_one() {
    // A port that was free a moment ago may be another test's now; this one is the service `discard`, which nobody has.
    let url = "http://127.0.0.1:9";
    let ledger = guest("ledger").to_string_lossy().into_owned();
    let commands: [&[&str]; 12] = [
        &["send", "a/b"],
        &["send", "a/b", "--wait"],
        &["deploy", &ledger],
        &["runs", "list"],
        &["runs", "show", NOBODY],
        &["runs", "logs", NOBODY],
        &["runs", "logs", NOBODY, "-f"],
        &["runs", "cancel", NOBODY],
        &["events", "list"],
        &["events", "show", NOBODY],
        &["functions", "list"],
        &["functions", "show", "a/b"],
    ];
    for arguments in commands {
        let arguments = [arguments, &["--url", url]].concat();
        Run::abide(&arguments)
            .run()
            .refused(3, &[url, "abide dev", "--url"]);
    }
}

#[test]
fn deploy_then_list_and_show_what_is_served() {
    let terminal = Terminal::open();
    let cheats = guest("cheats").to_string_lossy().into_owned();
    let deployed = terminal.json(&[
        "deploy",
        &cheats,
        "--app",
        "tricks",
        "--var",
        "CHEATS_VARIABLE=1",
    ]);
    assert_eq!(deployed[0]["id"], "tricks");
    let said = terminal.run(&["deploy", &cheats]).done();
    assert!(
        said.stdout.contains("cheats") && said.stdout.contains("cheats/clock"),
        "{}",
        said.stdout
    );
    let list = terminal.json(&["functions", "list"]);
    let ids: Vec<_> = list["data"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|function| function["id"].as_str())
        .collect();
    assert!(
        ids.contains(&"ledger/sequence") && ids.contains(&"tricks/clock"),
        "{ids:?}"
    );
    assert!(
        terminal
            .run(&["functions", "list"])
            .done()
            .stdout
            .contains("on ledger/sequence")
    );
    assert_eq!(
        terminal.json(&["functions", "show", "ledger/retry"])["retries"],
        20
    );
    assert!(
        terminal
            .run(&["functions", "show", "ledger/retry"])
            .done()
            .stdout
            .contains("ledger/retry")
    );
    terminal
        .run(&["functions", "show", "ledger/nothing"])
        .refused(1, &["ledger/nothing", "ledger/sequence"]);
    terminal
        .run(&["functions", "show", "nothing/at-all"])
        .refused(1, &["nothing"]);
    assert!(
        terminal
            .run(&["apps", "list"])
            .done()
            .stdout
            .contains("tricks")
    );
}

#[test]
fn what_cannot_be_deployed_is_refused() {
    let terminal = Terminal::open();
    let place = folder();
    let text = place.path().join("text.wasm");
    fs::write(&text, "no component").expect("it can be written");
    let text = text.to_string_lossy().into_owned();
    terminal
        .run(&["deploy", &text])
        .refused(1, &["not WebAssembly"]);
    terminal
        .run(&["deploy", "no-such-file.wasm"])
        .refused(1, &["no-such-file.wasm"]);
    let ledger = guest("ledger").to_string_lossy().into_owned();
    terminal
        .run(&["deploy", &ledger, "--app", "Not Kebab"])
        .refused(2, &["kebab-case"]);
    terminal
        .run(&["deploy", &ledger, "--allow-net", "http://x/y"])
        .refused(1, &["HOST"]);
    let broken = place.path().join("broken.wasm");
    fs::write(
        &broken,
        b"\0asm\x0d\0\x01\0 and then nothing that makes sense",
    )
    .expect("it can be written");
    terminal
        .run(&["deploy", &broken.to_string_lossy()])
        .refused(1, &["broken.wasm"]);
}

#[test]
fn send_takes_data_from_everywhere() {
    let terminal = Terminal::open();
    let place = folder();
    let file = place.path().join("data.json");
    fs::write(&file, data("from-file", 1, 0)).expect("it can be written");
    let from_file = format!("@{}", file.display());
    let event = place.path().join("event.json");
    fs::write(
        &event,
        json!({"name": "ledger/sequence", "data": order("whole", 1, 0)}).to_string(),
    )
    .expect("it can be written");
    let whole = event.to_string_lossy().into_owned();
    let output = |sent: &Value| sent["runs"][0]["output"].clone();
    let inline = terminal.json(&[
        "send",
        "ledger/sequence",
        "--data",
        &data("inline", 2, 0),
        "--wait",
    ]);
    assert_eq!(
        output(&inline),
        json!({"key": "inline", "values": [value(0), value(1)]})
    );
    assert_eq!(
        (
            &inline["runs"][0]["function_id"],
            &inline["runs"][0]["error"]
        ),
        (&json!("ledger/sequence"), &Value::Null)
    );
    assert!(
        inline["event_id"].is_string() && inline["runs"][0]["run_id"].is_string(),
        "{inline}"
    );
    assert_eq!(
        output(&terminal.json(&["send", "ledger/sequence", "--data", &from_file, "--wait"]))["key"],
        "from-file"
    );
    assert_eq!(
        output(&terminal.json(&["send", "--event", &whole, "--wait"]))["key"],
        "whole"
    );
    let url = terminal.ledger.server.url();
    let arguments = [
        "send",
        "ledger/sequence",
        "--data",
        "-",
        "--wait",
        "--json",
        "--url",
        url,
    ];
    let piped = Run::abide(arguments)
        .stdin(&data("piped", 1, 0))
        .run()
        .done()
        .json();
    assert_eq!(output(&piped)["key"], "piped");
    let arguments = ["send", "--event", "-", "--wait", "--json", "--url", url];
    let event = json!({"name": "ledger/sequence", "data": order("piped-event", 1, 0)});
    assert_eq!(
        output(
            &Run::abide(arguments)
                .stdin(&event.to_string())
                .run()
                .done()
                .json()
        )["key"],
        "piped-event"
    );
}

#[test]
fn send_takes_an_array_of_events_and_follows_all_of_them() {
    let terminal = Terminal::open();
    let url = terminal.ledger.server.url();
    let send = |events: &Value, more: &[&str]| {
        let arguments = ["send", "--event", "-", "--url", url];
        let arguments = arguments.iter().chain(more);
        Run::abide(arguments).stdin(&events.to_string()).run()
    };
    let event = |key| json!({"name": "ledger/sequence", "data": order(key, 1, 0)});
    let both = json!([event("one"), event("two")]);
    let report = send(&both, &["--wait", "--json"]).done().json();
    assert_eq!(report["event_ids"].as_array().map(Vec::len), Some(2));
    let runs = report["runs"].as_array().expect("a list");
    let keys: Vec<_> = runs.iter().map(|run| &run["output"]["key"]).collect();
    assert_eq!(keys, ["one", "two"]);
    let told = send(&both, &[]).done();
    assert!(told.stdout.starts_with("sent 2 events (ledger/sequence)"));
    send(&both, &["--id", "mine"]).refused(2, &["--id", "each"]);
    send(&json!([]), &[]).refused(2, &["empty"]);
    send(&json!([event("a"), {"data": {}}]), &[]).refused(2, &["index 1", "name"]);
}

#[test]
fn send_without_waiting_prints_the_id_and_with_an_id_starts_once() {
    let terminal = Terminal::open();
    let sent = terminal
        .run(&[
            "send",
            "ledger/sequence",
            "--data",
            &data("once", 1, 0),
            "--id",
            "mine",
        ])
        .done();
    assert!(
        sent.stdout.starts_with("sent ledger/sequence as 01"),
        "{}",
        sent.stdout
    );
    let again = terminal
        .run(&[
            "send",
            "ledger/sequence",
            "--data",
            &data("once", 1, 0),
            "--id",
            "mine",
            "--wait",
        ])
        .expect(1);
    again.says(&["same id"]);
    let runs = terminal.json(&["runs", "list", "--function", "ledger/sequence"]);
    assert_eq!(runs["data"].as_array().map(Vec::len), Some(1));
}

#[test]
fn send_and_wait_fails_when_what_it_waits_for_does() {
    let terminal = Terminal::open();
    terminal
        .run(&["send", "nobody/listens", "--wait"])
        .expect(1)
        .says(&["started no function", "ledger/sequence"]);
    let late = terminal
        .run(&[
            "send",
            "ledger/sleep",
            "--data",
            &data("late", 1, 600_000),
            "--wait",
            "--timeout",
            "5s",
        ])
        .expect(1);
    late.says(&["stopped waiting after 5s", "runs show"]);
    let deployed = terminal.run(&["deploy", &guest("hostile").to_string_lossy()]);
    let _ = deployed.done();
    let failed = terminal
        .run(&["send", "hostile/panic-workflow", "--wait", "--json"])
        .expect(1)
        .json();
    assert_eq!(failed["runs"][0]["status"], "Failed");
    assert!(
        failed["runs"][0]["error"]["message"]
            .as_str()
            .is_some_and(|message| !message.is_empty()),
        "{failed}"
    );
    terminal
        .run(&["send", "inngest/reserved"])
        .refused(1, &["reserved"]);
    terminal
        .run(&["send", "--event", "no-such-file.json"])
        .refused(2, &["no-such-file.json"]);
}

#[test]
fn runs_are_listed_shown_and_cancelled() {
    let terminal = Terminal::open();
    let api = &terminal.ledger.api;
    let done = api.outcome(
        "ledger/retry",
        &json!({"key": "show", "seed": 7, "failures": 2}),
        SOON,
    );
    let done = done["run_id"].as_str().expect("an id");
    let sleeping = api.run_of(&api.send("ledger/sleep", &order("sleeps", 1, 3_600_000)));
    terminal.ledger.stands(&sleeping, "Sleeping");

    let list = terminal.run(&["runs", "list"]).done().stdout;
    assert!(list.contains(done) && list.contains(&sleeping), "{list}");
    assert!(
        list.find(&*sleeping) < list.find(done),
        "newest first: {list}"
    );
    let one = terminal.json(&["runs", "list", "--limit", "1"]);
    assert_eq!(one["data"].as_array().map(Vec::len), Some(1));
    let asleep = terminal.json(&["runs", "list", "--status", "sleeping"]);
    assert_eq!(asleep["data"][0]["run_id"], json!(sleeping));
    let none = terminal.run(&["runs", "list", "--status", "failed"]).done();
    none.says(&["no such runs"]);

    let shown = terminal.run(&["runs", "show", done]).done().stdout;
    for word in [
        "ledger/retry",
        "Completed",
        "flaky",
        "doomed",
        "after",
        "Asked",
        "Doomed",
        &value(1).to_string(),
    ] {
        assert!(shown.contains(word), "{word} in\n{shown}");
    }
    let detail = terminal.json(&["runs", "show", done]);
    assert_eq!(
        detail["steps"][0]["attempts"].as_array().map(Vec::len),
        Some(3),
        "{detail:#}"
    );
    terminal
        .run(&["runs", "show", NOBODY])
        .refused(1, &[NOBODY]);
    terminal
        .run(&["runs", "show", "short"])
        .refused(1, &["short"]);

    let cancelled = terminal.run(&["runs", "cancel", &sleeping]).done();
    assert!(cancelled.stdout.contains(&sleeping), "{}", cancelled.stdout);
    assert_eq!(
        terminal.json(&["runs", "show", &sleeping])["status"],
        "Cancelled"
    );
    terminal
        .run(&["runs", "cancel", done])
        .refused(1, &["ended"]);
    terminal
        .run(&["runs", "cancel", NOBODY])
        .refused(1, &[NOBODY]);
}

#[test]
fn logs_are_shown_and_followed_to_the_end() {
    let terminal = Terminal::open();
    let _ = terminal
        .run(&["deploy", &guest("hostile").to_string_lossy()])
        .done();
    let api = &terminal.ledger.api;
    let run = api.outcome("hostile/log-flood-body", &json!({}), SOON);
    let run = run["run_id"].as_str().expect("an id");
    let lines = terminal.run(&["runs", "logs", run]).done().stdout;
    let first = lines.lines().next().unwrap_or_default();
    assert!(
        first.contains("INFO") && first.contains("[flood]") && first.contains("0 xxx"),
        "{first}"
    );
    assert!(
        lines.lines().count() <= 10_100,
        "{} lines",
        lines.lines().count()
    );
    let sleeping = api.run_of(&api.send("ledger/sleep", &order("follow", 1, 1_000)));
    let followed = terminal.run(&["runs", "logs", &sleeping, "-f"]).done();
    assert_eq!(followed.stdout, "", "it logged nothing");
    assert_eq!(
        api.run(&sleeping)["status"],
        "Completed",
        "it followed to the end"
    );
    terminal
        .run(&["runs", "logs", &sleeping])
        .done()
        .says(&["logged nothing"]);
    terminal
        .run(&["runs", "logs", NOBODY])
        .refused(1, &[NOBODY]);
    terminal
        .run(&["runs", "logs", NOBODY, "-f"])
        .refused(1, &[NOBODY]);
}

#[test]
fn events_are_listed_and_shown_with_what_they_started() {
    let terminal = Terminal::open();
    let api = &terminal.ledger.api;
    let event = api.send("ledger/sequence", &order("event", 1, 0));
    let run = api.run_of(&event);
    api.ended(&run, SOON);
    api.send("nobody/listens", &json!({}));
    let list = terminal.run(&["events", "list"]).done().stdout;
    assert!(
        list.contains(&event) && list.contains("nobody/listens"),
        "{list}"
    );
    let named = terminal.json(&["events", "list", "--name", "ledger/sequence"]);
    assert_eq!(named["data"].as_array().map(Vec::len), Some(1));
    let shown = terminal.run(&["events", "show", &event]).done().stdout;
    assert!(
        shown.contains("ledger/sequence") && shown.contains(&run),
        "{shown}"
    );
    assert_eq!(
        terminal.json(&["events", "show", &event])["runs"][0]["run_id"],
        json!(run)
    );
    terminal
        .run(&["events", "show", NOBODY])
        .refused(1, &[NOBODY]);
}
