//! What a process uses, as the system tells it, and what the node says of itself: one row every few seconds.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::findings::Findings;
use crate::soak::World;

/// A tick of `/proc`'s clocks, in seconds.
const TICK_S: f64 = 0.01;

/// One row. `NaN`: not known at that time.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Sample {
    /// Since the beginning.
    pub(crate) at_s: f64,
    /// Which process, counted from 1.
    pub(crate) life: f64,
    /// How long that process has served.
    pub(crate) age_s: f64,
    pub(crate) resident_mib: f64,
    /// Of this, what belongs to no file: heap and stacks.
    pub(crate) anonymous_mib: f64,
    pub(crate) descriptors: f64,
    pub(crate) threads: f64,
    /// Processor time of the node since the row before, in cores.
    pub(crate) node_cores: f64,
    /// The same divided by the events that were acknowledged meanwhile, in milliseconds: how fast others let it work does not count.
    pub(crate) event_cpu_ms: f64,
    /// Processor time of everything on this machine, in cores.
    pub(crate) machine_cores: f64,
    /// What the data directory takes.
    pub(crate) disk_mib: f64,
    /// The length of the store's log, holes included, and what it takes.
    pub(crate) log_length_mib: f64,
    pub(crate) log_mib: f64,
    pub(crate) payload_mib: f64,
    /// Components and compiled code.
    pub(crate) code_mib: f64,
    pub(crate) executing: f64,
    pub(crate) resident_runs: f64,
    pub(crate) queued: f64,
    /// Acknowledged events whose runs were not seen to end.
    pub(crate) open: f64,
    /// Events acknowledged and runs seen to end since the beginning.
    pub(crate) acknowledged: f64,
    pub(crate) settled: f64,
    /// The middle and the longest of the probes since the row before.
    pub(crate) probe_ms: f64,
    pub(crate) probe_worst_ms: f64,
}

/// A column: its name, and where its values are.
type Column = (&'static str, fn(&Sample) -> f64);

/// The columns, in their order.
pub(crate) const COLUMNS: [Column; 23] = [
    ("at_s", |s| s.at_s),
    ("life", |s| s.life),
    ("age_s", |s| s.age_s),
    ("resident_mib", |s| s.resident_mib),
    ("anonymous_mib", |s| s.anonymous_mib),
    ("descriptors", |s| s.descriptors),
    ("threads", |s| s.threads),
    ("node_cores", |s| s.node_cores),
    ("event_cpu_ms", |s| s.event_cpu_ms),
    ("machine_cores", |s| s.machine_cores),
    ("disk_mib", |s| s.disk_mib),
    ("log_length_mib", |s| s.log_length_mib),
    ("log_mib", |s| s.log_mib),
    ("payload_mib", |s| s.payload_mib),
    ("code_mib", |s| s.code_mib),
    ("executing", |s| s.executing),
    ("resident_runs", |s| s.resident_runs),
    ("queued", |s| s.queued),
    ("open", |s| s.open),
    ("acknowledged", |s| s.acknowledged),
    ("settled", |s| s.settled),
    ("probe_ms", |s| s.probe_ms),
    ("probe_worst_ms", |s| s.probe_worst_ms),
];

/// Takes a row every so often, and hands it on. Never returns.
pub(crate) async fn take(world: Arc<World>, every: Duration) {
    let mut clock = tokio::time::interval(every);
    clock.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut before = Clocks::default();
    loop {
        clock.tick().await;
        let Some(sample) = row(&world, &mut before).await else {
            continue;
        };
        world.samples.lock().push(sample);
    }
}

/// `None` while no process serves, or when it died just now.
async fn row(world: &World, before: &mut Clocks) -> Option<Sample> {
    let life = world.node.lives().borrow().clone()?;
    let health = world.client.get("/health").await.ok()?.json;
    let gauge = |name: &str| health[name].as_f64().unwrap_or(f64::NAN);
    let data = world.node.data().to_owned();
    let (process, disk) = tokio::task::spawn_blocking(move || (process(life.pid), disk(&data)))
        .await
        .ok()?;
    let process = process.ok()?;
    let now = Clocks {
        life: life.number,
        at_s: world.findings.at_s(),
        node_s: process.cpu_s,
        machine_s: machine_cpu_s(),
        acknowledged: world.findings.counted("events acknowledged"),
    };
    let cores = |now_s: f64, before_s: f64| (now_s - before_s) / (now.at_s - before.at_s);
    let same_life = before.life == now.life;
    let node_cores = if same_life {
        cores(now.node_s, before.node_s)
    } else {
        f64::NAN
    };
    let machine_cores = if before.life > 0 {
        cores(now.machine_s, before.machine_s)
    } else {
        f64::NAN
    };
    #[allow(clippy::cast_precision_loss, reason = "counts far below 2^52")]
    let (acknowledged, events) = (
        now.acknowledged as f64,
        (now.acknowledged - before.acknowledged) as f64,
    );
    let event_cpu_ms = if same_life && events > 0.0 {
        (now.node_s - before.node_s) * 1_000.0 / events
    } else {
        f64::NAN
    };
    *before = now;
    let probes = probes(&world.findings);
    #[allow(clippy::cast_precision_loss, reason = "counts far below 2^52")]
    Some(Sample {
        at_s: now.at_s,
        life: life.number as f64,
        age_s: life.began.elapsed().as_secs_f64(),
        resident_mib: process.resident_mib,
        anonymous_mib: process.anonymous_mib,
        descriptors: process.descriptors,
        threads: process.threads,
        node_cores,
        event_cpu_ms,
        machine_cores,
        disk_mib: disk.all,
        log_length_mib: disk.log_length,
        log_mib: disk.log,
        payload_mib: disk.payloads,
        code_mib: disk.code,
        executing: gauge("executing"),
        resident_runs: gauge("resident"),
        queued: gauge("queued"),
        open: world.ledger.open_entries() as f64,
        acknowledged,
        settled: world.ledger.settled() as f64,
        probe_ms: probes.0,
        probe_worst_ms: probes.1,
    })
}

#[derive(Clone, Copy, Default)]
struct Clocks {
    life: u64,
    at_s: f64,
    node_s: f64,
    machine_s: f64,
    acknowledged: u64,
}

struct Process {
    resident_mib: f64,
    anonymous_mib: f64,
    descriptors: f64,
    threads: f64,
    cpu_s: f64,
}

fn process(pid: u32) -> Result<Process> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        let number = line.and_then(|line| line.split_whitespace().next());
        let number = number.and_then(|number| number.parse::<f64>().ok());
        number.with_context(|| format!("/proc/{pid}/status has no {name}"))
    };
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // After the name, which may hold spaces: field 3 onwards. User and system time are fields 14 and 15.
    let rest = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks = rest.split_whitespace().skip(11).take(2);
    let ticks: f64 = ticks.filter_map(|field| field.parse::<f64>().ok()).sum();
    let descriptors = fs::read_dir(format!("/proc/{pid}/fd"))?.count();
    #[allow(clippy::cast_precision_loss, reason = "some hundreds")]
    Ok(Process {
        resident_mib: field("VmRSS:")? / 1024.0,
        anonymous_mib: field("RssAnon:")? / 1024.0,
        descriptors: descriptors as f64,
        threads: field("Threads:")?,
        cpu_s: ticks * TICK_S,
    })
}

/// What all processors have done: everything of the first line of `/proc/stat` but idling and waiting (the fourth and fifth figure).
fn machine_cpu_s() -> f64 {
    let stat = fs::read_to_string("/proc/stat").unwrap_or_default();
    let line = stat.lines().next().unwrap_or_default();
    let figures = line.split_whitespace().skip(1).take(8).enumerate();
    let busy = figures.filter(|(n, _)| !matches!(n, 3 | 4));
    let ticks: f64 = busy
        .filter_map(|(_, ticks)| ticks.parse::<f64>().ok())
        .sum();
    ticks * TICK_S
}

#[derive(Default)]
struct Disk {
    all: f64,
    log_length: f64,
    log: f64,
    payloads: f64,
    code: f64,
}

/// In MiB. Files that go away meanwhile count for nothing.
fn disk(data: &Path) -> Disk {
    let part = |name: &str| bytes(&data.join(name));
    let log = part("log");
    Disk {
        all: bytes(data).1,
        log_length: log.0,
        log: log.1,
        payloads: part("blobs").1,
        code: part("components").1 + part("code-cache").1,
    }
}

/// Length, and what is taken of the disk, of all files below.
fn bytes(path: &Path) -> (f64, f64) {
    const MIB: f64 = 1_048_576.0;
    let Ok(metadata) = fs::symlink_metadata(path) else {
        return (0.0, 0.0);
    };
    #[allow(clippy::cast_precision_loss, reason = "bytes far below 2^52")]
    let own = (
        metadata.len() as f64 / MIB,
        metadata.blocks() as f64 * 512.0 / MIB,
    );
    if !metadata.is_dir() {
        return own;
    }
    let entries = fs::read_dir(path).into_iter().flatten().flatten();
    entries.fold((0.0, own.1), |sum, entry| {
        let of = bytes(&entry.path());
        (sum.0 + of.0, sum.1 + of.1)
    })
}

fn probes(findings: &Findings) -> (f64, f64) {
    let mut all = findings.take_probes();
    all.sort_by(f64::total_cmp);
    match (all.get(all.len() / 2), all.last()) {
        (Some(middle), Some(worst)) => (*middle, *worst),
        _ => (f64::NAN, f64::NAN),
    }
}
