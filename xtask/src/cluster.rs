//! `cargo xtask cluster`: the simulation of several nodes over one store, as many seeds as one likes.

use std::process::Command;

use anyhow::Result;

use crate::project::Project;
use crate::shell::{binary_named, phase, succeeds};

/// Builds the simulation with optimisation, then lives through the seeds. `args` go to it as they are.
pub(crate) fn run(project: &Project, args: &[String]) -> Result<bool> {
    let program = phase("build abide-cluster", || {
        binary_named(project, &["abide", "abide-sim"], "abide-cluster")
    })?;
    succeeds(Command::new(program).args(args))
}
