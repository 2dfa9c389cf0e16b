//! How many durable steps and runs a second, and how many events.

use std::path::Path;
use std::time::Instant;

use abide_server::Clock;
use anyhow::Result;

use crate::Scale;
use crate::flight::fly;
use crate::machine::{cpu_time, ms, quantile};
use crate::report::Report;
use crate::rig::{Rig, event};

/// Steps of one run.
const STEPS: usize = 10;

/// Events of one request when events alone are measured.
const EVENTS_A_REQUEST: usize = 100;

/// Requests at once when events alone are measured.
const REQUESTS_AT_ONCE: usize = 8;

#[allow(clippy::cast_precision_loss, reason = "counts far below 2^52")]
pub(crate) fn rate(count: usize, seconds: f64) -> f64 {
    count as f64 / seconds
}

/// Runs of ten steps that touch nothing outside, by runs in flight.
pub(crate) async fn steps(
    base: &Path,
    scale: Scale,
    in_flight: &[usize],
    report: &mut Report,
) -> Result<()> {
    let rig = Rig::new(base, Clock::wall()).await?;
    let node = &rig.node;
    fly(node, "bench/ten", "{}", 16, 500).await?;
    for &in_flight in in_flight {
        let total = if in_flight == 1 {
            scale.runs / 10
        } else {
            scale.runs
        };
        let syncs = node.store_stats().groups;
        let cpu = cpu_time()?;
        let mut flight = fly(node, "bench/ten", "{}", in_flight, total).await?;
        let cpu = cpu_time()?.saturating_sub(cpu);
        let syncs = node.store_stats().groups - syncs;
        let seconds = flight.elapsed.as_secs_f64();
        report.by_flight(
            "runs10_per_s",
            in_flight,
            rate(total, seconds),
            0,
            "10-step runs a second",
        );
        report.by_flight(
            "steps_per_s",
            in_flight,
            rate(total * STEPS, seconds),
            0,
            "durable steps a second",
        );
        let p50 = ms(quantile(&mut flight.latencies, 0.5));
        report.by_flight(
            "run10_p50_ms",
            in_flight,
            p50,
            3,
            "from sending the event to the durable end of its run",
        );
        let p99 = ms(quantile(&mut flight.latencies, 0.99));
        report.by_flight("run10_p99_ms", in_flight, p99, 3, "");
        #[allow(clippy::cast_precision_loss, reason = "counts far below 2^52")]
        let syncs = syncs as f64 / total as f64;
        report.by_flight(
            "syncs_per_run10",
            in_flight,
            syncs,
            3,
            "commit groups, each one sync, a run",
        );
        #[allow(clippy::cast_precision_loss, reason = "counts far below 2^52")]
        let cpu = cpu.as_secs_f64() * 1e6 / (total * STEPS) as f64;
        report.by_flight(
            "cpu_us_per_step",
            in_flight,
            cpu,
            1,
            "CPU of the whole process, its senders included",
        );
    }
    node.shutdown().await;
    Ok(())
}

/// Events that start nothing.
pub(crate) async fn ingest(base: &Path, scale: Scale, report: &mut Report) -> Result<()> {
    let rig = Rig::new(base, Clock::wall()).await?;
    let began = Instant::now();
    let requests = scale.events / EVENTS_A_REQUEST;
    let senders: Vec<_> = (0..REQUESTS_AT_ONCE)
        .map(|sender| {
            let node = rig.node.clone();
            tokio::spawn(async move {
                for _ in (sender..requests).step_by(REQUESTS_AT_ONCE) {
                    let data = r#"{"user_id":"u-1842","plan":"pro","amount":4200,"note":"what an event usually says"}"#;
                    let events = vec![event("bench/unheard", data); EVENTS_A_REQUEST];
                    rig_send(&node, events).await?;
                }
                Ok::<_, anyhow::Error>(())
            })
        })
        .collect();
    for sender in senders {
        sender.await??;
    }
    let rate = rate(requests * EVENTS_A_REQUEST, began.elapsed().as_secs_f64());
    report.figure(
        "ingest_events_per_s",
        rate,
        0,
        "durable events a second, 100 a request, 8 requests at once",
    );
    rig.node.shutdown().await;
    Ok(())
}

async fn rig_send(
    node: &abide_server::Node,
    events: Vec<abide_core::event::NewEvent>,
) -> Result<()> {
    node.send_events(events, None).await?;
    Ok(())
}
