//! Inngest's own clients, as they are published, against the binary: `tests/clients`.
//!
//! They are installed into the target directory from lock files with hashes, once for each state of the lock file.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::project::Project;
use crate::report::Report;
use crate::shell::{each_line, say, succeeds};
use crate::test::Ready;

/// The lock file that was installed, beside what was installed.
const INSTALLED: &str = "installed-lock";

/// Installs the clients if need be, and runs their tests; what fails is in the report.
pub(crate) fn run(
    project: &Project,
    ready: &Ready,
    target: &Path,
    report: &mut Report,
) -> Result<()> {
    let folder = project.root.join("tests/clients");
    let cache = target.join("clients");
    let javascript = install_javascript(&folder, &cache.join("js"))?;
    let lock = folder.join("python/requirements.txt");
    let python = install_python(&lock, &cache.join("python"))?;

    let mut node = Command::new("node");
    node.arg("--test")
        .args(super::sdks::test_files(&folder.join("js"))?)
        .env("ABIDE_INNGEST_JS", javascript);
    read(&mut node, ready, report, "the JavaScript client")?;

    let mut unittest = Command::new(python);
    // The published client leaves sockets to the garbage collector.
    unittest
        .args(["-W", "ignore::ResourceWarning", "-B"])
        .args(["-m", "unittest", "discover", "--start-directory"])
        .arg(folder.join("python"));
    // unittest reports on standard error.
    let mut shell = Command::new("sh");
    shell.args(["-c", "exec \"$@\" 2>&1", "sh"]);
    shell.arg(unittest.get_program()).args(unittest.get_args());
    read(&mut shell, ready, report, "the Python client")
}

/// Runs tests, and adds what they reported.
pub(super) fn read(
    command: &mut Command,
    ready: &Ready,
    report: &mut Report,
    client: &str,
) -> Result<()> {
    let before = *report;
    ready.tell(command);
    let succeeded = each_line(command, |line| {
        say(line);
        report.read(line);
    })?;
    report.note_exit(succeeded, before.failed);
    ensure!(
        !succeeded || report.passed > before.passed,
        "the tests of {client} reported no test: do they still print a summary that is read here?"
    );
    Ok(())
}

/// The folder with `node_modules`, of what a lock file names.
pub(super) fn install_javascript(source: &Path, cache: &Path) -> Result<PathBuf> {
    let lock = source.join("package-lock.json");
    install(&lock, cache, |cache| {
        for name in ["package.json", "package-lock.json", ".npmrc"] {
            copy(&source.join(name), &cache.join(name))?;
        }
        let mut npm = Command::new("npm");
        npm.current_dir(cache)
            .args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"])
            .arg("--loglevel=error");
        ensure!(
            succeeds(&mut npm)?,
            "what {} names could not be installed",
            lock.display()
        );
        Ok(())
    })?;
    Ok(cache.to_path_buf())
}

/// The Python that finds what a lock file names.
pub(super) fn install_python(lock: &Path, cache: &Path) -> Result<PathBuf> {
    let python = cache.join("bin/python");
    install(lock, cache, |cache| {
        let mut venv = Command::new("python3");
        venv.args(["-m", "venv"]).arg(cache);
        ensure!(
            succeeds(&mut venv)?,
            "no virtual environment could be made: does this Python have the module venv?"
        );
        let mut pip = Command::new(&python);
        pip.args(["-m", "pip", "install", "--quiet", "--no-deps"])
            .args(["--require-hashes", "--requirement"])
            .arg(lock);
        ensure!(
            succeeds(&mut pip)?,
            "what {} names could not be installed",
            lock.display()
        );
        Ok(())
    })?;
    Ok(python)
}

/// Does the work in an empty folder, unless it was done for the same lock file before. What was begun and not finished is begun anew.
fn install(lock: &Path, cache: &Path, work: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
    let wanted = std::fs::read(lock).with_context(|| format!("no {}", lock.display()))?;
    let mark = cache.join(INSTALLED);
    if std::fs::read(&mark).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    if cache.exists() {
        std::fs::remove_dir_all(cache)
            .with_context(|| format!("could not remove {}", cache.display()))?;
    }
    std::fs::create_dir_all(cache)
        .with_context(|| format!("could not create {}", cache.display()))?;
    work(cache)?;
    std::fs::write(&mark, wanted).with_context(|| format!("could not write {}", mark.display()))
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    std::fs::copy(from, to).with_context(|| format!("could not copy {}", from.display()))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_installed_is_installed_again_when_the_lock_file_changes_or_it_broke_off()
    -> Result<()> {
        let place = std::env::temp_dir().join(format!("abide-xtask-{}", std::process::id()));
        std::fs::create_dir_all(&place)?;
        let (lock, cache) = (place.join("lock"), place.join("cache"));
        let mut times = 0;
        let mut once = |text: &str, good: bool| {
            std::fs::write(&lock, text)?;
            install(&lock, &cache, |_| {
                times += 1;
                ensure!(good, "it broke off");
                Ok(())
            })
        };
        assert!(once("a", false).is_err());
        once("a", true)?;
        once("a", true)?;
        once("b", true)?;
        assert_eq!(times, 3);
        std::fs::remove_dir_all(&place)?;
        Ok(())
    }
}
