//! Lives through seeds of the simulation: `cargo xtask sim`.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use abide_sim::campaign::{self, Campaign, Report};
use abide_sim::life::Machine;
use abide_sim::seed::{self, Outcome};
use abide_sim::selection::Selection;
use anyhow::{Context, Result};
use clap::Parser;

/// Lives through seeds of the simulation, and says which of them break a promise.
#[derive(Parser)]
#[command(name = "cargo xtask sim", bin_name = "cargo xtask sim")]
struct Options {
    #[command(flatten)]
    selection: Selection,
    /// Live through every seed twice and compare, rather than through one in 16.
    #[arg(long)]
    twice: bool,
    /// End after this many failures.
    #[arg(long, default_value_t = 3)]
    failures: usize,
}

/// Versions of the guest that are deployed in turn.
const VERSIONS: u8 = 2;

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<bool> {
    let guest = abide_e2e::guest("program");
    let wasm = std::fs::read(&guest).with_context(|| format!("cannot read {}", guest.display()))?;
    let machine = Machine::new(&wasm, VERSIONS)?;
    if options.selection.trace {
        let outcome = seed::live(&machine, options.selection.from, false, true);
        println!("hash {:016x}, {:?}", outcome.hash, outcome.counts);
        if let Some(broken) = &outcome.broken {
            println!("seed {} is broken: {broken}", options.selection.from);
        }
        return Ok(outcome.broken.is_none());
    }
    let campaign = Campaign {
        from: options.selection.from,
        seeds: options.selection.seeds,
        jobs: options.selection.jobs(),
        twice: options.twice,
        failures: options.failures,
    };
    let began = Instant::now();
    let report = campaign::run(&machine, campaign, print_failure, |report, took| {
        println!("{}", line(report, took));
    });
    println!("{}", line(&report, began.elapsed()));
    Ok(report.failures.is_empty())
}

fn print_failure(seed: u64, outcome: &Outcome) {
    for line in &outcome.tail {
        println!("  {line}");
    }
    println!(
        "seed {seed} is broken: {}",
        outcome.broken.as_deref().unwrap_or("")
    );
    println!("again, step by step: cargo xtask sim --from {seed} --seeds 1 --trace");
}

fn line(report: &Report, took: Duration) -> String {
    let counts = report.counts;
    let seconds = took.as_secs_f64();
    let per_second = u128::from(report.seeds) * 1_000 / took.as_millis().max(1);
    format!(
        "{} seeds, {} runs, {} calls outside, {} steps, {} crashes, {} faults, {} broken, {seconds:.1} s, {per_second} seeds/s",
        report.seeds,
        counts.runs,
        counts.calls,
        counts.steps,
        counts.crashes,
        counts.faults,
        report.failures.len(),
    )
}
