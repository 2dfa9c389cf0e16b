//! `cargo xtask faults`: the whole fault matrix, and power cuts on a real file system, with the real binary.

use std::process::Command;

use anyhow::{Result, ensure};

use crate::project::Project;
use crate::shell::{phase, plain_cargo, succeeds};
use crate::test::prepare_program;

/// Builds the binary, the library to preload and the harness; all arguments go to the harness.
pub(crate) fn run(project: &Project, args: &[String]) -> Result<bool> {
    let (program, ready) = prepare_program(project, "abide-faults", false)?;
    phase("build the library to preload", || {
        let mut build = plain_cargo(project);
        ensure!(
            succeeds(build.args(["build", "--package", "abide-faults-shim"]))?,
            "the library does not build"
        );
        Ok(())
    })?;
    let mut faults = Command::new(program);
    faults.args(args);
    ready.tell(&mut faults);
    succeeds(&mut faults)
}
