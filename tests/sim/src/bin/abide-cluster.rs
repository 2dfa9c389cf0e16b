//! Lives through seeds of the simulated cluster: `cargo xtask cluster`.

use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use abide_sim::cluster::{Counts, Outcome, Without, live};
use abide_sim::selection::Selection;
use clap::Parser;
use parking_lot::Mutex;

/// Failures that are told; the rest is counted.
const TOLD: usize = 5;

/// Several nodes, one store, leases on shards: lives through seeds, and says which of them break a promise.
#[derive(Parser)]
#[command(name = "cargo xtask cluster", bin_name = "cargo xtask cluster")]
struct Options {
    #[command(flatten)]
    selection: Selection,
    /// Live through every seed twice and compare.
    #[arg(long)]
    twice: bool,
    /// Leave something out that the plan needs: then the simulation must fail.
    #[arg(long, value_enum, default_value_t)]
    without: Without,
}

fn main() -> ExitCode {
    let options = Options::parse();
    if options.selection.trace {
        let outcome = live(options.selection.from, options.without, true);
        println!("{outcome:?}");
        return ExitCode::from(u8::from(outcome.broken.is_some()));
    }
    let began = Instant::now();
    let campaign = Campaign::default();
    std::thread::scope(|scope| {
        for _ in 0..options.selection.jobs() {
            scope.spawn(|| campaign.work(&options));
        }
    });
    let (failures, sum) = (campaign.failures.into_inner(), campaign.sum.into_inner());
    for (seed, broken) in failures.iter().take(TOLD) {
        println!("seed {seed}: {broken}");
    }
    println!(
        "{} seeds from {} in {:.1} s, {} broken: {sum:?}",
        options.selection.seeds,
        options.selection.from,
        began.elapsed().as_secs_f64(),
        failures.len()
    );
    ExitCode::from(u8::from(!failures.is_empty()))
}

#[derive(Default)]
struct Campaign {
    next: AtomicU64,
    failures: Mutex<Vec<(u64, String)>>,
    sum: Mutex<Counts>,
}

impl Campaign {
    fn work(&self, options: &Options) {
        loop {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            if number >= options.selection.seeds {
                return;
            }
            let seed = options.selection.from + number;
            let outcome = live(seed, options.without, false);
            if options.twice && live(seed, options.without, false) != outcome {
                let problem = "it went another way the second time".to_owned();
                self.failures.lock().push((seed, problem));
            }
            self.take(seed, outcome);
        }
    }

    fn take(&self, seed: u64, outcome: Outcome) {
        *self.sum.lock() += outcome.counts;
        if let Some(broken) = outcome.broken {
            self.failures.lock().push((seed, broken));
        }
    }
}
