//! The format lock: what is stored, and what guests are promised, changes only together with a version.
//!
//! `tests/golden/format.lock` has a line for each sample of each key, record and envelope, and for each file of the WIT package. Beside it
//! stands what the program writes now, as `runtime/store/examples/format` prints it.
//!
//! ```text
//! line = wit|key|record|envelope, group.sample, version, since, SHA-256
//! ```
//! | a line is          | and its version is    | then                                                        |
//! |--------------------|-----------------------|-------------------------------------------------------------|
//! | other, new or gone | in the lock, released | refused: it needs a new version                             |
//! | other, new or gone | in the lock, open     | refused until `cargo xtask golden --lock` takes it in        |
//! | of a new version   | not in the lock       | refused until `cargo xtask golden --lock` adds it, always can |
//! | of an old version  | in the lock only      | stays, if it was released: stores with it exist              |

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use sha2::{Digest, Sha256};

use crate::project::Project;
use crate::shell::{each_line, output, plain_cargo};
use crate::tidy::Finding;
use crate::tidy::tree::Tree;
use crate::versions::{VERSIONS, Versions};

/// Where the lock lies.
pub(crate) const LOCK: &str = "tests/golden/format.lock";

const HEAD: &str = "# What is stored and what guests are promised, by version. Written by `cargo xtask golden --lock`, compared by `cargo xtask tidy`.\n\
                    # kind, group.sample, version (a key's is its tag), since which version of the program, SHA-256 of the sample's bytes\n";

/// What a line is of: a kind, a group and the group's version. It changes as a whole.
type Group = (String, String, String);

/// One sample.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Line {
    group: Group,
    sample: String,
    digest: String,
}

impl Line {
    /// From `kind group.sample version digest`.
    fn parse(words: &[&str]) -> Result<Self> {
        let [kind, name, version, digest] = words else {
            bail!("a line of the format has four words: {words:?}");
        };
        let (group, sample) = name.split_once('.').unwrap_or((name, ""));
        Ok(Self {
            group: (kind.to_string(), group.to_owned(), version.to_string()),
            sample: sample.to_owned(),
            digest: digest.to_string(),
        })
    }

    fn name(&self) -> String {
        let (_, group, _) = &self.group;
        match self.sample.as_str() {
            "" => group.clone(),
            sample => format!("{group}.{sample}"),
        }
    }
}

/// What the program writes now.
#[derive(Clone, Debug, Default)]
pub(crate) struct Present(Vec<Line>);

/// What it wrote when somebody last said that this is the format. Each line with the version of the program that brought it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Lock(BTreeMap<Line, String>);

/// The findings of `cargo xtask tidy`.
pub(crate) fn check(project: &Project, tree: &Tree) -> Result<Vec<Finding>> {
    let versions = tree.text(Path::new(VERSIONS)).context(VERSIONS)?;
    let versions = Versions::parse(&versions)?;
    let mut findings = recorded(tree, &versions);
    let Some(lock) = tree.text(Path::new(LOCK)) else {
        findings.push(Finding::on(
            LOCK,
            "is missing: run `cargo xtask golden --lock`",
        ));
        return Ok(findings);
    };
    findings.extend(compare(&Lock::parse(&lock)?, &present(project)?, &versions));
    Ok(findings)
}

/// Every version has its fixture.
fn recorded(tree: &Tree, versions: &Versions) -> Vec<Finding> {
    let folder = |folder: &str| Path::new("tests/golden").join(folder).join("recorded.txt");
    let missing = versions
        .iter()
        .filter(|version| !tree.files.contains(&folder(&version.folder)));
    let finding = |version: &crate::versions::Version| {
        let what = format!(
            "version {0} has no fixture in {1}: run `cargo xtask golden --record {0}`",
            version.name, version.folder
        );
        Finding::on(VERSIONS, what)
    };
    missing.map(finding).collect()
}

/// The format of this tree.
pub(crate) fn present(project: &Project) -> Result<Present> {
    let mut command = plain_cargo(project);
    // The selection of the tests' build, so that nothing is compiled twice.
    command.args(["build", "--workspace", "--example", "format"]);
    command.args(["--quiet", "--message-format=json-render-diagnostics"]);
    let mut program = None;
    let built = each_line(&mut command, |line| {
        if let Some(Ok(cargo_metadata::Message::CompilerArtifact(artifact))) =
            cargo_metadata::Message::parse_stream(line.as_bytes()).next()
        {
            program = artifact.executable.or(program.take());
        }
    })?;
    ensure!(built, "the example `format` of abide-store does not build");
    let program = program.context("cargo names no program for the example `format`")?;
    let printed = output(&mut Command::new(program)).context(
        "the example `format` of abide-store failed: run it to see which sample is missing",
    )?;
    let mut lines = wit(&Tree::of(&project.root)?)?;
    for line in printed.lines() {
        lines.push(Line::parse(&line.split(' ').collect::<Vec<_>>())?);
    }
    Ok(Present(lines))
}

/// The contract with guests, without comments and layout.
fn wit(tree: &Tree) -> Result<Vec<Line>> {
    let files = tree
        .with_extension("wit")
        .filter(|file| file.starts_with("wit"));
    let mut lines = Vec::new();
    for file in files {
        let text = tree.text(file).unwrap_or_default();
        let words: Vec<_> = text
            .lines()
            .filter_map(|line| line.split("//").next())
            .flat_map(str::split_whitespace)
            .collect();
        let version = match words.as_slice() {
            ["package", name, ..] => name.trim_end_matches(';').split_once('@'),
            _ => None,
        };
        let (package, version) =
            version.with_context(|| format!("{} names no package", file.display()))?;
        let name = file.file_stem().unwrap_or_default().to_string_lossy();
        lines.push(Line {
            group: ("wit".to_owned(), package.to_owned(), version.to_owned()),
            sample: name.into_owned(),
            digest: format!("{:x}", Sha256::digest(words.join(" "))),
        });
    }
    Ok(lines)
}

impl Lock {
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        let mut lock = BTreeMap::new();
        for line in lines {
            let mut words: Vec<_> = line.split_whitespace().collect();
            ensure!(words.len() == 5, "{LOCK}: a line has five words: {line:?}");
            let since = words.remove(3);
            lock.insert(Line::parse(&words)?, since.to_owned());
        }
        Ok(Self(lock))
    }

    pub(crate) fn to_text(&self) -> String {
        let line = |(line, since): (&Line, &String)| {
            let (kind, _, version) = &line.group;
            format!(
                "{kind:8} {:44} {version:5} {since} {}\n",
                line.name(),
                line.digest
            )
        };
        std::iter::once(HEAD.to_owned())
            .chain(self.0.iter().map(line))
            .collect()
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// The samples of a group, by name.
    fn of(&self, group: &Group) -> BTreeMap<&str, &str> {
        let lines = self.0.keys().filter(|line| line.group == *group);
        lines
            .map(|line| (line.sample.as_str(), line.digest.as_str()))
            .collect()
    }

    /// Since when a group is locked.
    fn since(&self, group: &Group) -> Option<&str> {
        let mut lines = self.0.iter().filter(|(line, _)| line.group == *group);
        lines.next().map(|(_, since)| since.as_str())
    }

    /// This lock with what the program writes now. Refuses to change what is released.
    pub(crate) fn renewed(&self, now: &Present, versions: &Versions) -> Result<Self> {
        let frozen = |since: &str| versions.is_released(since);
        for finding in compare(self, now, versions) {
            if finding.what.contains(RELEASED) {
                bail!("{finding}");
            }
        }
        // What was released stays, also when the program writes a later version by now.
        let kept = self.0.iter().filter(|(_, since)| frozen(since));
        let mut lock = Self(
            kept.map(|(line, since)| (line.clone(), since.clone()))
                .collect(),
        );
        for line in &now.0 {
            if lock.since(&line.group).is_some_and(frozen) {
                continue;
            }
            let open = versions.open().with_context(|| {
                format!("{VERSIONS}: all versions are released; add the next one for what is new")
            })?;
            lock.0.insert(line.clone(), open.name.clone());
        }
        Ok(lock)
    }
}

/// Marks findings that no command makes go away.
const RELEASED: &str = "which is released";

/// Every difference between the lock and the present, one finding a group.
fn compare(lock: &Lock, now: &Present, versions: &Versions) -> Vec<Finding> {
    let groups: BTreeSet<_> = now.0.iter().map(|line| &line.group).collect();
    let mut findings = Vec::new();
    for group in groups {
        let (kind, name, version) = group;
        let Some(since) = lock.since(group) else {
            findings.push(Finding::on(LOCK, unlocked(lock, group)));
            continue;
        };
        let changes = changes(&lock.of(group), now, group);
        if changes.is_empty() {
            continue;
        }
        let what = if versions.is_released(since) {
            format!(
                "the {kind} {name}, version {version}, is not what it was in {since}, {RELEASED}: {changes}. {}",
                remedy(kind)
            )
        } else {
            format!(
                "the {kind} {name}, version {version}, changed: {changes}. {} Or, because {since} is not released: run `cargo xtask golden \
                 --lock`, then `cargo xtask golden --record {since}`",
                remedy(kind)
            )
        };
        findings.push(Finding::on(LOCK, what));
    }
    findings
}

fn unlocked(lock: &Lock, group: &Group) -> String {
    let (kind, name, version) = group;
    let taken = lock.0.keys().find(|line| {
        let (k, n, v) = &line.group;
        k == kind && kind == "key" && v == version && n != name
    });
    match taken {
        Some(line) => format!(
            "the tag {version} of the key {name} belongs to {}, and stays reserved for ever, {RELEASED} or not: take another tag",
            line.group.1
        ),
        None => format!(
            "the {kind} {name}, version {version}, is new: run `cargo xtask golden --lock` to take it in"
        ),
    }
}

/// The names of the samples that differ, as a list for people.
fn changes(before: &BTreeMap<&str, &str>, now: &Present, group: &Group) -> String {
    let lines = now.0.iter().filter(|line| line.group == *group);
    let now: BTreeMap<_, _> = lines
        .map(|line| (line.sample.as_str(), line.digest.as_str()))
        .collect();
    let names: BTreeSet<_> = before.keys().chain(now.keys()).collect();
    let change = |name: &&str| {
        let shown = if name.is_empty() { "the bytes" } else { name };
        match (before.get(name), now.get(name)) {
            (Some(before), Some(now)) if before == now => None,
            (Some(_), Some(_)) => Some(format!("{shown} is written differently")),
            (None, _) => Some(format!("{shown} is new")),
            (_, None) => Some(format!("{shown} is gone")),
        }
    };
    let changes: Vec<_> = names.into_iter().filter_map(change).collect();
    changes.join(", ")
}

/// What to do about a change that is wanted.
fn remedy(kind: &str) -> &'static str {
    match kind {
        "wit" => {
            "Give the package in wit/ a new version, and keep serving components of the old one."
        }
        "key" => {
            "Give these rows a new tag in runtime/store/src/keys.rs, and read those of the old one."
        }
        "record" => {
            "Raise the record's version in runtime/store/src/codec.rs, and keep the decoder of the old one."
        }
        _ => "Raise VERSION in runtime/store/src/envelope.rs, and keep reading the old one.",
    }
}

#[cfg(test)]
#[path = "format_tests.rs"]
mod tests;
