//! Where the library for `LD_PRELOAD` is.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use anyhow::{Context, Result, anyhow, ensure};

/// Whether this machine can use it.
pub const AVAILABLE: bool = cfg!(all(
    target_os = "linux",
    any(target_arch = "x86_64", target_arch = "aarch64")
));

/// The library: `ABIDE_FAULTS_SHIM` if that is set, else built now, once, in the target folder of this program.
pub fn library() -> Result<&'static Path> {
    static LIBRARY: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    let library = LIBRARY.get_or_init(|| match std::env::var_os("ABIDE_FAULTS_SHIM") {
        Some(path) => Ok(path.into()),
        None => build().map_err(|error| format!("{error:#}")),
    });
    match library {
        Ok(path) => Ok(path),
        Err(error) => Err(anyhow!("there is no library to preload: {error}")),
    }
}

fn build() -> Result<PathBuf> {
    let this = std::env::current_exe().context("cannot tell where this program is")?;
    let profile = this
        .ancestors()
        .find(|folder| folder.ends_with("debug") || folder.ends_with("release"))
        .context("this program is in no target folder; set ABIDE_FAULTS_SHIM")?;
    let target = profile.parent().context("a target folder has a parent")?;
    let built = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["build", "--package", "abide-faults-shim", "--target-dir"])
        .arg(target)
        .current_dir(abide_e2e::repository())
        .output()
        .context("cannot start cargo")?;
    ensure!(
        built.status.success(),
        "cargo build failed:\n{}",
        String::from_utf8_lossy(&built.stderr)
    );
    Ok(target.join("debug/libabide_faults_shim.so"))
}
