//! Bit rot, truncation and lost pages at random places in every file of a real store: opening and reading it must either refuse with a
//! clear error, or show every acknowledged row. Never a panic, a hang or silence.
//!
//! `ABIDE_DAMAGE_CASES=5000 cargo test --release -p abide-store --test damage` runs more cases; `ABIDE_DAMAGE_SEED` repeats one.
#![allow(
    clippy::cast_possible_truncation,
    reason = "random numbers are cut to size"
)]

mod common;

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use abide_store::{Batch, Error, SPILL_ABOVE, SledOptions, Store};
use common::{Random, all_rows, open, options};

type Rows = BTreeMap<Vec<u8>, Vec<u8>>;

const CASES_IN_CI: u64 = 50;
/// A case takes milliseconds. Whoever needs this long hangs.
const HANG: Duration = Duration::from_mins(10);

/// Fills a store: new rows, overwritten rows, removed rows, payload files, several lives.
fn fill(dir: &Path, random: &mut Random) -> Rows {
    let mut rows = Rows::new();
    for life in 0..3u32 {
        let store = open(dir);
        for _group in 0..40 {
            let mut batch = Batch::new();
            for _ in 0..60 {
                let key = format!("k/{:05}", random.below(3000)).into_bytes();
                if random.below(5) == 0 {
                    batch.delete(key.clone());
                    rows.remove(&key);
                } else {
                    let len = random.below(500) as usize;
                    let value = random.bytes(len);
                    batch.put(key.clone(), value.clone());
                    rows.insert(key, value);
                }
            }
            store.submit(batch).wait().unwrap();
        }
        let (key, value) = (
            format!("large/{life}").into_bytes(),
            random.bytes(SPILL_ABOVE * 3),
        );
        let mut batch = Batch::new();
        batch.put(key.clone(), value.clone());
        rows.insert(key, value);
        store.submit(batch).wait().unwrap();
        store.close().unwrap();
    }
    rows
}

/// A store that was closed in order, and one whose process was killed: the copy is taken while it is open and idle.
fn templates(random: &mut Random) -> [(tempfile::TempDir, Rows); 2] {
    let closed = tempfile::tempdir().unwrap();
    let rows = fill(closed.path(), random);
    let killed = tempfile::tempdir().unwrap();
    let store = open(closed.path());
    let mut rows_of_killed = rows.clone();
    for n in 0..200u32 {
        let (key, value) = (format!("late/{n:04}").into_bytes(), random.bytes(100));
        let mut batch = Batch::new();
        batch.put(key.clone(), value.clone());
        rows_of_killed.insert(key, value);
        store.submit(batch).wait().unwrap();
    }
    copy(closed.path(), killed.path());
    let rows = rows_of_killed.clone();
    store.close().unwrap();
    [(closed, rows), (killed, rows_of_killed)]
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap().path();
        let target = to.join(entry.file_name().unwrap());
        if entry.is_dir() {
            copy(&entry, &target);
        } else {
            fs::copy(&entry, &target).unwrap();
        }
    }
}

fn files(dir: &Path, found: &mut Vec<PathBuf>) {
    let mut entries: Vec<_> = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    entries.sort();
    for entry in entries {
        if entry.is_dir() {
            files(&entry, found);
        } else {
            found.push(entry);
        }
    }
}

/// Damages one file and says how.
fn damage(dir: &Path, random: &mut Random) -> String {
    let mut found = Vec::new();
    files(dir, &mut found);
    found.retain(|path| fs::metadata(path).unwrap().len() > 0);
    // The log is nearly all of the store, so it gets most of the damage.
    let log = dir.join("log/db");
    let path = if random.below(3) > 0 {
        log
    } else {
        found[random.below(found.len() as u64) as usize].clone()
    };
    let mut bytes = fs::read(&path).unwrap();
    let at = random.below(bytes.len() as u64) as usize;
    let what = match random.below(6) {
        0..=2 => {
            bytes[at] ^= 1 << random.below(8);
            format!("flipped a bit at {at}")
        }
        3 => {
            bytes.truncate(at);
            format!("cut to {at} bytes")
        }
        4 => {
            let start = at / 4096 * 4096;
            let end = (start + 4096).min(bytes.len());
            bytes[start..end].fill(0);
            format!("zeroed the page at {start}")
        }
        _ => {
            let start = at / 512 * 512;
            let end = (start + 512 * (1 + random.below(40) as usize)).min(bytes.len());
            let noise = random.bytes(end - start);
            bytes[start..end].copy_from_slice(&noise);
            format!("overwrote {start}..{end} with noise")
        }
    };
    fs::write(&path, bytes).unwrap();
    format!("{}: {what}", path.strip_prefix(dir).unwrap().display())
}

/// How a damaged store answered.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Clone, Copy)]
enum Answer {
    Refused,
    RefusedARow,
    Intact,
}

fn try_store(dir: &Path, expected: &Rows, options: &SledOptions) -> Result<Answer, String> {
    let store = match Store::open(dir, options) {
        Ok(store) => store,
        Err(error) => return clear(&error).map(|()| Answer::Refused),
    };
    let answer = match all_rows(&store) {
        Err(error) => clear(&error).map(|()| Answer::RefusedARow),
        Ok(rows) if rows.iter().map(|(key, value)| (key, value)).eq(expected) => Ok(Answer::Intact),
        Ok(rows) => Err(format!("{} rows instead of {}", rows.len(), expected.len())),
    };
    if answer == Ok(Answer::Intact) {
        // Writing and another life must work too.
        let mut batch = Batch::new();
        batch.put(&b"after"[..], &b"damage"[..]);
        store
            .submit(batch)
            .wait()
            .map_err(|error| format!("a later commit failed: {error}"))?;
        store
            .close()
            .map_err(|error| format!("closing failed: {error}"))?;
        let again =
            Store::open(dir, options).map_err(|error| format!("the next open failed: {error}"))?;
        let rows = all_rows(&again).map_err(|error| format!("the next scan failed: {error}"))?;
        if rows.len() != expected.len() + 1 {
            return Err(format!("{} rows in the next life", rows.len()));
        }
    }
    answer
}

/// A refusal names a file or a row and what to do.
fn clear(error: &Error) -> Result<(), String> {
    match error {
        Error::Damaged { .. } | Error::Corrupt { .. } | Error::Engine { .. } => {
            let text = error.to_string();
            if text.len() > 20 {
                Ok(())
            } else {
                Err(format!("unclear: {text}"))
            }
        }
        other => Err(format!("unexpected kind of refusal: {other}")),
    }
}

fn watchdog(case: Arc<AtomicU64>) {
    std::thread::spawn(move || {
        let mut seen = (u64::MAX, Instant::now());
        loop {
            std::thread::park_timeout(Duration::from_secs(1));
            let now = case.load(Ordering::SeqCst);
            if now != seen.0 {
                seen = (now, Instant::now());
            } else if seen.1.elapsed() > HANG {
                eprintln!("case {now} hangs");
                std::process::abort();
            }
        }
    });
}

fn from_env(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

#[test]
fn damage_is_refused_or_harmless_and_never_silent() {
    let templates = templates(&mut Random(1));
    let only = from_env("ABIDE_DAMAGE_SEED");
    let cases = from_env("ABIDE_DAMAGE_CASES").unwrap_or(CASES_IN_CI);
    let case = Arc::new(AtomicU64::new(0));
    watchdog(Arc::clone(&case));
    let full = options();
    // As a log does that is too long to be audited whole: sled's and our checksums must notice the rest when it is read.
    let tail = SledOptions {
        full_audit_up_to: 0,
        ..options()
    };
    let mut answers = BTreeMap::new();
    let mut failures = Vec::new();
    for seed in only.map_or(0..cases, |seed| seed..seed + 1) {
        case.store(seed, Ordering::SeqCst);
        for (template, (dir, rows)) in templates.iter().enumerate() {
            for options in [&full, &tail] {
                let copied = tempfile::tempdir().unwrap();
                copy(dir.path(), copied.path());
                let what = damage(copied.path(), &mut Random(seed));
                let audit = options.full_audit_up_to;
                match try_store(copied.path(), rows, options) {
                    Ok(answer) => *answers.entry((template, audit, answer)).or_insert(0u64) += 1,
                    Err(problem) => failures.push(format!(
                        "seed {seed}, template {template}, audit up to {audit}: {what}: {problem}"
                    )),
                }
            }
        }
    }
    println!("{answers:?}");
    assert!(
        failures.is_empty(),
        "{} failures:\n{}",
        failures.len(),
        failures.join("\n")
    );
}

#[test]
fn an_operator_can_accept_the_loss() {
    let whole = tempfile::tempdir().unwrap();
    let rows = fill(whole.path(), &mut Random(2));
    // A place may be free space, where damage is none, or the beginning of a segment, which the log misses as a whole: then another is struck.
    let refused = [5, 4, 6, 3, 7, 2, 8].into_iter().find_map(|tenth| {
        let dir = tempfile::tempdir().unwrap();
        copy(whole.path(), dir.path());
        let log = dir.path().join("log/db");
        let mut bytes = fs::read(&log).unwrap();
        let place = bytes.len() / 10 * tenth;
        bytes[place..place + 100].fill(0x55);
        fs::write(&log, bytes).unwrap();
        let error = Store::open(dir.path(), &options()).err()?;
        let has_place = matches!(
            error,
            Error::Damaged {
                offset: Some(_),
                ..
            }
        );
        has_place.then_some((error, dir))
    });
    let (error, dir) = refused.expect("no damage was noticed");
    let text = error.to_string();
    assert!(
        text.contains("at byte") && text.contains("accept-loss"),
        "{text}"
    );
    fs::write(dir.path().join("accept-loss"), "").unwrap();
    let store = open(dir.path());
    assert!(store.open_report().loss_accepted);
    let left = store.view().get(b"large/0");
    drop(left);
    store.close().unwrap();
    // Once only: the next damage is refused again.
    assert!(!dir.path().join("accept-loss").exists());
    assert!(!rows.is_empty());
}
