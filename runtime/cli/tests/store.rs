//! `abide store` on real directories.

use std::path::Path;
use std::process::{Command, Output};

use abide_store::{Batch, SPILL_ABOVE, SledOptions, Store};

fn abide(arguments: &[&str], data: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_abide"))
        .arg("store")
        .args(arguments)
        .arg("--data")
        .arg(data)
        .env_remove("ABIDE_LOG")
        .output()
        .expect("the binary starts")
}

fn succeeds(arguments: &[&str], data: &Path) -> String {
    let output = abide(arguments, data);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {stderr}");
    String::from_utf8(output.stdout).expect("it is text")
}

/// Exit code and stderr.
fn fails(arguments: &[&str], data: &Path) -> (i32, String) {
    let output = abide(arguments, data);
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.code().expect("it exits"), stderr)
}

/// Rows with the first byte of runs: many are written, the last ten are left.
fn filled(data: &Path) -> Store {
    let store = Store::open(data, &SledOptions::default()).expect("it opens");
    let key = |n: u16| [&[0x20][..], &n.to_be_bytes()].concat();
    for first in (0..4_000).step_by(400) {
        let mut batch = Batch::new();
        for n in first..first + 400 {
            // The first byte is the version of a run's record.
            batch.put(key(n), [vec![2], vec![7; 1_000]].concat());
        }
        store.submit(batch).wait().expect("it is durable");
    }
    let mut batch = Batch::new();
    for n in 0..3_990 {
        batch.delete(key(n));
    }
    batch.put(&b"\x22large"[..], [vec![1], vec![7; SPILL_ABOVE]].concat());
    store.submit(batch).wait().expect("it is durable");
    store
}

#[test]
fn a_store_is_counted_and_compacted_and_holds_the_same_afterwards() {
    let data = tempfile::tempdir().expect("a directory");
    filled(data.path()).close().expect("it closes");
    let before = succeeds(&["stats"], data.path());
    let line = |text: &str, kind: &str| {
        let found = text.lines().find(|line| line.starts_with(kind));
        found
            .unwrap_or_else(|| panic!("no {kind} in {text}"))
            .to_owned()
    };
    assert!(line(&before, "runs ").contains(" 10 "), "{before}");
    assert!(line(&before, "journals ").contains(" 1 (5 KB)"), "{before}");

    let done = succeeds(&["compact", "--json"], data.path());
    let done: serde_json::Value = serde_json::from_str(&done).expect("it is JSON");
    assert_eq!(done["rows"], 11);
    let bytes = |field: &str| done[field].as_u64().expect("a number");
    assert!(bytes("after_bytes") * 2 < bytes("before_bytes"), "{done}");

    let after = succeeds(&["stats"], data.path());
    assert_eq!(line(&after, "total "), line(&before, "total "));
    let json = succeeds(&["stats", "--json"], data.path());
    let json: serde_json::Value = serde_json::from_str(&json).expect("it is JSON");
    let log_bytes = json["log_bytes"].as_u64().expect("a number");
    assert!(log_bytes * 2 < bytes("before_bytes"), "{json}");
    assert!(succeeds(&["compact"], data.path()).contains("11 rows"));
}

#[test]
fn a_directory_without_a_store_or_with_a_busy_one_is_refused() {
    let data = tempfile::tempdir().expect("a directory");
    let nowhere = data.path().join("nowhere");
    for command in ["stats", "compact", "check"] {
        let (code, said) = fails(&[command], &nowhere);
        assert_eq!(code, 2, "{said}");
        assert!(said.contains("there is no store in"), "{said}");
        assert!(!nowhere.exists(), "it is not created");
    }
    let _busy = filled(data.path());
    for command in ["stats", "compact"] {
        let (code, said) = fails(&[command], data.path());
        assert_eq!(code, 1, "{said}");
        assert!(said.contains("in use by another process"), "{said}");
    }
}

#[test]
fn a_sound_store_passes_the_check_and_one_with_strange_rows_does_not() {
    let data = tempfile::tempdir().expect("a directory");
    let sound = data.path().join("sound");
    let store = Store::open(&sound, &SledOptions::default()).expect("it opens");
    store.close().expect("it closes");
    assert!(succeeds(&["check"], &sound).starts_with("default: sound; 0 rows"));

    let strange = data.path().join("strange");
    filled(&strange).close().expect("it closes");
    let output = abide(&["check", "--json"], &strange);
    assert_eq!(output.status.code(), Some(1));
    let told: serde_json::Value = serde_json::from_slice(&output.stdout).expect("it is JSON");
    assert_eq!(
        (&told["sound"], &told["stores"][0]["problems"]),
        (&false.into(), &11.into())
    );
    let first = &told["stores"][0]["first_problems"][0];
    assert!(
        first["remedy"]
            .as_str()
            .is_some_and(|remedy| remedy.contains("abide restore")),
        "{first}"
    );

    let log = strange.join("log/db");
    let cut = std::fs::read(&log).expect("the log");
    std::fs::write(&log, &cut[..cut.len() / 2]).expect("it can be written");
    let output = abide(&["check"], &strange);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("is damaged"), "{said}");
}
