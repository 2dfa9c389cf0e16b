//! A process with few descriptors: the store takes only some of them at once, and a reader who can wait for one does.

use std::fs::File;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use abide_store::{Batch, SPILL_ABOVE, SledOptions, Store};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// What this process may have: tests that count on it take turns.
const DESCRIPTORS: u64 = 128;

static TURN: Mutex<()> = Mutex::new(());

fn with_few_descriptors() -> MutexGuard<'static, ()> {
    let turn = TURN.lock().unwrap();
    let few = Rlimit {
        current: Some(DESCRIPTORS),
        ..getrlimit(Resource::Nofile)
    };
    setrlimit(Resource::Nofile, few).unwrap();
    turn
}

/// A value that takes a payload file of its own.
fn payload(n: u64) -> Vec<u8> {
    let mut value = n.to_be_bytes().to_vec();
    value.resize(SPILL_ABOVE + 1, b'x');
    value
}

fn key(n: u64) -> Vec<u8> {
    [&b"key"[..], &n.to_be_bytes()].concat()
}

#[test]
fn one_group_may_hold_more_payloads_than_the_process_may_open_files() {
    let _turn = with_few_descriptors();
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), &SledOptions::default()).unwrap();
    let mut batch = Batch::new();
    for n in 0..2 * DESCRIPTORS {
        batch.put(key(n), payload(n));
    }
    store.submit(batch).wait().unwrap();
    let view = store.view();
    for n in 0..2 * DESCRIPTORS {
        assert_eq!(view.get(&key(n)).unwrap().unwrap(), payload(n));
    }
}

#[test]
fn a_patient_reader_asks_again_until_there_is_a_descriptor() {
    let _turn = with_few_descriptors();
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), &SledOptions::default()).unwrap();
    let mut batch = Batch::new();
    batch.put(key(1), payload(1));
    store.submit(batch).wait().unwrap();

    let taken = std::iter::from_fn(|| File::open("/dev/null").ok()).collect::<Vec<_>>();
    let taken = Arc::new(Mutex::new(taken));
    let refused = store.view().get(&key(1)).unwrap_err();
    assert!(refused.is_transient(), "{refused}");
    let gives_up = store.view().patient(Arc::new(|_| false));
    assert!(gives_up.get(&key(1)).unwrap_err().is_transient());

    let asked = Arc::new(AtomicU32::new(0));
    let (counts, frees) = (asked.clone(), taken.clone());
    let waits = store.view().patient(Arc::new(move |failures| {
        assert_eq!(failures, counts.fetch_add(1, Ordering::SeqCst));
        if failures == 2 {
            frees.lock().unwrap().clear();
        }
        true
    }));
    assert_eq!(waits.get(&key(1)).unwrap().unwrap(), payload(1));
    assert_eq!(asked.load(Ordering::SeqCst), 3);
}
