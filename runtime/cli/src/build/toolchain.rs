//! The compiler's part that makes components: added when it is missing.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use tokio::process::Command;

use super::TARGET;

/// Makes sure that the toolchain which builds in `workspace` can make components.
///
/// Returns the folder of its standard library.
pub(super) async fn ensure_target(workspace: &Path) -> Result<PathBuf> {
    let folder = library(workspace).await?;
    if folder.is_dir() {
        return Ok(folder);
    }
    eprintln!("the Rust target {TARGET} is missing: adding it");
    let added = Command::new("rustup")
        .current_dir(workspace)
        .args(["target", "add", TARGET])
        .kill_on_drop(true)
        .status()
        .await;
    match added {
        Ok(status) if status.success() => Ok(folder),
        Ok(_) => bail!(
            "`rustup target add {TARGET}` did not work (see above): apps are compiled for this target"
        ),
        Err(error) if error.kind() == ErrorKind::NotFound => bail!(
            "the Rust target {TARGET} is missing, and rustup, which would add it, is not to be found. Install rustup (https://rustup.rs), or the package of your distribution that holds Rust's standard library for {TARGET}"
        ),
        Err(error) => Err(error).context("cannot start rustup"),
    }
}

/// Where the standard library lies if the target is there, however Rust was installed.
async fn library(workspace: &Path) -> Result<PathBuf> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc)
        .current_dir(workspace)
        .args(["--print", "target-libdir", "--target", TARGET])
        .output()
        .await
        .map_err(|error| match error.kind() {
            ErrorKind::NotFound => anyhow::anyhow!(
                "Rust is not to be found: Rust apps are compiled with it; install it from https://rustup.rs and try again"
            ),
            _ => anyhow::Error::new(error).context("cannot start rustc"),
        })?;
    if !output.status.success() {
        bail!(
            "rustc cannot tell where its libraries are:\n{}",
            String::from_utf8_lossy(&output.stderr).trim_end()
        );
    }
    Ok(PathBuf::from(
        String::from_utf8_lossy(&output.stdout).trim(),
    ))
}
