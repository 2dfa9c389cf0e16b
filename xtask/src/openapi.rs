//! `cargo xtask openapi`: writes `docs/openapi.json`, the description of the HTTP API, from the code.
//!
//! What writes it is the test that otherwise compares it, so that nothing here depends on the server.

use anyhow::Result;

use crate::project::Project;
use crate::shell::{plain_cargo, succeeds};

/// Writes the description, or compares it.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Only say whether the description that is checked in is that of the code.
    #[arg(long)]
    check: bool,
}

/// Runs the test that knows the description.
pub(crate) fn run(project: &Project, options: &Options) -> Result<bool> {
    let mut test = plain_cargo(project);
    test.args(["test", "--quiet", "-p", "abide-server", "--test", "openapi"]);
    if !options.check {
        test.env("ABIDE_RENEW_OPENAPI", "1");
    }
    succeeds(&mut test)
}
