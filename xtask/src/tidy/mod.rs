//! `cargo xtask tidy`: the rules of the design that the compiler does not know.
//!
//! Each check is a function from the tree (or from what Cargo knows) to findings, touches nothing, and lives in the file
//! of its subject. A finding is one line, `path:line: what is wrong and what to do`.

mod docs;
mod edges;
mod files;
pub(crate) mod format;
mod licences;
mod manifests;
mod rust;
mod tree;
mod wit;

use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::project::Project;
use crate::shell::say;
use crate::tidy::tree::Tree;

/// Something that breaks a rule.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Finding {
    path: PathBuf,
    line: usize,
    what: String,
}

impl Finding {
    /// A finding in a line, counted from 1.
    fn at(path: &Path, line: usize, what: impl Into<String>) -> Self {
        Self {
            path: path.to_path_buf(),
            line,
            what: what.into(),
        }
    }

    /// A finding about a whole file.
    fn on(path: impl AsRef<Path>, what: impl Into<String>) -> Self {
        Self::at(path.as_ref(), 1, what)
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path.display(), self.line, self.what)
    }
}

/// Runs every check, prints the findings; true if there is none.
pub(crate) fn run(project: &Project) -> Result<bool> {
    let tree = Tree::of(&project.root)?;
    let mut findings = of_tree(&tree);
    findings.extend(manifests::lock_files(project));
    let root = project.metadata(&project.workspaces()[0], true)?;
    findings.extend(edges::check(&edges::Graph::of(&root)));
    findings.extend(licences::check(&root, &tree)?);
    findings.extend(format::check(project, &tree)?);
    findings.sort();
    findings.dedup();
    for finding in &findings {
        say(&finding.to_string());
    }
    match findings.len() {
        0 => say(&format!("tidy: {} files, nothing to say", tree.files.len())),
        count => say(&format!(
            "tidy: {count} findings in {} files",
            tree.files.len()
        )),
    }
    Ok(findings.is_empty())
}

/// The checks that need nothing but the files.
fn of_tree(tree: &Tree) -> Vec<Finding> {
    let checks = [
        files::check,
        rust::check,
        manifests::check,
        wit::check,
        docs::check,
    ];
    checks.iter().flat_map(|check| check(tree)).collect()
}
