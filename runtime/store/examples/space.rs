//! What deleted runs give back to the disk.
use std::{path::Path, sync::Arc, time::Instant};

use abide_core::{
    event::{Event, EventSource},
    ids::{Digest, EventId, FunctionId, IdGenerator, RunId},
    journal::{Entry, Outcome},
    operation::Kind,
    retry::RetryPolicy,
    state::{JournalChunk, Run, RunEnd, RunStatus, Write},
};
use abide_store::{Batch, Direction, KeyRange, SledOptions, Store, encode};

fn main() {
    let runs: u32 = std::env::args()
        .nth(1)
        .and_then(|n| n.parse().ok())
        .unwrap_or(300_000);
    let keep_every: usize = std::env::args()
        .nth(2)
        .and_then(|n| n.parse().ok())
        .unwrap_or(0);
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let store = Store::open(dir, &SledOptions::default()).unwrap();
    let started = Instant::now();
    let mut ids = IdGenerator::new(2);
    for n in 0..runs {
        let now = 1_700_000_000_000 + u64::from(n) / 10;
        let (event, run) = (EventId(ids.next(now)), RunId(ids.next(now)));
        let [a, b] = run_writes(event, run);
        let _t = store.submit(encode(&a).unwrap());
        let t = store.submit(encode(&b).unwrap());
        if n % 1000 == 999 {
            t.wait().unwrap();
        }
    }
    store.read_barrier().wait().unwrap();
    report(dir, "written", started);
    let started = Instant::now();
    let mut range = KeyRange::all();
    let mut n = 0usize;
    loop {
        let rows = store.view().rows(&range, Direction::Forward, 5000).unwrap();
        let Some((last, _)) = rows.last() else { break };
        range = range.after(last.clone(), Direction::Forward);
        let mut batch = Batch::new();
        for (key, _) in rows {
            n += 1;
            if keep_every == 0 || n % keep_every != 0 {
                batch.delete(key);
            }
        }
        store.submit(batch).wait().unwrap();
    }
    report(dir, "deleted", started);
    let started = Instant::now();
    for i in 0..2000u32 {
        let mut batch = Batch::new();
        batch.put(format!("k/{:06}", i % 500).into_bytes(), vec![0; 200]);
        store.submit(batch).wait().unwrap();
    }
    report(dir, "2000 small commits later", started);
    store.close().unwrap();
    let started = Instant::now();
    let store = Store::open(dir, &SledOptions::default()).unwrap();
    report(dir, "reopened", started);
    store.close().unwrap();
    let started = Instant::now();
    let store = Store::open(dir, &SledOptions::default()).unwrap();
    report(dir, "reopened again", started);
    drop(store);
}

fn report(dir: &Path, what: &str, started: Instant) {
    use std::os::unix::fs::MetadataExt as _;
    let log = std::fs::metadata(dir.join("log/db")).unwrap();
    println!(
        "{what}: log {} MB, blocks {} MB, {:?}",
        log.len() >> 20,
        (log.blocks() * 512) >> 20,
        started.elapsed()
    );
}

fn run_writes(event: EventId, run: RunId) -> [Vec<Write>; 2] {
    let now = event.made_at_ms();
    let record = |status, end| {
        Write::PutRun(Arc::new(Run {
            id: run,
            function: FunctionId::new("bench", "ten-steps"),
            digest: Digest([7; 32]),
            policy: RetryPolicy::default(),
            event,
            event_count: 1,
            batch: false,
            parent: None,
            original: None,
            cron: None,
            queue: None,
            guarded: false,
            quiet: false,
            input: None,
            status,
            queued_ms: now,
            started_ms: Some(now),
            ended_ms: None,
            end,
            entries: 0,
            log_chunks: 0,
        }))
    };
    let created = vec![
        Write::PutEvent(Arc::new(Event {
            id: event,
            received_ms: now,
            name: "bench/ten-steps".into(),
            data: r#"{"order":"o-12345","amount":4200}"#.into(),
            user: None,
            ts: now,
            v: None,
            external_id: None,
            source: EventSource::Api,
        })),
        Write::LinkEvent { event, run },
        record(RunStatus::Queued, None),
        Write::PutReady(run),
    ];
    let entries = (0..10)
        .flat_map(|op| {
            [
                Entry::OperationStarted {
                    op,
                    after: op,
                    kind: Kind::Run,
                    id: format!("step-{op}"),
                    occurrence: 0,
                    digest: 0x1234_5678_9abc_def0,
                    summary: String::new(),
                    at_ms: now,
                },
                Entry::Completed {
                    op,
                    outcome: Outcome::Done(r#"{"ok":true,"value":17}"#.into()),
                    attempts: 1,
                    started_ms: now,
                    at_ms: now,
                },
            ]
        })
        .collect();
    let completed = vec![
        Write::AppendJournal {
            run,
            chunk: JournalChunk { first: 0, entries },
        },
        record(RunStatus::Completed, Some(RunEnd::Output("null".into()))),
        Write::DeleteReady(run),
    ];
    [created, completed]
}
