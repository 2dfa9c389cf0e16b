//! Runs other programs, shows what they print, and times the phases of a command.
//!
//! Everything that is printed goes to standard output through one lock or straight from the child, so that a summary
//! printed at the end really is the last line.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::project::{Project, Workspace};

/// A call of `cargo` on one workspace, from the root of the repository.
pub(crate) fn cargo(project: &Project, workspace: &Workspace, subcommand: &str) -> Command {
    let mut command = plain_cargo(project);
    command
        .arg(subcommand)
        .arg("--manifest-path")
        .arg(&workspace.manifest);
    command
}

/// A call of the `cargo` that called us, from the root of the repository.
pub(crate) fn plain_cargo(project: &Project) -> Command {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(program);
    command.current_dir(&project.root);
    // What Cargo tells this program about xtask's own package is not meant for the programs that it starts.
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
            command.env_remove(&name);
        }
    }
    command
}

/// Runs to the end with inherited output; true if it succeeded.
pub(crate) fn succeeds(command: &mut Command) -> Result<bool> {
    let status = command
        .stdin(Stdio::null())
        .status()
        .with_context(|| format!("could not start {}", name(command)))?;
    Ok(status.success())
}

/// Runs to the end and hands every line of standard output to `line`; true if it succeeded.
pub(crate) fn each_line(command: &mut Command, mut line: impl FnMut(&str)) -> Result<bool> {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("could not start {}", name(command)))?;
    let output = child.stdout.take().context("the child's output is piped")?;
    for text in BufReader::new(output).split(b'\n') {
        line(&String::from_utf8_lossy(
            &text.context("could not read the child's output")?,
        ));
    }
    Ok(child
        .wait()
        .context("could not wait for the child")?
        .success())
}

/// What a program prints, if it can be started and succeeds.
pub(crate) fn output(command: &mut Command) -> Option<String> {
    let output = command
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()?;
    output
        .status
        .success()
        .then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn name(command: &Command) -> String {
    Path::new(command.get_program())
        .file_name()
        .unwrap_or(OsStr::new("?"))
        .to_string_lossy()
        .into_owned()
}

/// Prints what begins, does it, prints how long it took.
pub(crate) fn phase<T>(title: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    say(&format!("==> {title}"));
    let began = Instant::now();
    let result = work();
    let verdict = if result.is_ok() { "" } else { " (failed)" };
    say(&format!(
        "<== {title}: {}{verdict}",
        seconds(began.elapsed())
    ));
    result
}

/// Prints one line and makes sure that it is out before a child prints the next one.
pub(crate) fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    // A closed pipe must not end the work half-way.
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}

/// Builds the binaries of some packages of the root workspace in one go and returns where those are that are named like their package, in the same order.
///
/// One call for all of them: Cargo chooses a dependency's features by what is built together, and a second call with
/// another selection would compile wasmtime a second time.
pub(crate) fn binaries(
    project: &Project,
    packages: &[&str],
    release: bool,
) -> Result<Vec<PathBuf>> {
    let executables = build(project, packages, release)?;
    let found = packages.iter().map(|name| find(&executables, name));
    found.collect()
}

/// The same in a release build, for one binary that has a name of its own.
pub(crate) fn binary_named(project: &Project, packages: &[&str], name: &str) -> Result<PathBuf> {
    find(&build(project, packages, true)?, name)
}

fn find(executables: &[(String, PathBuf)], name: &str) -> Result<PathBuf> {
    let found = executables.iter().find(|(built, _)| built == name);
    found
        .map(|(_, path)| path.clone())
        .with_context(|| format!("no package has a binary {name}"))
}

fn build(project: &Project, packages: &[&str], release: bool) -> Result<Vec<(String, PathBuf)>> {
    let mut command = plain_cargo(project);
    command.args([
        "build",
        "--bins",
        "--message-format=json-render-diagnostics",
    ]);
    if release {
        command.arg("--release");
    }
    for package in packages {
        command.args(["--package", package]);
    }
    let mut executables = Vec::new();
    let built = each_line(&mut command, |line| {
        if let Some(Ok(cargo_metadata::Message::CompilerArtifact(artifact))) =
            cargo_metadata::Message::parse_stream(line.as_bytes()).next()
            && let Some(path) = artifact.executable
        {
            executables.push((artifact.target.name, path.into_std_path_buf()));
        }
    })?;
    anyhow::ensure!(built, "the build of {} failed", packages.join(" and "));
    Ok(executables)
}
