//! `abide store check` on what a killed server leaves, and on what a disk may make of it.

use std::fs;
use std::path::{Path, PathBuf};

use abide_e2e::Run;
use serde_json::{Value, json};

use crate::support::{Ledger, SOON, order, value};

/// The exit code, and what is told of the only environment's store.
fn check(data: &Path) -> (i32, Value) {
    let data = data.to_string_lossy().into_owned();
    let ran = Run::abide(["store", "check", "--json", "--data", &data]).run();
    let told = ran.json();
    let stores = told["stores"].as_array().expect("stores");
    let store = stores
        .iter()
        .find(|store| store["environment"] == "default");
    (ran.code, store.expect("the default environment").clone())
}

/// The files of a folder, and of those in it.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.append(&mut files(&path));
        } else {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// Changes a file's content, looks, and puts it back.
#[track_caller]
fn damaged(data: &Path, file: &Path, change: impl FnOnce(&[u8]) -> Option<Vec<u8>>, says: &[&str]) {
    let before = fs::read(file).expect("it can be read");
    match change(&before) {
        Some(bytes) => fs::write(file, bytes).expect("it can be written"),
        None => fs::remove_file(file).expect("it can be removed"),
    }
    let (code, told) = check(data);
    assert_eq!(code, 1, "{told:#}");
    let problem = match told["error"].as_str() {
        Some(error) => error.to_owned(),
        None => {
            let first = &told["first_problems"][0];
            format!("{}: {}: {}", first["place"], first["what"], first["remedy"])
        }
    };
    for word in says {
        assert!(problem.contains(word), "no {word:?} in: {problem}");
    }
    fs::write(file, before).expect("it can be written");
}

/// With one bit changed.
fn flipped(bytes: &[u8]) -> Option<Vec<u8>> {
    let (middle, mut bytes) = (bytes.len() / 2, bytes.to_vec());
    *bytes.get_mut(middle)? ^= 1;
    Some(bytes)
}

#[test]
fn a_killed_store_is_sound_and_each_damage_is_told_with_its_place_and_the_remedy() {
    let ledger = Ledger::start();
    let api = &ledger.api;
    api.outcome("ledger/sequence", &order("done", 5, 0), SOON);
    api.send("large/one", &json!({"text": "x".repeat(20_000)}));
    let waiting = api.run_of(&api.send("ledger/wait", &order("waiting", 0, 0)));
    ledger.stands(&waiting, "Waiting");
    let Ledger { data, server, .. } = ledger;
    server.kill();

    let here = data.path();
    let (code, told) = check(here);
    assert_eq!((code, &told["problems"]), (0, &json!(0)), "{told:#}");
    assert!(
        told["payloads"].as_u64() >= Some(1) && told["components"] == 1,
        "{told:#}"
    );

    let one = |folder: &str| files(&here.join(folder)).remove(0);
    let payload = one("blobs");
    let name = payload
        .file_name()
        .expect("a name")
        .to_string_lossy()
        .into_owned();
    damaged(here, &payload, flipped, &["blobs", &name, "abide restore"]);
    damaged(here, &payload, |_| None, &["blobs", &name, "abide restore"]);
    let component = one("components");
    let name = component
        .file_name()
        .expect("a name")
        .to_string_lossy()
        .into_owned();
    damaged(here, &component, flipped, &[&name, "deploy"]);
    damaged(here, &component, |_| None, &[&name, "deploy"]);
    let log = here.join("log/db");
    // What was not written yet is zeros.
    let half = |bytes: &[u8]| {
        let end = bytes.iter().rposition(|byte| *byte != 0)?;
        Some(bytes[..end / 2].to_vec())
    };
    damaged(here, &log, half, &["log/db", "damaged", "backup"]);
    let commits = here.join("commits");
    let other = |bytes: &[u8]| Some(vec![7; bytes.len()]);
    damaged(here, &commits, other, &["commits"]);

    let (code, told) = check(here);
    assert_eq!(
        (code, &told["problems"]),
        (0, &json!(0)),
        "looking changes nothing: {told:#}"
    );
    let server = abide_e2e::Server::serve(here);
    let api = server.api();
    api.send("ledger/go", &json!({"key": "waiting", "value": 3}));
    let ended = api.ended(&waiting, SOON);
    assert_eq!(ended["output"]["values"], json!([value(0), 3, value(1)]));
}
