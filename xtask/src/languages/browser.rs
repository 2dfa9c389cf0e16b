//! The dashboard in a real browser: `tests/browser`.
//!
//! Playwright's library drives a Chromium that is on the machine: one that is there, or Debian's package, which is installed if need be. It downloads
//! no browser of its own.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use super::clients::{install_javascript, read};
use crate::project::Project;
use crate::report::Report;
use crate::shell::{output, say, succeeds};
use crate::test::Ready;

/// What Chromium is called where it comes from. The first that is found is taken.
const NAMES: [&str; 5] = [
    "chromium",
    "chromium-browser",
    "google-chrome-stable",
    "google-chrome",
    "chrome",
];

/// Files of tests that run side by side: each waits for its own server and its own browser most of the time.
const FILES_AT_ONCE: &str = "--test-concurrency=2";

/// Debian's packages. The fonts are what its Chromium only recommends: without any, a page has no text.
const PACKAGES: [&str; 2] = ["chromium", "fonts-dejavu-core"];

/// Installs what is missing, and runs the tests; what fails is in the report.
pub(crate) fn run(
    project: &Project,
    ready: &Ready,
    target: &Path,
    report: &mut Report,
) -> Result<()> {
    let folder = project.root.join("tests/browser");
    let mut node = node(&folder, target)?;
    node.args(["--test", FILES_AT_ONCE])
        .args(super::sdks::test_files(&folder)?);
    read(&mut node, ready, report, "the dashboard")
}

/// Makes the pictures in `docs/screenshots` anew.
pub(crate) fn screenshots(project: &Project, ready: &Ready, target: &Path) -> Result<()> {
    let folder = project.root.join("tests/browser");
    let mut node = node(&folder, target)?;
    node.arg(folder.join("screenshots.mjs"))
        .arg(project.root.join("docs/screenshots"));
    ready.tell(&mut node);
    ensure!(succeeds(&mut node)?, "the pictures were not made");
    Ok(())
}

/// Node, told where everything is.
fn node(folder: &Path, target: &Path) -> Result<Command> {
    let chromium = chromium()?;
    let cache = target.join("browser");
    let javascript = install_javascript(folder, &cache.join("js"))?;
    let mut node = Command::new("node");
    node.env("ABIDE_BROWSER_JS", javascript)
        .env("ABIDE_BROWSER_CACHE", &cache)
        .env("ABIDE_CHROMIUM", chromium);
    Ok(node)
}

/// The name or path of a Chromium that starts.
fn chromium() -> Result<String> {
    if let Some(found) = found() {
        return Ok(found);
    }
    say("no Chromium is found: it is installed");
    let packages = PACKAGES.join(" ");
    let by_hand = format!(
        "install Chromium, or Chrome, where the tests find it in PATH; on Debian: apt-get install -y --no-install-recommends {packages}"
    );
    if !is_root() || output(Command::new("apt-get").arg("--version")).is_none() {
        bail!("no Chromium is found, and only root can install one, with apt-get: {by_hand}");
    }
    let mut install = Command::new("apt-get");
    install
        .args(["install", "-y", "--no-install-recommends"])
        .args(PACKAGES)
        .env("DEBIAN_FRONTEND", "noninteractive");
    if !succeeds(&mut install)? {
        // A machine that never installed anything has no lists of packages.
        ensure!(
            succeeds(Command::new("apt-get").arg("update"))? && succeeds(&mut install)?,
            "Chromium could not be installed: {by_hand}"
        );
    }
    found().with_context(|| format!("Chromium was installed, and is not found: {by_hand}"))
}

fn found() -> Option<String> {
    let starts = |name: &&str| output(Command::new(name).arg("--version")).is_some();
    NAMES
        .iter()
        .copied()
        .find(|name| starts(name))
        .and_then(path_of)
}

/// Where a program is that `PATH` leads to.
fn path_of(name: &str) -> Option<String> {
    let path = std::env::var_os("PATH")?;
    let mut places = std::env::split_paths(&path).map(|folder| folder.join(name));
    let place = places.find(|place| place.is_file())?;
    place.to_str().map(str::to_owned)
}

fn is_root() -> bool {
    output(Command::new("id").arg("-u")).is_some_and(|id| id.trim() == "0")
}
