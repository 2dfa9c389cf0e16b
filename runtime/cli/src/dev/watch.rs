//! Notices that sources changed.
//!
//! Folders are watched one by one, so that what builds leave behind (`target/`, and everything hidden, `.abide` too) costs
//! nothing. A burst of changes, as editors and version control make them, is told once it is over.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use notify::event::ModifyKind;
use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::mpsc;

/// How long it must be quiet.
const QUIET: Duration = Duration::from_millis(150);
/// Folders that hold what builds leave behind.
const LEFT_OUT: [&str; 3] = ["target", "node_modules", "__pycache__"];
/// Folders that are watched: the system's own limit is not far above.
const MAX_FOLDERS: usize = 4096;

/// Watches folders.
pub(crate) struct Sources {
    watcher: RecommendedWatcher,
    changes: mpsc::UnboundedReceiver<notify::Result<notify::Event>>,
    watched: BTreeSet<PathBuf>,
}

impl Sources {
    /// Watches nothing.
    pub(crate) fn new() -> Result<Self> {
        let (sender, changes) = mpsc::unbounded_channel();
        let watcher = notify::recommended_watcher(move |event| {
            // Nobody listens any more: the program ends.
            let _ = sender.send(event);
        });
        Ok(Self {
            watcher: watcher.context("cannot watch files")?,
            changes,
            watched: BTreeSet::new(),
        })
    }

    /// Watches a folder and what is in it.
    pub(crate) fn add(&mut self, folder: &Path) -> Result<()> {
        let folder = folder
            .canonicalize()
            .with_context(|| format!("cannot watch {}", folder.display()))?;
        self.add_tree(&folder)
    }

    /// Watches a folder without what is in its folders.
    pub(crate) fn add_files(&mut self, folder: &Path) -> Result<()> {
        if self.watched.insert(folder.to_path_buf()) {
            self.watcher
                .watch(folder, RecursiveMode::NonRecursive)
                .with_context(|| format!("cannot watch {}", folder.display()))?;
        }
        Ok(())
    }

    fn add_tree(&mut self, folder: &Path) -> Result<()> {
        if self.watched.contains(folder) || self.watched.len() >= MAX_FOLDERS {
            return Ok(());
        }
        self.watcher
            .watch(folder, RecursiveMode::NonRecursive)
            .with_context(|| format!("cannot watch {}", folder.display()))?;
        self.watched.insert(folder.to_path_buf());
        for entry in std::fs::read_dir(folder)?.flatten() {
            // A link may lead in a circle, and what it leads to is not the app's own.
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) && !is_left_out(&entry.path()) {
                self.add_tree(&entry.path())?;
            }
        }
        Ok(())
    }

    /// The paths that changed, once it is quiet. Dropping the future loses nothing but its own patience.
    pub(crate) async fn changed(&mut self) -> BTreeSet<PathBuf> {
        let mut paths = BTreeSet::new();
        loop {
            let event = if paths.is_empty() {
                self.changes.recv().await
            } else {
                match tokio::time::timeout(QUIET, self.changes.recv()).await {
                    Ok(event) => event,
                    Err(_) => return paths,
                }
            };
            match event {
                Some(Ok(event)) => paths.extend(self.take(event)),
                Some(Err(error)) => tracing::warn!(%error, "cannot watch everything"),
                // The watcher lives as long as this: it cannot have hung up.
                None => std::future::pending().await,
            }
        }
    }

    fn take(&mut self, event: notify::Event) -> Vec<PathBuf> {
        let matters = match event.kind {
            EventKind::Access(_) | EventKind::Modify(ModifyKind::Metadata(_)) => false,
            EventKind::Any
            | EventKind::Create(_)
            | EventKind::Modify(_)
            | EventKind::Remove(_)
            | EventKind::Other => true,
        };
        if !matters {
            return Vec::new();
        }
        let paths: Vec<_> = event
            .paths
            .into_iter()
            .filter(|path| !is_left_out(path))
            .collect();
        for path in &paths {
            if path.is_dir() && !path.is_symlink() {
                // A folder that was removed and made again is watched anew.
                self.watched.remove(path);
                if let Err(error) = self.add_tree(path) {
                    tracing::warn!(%error, "cannot watch a new folder");
                }
            }
        }
        paths
    }
}

/// Whether this is no source: hidden, an editor's own, or what a build leaves behind.
fn is_left_out(path: &Path) -> bool {
    let Some(name) = path.file_name() else {
        return true;
    };
    let name = name.to_string_lossy();
    // cargo writes its lock file itself: whatever changes it otherwise changes a Cargo.toml too.
    name == "Cargo.lock"
        || name.starts_with('.')
        || name.ends_with('~')
        || name.ends_with(".swp")
        || name.starts_with('#')
        || LEFT_OUT.contains(&name.as_ref())
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn names(sources: &mut Sources) -> Vec<String> {
        let paths = sources.changed().await;
        paths
            .iter()
            .map(|path| path.file_name().unwrap().to_string_lossy().into_owned())
            .collect()
    }

    #[tokio::test]
    async fn a_burst_of_changes_is_told_once_and_builds_are_left_out() {
        let root = tempfile::tempdir().unwrap();
        let at = |path: &str| root.path().join(path);
        for folder in ["src", "target/release", ".abide"] {
            std::fs::create_dir_all(at(folder)).unwrap();
        }
        let mut sources = Sources::new().unwrap();
        sources.add(root.path()).unwrap();
        assert_eq!(sources.watched.len(), 2);
        std::fs::write(at("target/release/x"), "1").unwrap();
        std::fs::write(at(".abide/x"), "1").unwrap();
        std::fs::write(at("src/.lib.rs.swp"), "1").unwrap();
        std::fs::write(at("src/lib.rs"), "1").unwrap();
        std::fs::write(at("abide.toml"), "1").unwrap();
        assert_eq!(names(&mut sources).await, ["abide.toml", "lib.rs"]);
        std::fs::create_dir(at("src/new")).unwrap();
        names(&mut sources).await;
        std::fs::write(at("src/new/mod.rs"), "1").unwrap();
        assert!(names(&mut sources).await.contains(&"mod.rs".to_owned()));
    }
}
