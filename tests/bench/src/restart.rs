//! How long a node takes to go on after a restart over very many live runs.

use std::path::Path;
use std::time::Instant;

use abide_core::engine::Notice;
use abide_core::state::RunStatus;
use abide_server::Clock;
use anyhow::{Context, Result};

use crate::Scale;
use crate::idle::put_to_sleep;
use crate::machine::ms;
use crate::report::Report;
use crate::rig::{Rig, open};

/// From opening the data directory to the first durable end of a run, when all of them are due.
pub(crate) async fn first_progress(base: &Path, scale: Scale, report: &mut Report) -> Result<()> {
    // A clock that stands still lets all of them fall asleep before the first is due.
    let clock = Clock::virtual_at(1_800_000_000_000);
    let rig = Rig::new(base, clock.clone()).await?;
    put_to_sleep(&rig.node, scale.live, 1_000).await?;
    rig.node.shutdown().await;
    clock.advance_to(clock.now_ms() + 10_000);
    let began = Instant::now();
    let node = open(rig.directory.path(), clock).await?;
    let opened = began.elapsed();
    let mut notices = node.subscribe();
    loop {
        if let Notice::Run {
            status: RunStatus::Completed,
            ..
        } = notices.recv().await.context("notices were missed")?
        {
            break;
        }
    }
    let meaning = format!(
        "opening a store with {} live runs, all due, until the first one ends durably",
        scale.live
    );
    report.figure(
        "restart_open_ms",
        ms(opened),
        0,
        "the part of it until the node takes requests",
    );
    report.figure(
        "restart_first_progress_ms",
        ms(began.elapsed()),
        0,
        &meaning,
    );
    node.shutdown().await;
    Ok(())
}
