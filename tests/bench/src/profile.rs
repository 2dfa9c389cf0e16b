//! Where a step's time goes: CPU and wake-ups by thread, allocations, rows, syncs and bytes, each divided by the steps.
//!
//! Everything is read from counters that cost next to nothing: the system's for threads and disk, the store's for groups and rows, and
//! those of [`Counting`] for memory. Where inside a thread the time goes, `docs/benchmarks.md` says how to ask.

use std::alloc::{GlobalAlloc, Layout, System};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use abide_server::{Clock, Node};
use anyhow::{Context, Result};

use crate::Scale;
use crate::flight::fly;
use crate::log::written_bytes;
use crate::report::Report;
use crate::rig::Rig;
use crate::service;

/// Steps of one run.
const STEPS: usize = 10;

/// How long the runs before the measurement may take.
const FIRST_RUNS: Duration = Duration::from_mins(5);

/// One in so many runs is enough where each step calls a service.
const CALLING_RUNS: usize = 10;

#[global_allocator]
static MEMORY: Counting = Counting;

static COUNT: AtomicBool = AtomicBool::new(false);
static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);
static ALLOCATED_BYTES: AtomicU64 = AtomicU64::new(0);

/// The system's allocator, counted while a profile is taken.
struct Counting;

fn count(bytes: usize) {
    if COUNT.load(Ordering::Relaxed) {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        ALLOCATED_BYTES.fetch_add(bytes as u64, Ordering::Relaxed);
    }
}

// SAFETY: every call goes to the system's allocator with the same arguments.
#[allow(unsafe_code, reason = "the one way to count allocations")]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        // SAFETY: as the caller promises.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size);
        // SAFETY: as the caller promises.
        unsafe { System.realloc(block, layout, size) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(block, layout) }
    }
}

/// What has been used up so far.
#[derive(Default)]
struct Used {
    /// Nanoseconds on a processor and times of going to sleep, by kind of thread.
    threads: BTreeMap<String, [u64; 2]>,
    /// Counters without a thread, by name.
    counters: BTreeMap<&'static str, u64>,
}

impl Used {
    fn now(node: &Node) -> Result<Self> {
        let mut used = Self::default();
        for thread in fs::read_dir("/proc/self/task")? {
            let folder = thread?.path();
            // A thread may end between two looks at it.
            let read = |file: &str| fs::read_to_string(folder.join(file)).unwrap_or_default();
            let name = read("comm");
            // The numbered threads of one pool are one row.
            let name = name
                .trim()
                .trim_end_matches(|c: char| c.is_ascii_digit() || c == '-');
            let ran = read("schedstat");
            let ran = ran.split_whitespace().next().and_then(|ns| ns.parse().ok());
            let status = read("status");
            let slept = status
                .lines()
                .find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"))
                .and_then(|times| times.trim().parse().ok());
            let of_kind = used.threads.entry(name.to_owned()).or_default();
            of_kind[0] += ran.unwrap_or(0);
            of_kind[1] += slept.unwrap_or(0);
        }
        let store = node.store_stats();
        used.counters = BTreeMap::from([
            ("allocations", ALLOCATIONS.load(Ordering::Relaxed)),
            ("allocated_bytes", ALLOCATED_BYTES.load(Ordering::Relaxed)),
            ("disk_bytes", written_bytes()?),
            ("groups", store.groups),
            ("batches", store.batches),
            ("rows", store.writes),
            ("row_bytes", store.bytes),
        ]);
        Ok(used)
    }
}

/// One column of the table: a workload, with so many runs in flight.
struct Column {
    name: String,
    figures: BTreeMap<String, f64>,
}

/// Profiles ten steps that touch nothing outside, and ten that each call a service.
pub(crate) async fn take(
    base: &Path,
    scale: Scale,
    in_flight: &[usize],
    report: &mut Report,
) -> Result<()> {
    let url = format!("http://{}/", service::start()?);
    let calling = format!(r#"{{"n":{STEPS},"url":"{url}"}}"#);
    let mut columns = Vec::new();
    for &in_flight in in_flight {
        let runs = match in_flight {
            1 => scale.runs / 10,
            _ => scale.runs,
        };
        for (kind, name, data, runs) in [
            ("free", "bench/ten", "{}", runs),
            (
                "calling",
                "compare/sequence",
                &*calling,
                runs / CALLING_RUNS,
            ),
        ] {
            columns.push(Column {
                name: format!("{kind}, {in_flight}"),
                figures: one(base, name, data, in_flight, runs).await?,
            });
        }
    }
    let names: BTreeSet<_> = columns
        .iter()
        .flat_map(|column| column.figures.keys())
        .collect();
    let heads: Vec<_> = columns.iter().map(|column| &*column.name).collect();
    println!("\n| a step | {} |", heads.join(" | "));
    println!("|---|{}", "---:|".repeat(heads.len()));
    for name in &names {
        let cell = |column: &Column| {
            column
                .figures
                .get(*name)
                .map_or(String::new(), |figure| format!("{figure:.2}"))
        };
        let cells: Vec<_> = columns.iter().map(cell).collect();
        println!("| {name} | {} |", cells.join(" | "));
    }
    println!();
    for name in names {
        let meaning = match &**name {
            "steps_per_s" => "while everything was counted",
            _ => "a step",
        };
        for column in &columns {
            if let Some(figure) = column.figures.get(name) {
                report.by(
                    &format!("profile.{name}"),
                    &column.name,
                    *figure,
                    3,
                    meaning,
                );
            }
        }
    }
    Ok(())
}

#[allow(clippy::cast_precision_loss, reason = "counts far below 2^52")]
async fn one(
    base: &Path,
    name: &str,
    data: &str,
    in_flight: usize,
    runs: usize,
) -> Result<BTreeMap<String, f64>> {
    let rig = Rig::new(base, Clock::wall()).await?;
    let first = fly(&rig.node, name, data, in_flight, 500);
    tokio::time::timeout(FIRST_RUNS, first)
        .await
        .with_context(|| {
            format!("no runs of {name} ended: is the component an old one? `cargo xtask bench` builds it")
        })??;
    COUNT.store(true, Ordering::Relaxed);
    let before = Used::now(&rig.node)?;
    let flight = fly(&rig.node, name, data, in_flight, runs).await?;
    let after = Used::now(&rig.node)?;
    COUNT.store(false, Ordering::Relaxed);
    let steps = (runs * STEPS) as f64;
    let mut figures = BTreeMap::new();
    let since = |after: u64, before: u64| after.saturating_sub(before) as f64 / steps;
    let mut total = [0.0; 2];
    for (thread, [ran, slept]) in after.threads {
        let [ran_before, slept_before] = before.threads.get(&thread).copied().unwrap_or_default();
        let used = [since(ran, ran_before) / 1_000.0, since(slept, slept_before)];
        total = [total[0] + used[0], total[1] + used[1]];
        if used[0] >= 0.05 || used[1] >= 0.05 {
            figures.insert(format!("cpu_us {thread}"), used[0]);
            figures.insert(format!("sleeps {thread}"), used[1]);
        }
    }
    figures.insert("cpu_us".into(), total[0]);
    figures.insert("sleeps".into(), total[1]);
    for (counter, value) in after.counters {
        let before = before.counters.get(counter).copied().unwrap_or(0);
        figures.insert(counter.to_owned(), since(value, before));
    }
    figures.insert("steps_per_s".into(), steps / flight.elapsed.as_secs_f64());
    rig.node.shutdown().await;
    Ok(figures)
}
