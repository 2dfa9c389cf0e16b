//! Many seeds on several threads: each thread takes the next seed, lives through it, and some of them twice.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::life::Machine;
use crate::seed::{self, Outcome};
use crate::world::Counts;

/// Between two lines about how far it is.
const REPORT_EVERY: Duration = Duration::from_secs(10);

/// Of so many seeds one is lived through twice, unless all are.
const TWICE_ONE_IN: u64 = 16;

/// Which seeds, and how.
#[derive(Debug, Clone, Copy)]
pub struct Campaign {
    /// The first seed.
    pub from: u64,
    /// How many.
    pub seeds: u64,
    /// Threads.
    pub jobs: usize,
    /// Whether every seed is lived through twice.
    pub twice: bool,
    /// After how many failures it ends.
    pub failures: usize,
}

/// What came of it.
#[derive(Debug, Default)]
pub struct Report {
    /// Seeds that were lived through.
    pub seeds: u64,
    /// The numbers of all seeds.
    pub counts: Counts,
    /// Seeds that broke a promise, and how.
    pub failures: Vec<(u64, Outcome)>,
}

/// Lives through the seeds; `failed` is told of each that broke a promise, `progress` now and then how far it is.
pub fn run(
    machine: &Machine,
    campaign: Campaign,
    failed: impl Fn(u64, &Outcome) + Sync,
    progress: impl Fn(&Report, Duration) + Sync,
) -> Report {
    let (next, stop) = (AtomicU64::new(0), AtomicBool::new(false));
    let (report, began) = (Mutex::new(Report::default()), Instant::now());
    let reported = Mutex::new(began);
    let work = || {
        while !stop.load(Ordering::Relaxed) {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= campaign.seeds {
                return;
            }
            let seed = campaign.from + number;
            let outcome = one(machine, seed, campaign.twice);
            let mut report = report.lock();
            report.seeds += 1;
            report.counts += outcome.counts;
            if outcome.broken.is_some() {
                failed(seed, &outcome);
                report.failures.push((seed, outcome));
                stop.fetch_or(
                    report.failures.len() >= campaign.failures,
                    Ordering::Relaxed,
                );
            }
            let mut reported = reported.lock();
            if reported.elapsed() >= REPORT_EVERY {
                *reported = Instant::now();
                progress(&report, began.elapsed());
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..campaign.jobs.max(1) {
            scope.spawn(work);
        }
    });
    report.into_inner()
}

fn one(machine: &Machine, seed: u64, twice: bool) -> Outcome {
    let first = seed::live(machine, seed, false, false);
    if first.broken.is_none() && !twice && !seed.is_multiple_of(TWICE_ONE_IN) {
        return first;
    }
    // Again: for its hash, or for its last steps.
    let again = seed::live(machine, seed, first.broken.is_some(), false);
    if first.hash != again.hash || first.broken != again.broken {
        let broken = format!(
            "the same seed is another world: {:x} and {:x}, {:?} and {:?}",
            first.hash, again.hash, first.broken, again.broken
        );
        return Outcome {
            broken: Some(broken),
            ..again
        };
    }
    again
}
