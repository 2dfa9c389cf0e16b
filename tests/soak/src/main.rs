//! `abide-soak`: hours of mixed load. `cargo xtask soak` builds everything that it needs and starts it.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use abide_soak::Options;
use anyhow::{Context, Result};
use clap::Parser;
use humantime::parse_duration;

/// Runs the real binary for hours under mixed load, kills it, restarts it, deploys new versions and lets it forget what has ended; then says
/// whether every acknowledged event's run has ended, and whether memory, disk, descriptors and latency stayed flat.
#[derive(Parser)]
struct Arguments {
    /// How long; may be a fraction.
    #[arg(long, default_value_t = 1.0)]
    hours: f64,
    /// Events a second, on average.
    #[arg(long, default_value_t = 40.0)]
    rate: f64,
    /// Repeats the decisions of an earlier soak. Default: a fresh one.
    #[arg(long)]
    seed: Option<u64>,
    /// Between two deaths in the restless part of each hour, on average. Every fourth is an orderly restart, the others are kills.
    #[arg(long, value_parser = parse_duration, default_value = "150s", value_name = "TIME")]
    death_every: Duration,
    /// Between two deploys of a new version, on average.
    #[arg(long, value_parser = parse_duration, default_value = "180s", value_name = "TIME")]
    deploy_every: Duration,
    /// How long the node keeps finished runs, and events.
    #[arg(long, value_parser = parse_duration, default_value = "5m", value_name = "TIME")]
    keep: Duration,
    /// How often the node deletes what was kept long enough.
    #[arg(long, value_parser = parse_duration, default_value = "20s", value_name = "TIME")]
    keep_house_every: Duration,
    /// Between two samples.
    #[arg(long, value_parser = parse_duration, default_value = "5s", value_name = "TIME")]
    sample_every: Duration,
    /// Where samples.csv, soak.json and soak.svg go.
    #[arg(long, default_value = "soak-results", value_name = "DIR")]
    out: PathBuf,
    /// Where the data is kept meanwhile. Default: the system's temporary folder.
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

fn main() -> ExitCode {
    match soak(Arguments::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn soak(arguments: Arguments) -> Result<bool> {
    let duration = Duration::try_from_secs_f64(arguments.hours * 3_600.0);
    let options = Options {
        duration: duration.context("--hours must be a positive number")?,
        rate: arguments.rate,
        seed: arguments
            .seed
            .unwrap_or_else(|| u64::from(std::process::id()) << 20),
        death_every: arguments.death_every,
        deploy_every: arguments.deploy_every,
        keep: arguments.keep,
        keep_house_every: arguments.keep_house_every,
        sample_every: arguments.sample_every,
        out: arguments.out,
        directory: arguments.dir,
    };
    anyhow::ensure!(options.rate > 0.0, "--rate must be a positive number");
    println!(
        "seed {} (repeat with --seed {})",
        options.seed, options.seed
    );
    let out = options.out.clone();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    let outcome = runtime.block_on(abide_soak::run(options))?;
    println!("{}", outcome.table);
    let correct = if outcome.correct {
        "nothing lost, nothing stuck"
    } else {
        "RULES BROKEN"
    };
    let flat = if outcome.flat {
        "nothing grows"
    } else {
        "SOMETHING GROWS"
    };
    println!("{correct}; {flat}; see {}", out.display());
    Ok(outcome.correct && outcome.flat)
}
