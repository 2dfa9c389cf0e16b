//! What finished runs take on the disk, and what comes back when they are forgotten and the store is compacted.
//!
//! `cargo run --release -p abide-store --example space [RUNS [ROUNDS]]`: ROUNDS times RUNS runs of ten steps are written and forgotten.

#[path = "../tests/common/records.rs"]
#[allow(dead_code, reason = "a part of it is used here")]
mod records;

use std::{os::unix::fs::MetadataExt as _, path::Path, time::Instant};

use abide_core::ids::{EventId, IdGenerator, RunId};
use abide_store::{Keep, SledBackend, SledOptions, Store, encode};

const FIRST_MS: u64 = 1_700_000_000_000;
const DAY: u64 = 86_400_000;
/// As housekeeping does.
const AT_ONCE: usize = 100;

fn main() {
    let argument = |n| std::env::args().nth(n).and_then(|text| text.parse().ok());
    let runs: u32 = argument(1).unwrap_or(300_000);
    let rounds: u32 = argument(2).unwrap_or(1);
    let directory = tempfile::tempdir().expect("a directory");
    let dir = directory.path();
    let as_it_is = SledOptions {
        compact_from: u64::MAX,
        ..SledOptions::default()
    };
    let store = Store::open(dir, &as_it_is).expect("open");
    let mut ids = IdGenerator::new(2);
    for round in 0..rounds {
        let started = Instant::now();
        write(
            &store,
            FIRST_MS + u64::from(round) * 60 * DAY,
            runs,
            &mut ids,
        );
        report(dir, "written", started);
        let started = Instant::now();
        forget(&store, FIRST_MS + (u64::from(round) + 1) * 60 * DAY);
        report(dir, "forgotten", started);
    }
    let started = Instant::now();
    store.maintain().expect("maintain");
    report(dir, "every row read", started);
    store.close().expect("close");
    drop(store);

    let started = Instant::now();
    let store = Store::open(dir, &as_it_is).expect("open");
    report(dir, "opened again", started);
    store.close().expect("close");
    drop(store);

    let started = Instant::now();
    let store = Store::open(dir, &SledOptions::default()).expect("open");
    report(dir, "opened as a node does", started);
    write(&store, FIRST_MS + 9_000 * DAY, runs / 10, &mut ids);
    report(dir, "a tenth as many runs written", started);
    store.close().expect("close");
    drop(store);

    let compacted = SledBackend::compact(dir, &as_it_is, |_| {}).expect("compact");
    println!("compacted: {compacted:?}");
}

fn write(store: &Store, from_ms: u64, runs: u32, ids: &mut IdGenerator) {
    for n in 0..runs {
        let now_ms = from_ms + u64::from(n) / 10;
        let (event, run) = (EventId(ids.next(now_ms)), RunId(ids.next(now_ms)));
        let [created, completed] = records::run_of_ten_steps(event, run);
        let _ticket = store.submit(encode(&created).expect("encode"));
        let ticket = store.submit(encode(&completed).expect("encode"));
        if n % 1000 == 999 {
            ticket.wait().expect("durable");
        }
    }
    store.read_barrier().wait().expect("durable");
}

fn forget(store: &Store, now_ms: u64) {
    let keep = Keep::new(30 * DAY, 30 * DAY, &[]);
    let mut after = None;
    loop {
        let view = store.view();
        let page = view
            .expired(&keep, now_ms, after.as_ref(), AT_ONCE)
            .expect("find");
        let batch = view.forget(&page.keys, &keep, now_ms).expect("forget");
        store.submit(batch).wait().expect("durable");
        after = page.next;
        if after.is_none() {
            return;
        }
    }
}

fn report(dir: &Path, what: &str, started: Instant) {
    let log = std::fs::metadata(dir.join("log/db")).expect("there is a log");
    let on_disk = log.len().min(log.blocks() * 512);
    println!(
        "{what}: the log takes {} MB, {:.2?}",
        on_disk >> 20,
        started.elapsed()
    );
}
