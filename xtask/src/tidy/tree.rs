//! The files that belong to the repository: what git knows, and what it would take in; without git, what lies there.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::shell::output;

/// Folders that hold nothing of ours.
const PASSED_OVER: [&str; 5] = [".git", ".abide", "node_modules", "target", "__pycache__"];

/// A set of files below a root.
pub(crate) struct Tree {
    pub(crate) root: PathBuf,
    /// Relative to the root, sorted.
    pub(crate) files: BTreeSet<PathBuf>,
}

impl Tree {
    /// The repository's files.
    pub(crate) fn of(root: &Path) -> Result<Self> {
        let mut git = Command::new("git");
        git.current_dir(root).args([
            "ls-files",
            "-z",
            "--cached",
            "--others",
            "--exclude-standard",
        ]);
        let listed = output(&mut git).filter(|list| !list.is_empty());
        let Some(list) = listed else {
            return Self::lying_at(root);
        };
        let files = list
            .split('\0')
            .filter(|name| !name.is_empty())
            .map(PathBuf::from);
        // A file that was deleted but not yet from the index is no longer there to be checked.
        let files = files.filter(|file| root.join(file).is_file()).collect();
        Ok(Self {
            root: root.to_path_buf(),
            files,
        })
    }

    fn lying_at(root: &Path) -> Result<Self> {
        let mut files = BTreeSet::new();
        let mut folders = vec![PathBuf::new()];
        while let Some(folder) = folders.pop() {
            let entries = std::fs::read_dir(root.join(&folder))
                .with_context(|| format!("could not list {}", folder.display()))?;
            for entry in entries {
                let entry = entry?;
                let name = entry.file_name();
                let path = folder.join(&name);
                if entry.file_type()?.is_dir() {
                    if !PASSED_OVER.iter().any(|passed| name == *passed) {
                        folders.push(path);
                    }
                } else {
                    files.insert(path);
                }
            }
        }
        Ok(Self {
            root: root.to_path_buf(),
            files,
        })
    }

    /// The files with this extension.
    pub(crate) fn with_extension<'a>(
        &'a self,
        extension: &'a str,
    ) -> impl Iterator<Item = &'a Path> {
        self.files
            .iter()
            .map(PathBuf::as_path)
            .filter(move |file| file.extension().is_some_and(|e| e == extension))
    }

    /// The files of this name.
    pub(crate) fn named<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Path> {
        self.files
            .iter()
            .map(PathBuf::as_path)
            .filter(move |file| file.file_name().is_some_and(|n| n == name))
    }

    /// A file's text, if it is text.
    pub(crate) fn text(&self, file: &Path) -> Option<String> {
        std::fs::read_to_string(self.root.join(file)).ok()
    }
}

#[cfg(test)]
impl Tree {
    /// A small tree in a temporary folder, which is returned to keep it alive.
    pub(crate) fn with(files: &[(&str, &str)]) -> (tempfile::TempDir, Self) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for (name, text) in files {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().expect("a parent")).expect("folders");
            std::fs::write(path, text).expect("a file");
        }
        let names = files.iter().map(|(name, _)| PathBuf::from(name)).collect();
        let tree = Self {
            root: folder.path().to_path_buf(),
            files: names,
        };
        (folder, tree)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_git_the_folders_are_walked_and_builds_passed_over() {
        let (_folder, tree) = Tree::with(&[("a/b.rs", ""), ("target/x.rs", ""), ("c.md", "")]);
        let walked = Tree::lying_at(&tree.root).expect("a walk");
        let names: Vec<_> = walked
            .files
            .iter()
            .map(|file| file.display().to_string())
            .collect();
        assert_eq!(names, ["a/b.rs", "c.md"]);
    }
}
