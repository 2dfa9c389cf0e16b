//! kill -9 at random instants, also while the store opens or is compacted: what was acknowledged is there afterwards, and every batch is whole.
//!
//! The test runs its own binary as the victim. The victim prints a line for each acknowledgement; the pipe is the witness outside.
//! `ABIDE_KILL_CYCLES=1000 cargo test --release -p abide-store --test kill` kills more often.
#![allow(
    clippy::cast_possible_truncation,
    reason = "random numbers are cut to size"
)]

mod common;

use std::{
    collections::BTreeMap,
    env,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    path::Path,
    process::{Command, Stdio},
    sync::mpsc,
    time::Duration,
};

use abide_store::{Batch, KeyRange, SPILL_ABOVE, SledBackend, Store};
use common::{Random, open, options};

const VICTIM_DIR: &str = "ABIDE_KILL_DIR";
/// With it, the victim compacts the store again and again before it writes.
const COMPACT: &str = "ABIDE_KILL_COMPACT";
const CYCLES_IN_CI: u64 = 25;
/// How many times longer victims live at most while none has got far enough.
const MOST_SLOWNESS: u64 = 64;
const WRITERS: u64 = 6;
/// Each writer keeps this many rows and replaces the oldest, so that the log is reclaimed all the time.
const KEPT: u64 = 300;

fn counter_key(writer: u64) -> Vec<u8> {
    format!("c/{writer}").into_bytes()
}

fn row_key(writer: u64, n: u64) -> Vec<u8> {
    format!("r/{writer}/{n:012}").into_bytes()
}

/// The content of a row follows from its place; one in 64 goes to a payload file.
fn row_value(writer: u64, n: u64) -> Vec<u8> {
    let len = if n % 64 == 5 {
        SPILL_ABOVE + 100
    } else {
        50 + (n % 400) as usize
    };
    Random(writer << 32 | n).bytes(len)
}

fn step(writer: u64, n: u64) -> Batch {
    let mut batch = Batch::new();
    batch.put(counter_key(writer), n.to_be_bytes().to_vec());
    batch.put(row_key(writer, n), row_value(writer, n));
    if let Some(old) = n.checked_sub(KEPT) {
        batch.delete(row_key(writer, old));
    }
    batch
}

fn counter(store: &Store, writer: u64) -> u64 {
    let value = store.view().get(&counter_key(writer)).unwrap();
    value.map_or(0, |value| u64::from_be_bytes(value[..].try_into().unwrap()))
}

/// The victim: does nothing unless the environment says so.
#[test]
fn victim() {
    let Some(dir) = env::var_os(VICTIM_DIR) else {
        return;
    };
    while env::var_os(COMPACT).is_some() {
        match SledBackend::compact(Path::new(&dir), &options(), |_| {}) {
            Ok(_) => println!("compacted"),
            Err(error) => return println!("refused {error}"),
        }
    }
    let store = match Store::open(Path::new(&dir), &options()) {
        Ok(store) => store,
        Err(error) => {
            println!("refused {error}");
            return;
        }
    };
    println!("open");
    let (done, wait) = mpsc::channel::<()>();
    for writer in 0..WRITERS {
        chain(&store, writer, counter(&store, writer) + 1, done.clone());
    }
    drop(done);
    let _ = wait.recv();
}

/// Writes the next step when the one before is durable: no thread for each writer, as in the server.
fn chain(store: &Store, writer: u64, n: u64, done: mpsc::Sender<()>) {
    let next = store.clone();
    let _ticket = store.submit_then(step(writer, n), move |outcome| {
        // One write for each line, so that a line is whole or missing.
        let told = outcome.is_ok()
            && std::io::stdout()
                .write_all(format!("ack {writer} {n}\n").as_bytes())
                .is_ok();
        if told {
            chain(&next, writer, n + 1, done);
        } else {
            let _ = done.send(());
        }
    });
}

/// Runs the victim for a while, kills it, and returns what it acknowledged last for each writer.
fn run_and_kill(dir: &Path, after: Duration) -> BTreeMap<u64, u64> {
    kill_victim(victim_in(dir), after)
}

fn victim_in(dir: &Path) -> Command {
    let mut victim = Command::new(env::current_exe().unwrap());
    victim
        .args(["--exact", "victim", "--nocapture", "--test-threads=1"])
        .env(VICTIM_DIR, dir);
    victim
}

fn kill_victim(mut victim: Command, after: Duration) -> BTreeMap<u64, u64> {
    let mut victim = victim
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let output = BufReader::new(victim.stdout.take().unwrap());
    let reader = std::thread::spawn(move || {
        let mut acknowledged = BTreeMap::new();
        for line in output.lines() {
            let line = line.unwrap();
            assert!(!line.starts_with("refused"), "{line}");
            let mut words = line.split(' ');
            if words.next() == Some("ack") {
                let mut number = || words.next().unwrap().parse::<u64>().unwrap();
                acknowledged.insert(number(), number());
            }
        }
        acknowledged
    });
    std::thread::park_timeout(after);
    victim.kill().unwrap();
    victim.wait().unwrap();
    let mut errors = String::new();
    victim
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut errors)
        .unwrap();
    assert!(!errors.contains("panicked"), "{errors}");
    reader.join().unwrap()
}

fn check(store: &Store, acknowledged: &BTreeMap<u64, u64>) {
    for writer in 0..WRITERS {
        let newest = counter(store, writer);
        let told = acknowledged.get(&writer).copied().unwrap_or(0);
        assert!(
            newest >= told,
            "writer {writer}: {told} was acknowledged, {newest} is there"
        );
        let range = KeyRange::prefix(format!("r/{writer}/").into_bytes());
        let rows = store
            .view()
            .rows(&range, abide_store::Direction::Forward, usize::MAX)
            .unwrap();
        let expected: Vec<_> = (newest.saturating_sub(KEPT - 1).max(1)..=newest)
            .map(|n| (row_key(writer, n), row_value(writer, n)))
            .collect();
        assert_eq!(rows.len(), expected.len(), "writer {writer} at {newest}");
        for ((key, value), (expected_key, expected_value)) in rows.iter().zip(&expected) {
            assert!(key == expected_key && value == expected_value, "{key:?}");
        }
    }
}

/// Checks a directory that another tool prepared, for example by dropping what was not synced: `ABIDE_CHECK_ACKS` is `writer:n,writer:n…`.
#[test]
fn verifier() {
    let Some(dir) = env::var_os("ABIDE_CHECK_DIR") else {
        return;
    };
    let acknowledged = env::var("ABIDE_CHECK_ACKS").unwrap_or_default();
    let acknowledged = acknowledged
        .split(',')
        .filter_map(|pair| pair.split_once(':'))
        .map(|(writer, n)| (writer.parse().unwrap(), n.parse().unwrap()))
        .collect();
    check(&open(Path::new(&dir)), &acknowledged);
    println!("checked");
}

#[test]
fn acknowledged_writes_survive_kill_9() {
    if env::var_os(VICTIM_DIR).is_some() {
        return;
    }
    let cycles = env::var("ABIDE_KILL_CYCLES")
        .ok()
        .and_then(|cycles| cycles.parse().ok())
        .unwrap_or(CYCLES_IN_CI);
    let dir = tempfile::tempdir().unwrap();
    let mut random = Random(u64::from(std::process::id()));
    println!("seed {}", random.0);
    let mut total = BTreeMap::new();
    let mut slowness = 1;
    for cycle in 0..cycles {
        // Every third victim dies so early that it may still be opening the store.
        let most = if cycle % 3 == 0 { 30 } else { 250 * slowness };
        let acknowledged = run_and_kill(dir.path(), Duration::from_millis(random.below(most)));
        total.extend(acknowledged);
        // On a slow machine the first ones live too short for anything.
        if total.is_empty() {
            slowness = (slowness * 2).min(MOST_SLOWNESS);
        }
        if cycle % 4 == 0 {
            let store = open(dir.path());
            check(&store, &total);
            store.close().unwrap();
        } else {
            // Looked at in a copy, so that the next victim starts from what this one left.
            let copied = tempfile::tempdir().unwrap();
            copy(dir.path(), copied.path());
            check(&open(copied.path()), &total);
        }
    }
    println!("{cycles} cycles, acknowledged {total:?}");
    assert!(total.values().sum::<u64>() > 0);
}

#[test]
fn a_compaction_that_is_killed_loses_nothing() {
    if env::var_os(VICTIM_DIR).is_some() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let mut random = Random(u64::from(std::process::id()));
    println!("seed {}", random.0);
    let mut acknowledged = BTreeMap::new();
    let mut slowness = 1;
    while acknowledged.is_empty() {
        let after = Duration::from_millis(300 * slowness);
        acknowledged = run_and_kill(dir.path(), after);
        assert!(
            slowness <= MOST_SLOWNESS,
            "nothing is acknowledged in {after:?}"
        );
        slowness *= 2;
    }
    let mut found_half_done = 0;
    let mut slowness = 1;
    for _ in 0..CYCLES_IN_CI {
        let mut victim = victim_in(dir.path());
        victim.env(COMPACT, "1");
        let after = 20 + random.below(200 * slowness);
        kill_victim(victim, Duration::from_millis(after));
        let half_done = |name| dir.path().join(name).exists();
        found_half_done += u32::from(half_done("compacting") || half_done("compacted"));
        // On a slow machine the first ones die before they begin.
        if found_half_done == 0 {
            slowness = (slowness * 2).min(MOST_SLOWNESS);
        }
        // Looked at in a copy, so that the next victim starts from what this one left.
        let copied = tempfile::tempdir().unwrap();
        copy(dir.path(), copied.path());
        check(&open(copied.path()), &acknowledged);
    }
    println!("{found_half_done} of {CYCLES_IN_CI} died in the middle of a compaction");
    assert!(found_half_done > 0, "no victim died at an interesting time");
    check(&open(dir.path()), &acknowledged);
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap().path();
        let target = to.join(entry.file_name().unwrap());
        if entry.is_dir() {
            copy(&entry, &target);
        } else {
            std::fs::copy(&entry, &target).unwrap();
        }
    }
}
