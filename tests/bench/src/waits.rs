//! Very many runs that wait for one event, each for another value: how quickly the one is found, and goes on.

use std::path::Path;
use std::time::Instant;

use abide_core::engine::Notice;
use abide_core::state::{Read, RunStatus};
use abide_server::Clock;
use anyhow::{Context, Result, ensure};

use crate::Scale;
use crate::machine::{ms, quantile};
use crate::report::Report;
use crate::rig::{Rig, event};

/// Events of one request.
const BATCH: usize = 1_000;

/// Runs that wait for `bench/wake` with a key of their own.
pub(crate) async fn matching(base: &Path, scale: Scale, report: &mut Report) -> Result<()> {
    let rig = Rig::new(base, Clock::wall()).await?;
    let (node, count) = (&rig.node, scale.waits);
    let mut notices = node.subscribe();
    let mut waiting = 0;
    for begin in (0..count).step_by(BATCH) {
        let batch = BATCH.min(count - begin);
        let events = (begin..begin + batch)
            .map(|key| event("bench/resume", format!(r#"{{"n":0,"key":"k{key}"}}"#)))
            .collect();
        node.send_events(events, None).await?;
        while waiting < begin + batch {
            if let Notice::Run {
                status: RunStatus::Waiting,
                ..
            } = notices.recv().await.context("notices were missed")?
            {
                waiting += 1;
            }
        }
    }
    let samples = scale.samples;
    let keys = move |sample: usize| (sample * 7_919) % count;
    let mut found = node
        .read(move |view| {
            let mut times = Vec::with_capacity(samples);
            for sample in 0..samples {
                let value = format!("\"k{}\"", keys(sample));
                let began = Instant::now();
                let waits = view.waits("bench/wake", Some(("data.key", &value)), None, 2)?;
                times.push(began.elapsed());
                debug_assert_eq!(waits.len(), 1, "one run waits for each key");
            }
            Ok(times)
        })
        .await?;
    report.figure(
        "wait_find_p50_us",
        ms(quantile(&mut found, 0.5)) * 1e3,
        1,
        &format!("finding the one of {count} waits on one event name, in the store"),
    );
    let mut woken = Vec::with_capacity(samples);
    for sample in 0..samples {
        let data = format!(r#"{{"key":"k{}"}}"#, keys(sample));
        let began = Instant::now();
        node.send_events(vec![event("bench/wake", data)], None)
            .await?;
        loop {
            if let Notice::Run { status, .. } =
                notices.recv().await.context("notices were missed")?
                && status.is_final()
            {
                ensure!(status == RunStatus::Completed, "a run ended {status:?}");
                break;
            }
        }
        woken.push(began.elapsed());
    }
    report.figure(
        "wait_wake_p50_ms",
        ms(quantile(&mut woken, 0.5)),
        3,
        "from sending the event to the durable end of the one run that waited for it",
    );
    node.shutdown().await;
    Ok(())
}
