//! Events over HTTP into the release binary: what one costs beside the disk's own sync, and how many come in by the hundred.
//!
//! `ingest` measures the same without HTTP, in this process. The events start nothing: what a run costs is measured elsewhere.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result};
use bytes::Bytes;
use hyper::Method;

use crate::Scale;
use crate::compare::line::Line;
use crate::compare::process::{Process, cpu_time};
use crate::machine::{ms, quantile, syncs};
use crate::report::Report;
use crate::throughput::rate;

/// Events of one request.
const BATCH: usize = 100;

/// Requests at once.
const AT_ONCE: usize = 8;

/// Single events before and while they are measured.
const WARM: usize = 50;

const EVENT: &str = r#"{"name":"bench/unheard","data":{"user_id":"u-1842","plan":"pro","amount":4200,"note":"what an event usually says"}}"#;

/// Both.
pub(crate) async fn over_http(base: &Path, scale: Scale, report: &mut Report) -> Result<()> {
    let folder = tempfile::tempdir_in(base)?;
    let (process, address) = start(folder.path()).await?;
    single(base, address, scale.samples * 5, report).await?;
    batches(&process, address, scale.events, report).await
}

/// The release binary, asking nobody for a key.
pub(crate) async fn start(folder: &Path) -> Result<(Process, SocketAddr)> {
    let binary = std::env::var_os("ABIDE_BIN")
        .map(PathBuf::from)
        .context("ABIDE_BIN does not name the binary; `cargo xtask bench` builds it")?;
    let mut command = Command::new(binary);
    command
        .args(["serve", "--insecure", "--listen", "127.0.0.1:0", "--data"])
        .arg(folder.join("data"));
    let mut process = Process::start("abide", &mut command, folder)?;
    let address = process
        .until(async |printed| {
            let after = printed.split("listening on http://").nth(1)?;
            after.split_whitespace().next()?.parse().ok()
        })
        .await?;
    Ok((process, address))
}

/// One event a request, one request at a time.
async fn single(
    base: &Path,
    address: SocketAddr,
    samples: usize,
    report: &mut Report,
) -> Result<()> {
    let mut line = Line::open(address).await?;
    let event = Bytes::from_static(EVENT.as_bytes());
    for _ in 0..WARM {
        line.ask(Method::POST, "/e/bench", event.clone()).await?;
    }
    // The disk's moods change by the minute: half of its samples before, half after.
    let mut disk = syncs(base, samples / 2)?;
    let mut took = Vec::with_capacity(samples);
    for _ in 0..samples {
        let began = Instant::now();
        line.ask(Method::POST, "/e/bench", event.clone()).await?;
        took.push(began.elapsed());
    }
    disk.extend(syncs(base, samples / 2)?);
    let sync = ms(quantile(&mut disk, 0.5));
    report.figure(
        "ingestion_sync_p50_ms",
        sync,
        3,
        "one fdatasync of 4 KiB on this disk, before and after",
    );
    let p50 = ms(quantile(&mut took, 0.5));
    report.figure(
        "ingestion_one_p50_ms",
        p50,
        3,
        "one event by HTTP, from the request to its answer",
    );
    let p99 = ms(quantile(&mut took, 0.99));
    report.figure("ingestion_one_p99_ms", p99, 3, "");
    report.figure(
        "ingestion_one_goal_ms",
        sync * 1.3 + 1.0,
        3,
        "what the median should stay below: 1.3 syncs and 1 ms",
    );
    Ok(())
}

/// A hundred events a request, some requests at once.
async fn batches(
    process: &Process,
    address: SocketAddr,
    events: usize,
    report: &mut Report,
) -> Result<()> {
    let body = Bytes::from(format!("[{}]", [EVENT; BATCH].join(",")));
    let requests = events / BATCH;
    let cpu = cpu_time(std::slice::from_ref(process));
    let began = Instant::now();
    let senders: Vec<_> = (0..AT_ONCE)
        .map(|sender| {
            let body = body.clone();
            tokio::spawn(async move {
                let mut line = Line::open(address).await?;
                for _ in (sender..requests).step_by(AT_ONCE) {
                    line.ask(Method::POST, "/e/bench", body.clone()).await?;
                }
                Ok::<_, anyhow::Error>(())
            })
        })
        .collect();
    for sender in senders {
        sender.await??;
    }
    let seconds = began.elapsed().as_secs_f64();
    let cpu = cpu_time(std::slice::from_ref(process)).saturating_sub(cpu);
    report.figure(
        "ingestion_events_per_s",
        rate(requests * BATCH, seconds),
        0,
        "durable events a second by HTTP, 100 a request, 8 requests at once, the sender on the same machine",
    );
    #[allow(clippy::cast_precision_loss, reason = "counts far below 2^52")]
    let each = cpu.as_secs_f64() * 1e6 / (requests * BATCH) as f64;
    report.figure(
        "ingestion_cpu_us_per_event",
        each,
        1,
        "CPU of the server alone",
    );
    Ok(())
}
