//! Makes sure that the compiler can do what the tests need, also where rustup does not install by itself.

use std::path::Path;
use std::process::Command;

use anyhow::{Result, bail};

use crate::project::{Project, WASM_TARGET};
use crate::shell::{output, say, succeeds};

/// Adds the WebAssembly target unless it is there.
pub(crate) fn ensure_wasm_target(project: &Project) -> Result<()> {
    if has_wasm_target(project) {
        return Ok(());
    }
    say(&format!(
        "the target {WASM_TARGET} is missing: installing it"
    ));
    let mut rustup = Command::new("rustup");
    rustup
        .current_dir(&project.root)
        .args(["target", "add", WASM_TARGET]);
    if !matches!(succeeds(&mut rustup), Ok(true)) {
        bail!(
            "guests are compiled for {WASM_TARGET}, whose standard library is not installed, and `rustup target add \
             {WASM_TARGET}` did not work. Install rustup (https://rustup.rs), or the package of your distribution that \
             holds Rust's standard library for {WASM_TARGET}, and try again"
        );
    }
    Ok(())
}

/// The standard library's folder tells it for every kind of installation; rustup may be missing altogether.
fn has_wasm_target(project: &Project) -> bool {
    let mut rustc = Command::new("rustc");
    rustc
        .current_dir(&project.root)
        .args(["--print", "target-libdir", "--target", WASM_TARGET]);
    output(&mut rustc).is_some_and(|folder| Path::new(&folder).is_dir())
}

/// Adds rustfmt and clippy unless they are there.
pub(crate) fn ensure_components(project: &Project) -> Result<()> {
    for (component, subcommand) in [("rustfmt", "fmt"), ("clippy", "clippy")] {
        let mut version = Command::new("cargo");
        if output(
            version
                .current_dir(&project.root)
                .args([subcommand, "--version"]),
        )
        .is_some()
        {
            continue;
        }
        say(&format!(
            "the component {component} is missing: installing it"
        ));
        let mut rustup = Command::new("rustup");
        rustup
            .current_dir(&project.root)
            .args(["component", "add", component]);
        if !matches!(succeeds(&mut rustup), Ok(true)) {
            bail!(
                "`cargo {subcommand}` does not work, and `rustup component add {component}` neither: install {component}"
            );
        }
    }
    Ok(())
}
