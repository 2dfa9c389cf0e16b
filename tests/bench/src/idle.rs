//! What a sleeping run costs: memory and disk.

use std::path::Path;

use abide_core::engine::Notice;
use abide_core::state::RunStatus;
use abide_server::Clock;
use anyhow::{Context, Result};

use crate::Scale;
use crate::machine::resident_bytes;
use crate::report::Report;
use crate::rig::{Rig, event, open};

/// Events of one request.
const BATCH: usize = 1_000;

/// One day, in milliseconds.
const DAY_MS: u64 = 86_400_000;

/// Puts runs to sleep, and returns when the last one sleeps durably.
pub(crate) async fn put_to_sleep(
    node: &abide_server::Node,
    count: usize,
    sleep_ms: u64,
) -> Result<()> {
    let mut notices = node.subscribe();
    let mut asleep = 0;
    for begin in (0..count).step_by(BATCH) {
        let batch = BATCH.min(count - begin);
        let data = format!(r#"{{"sleep_ms":{sleep_ms}}}"#);
        node.send_events(vec![event("bench/sleeper", data); batch], None)
            .await?;
        while asleep < begin + batch {
            if let Notice::Run {
                status: RunStatus::Sleeping,
                ..
            } = notices.recv().await.context("notices were missed")?
            {
                asleep += 1;
            }
        }
    }
    Ok(())
}

/// Memory and disk a sleeping run, in a process that was started over them.
pub(crate) async fn sleepers(base: &Path, scale: Scale, report: &mut Report) -> Result<()> {
    let rig = Rig::new(base, Clock::wall()).await?;
    put_to_sleep(&rig.node, 1_000, DAY_MS).await?;
    rig.node.shutdown().await;
    let disk_before = disk_bytes(rig.directory.path())?;
    let node = open(rig.directory.path(), Clock::wall()).await?;
    let before = resident_bytes()?;
    put_to_sleep(&node, scale.sleepers, DAY_MS).await?;
    // Instances that may stay resident are not what a sleeping run costs: they go when memory is wanted.
    node.shutdown().await;
    drop(node);
    let disk = disk_bytes(rig.directory.path())?.saturating_sub(disk_before);
    let node = open(rig.directory.path(), Clock::wall()).await?;
    let after = resident_bytes()?;
    #[allow(clippy::cast_precision_loss, reason = "bytes far below 2^52")]
    let (ram, disk) = (
        after.saturating_sub(before) as f64 / scale.sleepers as f64,
        disk as f64 / scale.sleepers as f64,
    );
    let meaning = format!(
        "memory of a freshly started node over {} sleeping runs, a run",
        scale.sleepers
    );
    report.figure("sleeper_ram_bytes", ram, 0, &meaning);
    report.figure(
        "sleeper_disk_bytes",
        disk,
        0,
        "growth of the data directory, a run",
    );
    node.shutdown().await;
    Ok(())
}

fn disk_bytes(directory: &Path) -> Result<u64> {
    use std::os::unix::fs::MetadataExt;
    let mut bytes = 0;
    for entry in std::fs::read_dir(directory)? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        bytes += if metadata.is_dir() {
            disk_bytes(&entry.path())?
        } else {
            metadata.blocks() * 512
        };
    }
    Ok(bytes)
}
