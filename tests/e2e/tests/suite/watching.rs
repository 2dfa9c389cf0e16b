//! Commands that show what happens while it does: `abide runs watch`, `abide top`, and logs with levels, steps and fields.

use std::io::{Read, Write};
use std::process::{Command, Stdio};
use std::time::Instant;

use abide_e2e::{Run, abide, eventually, guest};
use serde_json::json;

use crate::support::{Ledger, SOON, order};

fn run(ledger: &Ledger, arguments: &[&str]) -> abide_e2e::Ran {
    Run::abide(arguments)
        .env("ABIDE_URL", ledger.server.url())
        .run()
}

#[test]
fn watch_tells_a_run_to_its_end_and_its_exit_code_is_the_outcome() {
    let ledger = Ledger::start();
    let api = &ledger.api;
    let sleeping = api.run_of(&api.send("ledger/sleep", &order("watched", 1, 1_000)));
    let watched = run(&ledger, &["runs", "watch", &sleeping]).done();
    assert!(
        watched.stdout.contains("Completed in"),
        "{}",
        watched.stdout
    );
    assert!(!watched.stdout.contains('\u{1b}'), "{}", watched.stdout);
    // It is over: told once more, and the same code.
    let again = run(&ledger, &["runs", "watch", &sleeping, "--json"]).done();
    let last = again.stdout.lines().last().expect("a line");
    let last: serde_json::Value = serde_json::from_str(last).expect("JSON");
    assert_eq!(last["status"], "Completed");

    let long = api.run_of(&api.send("ledger/sleep", &order("cancelled", 1, 3_600_000)));
    let _ = run(&ledger, &["runs", "cancel", &long]).done();
    let cancelled = run(&ledger, &["runs", "watch", &long]).expect(1);
    assert!(
        cancelled.stdout.contains("Cancelled"),
        "{}",
        cancelled.stdout
    );
    run(&ledger, &["runs", "watch", "01J8Z6QW3C9G5V2N7T4R0K1M8X"])
        .refused(1, &["01J8Z6QW3C9G5V2N7T4R0K1M8X"]);
}

#[test]
fn top_prints_one_frame_for_scripts_and_says_so_where_there_is_no_terminal() {
    let ledger = Ledger::start();
    let api = &ledger.api;
    let event = api.send("ledger/sequence", &order("top", 1, 0));
    api.ended(&api.run_of(&event), SOON);
    let frame = run(&ledger, &["top", "--once"]).done().stdout;
    for words in [
        "abide top",
        ledger.server.url(),
        "ledger/sequence",
        "completed 1",
    ] {
        assert!(frame.contains(words), "no {words} in:\n{frame}");
    }
    assert!(!frame.contains('\u{1b}'), "{frame}");
    run(&ledger, &["top"]).refused(2, &["no terminal", "top --once"]);
    let nowhere = Run::abide(["top", "--once", "--url", "http://127.0.0.1:9"]).run();
    nowhere.refused(3, &["127.0.0.1:9"]);
}

/// `script` of util-linux gives the program a terminal.
#[test]
fn top_draws_on_a_terminal_and_gives_it_back() {
    let ledger = Ledger::start();
    let api = &ledger.api;
    let event = api.send("ledger/sequence", &order("drawn", 1, 0));
    api.ended(&api.run_of(&event), SOON);
    for (keys, signal) in [(&b"?x\tq"[..], false), (&b""[..], true)] {
        let command = format!(
            "stty rows 30 cols 100; echo $$; exec '{}' top --url {}",
            abide().display(),
            ledger.server.url()
        );
        let mut script = Command::new("script")
            .args(["-qec", &command, "/dev/null"])
            .env("SHELL", "/bin/sh")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("`script` of util-linux is there");
        let mut stdin = script.stdin.take().expect("it is piped");
        let mut stdout = script.stdout.take().expect("it is piped");
        let mut seen = Vec::new();
        let mut piece = [0; 4096];
        let mut read = |seen: &mut Vec<u8>| {
            let count = stdout.read(&mut piece).expect("it writes");
            seen.extend_from_slice(&piece[..count]);
            count
        };
        let drawn = |seen: &[u8]| {
            let text = String::from_utf8_lossy(seen);
            text.contains("\u{1b}[?1049h") && text.contains("ledger/sequence")
        };
        let began = Instant::now();
        while !drawn(&seen) {
            assert!(began.elapsed() < SOON, "{}", String::from_utf8_lossy(&seen));
            assert_ne!(read(&mut seen), 0, "{}", String::from_utf8_lossy(&seen));
        }
        if signal {
            let text = String::from_utf8_lossy(&seen);
            let pid = text.lines().next().expect("the shell's id").trim();
            let killed = Command::new("kill").args(["-TERM", pid]).status();
            assert!(killed.expect("`kill` is there").success());
        }
        stdin.write_all(keys).expect("it reads");
        let began = Instant::now();
        while read(&mut seen) != 0 {
            assert!(began.elapsed() < SOON, "{}", String::from_utf8_lossy(&seen));
        }
        let text = String::from_utf8_lossy(&seen);
        let (_, after) = text
            .rsplit_once("\u{1b}[?1049l")
            .unwrap_or_else(|| panic!("{text:?}"));
        assert!(["", "\u{1b}[?25h"].contains(&after), "{text:?}");
        let status = eventually(SOON, || script.try_wait().expect("it can be asked"));
        assert!(status.expect("it ends").success(), "{text:?}");
    }
}

#[test]
fn logs_are_chosen_by_level_and_step_and_cut_where_they_are_too_long() {
    let ledger = Ledger::start();
    let component = guest("hostile");
    let _ = run(&ledger, &["deploy", &component.to_string_lossy()]).done();
    let id = ledger
        .api
        .outcome("hostile/log-flood-body", &json!({}), SOON);
    let id = id["run_id"].as_str().expect("an id");
    let count = |more: &[&str]| {
        let shown = run(&ledger, &[&["runs", "logs", id, "--json"], more].concat()).done();
        shown.stdout.lines().count()
    };
    let all = count(&[]);
    assert!(all > 100, "{all}");
    assert_eq!(count(&["--step", "flood"]), all);
    assert_eq!(
        (count(&["--step", ""]), count(&["--step", "other"])),
        (0, 0)
    );
    // What was left out is said by one line.
    assert_eq!(count(&["--level", "warn"]), 1);
    let (mut after, mut paged) = ("0".to_owned(), 0);
    loop {
        let path = format!("/api/v1/runs/{id}/logs?limit=999&after={after}");
        let page = ledger.api.get(&path).json;
        let lines = page["data"].as_array().map_or(0, Vec::len);
        assert!(lines <= 999 && page["cut"] == true, "{lines}");
        page["next_after"]
            .as_str()
            .expect("a text")
            .clone_into(&mut after);
        paged += lines;
        if lines == 0 {
            break;
        }
    }
    assert_eq!(paged, all);
    run(&ledger, &["runs", "logs", id, "--level", "loud"]).refused(2, &["loud", "warn"]);
}
