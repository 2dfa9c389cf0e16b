//! `cargo xtask soak`: the soak, with a release build of the binary, and whatever arguments it takes.

use std::process::Command;

use anyhow::Result;

use crate::project::Project;
use crate::shell::succeeds;
use crate::test::prepare_program;

/// Builds the binary and what soaks it, then soaks.
pub(crate) fn run(project: &Project, args: &[String]) -> Result<bool> {
    let (program, ready) = prepare_program(project, "abide-soak", true)?;
    let mut soak = Command::new(program);
    // Paths in the arguments are the caller's, so the caller's folder stays current.
    soak.args(args);
    ready.tell(&mut soak);
    succeeds(&mut soak)
}
