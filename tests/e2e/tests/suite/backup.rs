//! Backups of a server that works, and servers that go on from them.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};

use abide_e2e::{Api, Ran, Run, Server, abide, until};
use serde_json::{Value, json};

use crate::guarded::Ends;
use crate::support::{Ledger, SOON, folder, order, recorded, recorded_step, stands, value};

fn backup(file: &Path, more: &[&str]) -> Ran {
    let file = file.to_string_lossy().into_owned();
    Run::abide(["backup", &file].iter().chain(more)).run()
}

fn restore(file: &Path, data: &Path) -> Ran {
    let [file, data] = [file, data].map(|path| path.to_string_lossy().into_owned());
    Run::abide(["restore", &file, "--data", &data, "--json"]).run()
}

/// A server with a run that sleeps, one that waits, one that is done, and an event that is kept in a file of its own.
struct Busy {
    ledger: Ledger,
    sleeping: Value,
    waiting: Value,
    done: Value,
    large: (String, Value),
}

impl Busy {
    fn start() -> Self {
        let ledger = Ledger::start();
        let api = &ledger.api;
        let done = api.outcome("ledger/sequence", &order("done", 5, 0), SOON);
        let data = json!({"text": "x".repeat(20_000)});
        let large = api.send("large/one", &data);
        let sleeping = api.run_of(&api.send("ledger/sleep", &order("sleeping", 2, 4_000)));
        let waiting = api.run_of(&api.send("ledger/wait", &order("waiting", 0, 0)));
        let sleeping = ledger.stands(&sleeping, "Sleeping");
        let waiting = ledger.stands(&waiting, "Waiting");
        Self {
            done,
            large: (large, data),
            sleeping,
            waiting,
            ledger,
        }
    }

    /// Everything is there, and what was under way goes on without a recorded step being executed again.
    fn goes_on_at(&self, api: &Api) {
        let id = |run: &Value| run["run_id"].as_str().expect("an id").to_owned();
        assert_eq!(
            recorded(api.run(&id(&self.done))),
            recorded(self.done.clone())
        );
        let event = api.get(&format!("/api/v1/events/{}", self.large.0)).json;
        assert_eq!(event["data"], self.large.1, "{event:#}");
        let slept = api.ended(&id(&self.sleeping), SOON);
        assert_eq!(slept["output"]["values"], json!([value(0), value(1)]));
        let first = |run: &Value| recorded_step(&run["steps"][0]);
        assert_eq!(first(&slept), first(&self.sleeping));
        stands(api, &id(&self.waiting), "Waiting");
        api.send("ledger/go", &json!({"key": "waiting", "value": 3}));
        let waited = api.ended(&id(&self.waiting), SOON);
        assert_eq!(waited["output"]["values"], json!([value(0), 3, value(1)]));
        assert_eq!(first(&waited), first(&self.waiting));
    }
}

#[test]
fn a_server_that_is_backed_up_under_load_goes_on_elsewhere_after_its_death() {
    let busy = Busy::start();
    let folder = folder();
    let file = folder.path().join("abide.backup");
    let over = AtomicBool::new(false);
    let (said, acknowledged) = std::thread::scope(|scope| {
        let ends = Ends(&over);
        let load = scope.spawn(|| {
            let mut acknowledged = Vec::new();
            while !over.load(Ordering::Relaxed) {
                let n = acknowledged.len();
                let mut data = order(&format!("load-{n}"), 3, 0);
                data["padding"] = json!("y".repeat(6_000));
                acknowledged.push(busy.ledger.api.send("ledger/sequence", &data));
            }
            acknowledged
        });
        until("some load", SOON, || {
            let page = busy.ledger.api.get("/api/v1/runs?limit=20").json;
            (page["data"].as_array()?.len() > 10).then_some(())
        });
        let before = busy
            .ledger
            .api
            .send("ledger/sequence", &order("last", 1, 0));
        let ran = backup(&file, &["--json", "--url", busy.ledger.server.url()]);
        drop(ends);
        let mut acknowledged = load.join().expect("the load ends");
        acknowledged.truncate(5);
        acknowledged.push(before);
        (ran.done().json(), acknowledged)
    });
    assert!(said["payloads"].as_u64() > Some(0), "{said}");
    assert_eq!(said["components"], 1, "{said}");
    let mode = fs::metadata(&file).expect("the file").permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "only its owner reads it");

    let elsewhere = folder.path().join("elsewhere");
    let told = restore(&file, &elsewhere).done().json();
    assert_eq!(told["directories"][0]["apps"], 1, "{told}");
    let pid = busy.ledger.server.pid().to_string();
    let killed = Command::new("kill").args(["-9", &pid]).status();
    assert!(killed.is_ok_and(|status| status.success()));
    let server = Server::serve(&elsewhere);
    let api = server.api();
    for event in &acknowledged {
        let run = api.ended(&api.run_of(event), SOON);
        assert_eq!(run["status"], "Completed", "{run:#}");
    }
    busy.goes_on_at(&api);
}

#[test]
fn a_stopped_server_is_backed_up_from_its_directory() {
    let busy = Busy::start();
    let folder = folder();
    let file = folder.path().join("abide.backup");
    let data = busy.ledger.data.path().to_string_lossy().into_owned();
    backup(&file, &["--data", &data]).refused(1, &["in use by another process"]);
    assert!(!file.exists());
    busy.ledger
        .server
        .terminate()
        .expect("it can be asked to end");
    let copied = until("the directory is free", SOON, || {
        let ran = backup(&file, &["--data", &data]);
        (ran.code == 0).then_some(ran)
    });
    assert!(copied.stdout.contains("1 environment,"), "{copied:?}");
    backup(&file, &["--data", &data]).refused(2, &["exists"]);
    let elsewhere = folder.path().join("elsewhere");
    let _ = restore(&file, &elsewhere).done();
    let server = Server::serve(&elsewhere);
    busy.goes_on_at(&server.api());
    restore(&file, &elsewhere).refused(1, &["nothing was restored", "empty"]);
}

/// What is left of a restoration when the process is killed in the middle of it.
#[test]
fn a_killed_restoration_leaves_nothing_that_a_server_opens() {
    let ledger = Ledger::start();
    let data = json!({"text": "z".repeat(100_000)});
    for n in 0..40 {
        ledger.api.send("large/one", &json!({"n": n, "data": data}));
    }
    let folder = folder();
    let file = folder.path().join("abide.backup");
    let _ = backup(&file, &["--url", ledger.server.url()]).done();
    let elsewhere = folder.path().join("elsewhere");
    let mut child = Command::new(abide())
        .arg("restore")
        .arg(&file)
        .arg("--data")
        .arg(&elsewhere)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("it starts");
    let unfinished = elsewhere.join("restoring");
    until("it has begun", SOON, || {
        (unfinished.exists() || !matches!(child.try_wait(), Ok(None))).then_some(())
    });
    child.kill().expect("it can be killed");
    child.wait().expect("it ends");
    if unfinished.exists() {
        let path = elsewhere.to_string_lossy().into_owned();
        Run::abide([
            "serve",
            "--insecure",
            "--listen",
            "127.0.0.1:0",
            "--data",
            &path,
        ])
        .run()
        .refused(1, &["was being restored", "restore again"]);
        restore(&file, &elsewhere).refused(1, &["interrupted", "remove what is in it"]);
        fs::remove_dir_all(&elsewhere).expect("it can be removed");
        let _ = restore(&file, &elsewhere).done();
    }
    let server = Server::serve(&elsewhere);
    let events = server.api().get("/api/v1/events?limit=100").json;
    assert_eq!(events["data"].as_array().map(Vec::len), Some(40));
}

#[test]
fn a_full_disk_leaves_no_file_that_looks_like_a_backup() {
    let busy = Busy::start();
    let folder = folder();
    let file = folder.path().join("abide.backup");
    // No file may grow above 8 KiB, and the signal that says so is ignored: the write fails.
    let ran = Command::new("sh")
        .args(["-c", "ulimit -f 16; trap '' XFSZ; exec \"$@\"", "sh"])
        .arg(abide())
        .arg("backup")
        .arg(&file)
        .args(["--url", busy.ledger.server.url()])
        .output()
        .expect("it starts");
    let said = String::from_utf8_lossy(&ran.stderr).into_owned();
    assert_eq!(ran.status.code(), Some(1), "{said}");
    assert!(said.contains("was removed"), "{said}");
    let left: Vec<PathBuf> = fs::read_dir(folder.path())
        .expect("the folder")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    assert_eq!(left, [] as [PathBuf; 0]);
    let _ = until("the server takes the next one", SOON, || {
        let ran = backup(&file, &["--url", busy.ledger.server.url()]);
        (ran.code == 0).then_some(ran)
    });
}

#[test]
fn a_file_that_is_no_whole_backup_is_refused_before_anything_is_written() {
    let ledger = Ledger::start();
    let folder = folder();
    let file = folder.path().join("abide.backup");
    let _ = backup(&file, &["--url", ledger.server.url()]).done();
    let sound = fs::read(&file).expect("the file");
    let mut flipped = sound.clone();
    flipped[sound.len() / 2] ^= 1;
    let data = folder.path().join("data");
    for (bytes, says) in [
        (&sound[..sound.len() / 2], "cut off"),
        (&flipped[..], "checksum"),
        (&b"a letter"[..], "does not begin like one"),
    ] {
        fs::write(&file, bytes).expect("it can be written");
        restore(&file, &data).refused(1, &["no backup that can be restored", says]);
        assert!(!data.exists(), "{says}");
    }
}

/// What `abide export run` prints.
fn exported(url: &str, run: &str, more: &[&str]) -> String {
    let arguments = ["export", "run", run, "--url", url];
    Run::abide(arguments.iter().chain(more)).run().done().stdout
}

fn import(document: &str, url: &str, more: &[&str]) -> Ran {
    let arguments = ["import", "-", "--json", "--url", url];
    Run::abide(arguments.iter().chain(more))
        .stdin(document)
        .run()
}

#[test]
fn a_run_is_looked_at_checked_and_replayed_on_another_server() {
    let busy = Busy::start();
    let here = busy.ledger.server.url();
    let id = busy.done["run_id"].as_str().expect("an id");
    let without = exported(here, id, &[]);
    let with = exported(here, id, &["--with-component"]);
    let folder = folder();
    let other = Server::serve(folder.path());
    let api = other.api();

    let told = import(&without, other.url(), &["--check"]).expect(1).json();
    assert_eq!(
        (&told["imported"], &told["component"]),
        (&json!(true), &json!(false))
    );
    assert_eq!(
        told["replay"]["fits"], false,
        "its component is not here: {told}"
    );
    let told = import(&with, other.url(), &["--check"]).done().json();
    assert_eq!(
        (&told["imported"], &told["component"]),
        (&json!(false), &json!(true))
    );
    assert_eq!(told["replay"], json!({"fits": true}));

    // Everything that is shown of it is the same, its events, journal and logs too.
    assert_eq!(recorded(api.run(id)), recorded(busy.done.clone()));
    for path in ["journal", "logs"] {
        let path = format!("/api/v1/runs/{id}/{path}");
        assert_eq!(api.get(&path).json, busy.ledger.api.get(&path).json);
    }
    assert_eq!(exported(other.url(), id, &[]), without);
    let event = busy.done["event_id"].as_str().expect("an event");
    assert_eq!(api.runs_of(event).len(), 1);
    let replayed = api.post(&format!("/api/v1/runs/{id}/replay"), &json!({}));
    assert_ne!(
        replayed.status, 200,
        "no app is deployed: {}",
        replayed.text
    );
    crate::support::deploy(&api, "ledger", "ledger");
    let replayed = api.post(&format!("/api/v1/runs/{id}/replay"), &json!({}));
    let again = replayed.json["run_id"].as_str().expect("a run").to_owned();
    assert_eq!(api.ended(&again, SOON)["output"], busy.done["output"]);
}

#[test]
fn an_imported_run_that_had_not_ended_never_goes_on() {
    let busy = Busy::start();
    let id = busy.waiting["run_id"].as_str().expect("an id");
    let document = exported(busy.ledger.server.url(), id, &["--with-component"]);
    let folder = folder();
    let other = Server::serve(folder.path());
    let api = other.api();
    crate::support::deploy(&api, "ledger", "ledger");
    let told = import(&document, other.url(), &["--check"]).done().json();
    assert_eq!(told["status"], "Cancelled", "{told}");
    assert_eq!(told["replay"], json!({"fits": true}));
    api.send("ledger/go", &json!({"key": "waiting", "value": 3}));
    api.outcome("ledger/sequence", &order("after", 1, 0), SOON);
    let run = api.run(id);
    assert_eq!(run["status"], "Cancelled", "{run:#}");
    let said = run["error"]["message"].as_str().unwrap_or_default();
    assert!(said.contains("exported while it was Waiting"), "{run:#}");
}

#[test]
fn documents_that_were_changed_are_refused_and_change_nothing() {
    let busy = Busy::start();
    let here = busy.ledger.server.url();
    let id = busy.done["run_id"].as_str().expect("an id");
    let document = exported(here, id, &["--with-component"]);
    let changed = |change: &dyn Fn(&mut Value)| {
        let mut value: Value = serde_json::from_str(&document).expect("it is JSON");
        change(&mut value);
        value.to_string()
    };
    let other_output = changed(&|it| it["run"]["end"]["Output"] = json!("\"forged\""));
    import(&other_output, here, &[]).refused(1, &["another run with the id"]);
    assert_eq!(
        recorded(busy.ledger.api.run(id)),
        recorded(busy.done.clone())
    );

    let folder = folder();
    let other = Server::serve(folder.path());
    let other_code = changed(&|it| it["component"]["wasm"] = json!("AAAA"));
    let cut = changed(&|it| {
        it["journal"].as_array_mut().expect("a journal").pop();
    });
    let newer = changed(&|it| it["abide_run"] = json!(2));
    let no_json = changed(&|it| it["run"]["end"]["Output"] = json!("{"));
    for (document, says) in [
        (other_code, "does not fit component.digest"),
        (cut, "run.entries and the journal differ"),
        (newer, "version 2"),
        (no_json, "no JSON"),
        ("{}".to_owned(), "no exported run"),
        ("letter".to_owned(), "no exported run"),
    ] {
        import(&document, other.url(), &[]).refused(1, &[says]);
    }
    let runs = other.api().get("/api/v1/runs").json;
    assert_eq!(runs["data"], json!([]));
}
