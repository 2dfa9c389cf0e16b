//! Very many runs in the queue of one function, over very many concurrency keys: what it costs to put them there, to start over them, and to
//! pick the next; and whether other functions notice.

use std::path::Path;
use std::time::Instant;

use abide_core::engine::Notice;
use abide_core::ids::FunctionId;
use abide_server::Clock;
use anyhow::{Context, Result};

use crate::Scale;
use crate::flight::fly;
use crate::machine::{ms, quantile};
use crate::report::Report;
use crate::rig::{APP, Rig, event, open};
use crate::throughput::rate;

/// Distinct concurrency keys; each lets one run go on at a time.
const KEYS: usize = 10_000;

/// Events of one request.
const BATCH: usize = 1_000;

/// Runs of another function while the queue is full.
const OTHERS: usize = 500;

/// A function that is paused collects the queue; the node is started again over it; then the function goes on.
pub(crate) async fn full(base: &Path, scale: Scale, report: &mut Report) -> Result<()> {
    let function = FunctionId::new(APP, "flow-queue");
    let rig = Rig::new(base, Clock::wall()).await?;
    rig.node.pause_function(function.clone()).await?;
    let began = Instant::now();
    for begin in (0..scale.queued).step_by(BATCH) {
        let events = (begin..begin + BATCH)
            .map(|n| event("flow/queue", format!(r#"{{"key":{}}}"#, n % KEYS)))
            .collect();
        rig.node.send_events(events, None).await?;
    }
    let (queued, keys) = (scale.queued, KEYS);
    report.figure(
        "queue_in_per_s",
        rate(queued, began.elapsed().as_secs_f64()),
        0,
        &format!("runs a second into the queue, {queued} of them over {keys} keys"),
    );
    rig.node.shutdown().await;

    let began = Instant::now();
    let node = open(rig.directory.path(), Clock::wall()).await?;
    let meaning = "opening the store over the full queue until the node takes requests";
    report.figure("queue_open_ms", ms(began.elapsed()), 0, meaning);

    let mut others = fly(&node, "bench/noop", "{}", 1, OTHERS).await?;
    report.figure(
        "queue_others_p50_ms",
        ms(quantile(&mut others.latencies, 0.5)),
        3,
        "a run of another function meanwhile, from its event to its durable end",
    );

    let mut notices = node.subscribe();
    let began = Instant::now();
    node.resume_function(function).await?;
    ended(&mut notices, 1).await?;
    let meaning = "from letting the function go on to the durable end of its first run";
    report.figure("queue_first_end_ms", ms(began.elapsed()), 0, meaning);
    let began = Instant::now();
    let picked = scale.runs / 2;
    ended(&mut notices, picked).await?;
    report.figure(
        "queue_out_per_s",
        rate(picked, began.elapsed().as_secs_f64()),
        0,
        "one-step runs a second out of the full queue, each key one at a time",
    );
    node.shutdown().await;
    Ok(())
}

/// Waits for so many ends of runs.
async fn ended(notices: &mut tokio::sync::broadcast::Receiver<Notice>, count: usize) -> Result<()> {
    let mut seen = 0;
    while seen < count {
        if let Notice::Run { status, .. } = notices.recv().await.context("notices were missed")?
            && status.is_final()
        {
            seen += 1;
        }
    }
    Ok(())
}
