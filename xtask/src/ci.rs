//! `cargo xtask ci`: what must hold before a change is accepted; `.ci/run` only adds a cache and calls this.
//!
//! All checks run even if one fails, so that one round shows everything; the tests come last, and their summary is the
//! last line. A failed check counts there as one failure. Everything uses one profile and one selection of packages for
//! each workspace, because each further combination would compile wasmtime once more.

use anyhow::{Result, ensure};

use crate::project::{Kind, Project, WASM_TARGET, Workspace};
use crate::shell::{cargo, phase, succeeds};
use crate::{test, tidy, toolchain};

/// Runs all checks, then the tests.
pub(crate) fn run(project: &Project) -> bool {
    let mut failed = Vec::new();
    let mut check = |title: String, work: &dyn Fn() -> Result<bool>| {
        let outcome = phase(&title, || {
            ensure!(work()?, "it did not pass");
            Ok(())
        });
        if let Err(error) = outcome {
            eprintln!("error: {title}: {error:#}");
            failed.push(title);
        }
    };
    check("the toolchain".into(), &|| {
        toolchain::ensure_components(project)?;
        toolchain::ensure_wasm_target(project)?;
        Ok(true)
    });
    let workspaces = project.workspaces();
    for workspace in &workspaces {
        check(format!("formatting: {}", workspace.title()), &|| {
            formatting(project, workspace)
        });
    }
    check("tidy".into(), &|| tidy::run(project));
    for workspace in &workspaces {
        check(format!("lints: {}", workspace.title()), &|| {
            lints(project, workspace)
        });
    }
    for workspace in workspaces.iter().filter(|w| w.kind != Kind::Guests) {
        check(format!("documentation: {}", workspace.title()), &|| {
            documentation(project, workspace)
        });
    }
    test::after_checks(project, &test::Options::default(), &failed)
}

fn formatting(project: &Project, workspace: &Workspace) -> Result<bool> {
    succeeds(cargo(project, workspace, "fmt").args(["--all", "--check"]))
}

fn lints(project: &Project, workspace: &Workspace) -> Result<bool> {
    let native = || lint(project, workspace, &["--all-targets"]);
    let wasm = |what| lint(project, workspace, &[what, "--target", WASM_TARGET]);
    match workspace.kind {
        Kind::Root => native(),
        Kind::Guests => wasm("--all-targets"),
        // Its tests are for this machine; what it does in a component is compiled for WebAssembly only.
        Kind::Sdk => Ok(native()? & wasm("--lib")?),
    }
}

fn lint(project: &Project, workspace: &Workspace, selection: &[&str]) -> Result<bool> {
    let mut command = cargo(project, workspace, "clippy");
    command.arg("--workspace").args(selection);
    succeeds(command.args(["--", "--deny", "warnings"]))
}

fn documentation(project: &Project, workspace: &Workspace) -> Result<bool> {
    succeeds(
        cargo(project, workspace, "doc")
            .args(["--workspace", "--no-deps"])
            .env("RUSTDOCFLAGS", "--deny warnings"),
    )
}
