//! Apps in Go.

use anyhow::{Result, bail};

use super::job::{Compiled, Job};

/// Compiles an app.
pub(super) async fn build(_job: &Job<'_>) -> Result<Compiled> {
    bail!("this abide was built without the compiler for Go")
}
