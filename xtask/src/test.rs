//! `cargo xtask test`: everything from a bare machine to one line that says how the tests went.
//!
//! Test programs find what was built for them through the environment: `ABIDE_BIN` is the binary, `ABIDE_TEST_GUESTS` the
//! folder with the components of `tests/guests`, `ABIDE_CONFORMANCE_GUESTS` that of the conformance suite's, one a language.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::languages;
use crate::project::{Kind, Project, WASM_TARGET, Workspace};
use crate::report::Report;
use crate::shell::{binaries, cargo, each_line, phase, plain_cargo, say, succeeds};
use crate::toolchain;

/// What proptest takes its number of cases from.
const CASES: &str = "PROPTEST_CASES";

/// What test programs need to know.
pub(crate) struct Ready {
    pub(crate) binary: PathBuf,
    pub(crate) guests: Option<PathBuf>,
    pub(crate) conformance: Option<PathBuf>,
}

impl Ready {
    /// Tells a program where things are.
    pub(crate) fn tell(&self, command: &mut Command) {
        command.env("ABIDE_BIN", &self.binary);
        if let Some(guests) = &self.guests {
            command.env("ABIDE_TEST_GUESTS", guests);
        }
        if let Some(guests) = &self.conformance {
            command.env("ABIDE_CONFORMANCE_GUESTS", guests);
        }
    }
}

/// How much is tested.
#[derive(Default, clap::Args)]
pub(crate) struct Options {
    /// Also drive every control of flow beside its reference model through 10,000 random cases (or as many as `PROPTEST_CASES` says).
    #[arg(long)]
    thorough: bool,
}

/// Runs all tests; the last line is the sum of what the runners reported.
pub(crate) fn run(project: &Project, options: &Options) -> bool {
    after_checks(project, options, &[])
}

/// As `run`; checks that failed before are named once more, and counted as failures beside those of the tests.
pub(crate) fn after_checks(project: &Project, options: &Options, failed_checks: &[String]) -> bool {
    let mut report = Report::default();
    let mut result = all(project, &mut report);
    if options.thorough && result.is_ok() {
        result = phase("models: 10,000 random cases of each control", || {
            models(project, &mut report)
        });
    }
    if let Err(error) = result {
        say(&format!("error: {error:#}"));
        report.failed += 1;
    }
    for title in failed_checks {
        say(&format!("check failed: {title}"));
        report.failed += 1;
    }
    say(&report.to_string());
    report.is_good()
}

fn all(project: &Project, report: &mut Report) -> Result<()> {
    languages::ensure_tools()?;
    let guests = prepare_guests(project)?;
    let binary = phase("build the runtime and its tests", || {
        // The same selection as `cargo test --workspace` makes, so that nothing is compiled twice.
        let mut build = plain_cargo(project);
        build.args(["build", "--workspace", "--bins", "--tests"]);
        ensure!(succeeds(&mut build)?, "the build failed");
        debug_binary(project)
    })?;
    let target = target(project)?;
    let conformance = phase("build the apps in other languages", || {
        languages::build_apps(project, &binary, &target)
    })?;
    let ready = Ready {
        binary,
        guests,
        conformance: Some(conformance),
    };
    languages::test_sdks(project, &ready.binary, report)?;
    languages::test_clients(project, &ready, &target, report)?;
    for workspace in project.workspaces() {
        match workspace.kind {
            Kind::Root | Kind::Sdk => {
                phase(&format!("tests: {}", workspace.title()), || {
                    test(project, &workspace, &ready, report)
                })?;
            }
            Kind::Guests => {}
        }
    }
    Ok(())
}

fn test(
    project: &Project,
    workspace: &Workspace,
    ready: &Ready,
    report: &mut Report,
) -> Result<()> {
    let mut command = cargo(project, workspace, "test");
    command.args(["--workspace", "--no-fail-fast"]);
    ready.tell(&mut command);
    let failed_before = report.failed;
    let succeeded = each_line(&mut command, |line| {
        say(line);
        report.read(line);
    })?;
    report.note_exit(succeeded, failed_before);
    Ok(())
}

/// The property tests that compare the engine with reference models, with many cases each. Optimised: they compute for minutes.
fn models(project: &Project, report: &mut Report) -> Result<()> {
    let mut command = plain_cargo(project);
    command.args(["test", "--release", "-p", "abide-core", "model_"]);
    if std::env::var_os(CASES).is_none() {
        command.env(CASES, "10000");
    }
    let failed_before = report.failed;
    let succeeded = each_line(&mut command, |line| {
        say(line);
        report.read(line);
    })?;
    report.note_exit(succeeded, failed_before);
    Ok(())
}

/// The target directory of the root workspace.
pub(crate) fn target(project: &Project) -> Result<PathBuf> {
    let workspaces = project.workspaces();
    let root = workspaces.first().context("there is a root workspace")?;
    let metadata = project.metadata(root, false)?;
    Ok(metadata.target_directory.into_std_path_buf())
}

fn debug_binary(project: &Project) -> Result<PathBuf> {
    let binary = target(project)?
        .join("debug")
        .join(format!("abide{}", std::env::consts::EXE_SUFFIX));
    ensure!(
        binary.is_file(),
        "the build left no binary at {}",
        binary.display()
    );
    Ok(binary)
}

/// Installs the target, builds every guest workspace, returns where the test guests are.
pub(crate) fn prepare_guests(project: &Project) -> Result<Option<PathBuf>> {
    phase("the WebAssembly target", || {
        toolchain::ensure_wasm_target(project)
    })?;
    let mut test_guests = None;
    for workspace in project
        .workspaces()
        .into_iter()
        .filter(|w| w.kind == Kind::Guests)
    {
        phase(&format!("build guests: {}", workspace.title()), || {
            let mut build = cargo(project, &workspace, "build");
            build.args(["--workspace", "--release", "--target", WASM_TARGET]);
            ensure!(
                succeeds(&mut build)?,
                "the guests in {} do not build",
                workspace.title()
            );
            Ok(())
        })?;
        if workspace.folder.ends_with("tests/guests") {
            test_guests = Some(project.components(&workspace)?);
        }
    }
    Ok(test_guests)
}

/// For the commands that drive the binary from a program of their own: builds both, and the guests.
pub(crate) fn prepare_program(
    project: &Project,
    package: &str,
    release: bool,
) -> Result<(PathBuf, Ready)> {
    let guests = prepare_guests(project)?;
    let mut built = phase(&format!("build abide and {package}"), || {
        binaries(project, &["abide", package], release)
    })?;
    let program = built.pop().context("two binaries were asked for")?;
    let binary = built.pop().context("two binaries were asked for")?;
    let ready = Ready {
        binary,
        guests,
        conformance: None,
    };
    Ok((program, ready))
}
