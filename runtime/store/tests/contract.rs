//! The contract that every backend passes, below and above the committer.
#![allow(
    clippy::cast_possible_truncation,
    reason = "random numbers are cut to size"
)]

mod common;

use std::{
    ops::Bound,
    sync::{
        Arc, Barrier,
        atomic::{AtomicU64, Ordering},
        mpsc,
    },
    time::Duration,
};

use abide_store::{Backend, Batch, Direction, Error, Fence, KeyRange, SPILL_ABOVE};
use bytes::Bytes;
use common::{Disk, all_rows, on_both_backends, puts, raw_rows};

on_both_backends!(
    a_commit_is_applied_whole_and_survives_reopening,
    later_writes_in_a_batch_win,
    scans_follow_byte_order_in_both_directions,
    scans_respect_every_kind_of_bound,
    reserved_keys_are_refused_and_invisible,
    a_fence_lets_only_the_owner_commit,
    a_refused_fence_leaves_the_backend_usable,
    commit_numbers_rise_by_one_across_lives_and_can_be_awaited,
    a_big_batch_is_one_commit,
    many_keys_stay_readable,
    readers_never_see_half_a_commit,
    large_values_round_trip_in_reads_and_scans,
    submissions_are_visible_at_once_and_told_in_order,
    concurrent_writers_share_groups_and_lose_nothing,
    a_fenced_submission_stops_the_store,
    a_read_barrier_covers_what_was_visible,
    closing_makes_everything_durable_and_refuses_more,
    the_sweep_removes_only_unreferenced_payloads,
    sweeps_and_commits_run_side_by_side,
);

fn a_commit_is_applied_whole_and_survives_reopening(disk: &impl Disk) {
    let backend = disk.backend();
    backend.commit(&puts(&[("a", "1"), ("b", "2")])).unwrap();
    let mut batch = puts(&[("c", "3")]);
    batch.delete(&b"a"[..]);
    backend.commit(&batch).unwrap();
    let expected = [
        (b"b".to_vec(), b"2".to_vec()),
        (b"c".to_vec(), b"3".to_vec()),
    ];
    assert_eq!(
        raw_rows(&*backend, &KeyRange::all(), Direction::Forward),
        expected
    );
    drop(backend);
    let backend = disk.backend();
    assert_eq!(
        raw_rows(&*backend, &KeyRange::all(), Direction::Forward),
        expected
    );
    assert_eq!(backend.get(b"a").unwrap(), None);
    assert_eq!(backend.get(b"b").unwrap().unwrap(), b"2");
}

fn later_writes_in_a_batch_win(disk: &impl Disk) {
    let backend = disk.backend();
    let mut batch = puts(&[("a", "1"), ("a", "2"), ("b", "1")]);
    batch
        .delete(&b"b"[..])
        .delete(&b"c"[..])
        .put(&b"c"[..], &b"3"[..]);
    backend.commit(&batch).unwrap();
    assert_eq!(backend.get(b"a").unwrap().unwrap(), b"2");
    assert_eq!(backend.get(b"b").unwrap(), None);
    assert_eq!(backend.get(b"c").unwrap().unwrap(), b"3");
}

fn scans_follow_byte_order_in_both_directions(disk: &impl Disk) {
    let backend = disk.backend();
    let mut keys: Vec<Vec<u8>> = (0..2000u32)
        .map(|n| {
            (1 + n.wrapping_mul(2_654_435_761) / 2)
                .to_be_bytes()
                .to_vec()
        })
        .collect();
    keys.retain(|key| key[0] != 0);
    keys.extend([vec![1], vec![1, 0], vec![0xff], vec![0xff, 0xff]]);
    let mut batch = Batch::new();
    for key in &keys {
        batch.put(key.clone(), key.clone());
    }
    backend.commit(&batch).unwrap();
    keys.sort();
    keys.dedup();
    let found = |direction| -> Vec<Vec<u8>> {
        raw_rows(&*backend, &KeyRange::all(), direction)
            .into_iter()
            .map(|(key, _)| key)
            .collect()
    };
    assert_eq!(found(Direction::Forward), keys);
    keys.reverse();
    assert_eq!(found(Direction::Backward), keys);
}

fn scans_respect_every_kind_of_bound(disk: &impl Disk) {
    let backend = disk.backend();
    backend
        .commit(&puts(&[("a", ""), ("b", ""), ("c", ""), ("d", "")]))
        .unwrap();
    let key = |name: &str| Bytes::from(name.as_bytes().to_vec());
    let check = |start, end, expected: &str| {
        let range = KeyRange { start, end };
        let names = |direction| -> String {
            raw_rows(&*backend, &range, direction)
                .into_iter()
                .map(|(key, _)| char::from(key[0]))
                .collect()
        };
        assert_eq!(names(Direction::Forward), expected, "{range:?}");
        assert_eq!(
            names(Direction::Backward),
            expected.chars().rev().collect::<String>()
        );
    };
    check(Bound::Included(key("b")), Bound::Excluded(key("d")), "bc");
    check(Bound::Excluded(key("b")), Bound::Included(key("d")), "cd");
    check(Bound::Unbounded, Bound::Included(key("a")), "a");
    check(Bound::Included(key("bb")), Bound::Unbounded, "cd");
    check(Bound::Included(key("d")), Bound::Excluded(key("b")), "");
    check(Bound::Excluded(key("b")), Bound::Excluded(key("b")), "");
}

fn reserved_keys_are_refused_and_invisible(disk: &impl Disk) {
    let backend = disk.backend();
    for key in [&b""[..], b"\0commit", b"\0"] {
        let mut batch = Batch::new();
        batch.put(key, &b"x"[..]);
        assert!(matches!(
            backend.commit(&batch),
            Err(Error::ReservedKey { .. })
        ));
        assert!(matches!(backend.get(key), Err(Error::ReservedKey { .. })));
    }
    backend.commit(&puts(&[("a", "1")])).unwrap();
    assert_eq!(
        raw_rows(&*backend, &KeyRange::all(), Direction::Forward).len(),
        1
    );
    assert_eq!(
        raw_rows(&*backend, &KeyRange::all(), Direction::Backward).len(),
        1
    );
}

fn fence(expected: Option<&'static [u8]>) -> Fence {
    Fence {
        key: Bytes::from_static(b"owner"),
        expected: expected.map(Bytes::from_static),
    }
}

fn a_fence_lets_only_the_owner_commit(disk: &impl Disk) {
    let backend = disk.backend();
    let mut take = puts(&[("owner", "me")]);
    take.fenced(fence(None));
    backend.commit(&take).unwrap();
    let mut mine = puts(&[("a", "mine")]);
    mine.fenced(fence(Some(b"me")));
    backend.commit(&mine).unwrap();
    for wrong in [None, Some(&b"other"[..])] {
        let mut theirs = puts(&[("a", "theirs")]);
        theirs.fenced(fence(wrong));
        assert!(matches!(backend.commit(&theirs), Err(Error::Fenced { .. })));
    }
    assert_eq!(backend.get(b"a").unwrap().unwrap(), b"mine");
}

fn a_refused_fence_leaves_the_backend_usable(disk: &impl Disk) {
    let backend = disk.backend();
    let mut wrong = puts(&[("a", "1")]);
    wrong.fenced(fence(Some(b"nobody")));
    assert!(backend.commit(&wrong).is_err());
    assert_eq!(backend.commit(&puts(&[("a", "2")])).unwrap(), 1);
}

fn commit_numbers_rise_by_one_across_lives_and_can_be_awaited(disk: &impl Disk) {
    let backend = disk.backend();
    assert_eq!(backend.commit(&puts(&[("a", "1")])).unwrap(), 1);
    assert_eq!(backend.commit(&puts(&[("a", "1")])).unwrap(), 2);
    drop(backend);
    let backend = disk.backend();
    let watch = backend.watch();
    assert_eq!(watch.newest(), 2);
    assert_eq!(watch.wait_after(2, Duration::ZERO), None);
    let waiting = std::thread::spawn(move || watch.wait_after(2, Duration::from_mins(1)));
    assert_eq!(backend.commit(&puts(&[("a", "1")])).unwrap(), 3);
    assert_eq!(waiting.join().unwrap(), Some(3));
}

fn a_big_batch_is_one_commit(disk: &impl Disk) {
    let backend = disk.backend();
    let mut batch = Batch::new();
    for n in 0..5000u32 {
        batch.put(format!("row/{n:08}").into_bytes(), vec![7; 500]);
    }
    assert_eq!(backend.commit(&batch).unwrap(), 1);
    drop(backend);
    let backend = disk.backend();
    assert_eq!(
        raw_rows(
            &*backend,
            &KeyRange::prefix(&b"row/"[..]),
            Direction::Forward
        )
        .len(),
        5000
    );
}

fn many_keys_stay_readable(disk: &impl Disk) {
    let backend = disk.backend();
    let key = |n: u32| n.wrapping_mul(2_654_435_761).to_be_bytes();
    for group in 0..20u32 {
        let mut batch = Batch::new();
        for n in group * 1000..(group + 1) * 1000 {
            batch.put([&b"k"[..], &key(n)].concat(), n.to_be_bytes().to_vec());
        }
        backend.commit(&batch).unwrap();
    }
    drop(backend);
    let backend = disk.backend();
    for n in (0..20_000).step_by(7) {
        let value = backend.get(&[&b"k"[..], &key(n)].concat()).unwrap();
        assert_eq!(value.unwrap(), n.to_be_bytes());
    }
    assert_eq!(
        raw_rows(&*backend, &KeyRange::all(), Direction::Backward).len(),
        20_000
    );
}

fn readers_never_see_half_a_commit(disk: &impl Disk) {
    let backend: Arc<dyn Backend> = disk.backend().into();
    let commits = 200;
    let done = Arc::new(AtomicU64::new(0));
    backend
        .commit(&puts(&[("a", "00000000"), ("b", "00000000")]))
        .unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for n in 1..=commits {
                let value = format!("{n:08}");
                backend
                    .commit(&puts(&[("a", &value), ("b", &value)]))
                    .unwrap();
            }
            done.store(1, Ordering::SeqCst);
        });
        while done.load(Ordering::SeqCst) == 0 {
            // Single rows are whole; a later read never sees an older commit.
            let a = backend.get(b"a").unwrap().unwrap();
            let b = backend.get(b"b").unwrap().unwrap();
            assert_eq!((a.len(), b.len()), (8, 8));
            assert!(b >= a, "{b:?} read after {a:?}");
        }
    });
}

fn large_values_round_trip_in_reads_and_scans(disk: &impl Disk) {
    let value = |len: usize| -> Vec<u8> { (0..len).map(|n| (n % 251) as u8).collect() };
    let lengths = [
        0,
        1,
        SPILL_ABOVE - 1,
        SPILL_ABOVE,
        SPILL_ABOVE + 1,
        300_000,
        3_000_000,
    ];
    let store = disk.store();
    let mut batch = Batch::new();
    for len in lengths {
        batch.put(format!("v/{len:08}").into_bytes(), value(len));
    }
    store.submit(batch).wait().unwrap();
    assert_eq!(store.stats().payloads, 3);
    store.close().unwrap();
    let store = disk.store();
    let expected: Vec<_> = lengths
        .iter()
        .map(|&len| (format!("v/{len:08}").into_bytes(), value(len)))
        .collect();
    assert_eq!(all_rows(&store).unwrap(), expected);
    for (key, value) in expected {
        assert_eq!(store.view().get(&key).unwrap().unwrap(), value);
    }
}

fn submissions_are_visible_at_once_and_told_in_order(disk: &impl Disk) {
    let store = disk.store();
    let (tell, told) = mpsc::channel();
    for n in 0..500u32 {
        let tell = tell.clone();
        let value = n.to_string();
        let _ticket = store.submit_then(
            puts(&[("n", &value), (&format!("r{n:03}"), &value)]),
            move |outcome| {
                outcome.unwrap();
                tell.send(n).unwrap();
            },
        );
        assert_eq!(store.view().get(b"n").unwrap().unwrap(), value);
        let rows = store
            .view()
            .rows(&KeyRange::prefix(&b"r"[..]), Direction::Backward, 2)
            .unwrap();
        assert_eq!(rows[0].1, value);
        assert_eq!(rows.len(), 2.min(n as usize + 1));
    }
    store.read_barrier().wait().unwrap();
    drop(tell);
    assert_eq!(
        told.iter().collect::<Vec<_>>(),
        (0..500).collect::<Vec<_>>()
    );
    assert_eq!(store.pending_rows(), 0);
    assert_eq!(store.view().get(b"n").unwrap().unwrap(), "499");
}

fn concurrent_writers_share_groups_and_lose_nothing(disk: &impl Disk) {
    let store = disk.store();
    let (writers, batches) = (16, 40);
    let start = Barrier::new(writers);
    std::thread::scope(|scope| {
        for writer in 0..writers {
            let (store, start) = (&store, &start);
            scope.spawn(move || {
                start.wait();
                for n in 0..batches {
                    store
                        .submit(puts(&[(&format!("w{writer:02}/{n:03}"), "x")]))
                        .wait()
                        .unwrap();
                }
            });
        }
    });
    let stats = store.stats();
    assert_eq!(stats.batches, (writers * batches) as u64);
    assert!(stats.groups <= stats.batches);
    store.close().unwrap();
    assert_eq!(all_rows(&disk.store()).unwrap().len(), writers * batches);
}

fn a_fenced_submission_stops_the_store(disk: &impl Disk) {
    let store = disk.store();
    let mut take = puts(&[("owner", "me")]);
    take.fenced(fence(None));
    let mut mine = puts(&[("a", "1")]);
    mine.fenced(fence(Some(b"me")));
    let (take, mine) = (store.submit(take), store.submit(mine));
    take.wait().unwrap();
    mine.wait().unwrap();
    let mut late = puts(&[("a", "2")]);
    late.fenced(fence(Some(b"another")));
    let error = store.submit(late).wait().unwrap_err();
    assert!(
        matches!(&error, Error::Poisoned { cause } if matches!(**cause, Error::Fenced { .. })),
        "{error}"
    );
    assert!(store.submit(puts(&[("a", "3")])).wait().is_err());
    drop(store);
    assert_eq!(disk.store().view().get(b"a").unwrap().unwrap(), "1");
}

fn a_read_barrier_covers_what_was_visible(disk: &impl Disk) {
    let store = disk.store();
    store.read_barrier().wait().unwrap();
    let ticket = store.submit(puts(&[("a", "1")]));
    let barrier = store.read_barrier();
    barrier.wait().unwrap();
    assert!(matches!(ticket.outcome(), Some(Ok(()))));
}

fn closing_makes_everything_durable_and_refuses_more(disk: &impl Disk) {
    let store = disk.store();
    let tickets: Vec<_> = (0..100)
        .map(|n| store.submit(puts(&[(&format!("k{n:03}"), "v")])))
        .collect();
    store.close().unwrap();
    assert!(
        tickets
            .iter()
            .all(|ticket| matches!(ticket.outcome(), Some(Ok(()))))
    );
    assert!(matches!(
        store.submit(puts(&[("late", "v")])).wait(),
        Err(Error::Closed)
    ));
    store.close().unwrap();
    assert_eq!(all_rows(&disk.store()).unwrap().len(), 100);
}

fn the_sweep_removes_only_unreferenced_payloads(disk: &impl Disk) {
    let store = disk.store();
    let large = |byte: u8| vec![byte; SPILL_ABOVE + 1];
    let mut batch = Batch::new();
    batch
        .put(&b"a"[..], large(1))
        .put(&b"b"[..], large(2))
        .put(&b"c"[..], large(3))
        .put(&b"d"[..], large(3));
    store.submit(batch).wait().unwrap();
    let mut batch = Batch::new();
    batch
        .put(&b"a"[..], &b"small"[..])
        .put(&b"b"[..], large(4))
        .delete(&b"c"[..]);
    store.submit(batch).wait().unwrap();
    let sweep = store.maintain().unwrap();
    assert_eq!((sweep.found, sweep.removed), (4, 2));
    assert_eq!(store.maintain().unwrap().removed, 0);
    assert_eq!(store.view().get(b"b").unwrap().unwrap(), large(4));
    assert_eq!(store.view().get(b"d").unwrap().unwrap(), large(3));
    store.submit(puts(&[("b", ""), ("d", "")])).wait().unwrap();
    store.close().unwrap();
    assert_eq!(
        disk.store().maintain().unwrap().found,
        0,
        "closing sweeps too"
    );
}

fn sweeps_and_commits_run_side_by_side(disk: &impl Disk) {
    let store = disk.store();
    let done = AtomicU64::new(0);
    let large = |n: u64| [&n.to_be_bytes()[..], &[9; SPILL_ABOVE]].concat();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while done.load(Ordering::SeqCst) == 0 {
                store.maintain().unwrap();
            }
        });
        scope.spawn(|| {
            while done.load(Ordering::SeqCst) == 0 {
                all_rows(&store).unwrap();
            }
        });
        for n in 0..150u64 {
            let mut batch = Batch::new();
            // Payloads come back after they were dropped, which is where a careless sweep loses them.
            batch
                .put(&b"x"[..], large(n % 3))
                .put(&b"y"[..], large(n % 2));
            store.submit(batch).wait().unwrap();
            assert_eq!(store.view().get(b"x").unwrap().unwrap(), large(n % 3));
        }
        done.store(1, Ordering::SeqCst);
    });
    let sweep = store.maintain().unwrap();
    assert!(sweep.found - sweep.removed <= 2);
}
