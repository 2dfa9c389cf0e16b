//! Measures the store alone: runs of ten steps with nothing outside, as the engine writes them, by runs in flight; then how the log's size
//! develops when rows are replaced for ever, and how long a crashed and a closed store take to open.
//!
//! `cargo run --release -p abide-store --example throughput [-- DIR]`

mod process;
#[path = "../tests/common/records.rs"]
#[allow(dead_code, reason = "a part of it is used here")]
mod records;

use std::{
    path::{Path, PathBuf},
    sync::{Arc, mpsc},
    time::{Duration, Instant},
};

use abide_core::{
    ids::{EventId, IdGenerator, RunId},
    state::{Registration, Write},
};
use abide_store::{Batch, SledOptions, Store, encode};

const RUNS_AT_ONCE: [usize; 5] = [1, 16, 64, 256, 1024];
const FOR: Duration = Duration::from_secs(3);

fn main() {
    let parent = std::env::args()
        .nth(1)
        .map_or_else(std::env::temp_dir, PathBuf::from);
    let dir = tempfile::tempdir_in(parent).expect("a temporary directory");
    println!(
        "one sync of 4 KiB: {:?} (median of 100)",
        sync_latency(dir.path())
    );
    println!(
        "{:>9} {:>9} {:>9} {:>10} {:>10} {:>10} {:>9}",
        "in flight", "runs/s", "p50", "p99", "runs/group", "rows/run", "cpu/run"
    );
    let store = open(&dir.path().join("runs"));
    let mut ids = IdGenerator::new(1);
    for at_once in RUNS_AT_ONCE {
        runs(&store, at_once, &mut ids);
    }
    payloads(&store);
    store.close().expect("close");
    reopen(&dir.path().join("runs"));
    churn(&dir.path().join("churn"));
    sleepers(&dir.path().join("sleepers"));
}

fn open(dir: &Path) -> Store {
    Store::open(dir, &SledOptions::default()).expect("open")
}

fn sync_latency(dir: &Path) -> Duration {
    use std::io::Write as _;
    let mut file = std::fs::File::create(dir.join("probe")).expect("create");
    let mut times: Vec<_> = (0..100)
        .map(|_| {
            let started = Instant::now();
            file.write_all(&[1; 4096])
                .and_then(|()| file.sync_data())
                .expect("sync");
            started.elapsed()
        })
        .collect();
    times.sort();
    times[50]
}

fn runs(store: &Store, at_once: usize, ids: &mut IdGenerator) {
    let (free, freed) = mpsc::channel();
    for _ in 0..at_once {
        free.send(None).expect("open channel");
    }
    let before = store.stats();
    let cpu_before = process::cpu_time();
    let started = Instant::now();
    let mut times = Vec::new();
    while started.elapsed() < FOR {
        if let Some(took) = freed.recv().expect("open channel") {
            times.push(took);
        }
        let now_ms = 1_700_000_000_000 + u64::try_from(started.elapsed().as_millis()).unwrap_or(0);
        let (event, run) = (EventId(ids.next(now_ms)), RunId(ids.next(now_ms)));
        let [created, completed] = records::run_of_ten_steps(event, run);
        let began = Instant::now();
        let _ticket = store.submit(encode(&created).expect("encode"));
        let free = free.clone();
        let _ticket = store.submit_then(encode(&completed).expect("encode"), move |outcome| {
            outcome.expect("durable");
            let _ = free.send(Some(began.elapsed()));
        });
    }
    store.read_barrier().wait().expect("durable");
    let took = started.elapsed();
    let after = store.stats();
    times.sort();
    let done = times.len().max(1);
    let groups = after.groups - before.groups;
    println!(
        "{at_once:>9} {:>9.0} {:>9.2?} {:>10.2?} {:>10.1} {:>10.1} {:>9.1?}",
        ratio(done, 1) / took.as_secs_f64(),
        times[done / 2],
        times[done * 99 / 100],
        ratio(done, usize::try_from(groups).unwrap_or(1)),
        ratio(
            usize::try_from(after.writes - before.writes).unwrap_or(0),
            done
        ),
        process::cpu_time().saturating_sub(cpu_before) / u32::try_from(done).unwrap_or(1),
    );
}

/// Values that go to payload files, by how many there are in a group.
fn payloads(store: &Store) {
    for count in [1u8, 8, 64] {
        let mut times: Vec<_> = (0..20u8)
            .map(|round| {
                let mut batch = Batch::new();
                for n in 0..count {
                    let mut value = vec![round; 8 << 10];
                    value[0] = n;
                    batch.put(vec![0xf0, n], value);
                }
                let started = Instant::now();
                store.submit(batch).wait().expect("durable");
                started.elapsed()
            })
            .collect();
        times.sort();
        println!("a group with {count} payloads of 8 KiB: {:.2?}", times[10]);
    }
}

/// What sleeping runs cost: memory and disk for each, and how long a store with them takes to open.
fn sleepers(dir: &Path) {
    const RUNS: u32 = 100_000;
    let mut ids = IdGenerator::new(2);
    let before = process::resident_bytes();
    let store = open(dir);
    for n in 0..RUNS {
        let now_ms = 1_700_000_000_000 + u64::from(n) / 10;
        let run = RunId(ids.next(now_ms));
        let [mut writes, _] = records::run_of_ten_steps(EventId(ids.next(now_ms)), run);
        let registration = Arc::new(Registration::Sleep {
            due_ms: now_ms + 86_400_000,
        });
        writes.push(Write::Register {
            run,
            op: 0,
            registration,
        });
        writes.push(Write::DeleteReady(run));
        let ticket = store.submit(encode(&writes).expect("encode"));
        if n % 1000 == 999 {
            ticket.wait().expect("durable");
        }
    }
    store.read_barrier().wait().expect("durable");
    let log = std::fs::metadata(dir.join("log/db")).map_or(0, |log| log.len());
    println!(
        "{RUNS} sleeping runs: {} bytes of memory and {} bytes of log each, of which 64 MiB are the page cache",
        process::resident_bytes().saturating_sub(before) / u64::from(RUNS),
        log / u64::from(RUNS),
    );
    store.close().expect("close");
    reopen(dir);
}

/// Replaces the same rows for ever: the log must stop growing.
fn churn(dir: &Path) {
    let store = open(dir);
    let log = dir.join("log/db");
    for round in 0..8 {
        let started = Instant::now();
        for group in 0..200u32 {
            let mut batch = Batch::new();
            for n in 0..100u32 {
                let key = (group * 100 + n) % 5000;
                batch.put(format!("k/{key:06}").into_bytes(), vec![round; 200]);
            }
            store.submit(batch).wait().expect("durable");
        }
        let len = std::fs::metadata(&log).map_or(0, |log| log.len());
        println!(
            "churn round {round}: log {} MB for 1 MB of rows, {:?}",
            len >> 20,
            started.elapsed()
        );
    }
    store.close().expect("close");
    reopen(dir);
}

fn reopen(dir: &Path) {
    let started = Instant::now();
    let store = open(dir);
    let report = store.open_report();
    let rate = ratio(usize::try_from(report.audit.bytes).unwrap_or(0), 1 << 20)
        / report.audit_time.as_secs_f64();
    println!(
        "open {:?}: audit {:?} ({} MB, {rate:.0} MB/s, {} messages), replay {:?}",
        started.elapsed(),
        report.audit_time,
        report.audit.bytes >> 20,
        report.audit.messages,
        report.replay_time
    );
}

#[expect(clippy::cast_precision_loss, reason = "figures for people")]
fn ratio(a: usize, b: usize) -> f64 {
    a as f64 / b.max(1) as f64
}
