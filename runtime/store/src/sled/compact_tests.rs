//! A compaction loses nothing wherever it ends, gives space back, and happens by itself only when it is worth it.

use std::{collections::BTreeMap, os::unix::fs::MetadataExt as _};

use super::*;
use crate::{Direction, KeyRange, Store};

const MB: u64 = 1 << 20;

type Rows = BTreeMap<Vec<u8>, Vec<u8>>;

fn options() -> SledOptions {
    SledOptions {
        cache_bytes: 1 << 20,
        compact_from: 1 << 20,
        ..SledOptions::default()
    }
}

/// Never by itself.
fn as_it_is() -> SledOptions {
    SledOptions {
        compact_from: u64::MAX,
        ..options()
    }
}

fn row(n: u32) -> (Vec<u8>, Vec<u8>) {
    let value = (0..200).map(|i| (n.wrapping_mul(31) + i).to_le_bytes()[0]);
    (format!("k/{n:06}").into_bytes(), value.collect())
}

/// A store of which little is left: every 50th row, and one with a payload file.
fn sparse(dir: &Path) -> Rows {
    let store = Store::open(dir, &as_it_is()).unwrap();
    let mut left = Rows::new();
    let large = vec![7; crate::SPILL_ABOVE * 4];
    for first in (0..20_000).step_by(500) {
        let mut batch = Batch::new();
        for n in first..first + 500 {
            let (key, value) = row(n);
            batch.put(key, value);
        }
        store.submit(batch).wait().unwrap();
    }
    for first in (0..20_000).step_by(500) {
        let mut batch = Batch::new();
        for n in first..first + 500 {
            let (key, value) = row(n);
            if n % 50 == 0 {
                left.insert(key, value);
            } else {
                batch.delete(key);
            }
        }
        store.submit(batch).wait().unwrap();
    }
    let mut batch = Batch::new();
    batch.put(&b"large"[..], large.clone());
    left.insert(b"large".to_vec(), large);
    store.submit(batch).wait().unwrap();
    store.maintain().unwrap();
    store.close().unwrap();
    left
}

fn rows(store: &Store) -> Rows {
    let rows = store
        .view()
        .rows(&KeyRange::all(), Direction::Forward, usize::MAX)
        .unwrap();
    rows.into_iter()
        .map(|(key, value)| (key.to_vec(), value.to_vec()))
        .collect()
}

fn log_bytes(dir: &Path) -> u64 {
    crate::sled::bytes_on_disk(&fs::metadata(dir.join("log/db")).unwrap())
}

/// What a killed process leaves: the files as they are now.
fn copy_dir(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap().path();
        let target = to.join(entry.file_name().unwrap());
        if entry.is_dir() {
            copy_dir(&entry, &target);
        } else {
            fs::copy(&entry, &target).unwrap();
        }
    }
}

/// The store serves these rows, takes writes, and nothing of a compaction is left.
fn check(dir: &Path, expected: &Rows, commit: u64, after: &str) {
    let store = Store::open(dir, &as_it_is()).unwrap();
    assert_eq!(rows(&store), *expected, "after {after}");
    assert!(store.open_report().commit >= commit, "after {after}");
    let mut batch = Batch::new();
    batch.put(&b"new"[..], &b"row"[..]);
    store.submit(batch).wait().unwrap();
    store.close().unwrap();
    drop(store);
    let store = Store::open(dir, &as_it_is()).unwrap();
    assert_eq!(rows(&store).len(), expected.len() + 1, "after {after}");
    for name in ["compacting", "compacted"] {
        assert!(!dir.join(name).exists(), "{name} is left after {after}");
    }
}

#[test]
fn a_process_that_dies_anywhere_in_a_compaction_loses_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let left = sparse(dir);
    let store = Store::open(dir, &as_it_is()).unwrap();
    let commit = store.open_report().commit;
    drop(store);
    let mut remains: Vec<(Point, tempfile::TempDir)> = Vec::new();
    let mut seen = Vec::new();
    let done = in_directory(
        dir,
        &options(),
        &mut Observer {
            progress: &mut |progress| seen.push(progress),
            reached: &mut |point| {
                let remain = tempfile::tempdir().unwrap();
                copy_dir(dir, remain.path());
                remains.push((point, remain));
            },
        },
    )
    .unwrap();
    assert_eq!(done.rows, left.len() as u64);
    assert!(done.after_bytes * 4 < done.before_bytes, "{done:?}");
    assert!(log_bytes(dir) * 4 < done.before_bytes, "{done:?}");
    assert!(
        seen.iter()
            .any(|p| p.doing == "comparing" && p.of == Some(done.rows))
    );
    let points: Vec<_> = remains.iter().map(|(point, _)| *point).collect();
    for point in [
        Point::Compared,
        Point::Named,
        Point::OldRemoved,
        Point::LogMoved,
        Point::WitnessMoved,
    ] {
        assert!(
            points.contains(&point),
            "{point:?} was never reached: {points:?}"
        );
    }
    for (point, remain) in &remains {
        check(remain.path(), &left, commit, &format!("{point:?}"));
    }
    check(dir, &left, commit, "the end");
}

#[test]
fn what_was_half_removed_is_removed_whole() {
    let dir = tempfile::tempdir().unwrap();
    let left = sparse(dir.path());
    let remain = tempfile::tempdir().unwrap();
    in_directory(
        dir.path(),
        &options(),
        &mut Observer {
            progress: &mut |_| {},
            reached: &mut |point| {
                if point == Point::Named {
                    copy_dir(dir.path(), remain.path());
                }
            },
        },
    )
    .unwrap();
    // The removal of the old log had begun.
    fs::remove_file(remain.path().join("log/db")).unwrap();
    check(remain.path(), &left, 0, "a half removed log");
}

#[test]
fn a_copy_that_was_being_written_is_given_up() {
    let dir = tempfile::tempdir().unwrap();
    let left = sparse(dir.path());
    let unfinished = dir.path().join("compacting");
    copy_dir(&dir.path().join("log"), &unfinished.join("log"));
    fs::write(unfinished.join("log/db"), b"half").unwrap();
    check(dir.path(), &left, 0, "half a copy");
}

/// A compaction brings a new file.
fn log_file(dir: &Path) -> u64 {
    fs::metadata(dir.join("log/db")).unwrap().ino()
}

#[test]
fn a_store_with_little_alive_is_compacted_when_it_is_opened_and_only_once() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let left = sparse(dir);
    let (before, log) = (log_bytes(dir), log_file(dir));
    let eager = SledOptions {
        compact_from: 0,
        ..options()
    };
    // Too much alive for the time that an open may take.
    let hasty = SledOptions {
        compact_up_to: 10,
        ..eager.clone()
    };
    drop(Store::open(dir, &hasty).unwrap());
    assert_eq!(log_file(dir), log);

    let store = Store::open(dir, &eager).unwrap();
    assert_eq!(rows(&store), left);
    assert_ne!(log_file(dir), log);
    assert!(
        log_bytes(dir) * 4 < before,
        "{} of {before}",
        log_bytes(dir)
    );
    store.maintain().unwrap();
    store.close().unwrap();
    drop(store);
    let log = log_file(dir);
    assert_eq!(rows(&Store::open(dir, &eager).unwrap()), left);
    assert_eq!(log_file(dir), log, "it was as short as it gets");
}

#[test]
fn a_log_that_a_copy_would_not_make_shorter_is_kept() {
    let dir = tempfile::tempdir().unwrap();
    let left = sparse(dir.path());
    SledBackend::compact(dir.path(), &options(), |_| {}).unwrap();
    let log = log_file(dir.path());
    let again = SledBackend::compact(dir.path(), &options(), |_| {}).unwrap();
    assert_eq!(again.after_bytes, again.before_bytes);
    assert_eq!(log_file(dir.path()), log);
    check(dir.path(), &left, 0, "a compaction that was not worth it");
}

#[test]
fn a_compaction_is_due_when_it_gives_much_back_for_little_work() {
    let space = |alive_bytes, compacted_bytes| Space {
        alive_bytes,
        compacted_bytes,
    };
    let due = |space: Space, log_bytes| space.is_due(log_bytes, &SledOptions::default());
    assert!(due(space(10 * MB, 0), 100 * MB));
    assert!(!due(space(10 * MB, 0), 60 * MB), "not worth it");
    assert!(!due(space(20 * MB, 0), 100 * MB), "too much is alive");
    assert!(
        !due(space(10 * MB, 90 * MB), 100 * MB),
        "it is as short as it gets"
    );
    assert!(
        !due(space(2_000 * MB, 0), 90_000 * MB),
        "it would take too long"
    );
}

#[test]
fn a_store_in_use_is_not_compacted() {
    let dir = tempfile::tempdir().unwrap();
    let _store = Store::open(dir.path(), &as_it_is()).unwrap();
    let refused = SledBackend::compact(dir.path(), &options(), |_| {}).unwrap_err();
    assert!(matches!(refused, Error::Locked { .. }), "{refused}");
}
