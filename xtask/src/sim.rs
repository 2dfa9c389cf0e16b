//! `cargo xtask sim`: as many seeds of the simulation as one likes, each a whole life of a node with everything that can go wrong.

use std::process::Command;

use anyhow::Result;

use crate::project::Project;
use crate::shell::succeeds;
use crate::test::prepare_program;

/// Builds the simulation for release and hands it all arguments.
pub(crate) fn run(project: &Project, args: &[String]) -> Result<bool> {
    let (program, ready) = prepare_program(project, "abide-sim", true)?;
    let mut sim = Command::new(program);
    sim.args(args);
    ready.tell(&mut sim);
    succeeds(&mut sim)
}
