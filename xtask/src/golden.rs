//! `cargo xtask golden`: records the fixtures of a version, or writes the format lock, while that version is not released.

use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use crate::project::Project;
use crate::shell::{binaries, phase, say, succeeds};
use crate::test::prepare_guests;
use crate::tidy::format::{self, LOCK, Lock};
use crate::versions::{VERSIONS, Versions};

/// What is written.
#[derive(clap::Args)]
#[group(required = true, multiple = false)]
pub(crate) struct Options {
    /// Record the fixture of this version anew: play the scenario, store its rows and its component in tests/golden.
    #[arg(long, value_name = "VERSION")]
    record: Option<String>,
    /// Take the present format into tests/golden/format.lock. Lines of released versions never change.
    #[arg(long)]
    lock: bool,
}

pub(crate) fn run(project: &Project, options: &Options) -> Result<bool> {
    let text = std::fs::read_to_string(project.root.join(VERSIONS)).context(VERSIONS)?;
    let versions = Versions::parse(&text)?;
    match &options.record {
        Some(version) => record(project, &versions, version),
        None => lock(project, &versions),
    }
}

fn record(project: &Project, versions: &Versions, version: &str) -> Result<bool> {
    let found = versions.find(version)?;
    if found.released {
        bail!(
            "version {version} is released: what it wrote is out in the world, and its fixture stays as it is; add the next version to \
             {VERSIONS} and record that"
        );
    }
    let guests = prepare_guests(project)?.context("tests/guests is not there")?;
    let program = phase("build abide-golden", || {
        binaries(project, &["abide", "abide-golden"], false)
    })?;
    let program = program.last().context("two binaries were asked for")?;
    let mut recorder = Command::new(program);
    recorder
        .args(["record", &found.folder, "--component"])
        .arg(guests.join("golden.wasm"));
    ensure!(succeeds(&mut recorder)?, "recording failed");
    say(
        "now look at what changed (git diff --stat tests/golden), and take the snapshots: INSTA_UPDATE=always cargo test -p abide-golden",
    );
    Ok(true)
}

fn lock(project: &Project, versions: &Versions) -> Result<bool> {
    let now = format::present(project)?;
    let path = project.root.join(LOCK);
    let before = match std::fs::read_to_string(&path) {
        Ok(text) => Lock::parse(&text)?,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Lock::default(),
        Err(error) => return Err(error).context(LOCK),
    };
    let after = before.renewed(&now, versions)?;
    std::fs::write(&path, after.to_text())?;
    say(&format!("{LOCK}: {} lines", after.len()));
    Ok(true)
}
