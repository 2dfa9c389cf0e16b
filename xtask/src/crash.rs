//! `cargo xtask crash`: as many kill-and-restart cycles as one likes, with the real binary.

use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;

use crate::project::Project;
use crate::shell::succeeds;
use crate::test::prepare_program;

/// What the crash harness is told.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// How often the binary is killed and started again.
    #[arg(long, default_value_t = 30)]
    cycles: u64,
    /// Repeats the decisions of an earlier run. Default: a fresh one, which the harness prints.
    #[arg(long)]
    seed: Option<u64>,
    /// How many scenarios of simulated power cuts. Default: as many as cycles.
    #[arg(long)]
    power_seeds: Option<u64>,
    /// Binaries that are killed side by side.
    #[arg(long, default_value_t = 1)]
    jobs: u64,
    /// The longest that a cycle loads the node before the kill, in milliseconds. Default: 700.
    #[arg(long)]
    load_ms: Option<u64>,
    /// A file that counts what was done: started again with it, the harness goes on where it was.
    #[arg(long)]
    summary: Option<PathBuf>,
    /// Use the release build: more load between two kills, and a long build first.
    #[arg(long)]
    release: bool,
}

/// Builds the binary and the harness, then runs the cycles.
pub(crate) fn run(project: &Project, options: &Options) -> Result<bool> {
    let (program, ready) = prepare_program(project, "abide-crash", options.release)?;
    let mut crash = Command::new(program);
    crash.arg("--cycles").arg(options.cycles.to_string());
    crash.arg("--jobs").arg(options.jobs.to_string());
    let numbers = [
        ("--seed", options.seed),
        ("--power-seeds", options.power_seeds),
        ("--load-ms", options.load_ms),
    ];
    for (name, number) in numbers {
        if let Some(number) = number {
            crash.arg(name).arg(number.to_string());
        }
    }
    if let Some(path) = &options.summary {
        crash.arg("--summary").arg(path);
    }
    ready.tell(&mut crash);
    succeeds(&mut crash)
}
