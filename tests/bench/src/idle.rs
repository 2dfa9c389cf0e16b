//! What a sleeping run costs: memory and disk.

use std::path::Path;
use std::process::Command;

use abide_core::engine::Notice;
use abide_core::state::RunStatus;
use abide_server::Clock;
use anyhow::{Context, Result};

use crate::Scale;
use crate::machine::resident_bytes;
use crate::report::Report;
use crate::rig::{Rig, cache_mib, event, open};

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

/// Memory and disk a sleeping run. Memory is that of a process that did nothing but open the store.
pub(crate) async fn sleepers(base: &Path, scale: Scale, report: &mut Report) -> Result<()> {
    let rig = Rig::new(base, Clock::wall()).await?;
    put_to_sleep(&rig.node, 1_000, DAY_MS).await?;
    rig.node.shutdown().await;
    drop(rig.node);
    let directory = rig.directory.path();
    let disk_before = disk_bytes(directory)?;
    let before = resident_in_another_process(directory)?;
    let node = open(directory, Clock::wall()).await?;
    put_to_sleep(&node, scale.sleepers, DAY_MS).await?;
    node.shutdown().await;
    drop(node);
    let disk = disk_bytes(directory)?.saturating_sub(disk_before);
    let after = resident_in_another_process(directory)?;
    #[allow(clippy::cast_precision_loss, reason = "bytes far below 2^52")]
    let a_run = |bytes: u64| bytes as f64 / scale.sleepers as f64;
    let meaning = format!(
        "memory of a freshly started node over {} sleeping runs, a run",
        scale.sleepers
    );
    let ram = a_run(after.saturating_sub(before));
    report.figure("sleeper_ram_bytes", ram, 0, &meaning);
    #[allow(clippy::cast_precision_loss, reason = "bytes far below 2^52")]
    let whole = after as f64 / f64::from(1 << 20);
    let meaning = "the whole process, program and code cache included";
    report.figure("sleeper_process_mib", whole, 0, meaning);
    let meaning = "growth of the data directory, a run";
    report.figure("sleeper_disk_bytes", a_run(disk), 0, meaning);
    Ok(())
}

/// What [`tell_resident`] says in a process of its own: this one has memory that it gave back to nobody.
fn resident_in_another_process(directory: &Path) -> Result<u64> {
    let mut program = Command::new(std::env::current_exe()?);
    program.arg("--resident-of").arg(directory);
    if let Some(mib) = cache_mib() {
        program.arg("--cache-mib").arg(mib.to_string());
    }
    let output = program.output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let bytes = text.trim().parse();
    bytes.with_context(|| format!("the node over the sleeping runs did not open: {output:?}"))
}

/// Opens the store, takes up what it holds, and prints the memory in use.
pub(crate) async fn tell_resident(directory: &Path) -> Result<()> {
    let node = open(directory, Clock::wall()).await?;
    // An answer comes after everything that the start brings with it.
    node.send_events(vec![event("bench/unheard", "{}")], None)
        .await?;
    println!("{}", resident_bytes()?);
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
