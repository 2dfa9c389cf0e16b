//! How late timers fire when very many are due at once.

use std::path::Path;
use std::time::Duration;

use abide_core::engine::Notice;
use abide_core::ids::RunId;
use abide_core::state::{Read, RunEnd, RunStatus};
use abide_server::{Clock, Node};
use anyhow::{Context, Result};

use crate::Scale;
use crate::machine::{ms, quantile};
use crate::report::Report;
use crate::rig::{Rig, event};

/// Events of one request.
const BATCH: usize = 1_000;

/// Time to put all runs to sleep, as a share of a millisecond a run, and then some.
fn lead_ms(runs: usize) -> u64 {
    3_000 + runs as u64 / 2
}

/// All timers fall due within one second; late is from due to the moment that the run's code goes on, as its journal says.
pub(crate) async fn lateness(base: &Path, scale: Scale, report: &mut Report) -> Result<()> {
    let rig = Rig::new(base, Clock::wall()).await?;
    let node = &rig.node;
    let mut notices = node.subscribe();
    let count = scale.timers;
    let due_ms = node.clock().now_ms() + lead_ms(count);
    for begin in (0..count).step_by(BATCH) {
        let events = (begin..count.min(begin + BATCH)).map(|n| {
            let spread = (n * 1_000 / count) as u64;
            let sleep_ms = (due_ms + spread).saturating_sub(node.clock().now_ms());
            event("bench/sleeper", format!(r#"{{"sleep_ms":{sleep_ms}}}"#))
        });
        node.send_events(events.collect(), None).await?;
    }
    let mut ended = Vec::with_capacity(count);
    while ended.len() < count {
        if let Notice::Run {
            run,
            status: RunStatus::Completed,
            ..
        } = notices.recv().await.context("notices were missed")?
        {
            ended.push(run);
        }
    }
    let mut late = Vec::with_capacity(count);
    for run in ended {
        late.push(late_by(node, run).await?);
    }
    let meaning = format!("{count} timers due within one second: from due to the recorded wake-up");
    report.figure("timer_lateness_p50_ms", ms(quantile(&mut late, 0.5)), 1, "");
    report.figure(
        "timer_lateness_p99_ms",
        ms(quantile(&mut late, 0.99)),
        1,
        &meaning,
    );
    node.shutdown().await;
    Ok(())
}

/// How much later than due the run's sleep was recorded as over. The sleep began when the journal says, for as long as the
/// event says.
async fn late_by(node: &Node, run: RunId) -> Result<Duration> {
    use abide_core::journal::Entry;
    let (journal, event) = node
        .read(move |view| {
            let record = view.run(run)?;
            let event = record.as_ref().map(|run| run.event);
            debug_assert!(matches!(
                record.and_then(|run| run.end),
                Some(RunEnd::Output(_))
            ));
            let event = event.map(|event| view.event(event)).transpose()?.flatten();
            Ok((view.journal(run)?, event))
        })
        .await?;
    let data: serde_json::Value = serde_json::from_str(&event.context("the event is kept")?.data)?;
    let sleep_ms = data["sleep_ms"]
        .as_u64()
        .context("the event says how long")?;
    let mut began = 0;
    let mut woke = 0;
    for entry in journal {
        match entry {
            Entry::OperationStarted { at_ms, .. } => began = at_ms,
            Entry::Completed { at_ms, .. } => woke = at_ms,
            _ => {}
        }
    }
    Ok(Duration::from_millis(woke.saturating_sub(began + sleep_ms)))
}
