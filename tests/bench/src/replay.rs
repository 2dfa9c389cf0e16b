//! How fast a journal is replayed, and how long it takes a run that was dropped from memory to go on.

use std::path::Path;
use std::time::{Duration, Instant};

use abide_core::ids::RunId;
use abide_core::state::RunStatus;
use abide_server::{Clock, Node, NodeConfig};
use anyhow::Result;

use crate::Scale;
use crate::machine::{ms, quantile};
use crate::report::Report;
use crate::rig::{deploy, event, wait_for};

/// Steps of the long histories.
const LONG: usize = 1_000;

/// Entries that one step leaves in the journal: its start and its completion.
const ENTRIES_A_STEP: usize = 2;

/// Takes both figures from runs that wait with histories of 10 and 1,000 entries, and nothing resident.
pub(crate) async fn measure(base: &Path, scale: Scale, report: &mut Report) -> Result<()> {
    let directory = tempfile::tempdir_in(base)?;
    let mut config = NodeConfig::new(directory.path());
    config.clock = Clock::wall();
    // Nothing that waits stays in memory: every wake-up is a replay.
    config.host.resident_bytes = 0;
    let node = Node::open(config).await?;
    deploy(&node).await?;
    // Half as many steps as entries; 1 step is instantiation and little else.
    let short = resume(&node, 5, scale.samples).await?;
    let long = resume(&node, LONG / ENTRIES_A_STEP, scale.samples).await?;
    let longer = resume(&node, 5 * LONG / ENTRIES_A_STEP, scale.samples / 4 + 1).await?;
    report.figure(
        "resume10_p50_ms",
        ms(short),
        3,
        "event accepted to durable end, 10 entries replayed, less one sync",
    );
    report.figure(
        "resume1000_p50_ms",
        ms(long),
        3,
        "the same with 1,000 entries",
    );
    let extra = longer.saturating_sub(long).as_secs_f64();
    #[allow(clippy::cast_precision_loss, reason = "a count of thousands")]
    let rate = (4 * LONG) as f64 / extra.max(1e-9);
    report.figure(
        "replay_entries_per_s",
        rate,
        0,
        "entries a second on one core, journal read included",
    );
    node.shutdown().await;
    Ok(())
}

/// The median time in which a waiting run with this history goes on and ends, without the commit that both ways have.
async fn resume(node: &Node, steps: usize, samples: usize) -> Result<Duration> {
    let mut notices = node.subscribe();
    let mut plain = Vec::with_capacity(samples);
    let mut woken = Vec::with_capacity(samples);
    for sample in 0..samples {
        let key = format!("{steps}-{sample}");
        let data = format!(r#"{{"n":{steps},"key":"{key}"}}"#);
        node.send_events(vec![event("bench/resume", data)], None)
            .await?;
        let run = wait_for(&mut notices, None, RunStatus::Waiting).await?;
        evicted(node, run).await;
        let began = Instant::now();
        let nobody = format!(r#"{{"key":"nobody-{key}"}}"#);
        node.send_events(vec![event("bench/wake", nobody)], None)
            .await?;
        plain.push(began.elapsed());
        let began = Instant::now();
        node.send_events(
            vec![event("bench/wake", format!(r#"{{"key":"{key}"}}"#))],
            None,
        )
        .await?;
        wait_for(&mut notices, Some(run), RunStatus::Completed).await?;
        woken.push(began.elapsed());
    }
    Ok(quantile(&mut woken, 0.5).saturating_sub(quantile(&mut plain, 0.5)))
}

/// Waits until the run's instances are gone.
async fn evicted(node: &Node, run: RunId) {
    while node.live_status(run).is_some() {
        tokio::task::yield_now().await;
    }
}
