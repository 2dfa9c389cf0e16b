//! Where the binary, the guests and the repository are.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use anyhow::{Context, Result, bail, ensure};

/// The root of the repository.
pub fn repository() -> &'static Path {
    static ROOT: OnceLock<PathBuf> = OnceLock::new();
    ROOT.get_or_init(|| {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        here.ancestors().nth(2).unwrap_or(here).to_owned()
    })
}

/// The `abide` binary: `ABIDE_BIN` if that is set, else built now, once, in the profile and target folder of this program.
#[track_caller]
pub fn abide() -> &'static Path {
    static BINARY: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    let binary = BINARY.get_or_init(|| match std::env::var_os("ABIDE_BIN") {
        Some(path) => Ok(path.into()),
        None => build().map_err(|error| format!("{error:#}")),
    });
    match binary {
        Ok(path) => path,
        Err(error) => panic!("there is no `abide` to test: {error}"),
    }
}

fn build() -> Result<PathBuf> {
    let this = std::env::current_exe().context("cannot tell where this program is")?;
    let profile = this
        .ancestors()
        .find(|folder| folder.ends_with("debug") || folder.ends_with("release"))
        .context("this program is in no target folder; set ABIDE_BIN")?;
    let target = profile.parent().context("a target folder has a parent")?;
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo
        .args(["build", "--package", "abide", "--target-dir"])
        .arg(target)
        .current_dir(repository());
    if profile.ends_with("release") {
        cargo.arg("--release");
    }
    let built = cargo.output().context("cannot start cargo")?;
    ensure!(
        built.status.success(),
        "cargo build failed:\n{}",
        String::from_utf8_lossy(&built.stderr)
    );
    Ok(profile.join(format!("abide{}", std::env::consts::EXE_SUFFIX)))
}

/// The component of a guest in `tests/guests`, by the name of its file without `.wasm`.
#[track_caller]
pub fn guest(name: &str) -> PathBuf {
    match find_guest(name) {
        Ok(path) => path,
        Err(error) => panic!("{error}"),
    }
}

fn find_guest(name: &str) -> Result<PathBuf> {
    let folders = match std::env::var_os("ABIDE_TEST_GUESTS") {
        Some(folder) => vec![PathBuf::from(folder)],
        None => {
            let shared = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
            let own = repository().join("tests/guests/target");
            let targets = shared.into_iter().chain([own]);
            targets
                .map(|target| target.join("wasm32-wasip2/release"))
                .collect()
        }
    };
    let file = format!("{name}.wasm");
    for folder in &folders {
        if folder.join(&file).is_file() {
            return Ok(folder.join(&file));
        }
    }
    bail!("there is no {file} in {folders:?}: `cargo xtask test` builds the guests")
}
