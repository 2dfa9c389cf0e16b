//! The examples, as the README's reader runs them: `abide dev examples`, `abide send --event … --wait`, and `kill -9` half-way.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::thread;
use std::time::Duration;

use abide_e2e::{Api, Run, Server, eventually, repository, until};
use serde_json::{Value, json};

use crate::support::{SOON, folder, recorded_step};

/// Only one `abide dev` starts at a time: two would wait for each other's builds.
pub(crate) static DEV: Mutex<()> = Mutex::new(());

/// An event of an example, and what must come of it.
struct Case {
    event: PathBuf,
    expected: Value,
}

impl Case {
    fn name(&self) -> String {
        let file = self
            .event
            .strip_prefix(repository().join("examples"))
            .unwrap_or(&self.event);
        file.display().to_string()
    }
}

pub(crate) fn examples() -> PathBuf {
    repository().join("examples")
}

/// The endings of the names of examples that are not in Rust.
const ENDINGS: [&str; 5] = ["-ts", "-js", "-py", "-c", "-go"];

/// The folders of all examples, by the ending of their names; those in Rust have none. An example and its counterpart in another
/// language are started by the same events, so they are served one after the other.
fn folders() -> BTreeMap<&'static str, Vec<PathBuf>> {
    let mut folders = BTreeMap::<_, Vec<_>>::new();
    for entry in fs::read_dir(examples()).expect("the examples are there") {
        let folder = entry.expect("an entry").path();
        if folder.join("abide.toml").is_file() {
            let name = folder.to_string_lossy();
            let ending = ENDINGS.iter().find(|ending| name.ends_with(*ending));
            let ending = ending.copied().unwrap_or_default();
            folders.entry(ending).or_default().push(folder);
        }
    }
    for folders in folders.values_mut() {
        folders.sort();
    }
    folders
}

fn cases_in(folder: &Path) -> Vec<Case> {
    let files = fs::read_dir(folder)
        .expect("it can be read")
        .map(|entry| entry.expect("an entry").path());
    let is_event = |path: &PathBuf| {
        let name = path.file_name().and_then(|name| name.to_str());
        name.is_some_and(|name| name.starts_with("event"))
            && path
                .extension()
                .is_some_and(|extension| extension == "json")
    };
    let case = |event: PathBuf| {
        let name = event
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default()
            .replacen("event", "expected", 1);
        let text = fs::read_to_string(event.with_file_name(&name))
            .unwrap_or_else(|_| panic!("{} has no {name}", event.display()));
        let expected = serde_json::from_str(&text)
            .unwrap_or_else(|error| panic!("{name} of {}: {error}", event.display()));
        Case { event, expected }
    };
    let mut cases: Vec<_> = files.filter(is_event).map(case).collect();
    cases.sort_by(|a, b| a.event.cmp(&b.event));
    cases
}

/// For every run that `expected` lists there is one that has all its members, and no run is left over. A list that is not there
/// expects nothing.
fn fits(case: &Case, runs: &[Value], list: &str) -> Result<(), String> {
    let Some(expected) = case.expected[list].as_array() else {
        return Ok(());
    };
    if runs.len() != expected.len() {
        return Err(format!(
            "{}: {list}: {} runs instead of {}: {runs:?}",
            case.name(),
            runs.len(),
            expected.len()
        ));
    }
    let mut left: Vec<&Value> = runs.iter().collect();
    for wanted in expected {
        let members = wanted.as_object().into_iter().flatten();
        let is_it = |run: &&Value| {
            let mut members = members.clone();
            members.all(|(member, value)| run[member] == *value)
        };
        let found = left.iter().position(is_it).ok_or_else(|| {
            format!(
                "{}: {list}: no run is as expected: {wanted}; left are {left:?}",
                case.name()
            )
        })?;
        left.swap_remove(found);
    }
    Ok(())
}

/// The runs that were started by events which these runs have sent, once they have ended.
fn follow_ups(api: &Api, case: &Case, runs: &[Value]) -> Result<Vec<Value>, String> {
    let Some(expected) = case.expected["follow_up_runs"].as_array() else {
        return Ok(Vec::new());
    };
    let ids = |list: &[Value]| {
        list.iter()
            .map(|run| run["run_id"].as_str().unwrap_or_default().to_owned())
            .collect::<Vec<_>>()
    };
    let known = ids(runs);
    let mut latest = Vec::new();
    let done = eventually(SOON, || {
        let sent_by = sent_by(api, &ids(runs));
        let all = api.get("/api/v1/runs?limit=200").json["data"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        let is_follow_up = |run: &Value| {
            let event = run["event_id"].as_str().unwrap_or_default();
            !known.contains(&run["run_id"].as_str().unwrap_or_default().to_owned())
                && sent_by.contains(&event.to_owned())
        };
        latest = all.into_iter().filter(is_follow_up).collect();
        let over = latest.iter().all(|run| run["ended_at"].is_string());
        (over && latest.len() >= expected.len()).then_some(())
    });
    match done {
        Some(()) => Ok(latest),
        None => Err(format!(
            "{}: the follow-up runs did not end: {latest:?}",
            case.name()
        )),
    }
}

/// Events that these runs have sent.
fn sent_by(api: &Api, runs: &[String]) -> Vec<String> {
    let events = api.get("/api/v1/events?limit=200").json["data"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    let by_them = |event: &&Value| runs.iter().any(|run| event["sent_by_run_id"] == **run);
    events
        .iter()
        .filter(by_them)
        .filter_map(|event| event["event_id"].as_str().map(str::to_owned))
        .collect()
}

fn outcome(server: &Server, case: &Case) -> Result<(), String> {
    let runs = case.expected["runs"].as_array();
    let completes = runs.is_some_and(|runs| runs.iter().all(|run| run["status"] == "Completed"));
    let code = i32::from(!completes);
    let event = case.event.to_string_lossy();
    let ran = Run::abide([
        "send",
        "--event",
        &event,
        "--wait",
        "--json",
        "--url",
        server.url(),
    ])
    .run();
    if ran.code != code {
        return Err(format!(
            "{}: exit code {} instead of {code}: {ran:?}",
            case.name(),
            ran.code
        ));
    }
    let report = ran.json();
    let runs = report["runs"].as_array().cloned().unwrap_or_default();
    fits(case, &runs, "runs")?;
    let follow_ups = follow_ups(&server.api(), case, &runs)?;
    fits(case, &follow_ups, "follow_up_runs")
}

/// Every event of these examples, all at once, at one server.
fn every_event_comes_to_its_end(folders: &[PathBuf]) -> Vec<String> {
    let _turn = DEV.lock();
    let data = folder();
    let paths: Vec<_> = folders.iter().map(PathBuf::as_path).collect();
    let server = Server::dev(data.path(), &paths);
    let cases: Vec<_> = folders.iter().flat_map(|folder| cases_in(folder)).collect();
    assert!(cases.len() >= folders.len(), "every example has an event");
    thread::scope(|scope| {
        let tests: Vec<_> = cases
            .iter()
            .map(|case| scope.spawn(|| outcome(&server, case)))
            .collect();
        tests
            .into_iter()
            .filter_map(|test| {
                test.join()
                    .unwrap_or_else(|_| Err("a check panicked".into()))
                    .err()
            })
            .collect()
    })
}

#[test]
fn every_event_of_every_example_comes_to_its_expected_end() {
    let folders = folders();
    assert!(folders[""].len() >= 13, "all examples are found");
    let failed: Vec<_> = folders
        .values()
        .flat_map(|folders| every_event_comes_to_its_end(folders))
        .collect();
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

/// Sends what the file holds, in one request; gives the ids.
pub(crate) fn send_file(api: &Api, file: &Path) -> Vec<String> {
    let text = fs::read_to_string(file).expect("the file is there");
    let events: Value = serde_json::from_str(&text).expect("JSON");
    let answer = api.post("/e/test", &events);
    assert_eq!(answer.status, 200, "{}", answer.text);
    let ids = answer.json["ids"].as_array().cloned().unwrap_or_default();
    ids.iter()
        .filter_map(|id| id.as_str().map(str::to_owned))
        .collect()
}

/// The ids of all runs that these events have started so far.
pub(crate) fn runs_of_all(api: &Api, events: &[String]) -> Vec<String> {
    let runs = events.iter().flat_map(|event| api.runs_of(event));
    let mut ids: Vec<_> = runs
        .filter_map(|run| run["run_id"].as_str().map(str::to_owned))
        .collect();
    ids.sort();
    ids.dedup();
    ids
}

/// The example's runs as soon as one of them has steps recorded and more to do, or has ended.
fn half_way(api: &Api, events: &[String]) -> Option<Vec<Value>> {
    let runs = runs_of_all(api, events);
    let runs: Vec<_> = runs.iter().map(|run| api.run(run)).collect();
    let is_under_way = |run: &Value| {
        let recorded = run["steps"]
            .as_array()?
            .iter()
            .any(|step| step["status"] == "completed");
        (recorded || run["ended_at"].is_string()).then_some(())
    };
    runs.iter().find_map(is_under_way)?;
    Some(runs)
}

/// All runs of these events, ended, as soon as there are as many as expected.
pub(crate) fn all_ended(api: &Api, events: &[String], count: usize) -> Vec<Value> {
    let runs = until("all runs have begun", SOON, || {
        Some(runs_of_all(api, events)).filter(|runs| runs.len() >= count)
    });
    runs.iter().map(|run| api.ended(run, SOON)).collect()
}

#[test]
fn every_example_finishes_after_kill_9_half_way() {
    let mut in_the_middle = 0;
    for folder in folders().into_values().flatten() {
        let event = folder.join("event.json");
        let cases = cases_in(&folder);
        let case = cases.iter().find(|case| case.event == event);
        in_the_middle += u32::from(finishes_after_kill_9(&folder, case.expect("an event.json")));
    }
    assert!(
        in_the_middle >= 2,
        "only {in_the_middle} of the kills came in the middle"
    );
}

/// Whether the kill came in the middle.
fn finishes_after_kill_9(example: &Path, case: &Case) -> bool {
    let _turn = DEV.lock();
    let data = folder();
    let server = Server::dev(data.path(), &[example]);
    let events = send_file(&server.api(), &case.event);
    let before = until("the run has begun", SOON, || {
        half_way(&server.api(), &events)
    });
    server.kill();
    // The same command again.
    let server = Server::dev(data.path(), &[example]);
    let expected = case.expected["runs"].as_array().map_or(0, Vec::len);
    let after = all_ended(&server.api(), &events, expected);
    assert_eq!(fits(case, &after, "runs"), Ok(()));
    for (before, after) in before.iter().filter_map(|before| {
        let same = |after: &&Value| after["run_id"] == before["run_id"];
        after.iter().find(same).map(|after| (before, after))
    }) {
        nothing_recorded_was_repeated(before, after);
    }
    let follow_ups = follow_ups(&server.api(), case, &after);
    assert_eq!(
        follow_ups.and_then(|runs| fits(case, &runs, "follow_up_runs")),
        Ok(())
    );
    before.iter().any(|run| run["ended_at"].is_null())
}

fn nothing_recorded_was_repeated(before: &Value, after: &Value) {
    let steps = |run: &Value| run["steps"].as_array().cloned().unwrap_or_default();
    for (early, late) in steps(before).iter().zip(steps(after)) {
        if early["ended_at"].is_string() {
            assert_eq!(
                recorded_step(early),
                recorded_step(&late),
                "a recorded step stays as it was"
            );
        } else {
            assert_eq!(
                early["id"], late["id"],
                "an operation that was started stays in its place"
            );
        }
    }
}

#[test]
fn a_broken_app_is_told_and_the_version_before_stays_served() {
    let _turn = DEV.lock();
    let (apps, data) = (folder(), folder());
    let at = apps.path().join("changing-app");
    let at_text = at.to_string_lossy().into_owned();
    Run::abide(["new", "changing-app", "--path", &at_text])
        .run()
        .done()
        .says(&[]);
    let server = Server::dev(data.path(), &[&at]);
    let api = server.api();
    let digest = |api: &Api| api.get("/api/v1/apps/changing-app").json["digest"].clone();
    let first = digest(&api);
    assert!(first.is_string(), "{}", server.output());
    let source = at.join("src/lib.rs");
    let good = fs::read_to_string(&source).expect("the source");
    fs::write(&source, format!("{good}\nthis is not Rust\n")).expect("it can be written");
    until("the compiler's message is shown", BUILD, || {
        server.output().contains("this is not Rust").then_some(())
    });
    assert_eq!(digest(&api), first, "the old version stays served");
    fs::write(&source, format!("{good}\n/// Makes the code another one.\n#[unsafe(no_mangle)]\npub extern \"C\" fn changed() -> u32 {{ 7 }}\n")).expect("it can be written");
    until("the new version is served", BUILD, || {
        (digest(&api) != first).then_some(())
    });
    let event: Value =
        serde_json::from_str(&fs::read_to_string(at.join("event.json")).expect("an event"))
            .expect("an event");
    let run = api.ended(&api.run_of(&api.send_event(&event)), SOON);
    assert_eq!(run["status"], json!("Completed"), "{run:#}");
}

/// How long one build of an app may take on a busy machine.
const BUILD: Duration = Duration::from_secs(300);
