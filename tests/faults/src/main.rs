//! `abide-faults`: the whole fault matrix, row by row. `cargo xtask faults` builds everything that it needs and starts it.

use std::process::ExitCode;
use std::time::Instant;

use abide_faults::matrix::{Played, rows, table};
use abide_faults::{mounts, power, recorded, shim};
use anyhow::{Result, ensure};
use clap::Parser;

/// Lets the disk, the clock and the limits of a real node fail, and checks that it stops as it should and loses nothing.
#[derive(Parser)]
struct Options {
    /// Only rows whose name contains this.
    #[arg(long, default_value = "")]
    only: String,
    /// Cut the power of a real file system this often, instead of playing the rows. Needs root.
    #[arg(long, value_name = "N")]
    power_cuts: Option<u64>,
    /// Record a node, build this many images of what a power cut may leave, and open the store on each, instead of playing the rows.
    #[arg(long, value_name = "N", conflicts_with = "power_cuts")]
    images: Option<u64>,
    /// Repeats the decisions of an earlier run. Default: a fresh one.
    #[arg(long)]
    seed: Option<u64>,
    /// Print the rows as the table of docs/reliability.md, and play nothing.
    #[arg(long)]
    table: bool,
}

fn main() -> ExitCode {
    let options = Options::parse();
    if options.table {
        print!("{}", table());
        return ExitCode::SUCCESS;
    }
    let done = match (options.power_cuts, options.images) {
        (Some(cuts), _) => power_cuts(cuts, options.seed),
        (None, Some(images)) => built_images(images, options.seed),
        (None, None) => matrix(&options.only),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn matrix(only: &str) -> Result<bool> {
    let (mut passed, mut skipped, mut failed) = (0, 0, 0);
    for row in rows().iter().filter(|row| row.name.contains(only)) {
        let began = Instant::now();
        let played = row.play()?;
        let took = began.elapsed().as_secs_f64();
        match played {
            Played::Passed => {
                passed += 1;
                println!("passed   {} ({took:.1} s)", row.name);
            }
            Played::Skipped(why) => {
                skipped += 1;
                println!("skipped  {}: {why}", row.name);
            }
            Played::Failed(error) => {
                failed += 1;
                println!("FAILED   {} ({took:.1} s)\n{error:#}", row.name);
            }
        }
    }
    println!("fault matrix: {passed} passed, {failed} failed, {skipped} skipped");
    Ok(failed == 0)
}

fn power_cuts(cuts: u64, seed: Option<u64>) -> Result<bool> {
    ensure!(
        mounts::available(),
        "power cuts need a file system of their own: mounting takes root, on Linux"
    );
    let seed = drawn(seed);
    let began = Instant::now();
    let done = power::run(cuts, seed, |summary| {
        if summary.cuts % 25 == 0 {
            println!("{}", cut(summary, began));
        }
    })?;
    println!("power cuts on ext4: {}", cut(&done, began));
    Ok(true)
}

fn cut(done: &power::Summary, began: Instant) -> String {
    let counts = &done.counts;
    format!(
        "{} images in {:.0} s ({} with data=writeback, {} with the journal flushed, {} noticed by the process), settled {} times, {} requests acknowledged, \
         {} unanswered and repeated, {} runs checked, {} rules broken",
        done.cuts,
        began.elapsed().as_secs_f64(),
        done.writeback,
        done.flushed,
        done.noticed,
        done.settled,
        counts.acknowledged,
        counts.unanswered,
        counts.runs,
        counts.violations
    )
}

fn built_images(images: u64, seed: Option<u64>) -> Result<bool> {
    ensure!(shim::AVAILABLE, "the library that records is for Linux");
    let seed = drawn(seed);
    let began = Instant::now();
    let told = |done: &recorded::Summary| {
        format!(
            "{} images of {} records with {} operations in {:.0} s, {} acknowledged events looked for",
            done.images,
            done.records,
            done.operations,
            began.elapsed().as_secs_f64(),
            done.events
        )
    };
    let done = recorded::run(images, seed, |done| {
        if done.images % 100 == 0 {
            println!("{}", told(done));
        }
    })?;
    println!("built images: {}, all of them there", told(&done));
    Ok(true)
}

fn drawn(seed: Option<u64>) -> u64 {
    let seed = seed.unwrap_or_else(|| u64::from(std::process::id()));
    println!("seed {seed} (repeat with --seed {seed})");
    seed
}
