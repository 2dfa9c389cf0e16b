//! What people read: links lead somewhere, and every example is complete.

use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

use crate::tidy::Finding;
use crate::tidy::tree::Tree;

/// What makes an example one that a stranger can run and a test can check.
const EXAMPLE_FILES: [&str; 4] = ["README.md", "event.json", "expected.json", "abide.toml"];

/// Links and examples.
pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = examples(tree);
    for file in tree.with_extension("md") {
        let mut fenced = false;
        for (index, line) in tree.text(file).unwrap_or_default().lines().enumerate() {
            if line.trim_start().starts_with("```") {
                fenced = !fenced;
            }
            if fenced {
                continue;
            }
            for target in links(line).filter(|target| !exists(tree, file, target)) {
                let what =
                    format!("the link to `{target}` leads nowhere: correct it, or add the file");
                findings.push(Finding::at(file, index + 1, what));
            }
        }
    }
    findings
}

/// The targets of `[text](target)` and `![text](target)` that are paths.
fn links(line: &str) -> impl Iterator<Item = &str> {
    line.split("](").skip(1).filter_map(|rest| {
        let target = rest
            .split(')')
            .next()?
            .split_whitespace()
            .next()?
            .trim_matches(['<', '>']);
        let elsewhere =
            target.starts_with('#') || target.contains("://") || target.starts_with("mailto:");
        (!elsewhere).then_some(target)
    })
}

fn exists(tree: &Tree, file: &Path, target: &str) -> bool {
    let path = target.split('#').next().unwrap_or_default();
    let Some(path) = resolve(file, path) else {
        return false;
    };
    path.as_os_str().is_empty() || tree.files.iter().any(|known| known.starts_with(&path))
}

/// The path from the root; nothing if it leads out of the repository.
fn resolve(file: &Path, target: &str) -> Option<PathBuf> {
    let mut path = file.parent()?.to_path_buf();
    for part in Path::new(target).components() {
        match part {
            Component::Normal(name) => path.push(name),
            Component::CurDir => {}
            Component::ParentDir => {
                if !path.pop() {
                    return None;
                }
            }
            Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    Some(path)
}

fn examples(tree: &Tree) -> Vec<Finding> {
    let folders: BTreeSet<PathBuf> = tree
        .files
        .iter()
        .filter(|file| file.starts_with("examples") && file.components().count() > 2)
        .map(|file| file.iter().take(2).collect())
        .collect();
    let mut findings = Vec::new();
    for folder in folders {
        for name in EXAMPLE_FILES {
            let file = folder.join(name);
            if !tree.files.contains(&file) {
                findings.push(Finding::on(file, "the example lacks this file: add it"));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(files: &[(&str, &str)]) -> Vec<String> {
        let (_folder, tree) = Tree::with(files);
        check(&tree).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn links_lead_to_files_and_folders() {
        let text = "[a](../b.md#x) [b](sub) [c](https://example.com/x) [d](#here)\n```\n[e](gone.md)\n```\n";
        assert_eq!(
            findings(&[("docs/a.md", text), ("b.md", ""), ("docs/sub/c.md", "")]).len(),
            0
        );
        let found = findings(&[("docs/a.md", "x\n[a](gone.md) [b](../../out.md)\n")]);
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found[0].starts_with("docs/a.md:2: "), "{found:?}");
    }

    #[test]
    fn an_example_has_all_of_its_files() {
        let all = EXAMPLE_FILES.map(|name| format!("examples/saga/{name}"));
        let mut files: Vec<_> = all.iter().map(|name| (name.as_str(), "{}")).collect();
        files.push(("examples/Cargo.toml", ""));
        assert_eq!(findings(&files).len(), 0);
        files.remove(1);
        assert_eq!(
            findings(&files),
            ["examples/saga/event.json:1: the example lacks this file: add it"]
        );
    }
}
