//! What the store's own log costs: the same rows in the same groups through the store, and into an append log that does nothing but write
//! them with a checksum and sync them. The second is the least that durability costs here; the difference is what indexes cost.

use std::fs::File;
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::{Duration, Instant};

use abide_store::{Batch, SledOptions, Store};
use anyhow::{Context, Result};

use crate::machine::cpu_time;
use crate::report::Report;
use crate::throughput::rate;

/// Rows of a run of ten steps as the profile counts them, by the bytes of their values: event, event by name, link, run, journal.
const ROWS: [usize; 7] = [90, 1, 1, 110, 420, 60, 1];

/// Runs of one group: what gathers with 256 in flight.
const RUNS: u64 = 32;

/// How long each is measured.
const FOR: Duration = Duration::from_secs(5);

/// What is preallocated for the append log, and written over from the start when it is full.
const LOG_BYTES: u64 = 64 << 20;

/// The rows of run `run`: keys that begin with a tag and an id that grows, as the store's do.
fn rows(run: u64) -> impl Iterator<Item = (Vec<u8>, Vec<u8>)> {
    (0_u8..).zip(ROWS).map(move |(tag, bytes)| {
        let id = u128::from(run) << 64 | u128::from(run.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let key = std::iter::once(tag + 16).chain(id.to_be_bytes()).collect();
        (key, vec![tag; bytes])
    })
}

/// Both, one after the other.
pub(crate) fn against_append(base: &Path, report: &mut Report) -> Result<()> {
    let directory = tempfile::tempdir_in(base)?;
    let store = Store::open(&directory.path().join("store"), &SledOptions::default())?;
    measure("store", report, |first| {
        for run in first..first + RUNS {
            let mut batch = Batch::new();
            for (key, value) in rows(run) {
                batch.put(key, value);
            }
            drop(store.submit(batch));
        }
        store.read_barrier().wait().context("a commit failed")
    })?;
    store.close()?;

    let path = directory.path().join("append");
    let mut file = File::create(&path)?;
    let zeros = vec![0; 1 << 20];
    for _ in 0..LOG_BYTES >> 20 {
        file.write_all(&zeros)?;
    }
    file.sync_all()?;
    let mut at = 0;
    measure("append", report, |first| {
        let mut group = Vec::new();
        for (key, value) in (first..first + RUNS).flat_map(rows) {
            for part in [&key, &value] {
                let length = u32::try_from(part.len()).unwrap_or(u32::MAX);
                group.extend_from_slice(&length.to_le_bytes());
                group.extend_from_slice(part);
            }
        }
        group.extend_from_slice(&crc32fast::hash(&group).to_le_bytes());
        if at + group.len() as u64 > LOG_BYTES {
            at = 0;
        }
        file.write_all_at(&group, at)?;
        at += group.len() as u64;
        file.sync_data().context("a sync failed")
    })
}

#[allow(clippy::cast_precision_loss, reason = "counts far below 2^52")]
fn measure(
    which: &str,
    report: &mut Report,
    mut group: impl FnMut(u64) -> Result<()>,
) -> Result<()> {
    let (began, cpu, written) = (Instant::now(), cpu_time()?, written_bytes()?);
    let mut runs = 0;
    while began.elapsed() < FOR {
        group(runs)?;
        runs += RUNS;
    }
    let seconds = began.elapsed().as_secs_f64();
    let count = usize::try_from(runs)? * ROWS.len();
    let a_row = |value: f64| value / count as f64;
    let cpu = cpu_time()?.saturating_sub(cpu).as_secs_f64() * 1e6;
    let written = written_bytes()?.saturating_sub(written);
    let meaning = "rows a second, durable, 32 ten-step runs a group";
    report.by("log_rows_per_s", which, rate(count, seconds), 0, meaning);
    report.by("log_cpu_us", which, a_row(cpu), 2, "CPU a row");
    let meaning = "bytes to the disk, a row";
    report.by("log_disk_bytes", which, a_row(written as f64), 0, meaning);
    Ok(())
}

/// What this process has caused to be written to the disk.
pub(crate) fn written_bytes() -> Result<u64> {
    let io = std::fs::read_to_string("/proc/self/io")?;
    let written = io
        .lines()
        .find_map(|line| line.strip_prefix("write_bytes:"));
    Ok(written
        .and_then(|bytes| bytes.trim().parse().ok())
        .unwrap_or(0))
}
