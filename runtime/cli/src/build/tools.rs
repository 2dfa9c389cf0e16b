//! Build tools: what must be on the machine, and what is installed into the cache, pinned by the SDK.
//!
//! Node and Python are the author's to install. Everything else comes from their package registries, at the versions and with
//! the digests that the SDK's lock file names.

use std::ffi::{OsStr, OsString};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};
use tokio::process::Command;

use super::progress::Bar;
use crate::cache::{Cache, short};
use crate::language::Language;
use crate::sdk::Installed;

/// The oldest that the build tools run on.
const NODE: (u32, u32) = (20, 0);
const PYTHON: (u32, u32) = (3, 10);
/// Names that Python goes by.
const PYTHONS: [&str; 2] = ["python3", "python"];
/// How much of a package manager's words is shown: lines of the beginning, and of the end.
const SHOWN_LINES: usize = 10;

/// What is ready to be used.
pub(super) struct Tools {
    /// Holds `node_modules`, or is a virtual environment of Python.
    pub(super) folder: PathBuf,
    /// Runs the build script.
    pub(super) program: OsString,
}

/// Who installs the tools of a language.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Manager {
    Npm,
    Pip,
}

impl Manager {
    fn of(language: Language) -> Self {
        match language {
            Language::TypeScript | Language::JavaScript => Self::Npm,
            Language::Rust | Language::Python | Language::C | Language::Go => Self::Pip,
        }
    }

    /// The files that pin what is installed.
    fn pins(self) -> &'static [&'static str] {
        match self {
            Self::Npm => &["build/package.json", "build/package-lock.json"],
            Self::Pip => &["build/requirements.txt"],
        }
    }
}

/// Changes with every version of a build tool.
pub(super) fn pins(sdk: &Installed, language: Language) -> Result<String> {
    let mut hasher = Sha256::new();
    for name in Manager::of(language).pins() {
        let path = sdk.folder.join(name);
        let bytes = std::fs::read(&path).with_context(|| {
            format!(
                "cannot read the pins of the build tools, {}",
                path.display()
            )
        })?;
        hasher.update((bytes.len() as u64).to_le_bytes());
        hasher.update(bytes);
    }
    hasher.update(std::env::consts::ARCH);
    hasher.update(std::env::consts::OS);
    Ok(short(hasher))
}

/// The tools of a language, installed unless they are.
pub(super) async fn ensure(sdk: &Installed, language: Language, cache: &Cache) -> Result<Tools> {
    let pins = pins(sdk, language)?;
    let name = crate::sdk::folder_name(language);
    match Manager::of(language) {
        Manager::Npm => {
            let node = node(language).await?;
            let name = format!("tools/{name}-{pins}");
            let folder = cache.installed(&name, async |folder| npm(sdk, language, folder).await);
            Ok(Tools {
                folder: folder.await?,
                program: node,
            })
        }
        Manager::Pip => {
            let python = python(language).await?;
            // A virtual environment belongs to one version of Python.
            let name = format!(
                "tools/{name}-{pins}-py{}.{}",
                python.version.0, python.version.1
            );
            let folder = cache.installed(&name, async |folder| {
                pip(sdk, language, &python.program, folder).await
            });
            let folder = folder.await?;
            Ok(Tools {
                program: folder.join("bin/python").into_os_string(),
                folder,
            })
        }
    }
}

/// Node, if it is new enough.
async fn node(language: Language) -> Result<OsString> {
    let wanted = format!(
        "{language} apps are built with Node {} or newer and npm",
        NODE.0
    );
    let advice =
        "install it from https://nodejs.org, or with your system's package manager, and try again";
    for program in ["node", "npm"] {
        let Some(text) = said(program, &["--version"]).await? else {
            bail!("{wanted}, but {program} is not to be found: {advice}");
        };
        let version = version(&text);
        if program == "node" && version.is_none_or(|version| version < NODE) {
            bail!(
                "{wanted}, but `node --version` says {}: {advice}",
                text.trim()
            );
        }
    }
    Ok("node".into())
}

struct Python {
    program: OsString,
    version: (u32, u32),
}

/// Python, if it is new enough.
async fn python(language: Language) -> Result<Python> {
    let wanted = format!(
        "{language} apps are built with tools that need Python {}.{} or newer",
        PYTHON.0, PYTHON.1
    );
    let advice = "install it from https://www.python.org, or with your system's package manager, and try again";
    let mut old = None;
    for program in PYTHONS {
        let Some(text) = said(program, &["--version"]).await? else {
            continue;
        };
        match version(text.trim().trim_start_matches("Python ")) {
            Some(version) if version >= PYTHON => {
                return Ok(Python {
                    program: program.into(),
                    version,
                });
            }
            _ => old = old.or(Some(format!("`{program} --version` says {}", text.trim()))),
        }
    }
    match old {
        Some(old) => bail!("{wanted}, but {old}: {advice}"),
        None => bail!("{wanted}, but python3 is not to be found: {advice}"),
    }
}

/// What a program writes; nothing if there is no such program.
async fn said(program: &str, arguments: &[&str]) -> Result<Option<String>> {
    let output = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await;
    match output {
        Ok(output) => Ok(Some(String::from_utf8_lossy(&output.stdout).into_owned())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("cannot start {program}")),
    }
}

/// `20.1` of `v20.1.3`.
fn version(text: &str) -> Option<(u32, u32)> {
    let mut parts = text.trim().trim_start_matches('v').split('.');
    let major = parts.next()?.parse().ok()?;
    let minor = parts.next().unwrap_or("0");
    let digits = minor.find(|c: char| !c.is_ascii_digit());
    Some((major, minor[..digits.unwrap_or(minor.len())].parse().ok()?))
}

async fn npm(sdk: &Installed, language: Language, folder: &Path) -> Result<()> {
    for name in Manager::Npm.pins() {
        let from = sdk.folder.join(name);
        let to = folder.join(from.file_name().unwrap_or(OsStr::new(name)));
        std::fs::copy(&from, &to).with_context(|| format!("cannot write {}", to.display()))?;
    }
    let mut npm = Command::new("npm");
    npm.current_dir(folder).args([
        "install",
        "--no-save",
        "--ignore-scripts",
        "--no-audit",
        "--no-fund",
        "--no-update-notifier",
        "--loglevel=error",
    ]);
    install(npm, language, "npm").await
}

async fn pip(sdk: &Installed, language: Language, python: &OsStr, folder: &Path) -> Result<()> {
    let mut venv = Command::new(python);
    venv.args(["-m", "venv", "--clear"]).arg(folder);
    let made = venv.stdin(Stdio::null()).kill_on_drop(true).output().await;
    let made = made.context("cannot start Python")?;
    if !made.status.success() {
        bail!(
            "`python3 -m venv` does not work, which build tools for {language} are installed with (on Debian and Ubuntu: `apt install python3-venv`):\n{}",
            shown(&[made.stdout, made.stderr].concat())
        );
    }
    let mut pip = Command::new(folder.join("bin/python"));
    pip.args(["-m", "pip", "install", "--require-hashes"])
        .args(["--only-binary", ":all:", "--disable-pip-version-check"])
        .args(["--no-input", "--quiet", "--requirement"])
        .arg(sdk.folder.join(Manager::Pip.pins()[0]));
    install(pip, language, "pip").await
}

/// Runs a package manager to its end.
async fn install(mut command: Command, language: Language, manager: &str) -> Result<()> {
    let _bar = Bar::titled(format!(
        "installing the build tools for {language} with {manager} (once)"
    ));
    let output = command
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .with_context(|| format!("cannot start {manager}"))?;
    if output.status.success() {
        return Ok(());
    }
    bail!(
        "{manager} could not install the build tools for {language}. If this machine reaches its registry through a proxy or a mirror, {manager}'s own settings must say so. It said:\n{}",
        shown(&[output.stdout, output.stderr].concat())
    )
}

/// The beginning and the end: what went wrong stands at one of them.
fn shown(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let mut lines: Vec<_> = text.trim_end().lines().collect();
    if lines.len() > 2 * SHOWN_LINES {
        lines.splice(SHOWN_LINES..lines.len() - SHOWN_LINES, ["…"]);
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_as_numbers() {
        assert_eq!(version("v20.20.2\n"), Some((20, 20)));
        assert_eq!(version("3.13rc1"), Some((3, 13)));
        assert_eq!(version("3.9.1"), Some((3, 9)));
        assert!(version("3.9.1") < Some(PYTHON));
        assert_eq!(version("what"), None);
    }

    #[test]
    fn the_beginning_and_the_end_of_a_long_message_are_shown() {
        let text = format!("cause\n{}the end\n", "line\n".repeat(100));
        let shown = shown(text.as_bytes());
        assert_eq!(shown.lines().count(), 2 * SHOWN_LINES + 1);
        assert!(shown.starts_with("cause") && shown.ends_with("the end"));
    }
}
