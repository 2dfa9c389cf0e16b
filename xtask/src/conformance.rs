//! `cargo xtask conformance`: builds the guests of the languages that are asked for, and plays the scenarios with them.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::project::{Kind, Project, WASM_TARGET};
use crate::shell::{binaries, cargo, phase, plain_cargo, say, succeeds};

/// What is played.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Only this language: rust, typescript, typescript-quickjs, python, c, go…
    #[arg(long = "lang", value_name = "LANGUAGE")]
    languages: Vec<String>,
    /// Only this scenario of tests/conformance/SCENARIOS.md.
    #[arg(long = "scenario", value_name = "ID")]
    scenarios: Vec<String>,
    /// Play nothing, but write the table into docs/languages.md.
    #[arg(long)]
    table: bool,
}

/// A guest is built with another engine than its language's first.
const ENGINE: &str = "quickjs";

pub(crate) fn run(project: &Project, options: &Options) -> Result<bool> {
    if options.table {
        return table(project, &["--write"]);
    }
    let place = Path::new("tests/conformance");
    let guests = project.root.join(place).join("guests");
    let languages = if options.languages.is_empty() {
        listed(&project.root.join(place).join("languages.toml"))?
    } else {
        options.languages.clone()
    };
    let abide = phase("build abide", || binaries(project, &["abide"], false))?;
    let abide = abide.first().context("a binary was asked for")?;
    let out = project.root.join("target").join("conformance");
    std::fs::create_dir_all(&out)?;
    for language in &languages {
        let component = out.join(format!("{language}.wasm"));
        phase(&format!("the guest {language}"), || {
            build(project, abide, &guests, language, &component)
        })?;
    }
    let mut tests = plain_cargo(project);
    tests.args(["test", "-p", "abide-conformance", "--test", "languages"]);
    tests.env("ABIDE_CONFORMANCE_GUESTS", &out);
    tests.env("CONFORMANCE_LANGUAGES", languages.join(","));
    if !options.scenarios.is_empty() {
        tests.env("CONFORMANCE_SCENARIOS", options.scenarios.join(","));
    }
    let passed = succeeds(&mut tests)?;
    Ok(table(project, &[])? && passed)
}

/// The languages of the table, from the headings of the file.
fn listed(path: &Path) -> Result<Vec<String>> {
    let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
    let heading = |line: &str| {
        let name = line.strip_prefix('[')?.strip_suffix(']')?;
        (!name.contains('.')).then(|| name.to_owned())
    };
    Ok(text.lines().filter_map(heading).collect())
}

fn build(
    project: &Project,
    abide: &Path,
    guests: &Path,
    language: &str,
    component: &Path,
) -> Result<()> {
    if language == "rust" {
        return build_reference(project, component);
    }
    let (folder, engine) = match language.strip_suffix(&format!("-{ENGINE}")) {
        Some(language) => (language, Some(ENGINE)),
        None => (language, None),
    };
    if !guests.join(folder).join("abide.toml").is_file() {
        say("it is made by the test itself");
        return Ok(());
    }
    let mut command = Command::new(abide);
    command.arg("build").arg(guests.join(folder));
    if let Some(engine) = engine {
        command.args(["--engine", engine]);
    }
    ensure!(
        succeeds(command.arg("-o").arg(component))?,
        "it does not build"
    );
    Ok(())
}

/// The reference guest is a Cargo workspace of its own.
fn build_reference(project: &Project, component: &Path) -> Result<()> {
    let workspaces = project.workspaces();
    let reference = workspaces
        .iter()
        .find(|it| it.kind == Kind::Guests && it.folder.ends_with("conformance/guests/rust"))
        .context("the reference guest is not there")?;
    let mut command = cargo(project, reference, "build");
    command.args(["--release", "--target", WASM_TARGET]);
    ensure!(succeeds(&mut command)?, "it does not build");
    let built: PathBuf = project.components(reference)?.join("conformance.wasm");
    std::fs::copy(&built, component).with_context(|| built.display().to_string())?;
    Ok(())
}

/// Prints the table of languages and scenarios, or writes it.
fn table(project: &Project, arguments: &[&str]) -> Result<bool> {
    say("");
    let mut command = plain_cargo(project);
    command.args(["run", "--quiet", "-p", "abide-conformance", "--"]);
    succeeds(command.args(arguments))
}
