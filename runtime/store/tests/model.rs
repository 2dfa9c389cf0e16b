//! The store against a plain ordered map: any sequence of batches, reads, scans, groups, sweeps, reopenings and power cuts.
#![allow(
    clippy::cast_possible_truncation,
    reason = "random numbers are cut to size"
)]

mod common;

use std::collections::BTreeMap;

use abide_store::{Batch, Commits, Direction, Fault, KeyRange, MemoryDisk, SPILL_ABOVE, Store};
use common::{Random, all_rows, open};
use proptest::prelude::*;

type Rows = BTreeMap<Vec<u8>, Vec<u8>>;

#[derive(Debug, Clone)]
enum Step {
    Submit(Vec<(u8, Option<u16>)>),
    Group,
    Scan {
        from: u8,
        to: u8,
        backward: bool,
        limit: usize,
    },
    Sweep,
    Reopen,
}

fn key(n: u8) -> Vec<u8> {
    // Keys of several lengths, some a prefix of others.
    let mut key = vec![b'k'];
    key.extend(std::iter::repeat_n(n % 7 + 1, usize::from(n % 4)));
    key.push(n);
    key
}

fn value(n: u16) -> Vec<u8> {
    let len = if n.is_multiple_of(50) {
        SPILL_ABOVE + 1
    } else {
        usize::from(n % 100)
    };
    Random(u64::from(n)).bytes(len)
}

fn step() -> impl Strategy<Value = Step> {
    let write = (0..40u8, proptest::option::weighted(0.7, any::<u16>()));
    prop_oneof![
        5 => proptest::collection::vec(write, 0..12).prop_map(Step::Submit),
        3 => Just(Step::Group),
        4 => (0..40u8, 0..40u8, any::<bool>(), 0..50usize)
            .prop_map(|(from, to, backward, limit)| Step::Scan { from, to, backward, limit }),
        1 => Just(Step::Sweep),
        1 => Just(Step::Reopen),
    ]
}

fn apply(writes: &[(u8, Option<u16>)], rows: &mut Rows) -> Batch {
    let mut batch = Batch::new();
    for (n, new) in writes {
        match new {
            Some(new) => {
                batch.put(key(*n), value(*new));
                rows.insert(key(*n), value(*new));
            }
            None => {
                batch.delete(key(*n));
                rows.remove(&key(*n));
            }
        }
    }
    batch
}

fn check_scan(store: &Store, rows: &Rows, from: u8, to: u8, backward: bool, limit: usize) {
    let (from, to) = (key(from), key(to));
    let range = KeyRange::half_open(from.clone(), to.clone());
    let mut expected: Vec<_> = if from < to {
        rows.range(from..to).collect()
    } else {
        Vec::new()
    };
    let direction = if backward {
        expected.reverse();
        Direction::Backward
    } else {
        Direction::Forward
    };
    expected.truncate(limit);
    let found = store.view().rows(&range, direction, limit).unwrap();
    let names = |keys: Vec<&[u8]>| {
        keys.iter()
            .map(|key| key.escape_ascii().to_string())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        names(found.iter().map(|(key, _)| &key[..]).collect()),
        names(expected.iter().map(|(key, _)| &key[..]).collect()),
        "{direction:?} {range:?} {limit}"
    );
    assert!(
        found
            .iter()
            .zip(&expected)
            .all(|(found, expected)| found.1 == *expected.1)
    );
}

fn check_all(store: &Store, rows: &Rows) {
    assert!(all_rows(store).unwrap().into_iter().eq(rows.clone()));
    for n in 0..40 {
        let found = store.view().get(&key(n)).unwrap();
        assert_eq!(found.as_deref(), rows.get(&key(n)).map(Vec::as_slice));
    }
}

fn run(steps: &[Step], reopen: &mut dyn FnMut(Option<Store>) -> Store) {
    let mut rows = Rows::new();
    let mut store = reopen(None);
    for step in steps {
        match step {
            Step::Submit(writes) => drop(store.submit(apply(writes, &mut rows))),
            Step::Group => {
                store.run_group();
            }
            Step::Scan {
                from,
                to,
                backward,
                limit,
            } => check_scan(&store, &rows, *from, *to, *backward, *limit),
            Step::Sweep => drop(store.maintain().unwrap()),
            Step::Reopen => store = reopen(Some(store)),
        }
    }
    check_all(&store, &rows);
    store = reopen(Some(store));
    check_all(&store, &rows);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_memory_store_behaves_like_a_map(steps in proptest::collection::vec(step(), 0..40)) {
        let disk = MemoryDisk::new();
        run(&steps, &mut |store| {
            if let Some(store) = store {
                store.close().unwrap();
            }
            Store::in_memory(&disk, Commits::ByHand).unwrap()
        });
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 25, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_sled_store_behaves_like_a_map(steps in proptest::collection::vec(step(), 0..40)) {
        let dir = tempfile::tempdir().unwrap();
        run(&steps, &mut |store| {
            if let Some(store) = store {
                store.close().unwrap();
            }
            open(dir.path())
        });
    }
}

/// After a power cut the store holds exactly the batches up to some point between the last acknowledged one and the last submitted one.
#[test]
fn simulated_power_cuts_lose_nothing_that_was_acknowledged() {
    for seed in 0..4000 {
        let disk = MemoryDisk::new();
        let mut random = Random(seed);
        disk.fail_at_random(seed, 4);
        // `states[n]` is the content after `n` batches.
        let mut states = vec![Rows::new()];
        for _life in 0..4 {
            let store = Store::in_memory(&disk, Commits::ByHand).unwrap();
            let mut tickets = Vec::new();
            let first = states.len();
            for _ in 0..random.below(30) {
                if random.below(3) == 0 {
                    store.run_group();
                } else {
                    let writes: Vec<_> = (0..random.below(5))
                        .map(|_| {
                            (
                                random.below(40) as u8,
                                (random.below(4) > 0).then(|| random.next() as u16),
                            )
                        })
                        .collect();
                    let mut rows = states.last().unwrap().clone();
                    tickets.push(store.submit(apply(&writes, &mut rows)));
                    states.push(rows);
                }
            }
            let acknowledged = tickets
                .iter()
                .take_while(|ticket| matches!(ticket.outcome(), Some(Ok(()))))
                .count();
            assert!(
                tickets[acknowledged..]
                    .iter()
                    .all(|ticket| !matches!(ticket.outcome(), Some(Ok(())))),
                "seed {seed}"
            );
            disk.crash();
            drop(store);
            let found: Rows = {
                disk.pass_next_commit();
                let store = Store::in_memory(&disk, Commits::ByHand).unwrap();
                all_rows(&store).unwrap().into_iter().collect()
            };
            let possible = first - 1 + acknowledged..states.len();
            let survived = possible.clone().find(|n| states[*n] == found);
            let Some(survived) = survived else {
                panic!("seed {seed}: none of the states {possible:?} is there");
            };
            states.truncate(survived + 1);
        }
    }
}

#[test]
fn a_refused_commit_is_final() {
    let disk = MemoryDisk::new();
    let store = Store::in_memory(&disk, Commits::ByHand).unwrap();
    let write = |n| apply(&[(n, Some(1))], &mut Rows::new());
    disk.fail_next_commit(Fault::Refused);
    let (first, second) = (store.submit(write(1)), store.submit(write(2)));
    store.run_group();
    let third = store.submit(write(3));
    for ticket in [first, second, third] {
        let error = ticket.wait().unwrap_err().to_string();
        assert!(
            error.contains("stopped accepting writes") && error.contains("simulated fault"),
            "{error}"
        );
    }
    assert!(store.failure().is_some());
    assert!(store.read_barrier().wait().is_err());
    assert!(store.close().is_err());
    let store = Store::in_memory(&disk, Commits::ByHand).unwrap();
    assert_eq!(all_rows(&store).unwrap(), []);
}

#[test]
fn a_tampered_row_is_refused_by_every_kind_of_read() {
    let disk = MemoryDisk::new();
    let store = Store::in_memory(&disk, Commits::ByHand).unwrap();
    let mut rows = Rows::new();
    drop(store.submit(apply(&[(1, Some(1)), (2, Some(50))], &mut rows)));
    store.run_group();
    disk.tamper(&key(1), |row| row[2] ^= 1);
    let text = store.view().get(&key(1)).unwrap_err().to_string();
    assert!(text.contains("checksum"), "{text}");
    assert!(all_rows(&store).is_err());
    assert!(
        store.maintain().is_err(),
        "what cannot be read may refer to any payload"
    );
    assert_eq!(store.view().get(&key(2)).unwrap().unwrap(), rows[&key(2)]);
}
