//! The life of a server: starts, stops, deaths, damage, new versions of apps.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::mpsc;

use abide_e2e::{Run, Server};
use serde_json::json;

use crate::support::{Ledger, SOON, deploy, folder, order, recorded_step, stands, value};

fn serve(data: &Path) -> Run {
    Run::abide(
        ["serve", "--insecure", "--listen", "127.0.0.1:0", "--data"]
            .map(std::ffi::OsStr::new)
            .into_iter()
            .chain([data.as_os_str()]),
    )
}

#[test]
fn a_second_process_on_the_same_data_is_told_who_has_it() {
    let ledger = Ledger::start();
    let pid = ledger.server.pid().to_string();
    serve(ledger.data.path())
        .run()
        .refused(1, &["in use by another process", &pid, "data directory"]);
    assert_eq!(
        ledger.api.get("/health").status,
        200,
        "the first one is unharmed"
    );
}

#[test]
fn a_taken_port_is_told_before_the_data_is_touched() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address").to_string();
    let data = folder();
    let inside = data.path().join("data");
    let path = inside.to_string_lossy().into_owned();
    Run::abide(["serve", "--insecure", "--listen", &address, "--data", &path])
        .run()
        .refused(1, &[&address, "in use", "--listen"]);
    assert!(!inside.exists(), "nothing was created");
}

#[test]
fn sigterm_ends_it_in_time_and_nothing_is_lost() {
    let mut ledger = Ledger::start();
    let sleeping = ledger.api.run_of(
        &ledger
            .api
            .send("ledger/sleep", &order("sleeping", 2, 1_500)),
    );
    let waiting = ledger
        .api
        .run_of(&ledger.api.send("ledger/wait", &order("waiting", 0, 0)));
    ledger.stands(&sleeping, "Sleeping");
    ledger.stands(&waiting, "Waiting");
    let busy: Vec<_> = (0..40)
        .map(|n| {
            ledger
                .api
                .send("ledger/everything", &order(&format!("busy-{n}"), 0, 50))
        })
        .collect();
    ledger.server.terminate().expect("it can be asked to end");
    let status = ledger.server.ended(SOON).expect("it ends");
    assert_eq!(status.code(), Some(0), "{}", ledger.server.output());
    let ledger = ledger.restart();
    for (n, event) in busy.iter().enumerate() {
        let run = ledger.api.ended(&ledger.api.run_of(event), SOON);
        assert_eq!(
            (&run["status"], &run["output"]["key"]),
            (&json!("Completed"), &json!(format!("busy-{n}"))),
            "{run:#}"
        );
    }
    assert_eq!(
        ledger.api.ended(&sleeping, SOON)["output"]["values"],
        json!([value(0), value(1)])
    );
    ledger
        .api
        .send("ledger/go", &json!({"key": "waiting", "value": 3}));
    assert_eq!(
        ledger.api.ended(&waiting, SOON)["output"]["values"],
        json!([value(0), 3, value(1)])
    );
}

#[test]
fn a_run_goes_on_after_kill_9_with_what_was_recorded() {
    let ledger = Ledger::start();
    let run = ledger
        .api
        .run_of(&ledger.api.send("ledger/sleep", &order("killed", 3, 700)));
    let before = ledger.stands(&run, "Sleeping");
    let ledger = ledger.restart();
    let after = ledger.api.ended(&run, SOON);
    assert_eq!(after["status"], "Completed", "{after:#}");
    assert_eq!(
        after["output"]["values"],
        json!([value(0), value(1), value(2)])
    );
    assert_eq!(
        recorded_step(&after["steps"][0]),
        recorded_step(&before["steps"][0]),
        "a recorded step stays as it was"
    );
}

#[test]
fn a_redeploy_leaves_runs_in_flight_on_their_code() {
    let ledger = Ledger::start();
    let old = ledger.api.get("/api/v1/apps/ledger").json["digest"].clone();
    let run = ledger
        .api
        .run_of(&ledger.api.send("ledger/sleep", &order("pinned", 2, 1_200)));
    ledger.stands(&run, "Sleeping");
    let app = deploy(&ledger.api, "ledger", "bench");
    assert_eq!(app["deployments"], 2);
    assert_ne!(app["digest"], old);
    let late = ledger.api.send("ledger/sleep", &order("late", 1, 0));
    let ledger = ledger.restart();
    let ended = ledger.api.ended(&run, SOON);
    assert_eq!(
        (&ended["status"], &ended["function_version"]),
        (&json!("Completed"), &old),
        "{ended:#}"
    );
    assert_eq!(ended["output"]["values"], json!([value(0), value(1)]));
    assert_eq!(
        ledger.api.runs_of(&late).len(),
        0,
        "the new version has no such function"
    );
}

#[test]
fn acknowledged_deploys_and_their_settings_survive_kill_9() {
    let data = folder();
    let (address, report) = listener();
    let server = Server::serve(data.path());
    let query = format!("?var=WITNESS_URL=http%3A%2F%2F{address}%2Fsecret&allow_net={address}");
    let answer = server
        .api()
        .deploy("ledger", &abide_e2e::guest("ledger"), &query);
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert!(
        !answer.text.contains("secret"),
        "the values of variables are never shown: {}",
        answer.text
    );
    server.kill();
    let server = Server::serve(data.path());
    let run = server
        .api()
        .outcome("ledger/sequence", &order("told", 1, 0), SOON);
    assert_eq!(run["status"], "Completed", "{run:#}");
    let told = report
        .recv_timeout(SOON)
        .expect("the body reached the address that its variable names");
    assert!(
        told.contains("POST /secret") && told.contains("idempotency-key"),
        "{told}"
    );
}

/// Answers one request with 200, and hands on what it was asked.
fn listener() -> (String, mpsc::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    let (give, take) = mpsc::channel();
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a connection");
        let mut asked = vec![0; 4096];
        let read = stream.read(&mut asked).expect("a request");
        asked.truncate(read);
        stream
            .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}")
            .expect("an answer");
        // The test may be over.
        let _ = give.send(String::from_utf8_lossy(&asked).into_owned());
    });
    (address, take)
}

/// A data directory with some runs, of a server that ended in order.
fn used() -> tempfile::TempDir {
    let mut ledger = Ledger::start();
    for n in 0..30 {
        ledger
            .api
            .outcome("ledger/sequence", &order(&format!("used-{n}"), 5, 0), SOON);
    }
    ledger.server.terminate().expect("it can be asked to end");
    assert!(
        ledger
            .server
            .ended(SOON)
            .is_some_and(|status| status.success())
    );
    ledger.data
}

fn database(data: &Path) -> PathBuf {
    fn files(folder: &Path) -> Vec<PathBuf> {
        let entries = fs::read_dir(folder).expect("it can be read");
        entries
            .flat_map(|entry| {
                let path = entry.expect("an entry").path();
                if path.is_dir() {
                    files(&path)
                } else {
                    vec![path]
                }
            })
            .collect()
    }
    let found = files(data)
        .into_iter()
        .find(|path| path.file_name().is_some_and(|name| name == "db"));
    found.expect("the store's file")
}

#[test]
fn damaged_data_is_refused_and_left_as_it_is() {
    let data = used();
    let file = database(data.path());
    let good = fs::read(&file).expect("it can be read");
    let mut flipped = good.clone();
    let end = good
        .iter()
        .rposition(|byte| *byte != 0)
        .expect("it holds something");
    flipped[end / 2..end / 2 + 64]
        .iter_mut()
        .for_each(|byte| *byte ^= 0xA5);
    let mut cut = good.clone();
    cut.truncate(good.len() / 2);
    for (what, damaged) in [
        ("bits are flipped", flipped),
        ("the end is missing", cut),
        ("it is empty", Vec::new()),
    ] {
        fs::write(&file, &damaged).expect("it can be written");
        let ran = serve(data.path()).run();
        assert_eq!(ran.code, 1, "{what}: {ran:?}");
        ran.says(&["damaged", "backup", "accept-loss"]);
        assert!(!ran.stderr.contains("panicked"), "{what}: {}", ran.stderr);
        assert_eq!(
            fs::read(&file).expect("it can be read"),
            damaged,
            "{what}: nothing was changed"
        );
    }
    fs::write(&file, &good).expect("it can be written");
    let server = Server::serve(data.path());
    assert_eq!(
        server.api().get("/api/v1/runs?limit=200").json["data"]
            .as_array()
            .map(Vec::len),
        Some(30),
        "the backup serves again"
    );
}

#[test]
fn a_missing_component_pauses_nothing_else_and_is_named() {
    let ledger = Ledger::start();
    let digest = ledger.api.get("/api/v1/apps/ledger").json["digest"]
        .as_str()
        .expect("a digest")
        .to_owned();
    let run = ledger
        .api
        .run_of(&ledger.api.send("ledger/sleep", &order("orphan", 1, 4_000)));
    ledger.stands(&run, "Sleeping");
    let Ledger { data, server, .. } = ledger;
    server.kill();
    fs::remove_file(
        data.path()
            .join("components")
            .join(format!("{digest}.wasm")),
    )
    .expect("it was there");
    let server = Server::serve(data.path());
    let api = server.api();
    deploy(&api, "cheats", "cheats");
    let paused = stands(&api, &run, "Paused");
    let message = paused["error"]["message"].as_str().unwrap_or_default();
    assert!(
        message.contains(&digest) && message.contains("restore"),
        "{paused:#}"
    );
    let other = api.outcome("cheats/floats", &json!({}), SOON);
    assert_eq!(other["status"], "Completed", "{other:#}");
}
