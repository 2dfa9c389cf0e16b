//! What the figures were taken on: the processor, and what one sync of the disk costs right now.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Result;

use crate::report::Report;

/// Syncs that are timed.
const SYNCS: usize = 200;

/// What the processor has done for this process so far.
pub(crate) fn cpu_time() -> Result<Duration> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    // After the name, which may hold spaces: field 3 onwards. User and system time are fields 14 and 15, in ticks of 10 ms.
    let rest = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks: u64 = rest
        .split_whitespace()
        .skip(11)
        .take(2)
        .filter_map(|field| field.parse::<u64>().ok())
        .sum();
    Ok(Duration::from_millis(ticks * 10))
}

/// The memory that this process has in use, in bytes.
pub(crate) fn resident_bytes() -> Result<u64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    Ok(kib.unwrap_or(0) * 1024)
}

/// The middle of the samples, or another part of them.
pub(crate) fn quantile(samples: &mut [Duration], quantile: f64) -> Duration {
    samples.sort_unstable();
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "an index into a list of samples"
    )]
    let index = (samples.len() as f64 * quantile) as usize;
    samples
        .get(index.min(samples.len().saturating_sub(1)))
        .copied()
        .unwrap_or_default()
}

/// Milliseconds with a fraction.
pub(crate) fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1_000.0
}

/// How long each of so many syncs of 4 KiB takes in this folder.
pub(crate) fn syncs(base: &Path, count: usize) -> Result<Vec<Duration>> {
    let mut file = tempfile::tempfile_in(base)?;
    let mut samples = Vec::with_capacity(count);
    for _ in 0..count {
        file.write_all(&[7; 4096])?;
        let began = Instant::now();
        file.sync_data()?;
        samples.push(began.elapsed());
    }
    Ok(samples)
}

/// The processor's name and how many cores of it there are.
pub(crate) fn processor() -> (String, usize) {
    let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpuinfo
        .lines()
        .find_map(|line| line.strip_prefix("model name"));
    let model = model.map_or("unknown", |model| {
        model.trim_start_matches([' ', '\t', ':'])
    });
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    (model.into(), cores)
}

/// How many programs have wanted a processor in the last minute.
pub(crate) fn load_average() -> String {
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    load.split_whitespace().next().unwrap_or("unknown").into()
}

/// Prints and records the machine.
pub(crate) fn describe(base: &Path, report: &mut Report) -> Result<()> {
    let (model, cores) = processor();
    report.fact("cpu", &model);
    report.fact("cores", &cores.to_string());
    report.fact("load_average_at_start", &load_average());
    let mut samples = syncs(base, SYNCS)?;
    report.figure(
        "sync_p50_ms",
        ms(quantile(&mut samples, 0.5)),
        3,
        "one fdatasync of 4 KiB on this disk",
    );
    report.figure("sync_p99_ms", ms(quantile(&mut samples, 0.99)), 3, "");
    Ok(())
}
