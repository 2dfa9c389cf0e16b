//! Backups of stores that are written to while they are taken.

use std::{collections::BTreeMap, io, ops::Bound, path::Path};

use abide_store::{
    Batch, Direction, KeyRange, SledOptions, Store,
    backup::{Part, restore, take},
};
use bytes::Bytes;

type Rows = BTreeMap<Bytes, Bytes>;

fn opened(dir: &Path) -> Store {
    Store::open(dir, &SledOptions::default()).expect("it opens")
}

fn part(directory: &str, store: &Store) -> Part {
    Part {
        directory: directory.to_owned(),
        store: store.clone(),
        components: None,
    }
}

fn rows(store: &Store) -> Rows {
    let range = KeyRange {
        start: Bound::Unbounded,
        end: Bound::Unbounded,
    };
    let mut rows = Rows::new();
    store
        .view()
        .scan(&range, Direction::Forward, |key, value| {
            rows.insert(key.clone(), value.clone());
            std::ops::ControlFlow::Continue(())
        })
        .expect("it can be read");
    rows
}

/// A row with the first bytes of a run's record, so that the store opens again.
fn key(n: u32) -> Vec<u8> {
    [&[0x20][..], &n.to_be_bytes()].concat()
}

fn value(n: u32, len: usize) -> Vec<u8> {
    let mut value = vec![2];
    value.extend(n.to_be_bytes().iter().cycle().take(len));
    value
}

/// Where a backup goes: whenever a few pieces have arrived, others commit.
struct Commits<'a, F: FnMut()> {
    file: Vec<u8>,
    pieces: usize,
    between: &'a mut F,
}

impl<F: FnMut()> io::Write for Commits<'_, F> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.pieces += 1;
        if self.pieces.is_multiple_of(8) {
            (self.between)();
        }
        self.file.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Takes a backup during which `between` is called again and again, and restores it.
fn through_a_backup(
    parts: &[Part],
    to: &Path,
    mut between: impl FnMut(),
    at_the_end: impl FnOnce(),
) {
    let mut out = Commits {
        file: Vec::new(),
        pieces: 0,
        between: &mut between,
    };
    take(parts, ("test", 1), &mut out, || {
        at_the_end();
        Ok(())
    })
    .expect("the backup is taken");
    let file = to.with_extension("backup");
    std::fs::write(&file, out.file).expect("there is room");
    restore(&file, to, |_| {}).expect("it is restored");
}

#[test]
fn a_store_is_backed_up_as_it_was_at_one_instant_whatever_is_committed_meanwhile() {
    let dir = tempfile::tempdir().expect("a directory");
    let store = opened(&dir.path().join("from"));
    let mut batch = Batch::new();
    for n in 0..5_000 {
        batch.put(key(n), value(n, 300));
    }
    for n in 0..40 {
        batch.put(key(10_000 + n), value(n, 9_000));
    }
    store.submit(batch).wait().expect("it is durable");
    let before = rows(&store);

    // Every commit changes the first and the last row together, removes one and adds one, and every other one writes a payload.
    let (mut commits, mut history) = (0_u32, Vec::new());
    let last = key(u32::MAX);
    let mut state = before.clone();
    let mut commit = || {
        commits += 1;
        let payload = value(commits, 9_000 + commits as usize);
        let writes = [
            (key(0), Some(value(commits, 20))),
            (last.clone(), Some(value(commits, 20))),
            (key(commits * 7 % 5_000), None),
            (key(20_000 + commits), Some(value(commits, 100))),
            (
                key(30_000 + commits),
                commits.is_multiple_of(2).then_some(payload),
            ),
        ];
        let mut batch = Batch::new();
        for (key, value) in writes {
            match value {
                Some(value) => {
                    batch.put(key.clone(), value.clone());
                    state.insert(key.into(), value.into());
                }
                None => {
                    batch.delete(key.clone());
                    state.remove(&key[..]);
                }
            }
        }
        store.submit(batch).wait().expect("it is durable");
        history.push(state.clone());
        if commits.is_multiple_of(16) {
            let swept = store.maintain().expect("the sweep succeeds");
            assert_eq!(swept.removed, 0, "a backup holds every payload");
        }
    };
    let to = dir.path().join("to");
    through_a_backup(&[part("", &store)], &to, &mut commit, || {});

    let restored = rows(&opened(&to));
    let at = history.iter().rposition(|state| *state == restored);
    let at = at.expect("what was restored is what the store held after one of its commits");
    assert!(at > 20, "commits came in between: {at}");
    assert!(at < history.len(), "{at} of {}", history.len());
}

#[test]
fn several_stores_are_backed_up_as_they_were_at_the_same_instant() {
    let dir = tempfile::tempdir().expect("a directory");
    let stores = ["a", "b", "c"].map(|name| opened(&dir.path().join(name)));
    let parts = [
        part("", &stores[0]),
        part("admin", &stores[1]),
        part("environments/b", &stores[2]),
    ];
    let mut batch = Batch::new();
    (0..2_000).for_each(|n| {
        batch.put(key(n), value(n, 2_000));
    });
    stores[0].submit(batch).wait().expect("it is durable");
    // The number is written to one store after the other: none is ever ahead of the one before it, or behind by more than one.
    let mut number = 0;
    let to = dir.path().join("to");
    let write = || {
        number += 1;
        for store in &stores {
            let mut batch = Batch::new();
            batch.put(key(5_000), value(number, 4));
            store.submit(batch).wait().expect("it is durable");
        }
    };
    through_a_backup(&parts, &to, write, || {});
    let found = ["", "admin", "environments/b"].map(|part| {
        let rows = rows(&opened(&to.join(part)));
        let value = rows[&key(5_000)[..]].clone();
        u32::from_be_bytes(value[1..5].try_into().expect("four bytes"))
    });
    assert_eq!(found[0], found[1]);
    assert_eq!(found[1], found[2]);
    assert!(found[0] > 5, "commits came in between: {found:?}");
}

#[test]
fn sweeps_go_on_after_a_backup_and_a_second_one_has_to_wait() {
    let dir = tempfile::tempdir().expect("a directory");
    let store = opened(&dir.path().join("from"));
    let mut batch = Batch::new();
    batch.put(key(1), value(1, 10_000));
    store.submit(batch).wait().expect("it is durable");
    let mut batch = Batch::new();
    batch.delete(key(1));
    store.submit(batch).wait().expect("it is durable");
    let parts = [part("", &store)];
    let to = dir.path().join("to");
    let mut asked = false;
    let second = || {
        // Once: what is written last comes after the stores were let go.
        if std::mem::replace(&mut asked, true) {
            return;
        }
        let refused = take(&parts, ("test", 2), io::sink(), || Ok(()));
        let said = refused.expect_err("one is under way").to_string();
        assert!(said.contains("another backup"), "{said}");
        assert_eq!(store.maintain().expect("it sweeps nothing").removed, 0);
    };
    through_a_backup(&parts, &to, second, || {});
    assert_eq!(store.maintain().expect("it sweeps").removed, 1);
    take(&parts, ("test", 3), io::sink(), || Ok(())).expect("the next one is taken");
}

/// Takes so many bytes, then the disk is full.
struct Full(usize);

impl io::Write for Full {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 = self
            .0
            .checked_sub(bytes.len())
            .ok_or(io::ErrorKind::StorageFull)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_full_disk_fails_the_backup_and_leaves_the_store_as_it_was() {
    let dir = tempfile::tempdir().expect("a directory");
    let store = opened(&dir.path().join("from"));
    let mut batch = Batch::new();
    (0..1_000).for_each(|n| {
        batch.put(key(n), value(n, 1_000));
    });
    store.submit(batch).wait().expect("it is durable");
    let parts = [part("", &store)];
    for room in [0, 100, 500_000] {
        let refused = take(&parts, ("test", 1), Full(room), || Ok(()));
        let said = refused.expect_err("there is no room").to_string();
        assert!(said.contains("cannot be written"), "{said}");
    }
    let mut batch = Batch::new();
    batch.put(key(1), value(1, 10_000));
    store.submit(batch).wait().expect("commits go on");
    assert!(!store.maintain().expect("sweeps go on").cut_short);
    take(&parts, ("test", 2), io::sink(), || Ok(())).expect("the next one is taken");
}

#[test]
fn damaged_and_missing_payload_files_are_told_by_the_backup() {
    let dir = tempfile::tempdir().expect("a directory");
    let from = dir.path().join("from");
    let store = opened(&from);
    let mut batch = Batch::new();
    batch.put(key(1), value(1, 10_000));
    store.submit(batch).wait().expect("it is durable");
    let payload = walk(&from.join("blobs")).pop().expect("one payload");
    let parts = [part("", &store)];
    let told = || {
        let refused = take(&parts, ("test", 1), io::sink(), || Ok(()));
        refused.expect_err("it is damaged").to_string()
    };
    std::fs::write(&payload, vec![0; 10_001]).expect("it can be written");
    let said = told();
    assert!(said.contains("does not fit its digest"), "{said}");
    std::fs::remove_file(&payload).expect("it can be removed");
    let said = told();
    assert!(said.contains("payload file is missing"), "{said}");
}

#[test]
fn a_change_of_the_directories_meanwhile_fails_the_backup() {
    let dir = tempfile::tempdir().expect("a directory");
    let store = opened(&dir.path().join("from"));
    let refused = take(&[part("", &store)], ("test", 1), io::sink(), || {
        Err("the environment `eu` was removed meanwhile".to_owned())
    });
    let said = refused.expect_err("it changed").to_string();
    assert!(said.contains("`eu` was removed"), "{said}");
}

fn walk(dir: &Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).expect("a directory") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.append(&mut walk(&path));
        } else {
            found.push(path);
        }
    }
    found
}
