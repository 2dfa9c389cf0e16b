//! Everything that is not in Rust: apps that `abide build` compiles, and the SDKs' own tests.
//!
//! A fresh machine has Rust, Node and Python. Whatever else is needed is installed by the binary that is tested, into its cache.

mod browser;
mod clients;
mod jobs;
mod openapi;
mod sdks;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::project::{Kind, Project};
use crate::report::Report;
use crate::shell::{binaries, output, phase, say};
use crate::test::{Ready, prepare_guests, target};
use jobs::Job;

/// Builds that go on side by side: each uses more than one core at times.
const JOBS: usize = 2;
/// What a machine must have.
const NEEDED: [(&str, &str); 3] = [
    ("node", "Node 20.10 or newer, from https://nodejs.org"),
    ("npm", "npm, which comes with Node"),
    (
        "python3",
        "Python 3.11 or newer, from https://www.python.org",
    ),
];
/// What is built a second time, with another engine: folder, engine.
const ENGINES: [(&str, &str); 2] = [("typescript", "quickjs"), ("javascript", "quickjs")];

/// Says what is missing on this machine.
pub(crate) fn ensure_tools() -> Result<()> {
    for (program, what) in NEEDED {
        let mut command = Command::new(program);
        ensure!(
            output(command.arg("--version")).is_some(),
            "{program} is not to be found, which apps in some languages are built with: install {what}"
        );
    }
    Ok(())
}

/// Builds all apps in other languages; the folder with the guests of the conformance suite.
pub(crate) fn build_apps(project: &Project, binary: &Path, target: &Path) -> Result<PathBuf> {
    let guests = target.join("conformance");
    let mut jobs = named(project, binary, "tests/conformance/guests", &guests)?;
    copy_reference(project, &guests)?;
    for folder in apps(&project.root.join("examples"))? {
        jobs.push(build(binary, name_of(&folder), &folder, &[]));
    }
    run(jobs)?;
    Ok(guests)
}

/// Builds the function that every language is measured with into `out`.
pub(crate) fn build_measured(project: &Project, binary: &Path, out: &Path) -> Result<PathBuf> {
    ensure_tools()?;
    run(named(project, binary, "tests/bench/languages", out)?)?;
    Ok(out.to_path_buf())
}

fn run(jobs: Vec<Job>) -> Result<()> {
    let failed = jobs::run(jobs, JOBS);
    ensure!(failed.is_empty(), "{} did not build", failed.join(", "));
    Ok(())
}

/// The apps of a folder, one a language, to be built as `NAME.wasm` in `out`; those that have engines as `NAME-ENGINE.wasm` too.
fn named(project: &Project, binary: &Path, place: &str, out: &Path) -> Result<Vec<Job>> {
    std::fs::create_dir_all(out).with_context(|| format!("could not create {}", out.display()))?;
    let mut jobs = Vec::new();
    for folder in apps(&project.root.join(place))? {
        let name = name_of(&folder);
        let mut add = |name: String, arguments: &[&str]| {
            let mut job = build(binary, format!("{place}/{name}"), &folder, arguments);
            job.command.arg("-o").arg(out.join(format!("{name}.wasm")));
            jobs.push(job);
        };
        for (_, engine) in ENGINES.iter().filter(|(language, _)| *language == name) {
            add(format!("{name}-{engine}"), &["--engine", engine]);
        }
        add(name, &[]);
    }
    Ok(jobs)
}

fn build(binary: &Path, name: String, folder: &Path, arguments: &[&str]) -> Job {
    let mut command = Command::new(binary);
    command.arg("build").arg(folder).args(arguments);
    Job { name, command }
}

/// The tests with programs as they are published: Inngest's clients, schemathesis, and Chromium.
pub(crate) fn test_clients(
    project: &Project,
    ready: &Ready,
    target: &Path,
    report: &mut Report,
) -> Result<()> {
    phase("tests: tests/clients", || {
        clients::run(project, ready, target, report)
    })?;
    phase("tests: tests/openapi", || {
        openapi::run(project, ready, target, report)
    })?;
    phase("tests: tests/browser", || {
        browser::run(project, ready, target, report)
    })
}

/// Makes the pictures of the dashboard in `docs`.
pub(crate) fn screenshots(project: &Project) -> Result<()> {
    ensure_tools()?;
    let guests = prepare_guests(project)?;
    let mut built = phase("build abide", || binaries(project, &["abide"], false))?;
    let binary = built.pop().context("a binary was asked for")?;
    let ready = Ready {
        binary,
        guests,
        conformance: None,
    };
    browser::screenshots(project, &ready, &target(project)?)
}

/// The SDKs' own tests and type checks.
pub(crate) fn test_sdks(project: &Project, binary: &Path, report: &mut Report) -> Result<()> {
    for suite in sdks::all() {
        phase(&format!("tests: guest-sdk/{}", suite.name), || {
            suite.run(project, binary, report)
        })?;
    }
    Ok(())
}

/// The reference guest is in Rust: cargo has built it with the other guests.
fn copy_reference(project: &Project, guests: &Path) -> Result<()> {
    let workspaces = project.workspaces();
    let reference = workspaces
        .iter()
        .find(|it| it.kind == Kind::Guests && it.folder.ends_with("conformance/guests/rust"));
    let Some(reference) = reference else {
        return Ok(());
    };
    let built = project.components(reference)?.join("conformance.wasm");
    std::fs::copy(&built, guests.join("rust.wasm"))
        .with_context(|| format!("could not copy {}", built.display()))?;
    Ok(())
}

/// The folders of apps that are not in Rust; those are built by cargo, all at once.
fn apps(place: &Path) -> Result<Vec<PathBuf>> {
    if !place.is_dir() {
        return Ok(Vec::new());
    }
    let mut folders = Vec::new();
    for entry in
        std::fs::read_dir(place).with_context(|| format!("could not read {}", place.display()))?
    {
        let folder = entry?.path();
        if folder.join("abide.toml").is_file() && !folder.join("Cargo.toml").is_file() {
            folders.push(folder);
        }
    }
    folders.sort();
    say(&format!("{}: {} apps", place.display(), folders.len()));
    Ok(folders)
}

fn name_of(folder: &Path) -> String {
    folder
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}
