//! `cargo xtask bench`: the benchmark, in a release build, with whatever arguments it takes.

use std::process::Command;

use anyhow::Result;

use crate::project::Project;
use crate::shell::succeeds;
use crate::test::prepare_program;

/// Builds what is measured and what measures, then measures.
pub(crate) fn run(project: &Project, args: &[String]) -> Result<bool> {
    let (program, ready) = prepare_program(project, "abide-bench", true)?;
    let mut bench = Command::new(program);
    // Paths in the arguments are the caller's, so the caller's folder stays current.
    bench.args(args);
    ready.tell(&mut bench);
    succeeds(&mut bench)
}
