//! The tests that the SDKs have in their own languages, run by their own runners.
//!
//! Every SDK has one entry point that checks and tests everything there is, and prints the summaries that [`Report`] reads.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::project::Project;
use crate::report::Report;
use crate::shell::{each_line, output, say, succeeds};

/// What an SDK's tests are started with.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Runner {
    /// `npm run check` and `npm test`.
    Npm,
    /// `tests/run.py`, with the folder of the build tools.
    Python,
}

/// The tests of one SDK.
#[derive(Clone, Copy)]
pub(super) struct Suite {
    /// The SDK's folder, and what `abide tools` calls its language.
    pub(super) name: &'static str,
    runner: Runner,
}

const ALL: [Suite; 4] = [
    Suite {
        name: "js",
        runner: Runner::Npm,
    },
    Suite {
        name: "python",
        runner: Runner::Python,
    },
    Suite {
        name: "c",
        runner: Runner::Python,
    },
    Suite {
        name: "go",
        runner: Runner::Python,
    },
];

/// Tests of how JavaScript is built, and of a whole project that was written for Inngest: they need the build tools and the binary.
const BUILD_TESTS: [&str; 2] = ["guest-sdk/js/build/test", "tests/languages/inngest-project"];

/// All SDKs.
pub(super) fn all() -> [Suite; 4] {
    ALL
}

impl Suite {
    /// Runs everything; what fails is in the report.
    pub(super) fn run(self, project: &Project, binary: &Path, report: &mut Report) -> Result<()> {
        let folder = project.root.join("guest-sdk").join(self.name);
        match self.runner {
            Runner::Npm => {
                let mut install = npm(&folder, &["install", "--no-save", "--ignore-scripts"]);
                install.args(["--no-audit", "--no-fund", "--loglevel=error"]);
                ensure!(
                    succeeds(&mut install)?,
                    "the packages that the tests need could not be installed"
                );
                let types = succeeds(&mut npm(&folder, &["run", "--silent", "check"]))?;
                report.add(Report::of(types));
                self.read(&mut npm(&folder, &["test", "--silent"]), report)?;
                let tools = tools(binary, "typescript")?;
                let mut node = Command::new("node");
                node.current_dir(&project.root).arg("--test");
                for place in BUILD_TESTS {
                    node.args(test_files(&project.root.join(place))?);
                }
                node.env("ABIDE_JS_TOOLS", &tools).env("ABIDE_BIN", binary);
                // A debug build compiles an engine to machine code for half a minute: what was compiled once is kept.
                if let Some(cache) = Path::new(&tools).ancestors().nth(2) {
                    node.env("ABIDE_CODE_CACHE", cache.join("code"));
                }
                self.read(&mut node, report)
            }
            Runner::Python => {
                let tools = tools(binary, self.name)?;
                let mut command = Command::new(Path::new(&tools).join("bin/python"));
                command
                    .current_dir(&folder)
                    .args(["tests/run.py", "--tools", &tools]);
                self.read(&mut command, report)
            }
        }
    }

    fn read(self, command: &mut Command, report: &mut Report) -> Result<()> {
        let before = *report;
        let succeeded = each_line(command, |line| {
            say(line);
            report.read(line);
        })?;
        report.note_exit(succeeded, before.failed);
        ensure!(
            !succeeded || report.passed > before.passed,
            "the tests of {} reported no test: do they still print a summary that is read here?",
            self.name
        );
        Ok(())
    }
}

/// What `node --test` is to run: versions of Node differ in what a folder means to it.
pub(super) fn test_files(place: &Path) -> Result<Vec<PathBuf>> {
    let entries =
        std::fs::read_dir(place).with_context(|| format!("could not read {}", place.display()))?;
    let mut files: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    files.retain(|path| path.to_string_lossy().ends_with(".test.mjs"));
    files.sort();
    Ok(files)
}

/// Where the build tools of a language are, from now on.
fn tools(binary: &Path, language: &str) -> Result<String> {
    let mut tools = Command::new(binary);
    output(tools.args(["tools", language])).with_context(|| {
        format!("the build tools could not be installed: try `abide tools {language}`")
    })
}

fn npm(folder: &Path, arguments: &[&str]) -> Command {
    let mut npm = Command::new("npm");
    npm.current_dir(folder).args(arguments);
    npm
}
