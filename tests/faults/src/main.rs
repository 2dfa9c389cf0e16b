//! `abide-faults`: the whole fault matrix, row by row. `cargo xtask faults` builds everything that it needs and starts it.

use std::process::ExitCode;
use std::time::Instant;

use abide_faults::matrix::{Played, rows, table};
use anyhow::Result;
use clap::Parser;

/// Lets the disk, the clock and the limits of a real node fail, and checks that it stops as it should and loses nothing.
#[derive(Parser)]
struct Options {
    /// Only rows whose name contains this.
    #[arg(long, default_value = "")]
    only: String,
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
    match matrix(&options.only) {
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
