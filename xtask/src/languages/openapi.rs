//! The whole HTTP API tried out against its description, by schemathesis as it is published: `tests/openapi`.

use std::path::Path;
use std::process::Command;

use anyhow::Result;

use super::clients::{install_python, read};
use crate::project::Project;
use crate::report::Report;
use crate::test::Ready;

/// Installs schemathesis if need be, and lets it try out the binary; what it finds is in the report.
pub(crate) fn run(
    project: &Project,
    ready: &Ready,
    target: &Path,
    report: &mut Report,
) -> Result<()> {
    let folder = project.root.join("tests/openapi");
    let python = install_python(&folder.join("requirements.txt"), &target.join("openapi"))?;
    let mut tryout = Command::new(python);
    tryout.arg("-B").arg(folder.join("run.py"));
    read(&mut tryout, ready, report, "the HTTP API")
}
