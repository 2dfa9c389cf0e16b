//! `cargo xtask crash`: as many kill-and-restart cycles as one likes, with the real binary.

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
    /// Use the release build: more load between two kills, and a long build first.
    #[arg(long)]
    release: bool,
}

/// Builds the binary and the harness, then runs the cycles.
pub(crate) fn run(project: &Project, options: &Options) -> Result<bool> {
    let (program, ready) = prepare_program(project, "abide-crash", options.release)?;
    let mut crash = Command::new(program);
    crash.arg("--cycles").arg(options.cycles.to_string());
    if let Some(seed) = options.seed {
        crash.arg("--seed").arg(seed.to_string());
    }
    ready.tell(&mut crash);
    succeeds(&mut crash)
}
