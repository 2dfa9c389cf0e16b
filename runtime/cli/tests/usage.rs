//! What the binary says and how it exits where no server is needed.

use std::process::{Command, Output};

fn abide(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_abide"))
        .args(arguments)
        .env_remove("ABIDE_URL")
        .env_remove("ABIDE_DATA")
        .output()
        .expect("the binary starts")
}

/// Exit code and stderr; stdout must be empty, so that a pipe gets no error text.
fn fails(arguments: &[&str]) -> (i32, String) {
    let output = abide(arguments);
    assert_eq!(String::from_utf8_lossy(&output.stdout), "", "{arguments:?}");
    (
        output.status.code().expect("it exits"),
        String::from_utf8_lossy(&output.stderr).into_owned(),
    )
}

const NOBODY: [&str; 2] = ["--url", "http://127.0.0.1:1"];

#[test]
fn wrong_usage_exits_with_2_and_says_what_is_right() {
    let cases: &[(&[&str], &str)] = &[
        (&[], "Usage: abide"),
        (&["sned"], "send"),
        (&["send"], "NAME"),
        (&["send", "a", "--event", "f"], "cannot be used with"),
        (&["send", "a", "--data", "{"], "--data is not JSON"),
        (&["send", "a", "--data", "[1]"], "must be a JSON object"),
        (&["send", "a", "--data", "@/does/not/exist"], "cannot read"),
        (&["send", "--event", "/does/not/exist"], "cannot read"),
        (&["send", "a", "--timeout", "5s"], "--wait"),
        (&["send", "a", "--wait", "--timeout", "soon"], "60s"),
        (&["runs"], "list"),
        (&["runs", "list", "--status", "done"], "completed"),
        (&["runs", "list", "--limit", "0"], "--limit"),
        (
            &["runs", "list", "--url", "localhost"],
            "http://127.0.0.1:8288",
        ),
        (&["runs", "list", "--since", "yesterday"], "7d"),
        (&["runs", "cancel"], "--function"),
        (
            &["runs", "cancel", "01J", "--function", "a/b"],
            "cannot be used with",
        ),
        (&["runs", "cancel", "--status", "done"], "completed"),
        (&["runs", "replay", "01J", "--input", "1"], "--from-step"),
        (
            &["runs", "replay", "01J", "--from-step", "a", "--input", "{"],
            "--input is not JSON",
        ),
        (&["replay"], "--function"),
        (&["replay", "--function", "a/b", "--rate", "fast"], "10/s"),
        (&["jobs"], "watch"),
        (&["schemas", "set", "a"], "JSON"),
        (&["schemas", "set", "a", "{"], "is not JSON"),
        (&["functions", "pause", "pay"], "app/function"),
        (&["functions", "show", "pay"], "app/function"),
        (&["serve"], "--data"),
        (&["serve", "--data", "x", "--listen", "8288"], "--listen"),
        (&["deploy"], "FILE"),
        (&["deploy", "a.wasm", "b.wasm", "--app", "x"], "one by one"),
        (&["deploy", "a.wasm", "--var", "A"], "NAME=VALUE"),
        (&["new", "My App"], "my-app"),
        (&["new", "x", "--lang", "cobol"], "rust"),
        (&["cron"], "next"),
        (&["cron", "next"], "EXPR"),
        (&["cron", "next", "0 0 L * *"], "day of month field `L`"),
        (&["cron", "next", "0 0 30 2 *"], "never fires"),
        (&["cron", "next", "TZ=Mars/X 0 0 * * *"], "Europe/Berlin"),
        (&["cron", "next", "0", "0", "*", "*", "*"], "unexpected"),
        (&["cron", "next", "@daily", "--from", "today"], "T00:00:00Z"),
        (&["cron", "next", "@daily", "--count", "0"], "1..=1000"),
        (&["cron", "next", "@daily", "--count", "1001"], "1..=1000"),
    ];
    for (arguments, hint) in cases {
        let (code, stderr) = fails(arguments);
        assert_eq!(code, 2, "{arguments:?}: {stderr}");
        assert!(
            stderr.contains(hint),
            "{arguments:?} does not say {hint:?}: {stderr}"
        );
    }
}

#[test]
fn a_server_that_is_not_there_exits_with_3() {
    let commands: &[&[&str]] = &[
        &["send", "a"],
        &["send", "a", "--wait", "--timeout", "1s"],
        &["runs", "list"],
        &["runs", "show", "01J8Z6QW3C9G5V2N7T4R0K1M8X"],
        &["runs", "logs", "01J8Z6QW3C9G5V2N7T4R0K1M8X", "-f"],
        &["runs", "cancel", "01J8Z6QW3C9G5V2N7T4R0K1M8X"],
        &["runs", "cancel", "--function", "a/b", "--dry-run"],
        &["runs", "pause", "01J8Z6QW3C9G5V2N7T4R0K1M8X"],
        &["runs", "resume", "01J8Z6QW3C9G5V2N7T4R0K1M8X"],
        &["runs", "replay", "01J8Z6QW3C9G5V2N7T4R0K1M8X"],
        &["replay", "--function", "a/b"],
        &["jobs", "list"],
        &["jobs", "show", "01J8Z6QW3C9G5V2N7T4R0K1M8X"],
        &["jobs", "watch", "01J8Z6QW3C9G5V2N7T4R0K1M8X"],
        &["jobs", "stop", "01J8Z6QW3C9G5V2N7T4R0K1M8X"],
        &["schemas", "list"],
        &["schemas", "show", "a/b"],
        &["schemas", "set", "a/b", "{}"],
        &["schemas", "delete", "a/b"],
        &["functions", "pause", "a/b"],
        &["functions", "resume", "a/b"],
        &["events", "list"],
        &["events", "show", "01J8Z6QW3C9G5V2N7T4R0K1M8X"],
        &["functions", "list"],
        &["functions", "show", "a/b"],
        &["apps", "list"],
        &["health"],
    ];
    for command in commands {
        for json in [&[][..], &["--json"]] {
            let (code, stderr) = fails(&[command, &NOBODY[..], json].concat());
            assert_eq!(code, 3, "{command:?}: {stderr}");
            assert!(
                stderr.contains("http://127.0.0.1:1") && stderr.contains("abide dev"),
                "{command:?}: {stderr}"
            );
        }
    }
}

#[test]
fn what_cannot_be_done_exits_with_1() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().to_str().expect("UTF-8");
    std::fs::write(folder.path().join("x.wasm"), "text").expect("a file");
    let file = folder.path().join("x.wasm");
    let cases: &[(&[&str], &str)] = &[
        (&["build", path], "there is no app in"),
        (&["build", "/does/not/exist"], "does not exist"),
        (
            &["deploy", file.to_str().expect("UTF-8")],
            "not WebAssembly",
        ),
        (&["new", "x", "--path", path], "is not empty"),
        (&["dev", path], "there is no app in"),
    ];
    for (arguments, hint) in cases {
        let (code, stderr) = fails(arguments);
        assert_eq!(code, 1, "{arguments:?}: {stderr}");
        assert!(
            stderr.contains(hint),
            "{arguments:?} does not say {hint:?}: {stderr}"
        );
    }
}

#[test]
fn dev_without_anything_to_serve_says_what_to_do() {
    let folder = tempfile::tempdir().expect("a folder");
    let output = Command::new(env!("CARGO_BIN_EXE_abide"))
        .arg("dev")
        .current_dir(folder.path())
        .output()
        .expect("it starts");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(
        stderr.contains("examples/") && stderr.contains("new my-app"),
        "{stderr}"
    );
    assert!(
        !folder.path().join(".abide").exists(),
        "nothing is written where nothing is served"
    );
}

#[test]
fn cron_next_explains_a_schedule_without_a_server() {
    let expr = "TZ=Europe/Berlin 30 9 * * MON-FRI";
    let from = ["--from", "2026-03-27T12:00:00Z", "--count", "3"];
    let output = abide(&[&["cron", "next", expr][..], &from[..]].concat());
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{output:?}");
    assert!(
        stdout.starts_with("at 09:30 on Monday to Friday, Europe/Berlin\n"),
        "{stdout}"
    );
    let guide = include_str!("../../../docs/cron.md");
    assert!(guide.contains(&*stdout), "the guide shows another output");

    let output = abide(&[&["cron", "next", expr, "--json"][..], &from[..]].concat());
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        "[\"2026-03-30T07:30:00Z\",\"2026-03-31T07:30:00Z\",\"2026-04-01T07:30:00Z\"]\n"
    );
    let output = abide(&["cron", "next", "* * * * *", "--json"]);
    let times: Vec<String> = serde_json::from_slice(&output.stdout).expect("a list");
    assert_eq!(times.len(), 5);
}

#[test]
fn cron_next_says_where_schedules_end() {
    let output = abide(&["cron", "next", "@yearly", "--from", "2098-06-01T00:00:00Z"]);
    assert!(output.status.success());
    assert!(String::from_utf8_lossy(&output.stdout).contains("2099-01-01T00:00:00Z"));
    assert!(String::from_utf8_lossy(&output.stderr).contains("2100"));
}

#[test]
fn every_command_explains_itself() {
    let commands: &[&[&str]] = &[
        &[],
        &["dev"],
        &["serve"],
        &["build"],
        &["deploy"],
        &["new"],
        &["send"],
        &["runs"],
        &["runs", "list"],
        &["runs", "show"],
        &["runs", "logs"],
        &["runs", "cancel"],
        &["runs", "pause"],
        &["runs", "resume"],
        &["runs", "replay"],
        &["replay"],
        &["jobs"],
        &["jobs", "list"],
        &["jobs", "show"],
        &["jobs", "watch"],
        &["jobs", "stop"],
        &["schemas"],
        &["schemas", "list"],
        &["schemas", "show"],
        &["schemas", "set"],
        &["schemas", "delete"],
        &["events"],
        &["events", "list"],
        &["events", "show"],
        &["functions"],
        &["functions", "list"],
        &["functions", "show"],
        &["functions", "pause"],
        &["functions", "resume"],
        &["apps"],
        &["apps", "list"],
        &["cron"],
        &["cron", "next"],
    ];
    for command in commands {
        let output = abide(&[command, &["--help"][..]].concat());
        assert!(output.status.success(), "{command:?}");
        let help = String::from_utf8_lossy(&output.stdout);
        assert!(
            help.contains("Usage: abide") && help.len() > 100,
            "{command:?}: {help}"
        );
    }
    assert!(abide(&["--version"]).status.success());
}

#[test]
fn new_writes_an_app_and_says_how_to_run_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let output = Command::new(env!("CARGO_BIN_EXE_abide"))
        .args(["new", "my-app"])
        .current_dir(folder.path())
        .output()
        .expect("it starts");
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success()
            && stdout.contains("dev my-app")
            && stdout.contains("my-app/event.json"),
        "{stdout}"
    );
    for file in [
        "Cargo.toml",
        "abide.toml",
        "src/lib.rs",
        "abide-sdk/Cargo.toml",
        "abide-sdk/wit/types.wit",
    ] {
        assert!(folder.path().join("my-app").join(file).is_file(), "{file}");
    }
}
