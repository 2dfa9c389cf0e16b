//! The cache of what builds need and make: tools, SDKs, components.
//!
//! ```text
//! tools/LANGUAGE-PINS/        build tools, as their package manager installed them
//! sdk/LANGUAGE-DIGEST/        what this binary carries of an SDK, unpacked
//! components/INPUTS/ID.wasm   what was built from these inputs
//! components/QUESTION.json    which files the answer to this question was read from
//! work/APP/                   what a build keeps for the next one
//! locks/                      one file a folder that somebody writes
//! ```
//! Everything in it can be removed at any time, and is made again when it is needed. A folder is complete when its marker
//! lies in it; whoever finds one without begins anew. Several processes may use it: who writes holds a lock.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

/// Says that everything was written.
const MARKER: &str = ".abide-complete";
/// Characters of a digest that make a name: 80 bits.
const DIGEST_CHARS: usize = 20;

/// The cache of this user.
#[derive(Clone, Debug)]
pub(crate) struct Cache {
    root: PathBuf,
}

/// Exclusive use of a part of the cache, until it is dropped.
#[derive(Debug)]
pub(crate) struct Held {
    _file: File,
}

impl Cache {
    /// `$ABIDE_CACHE`, else `$XDG_CACHE_HOME/abide`, else `~/.cache/abide`.
    pub(crate) fn open() -> Result<Self> {
        let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
        let root = set("ABIDE_CACHE").map(PathBuf::from);
        let root = root.or_else(|| Some(Path::new(&set("XDG_CACHE_HOME")?).join("abide")));
        let root = root.or_else(|| Some(Path::new(&set("HOME")?).join(".cache/abide")));
        let root = root.context(
            "there is no folder for build tools: set ABIDE_CACHE to one, or HOME to your home folder",
        )?;
        Self::at(&root)
    }

    /// In this folder.
    pub(crate) fn at(root: &Path) -> Result<Self> {
        std::fs::create_dir_all(root).with_context(|| {
            format!(
                "cannot create the folder for build tools, {}: set ABIDE_CACHE to another",
                root.display()
            )
        })?;
        let root = root
            .canonicalize()
            .with_context(|| format!("cannot read {}", root.display()))?;
        Ok(Self { root })
    }

    /// A path in it.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    /// A folder in it, there from now on.
    pub(crate) fn folder(&self, name: &str) -> Result<PathBuf> {
        let folder = self.path(name);
        std::fs::create_dir_all(&folder)
            .with_context(|| format!("cannot create {}", folder.display()))?;
        Ok(folder)
    }

    /// Waits until nobody else writes what is called so.
    pub(crate) async fn lock(&self, name: &str) -> Result<Held> {
        let path = self
            .folder("locks")?
            .join(name.replace(['/', '\\'], "_") + ".lock");
        let shown = path.display().to_string();
        let locked = tokio::task::spawn_blocking(move || {
            let file = File::create(&path)?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => {
                    tracing::debug!(path = %path.display(), "another process builds: waiting");
                    file.lock()?;
                }
                Err(TryLockError::Error(error)) => return Err(error),
            }
            Ok(file)
        });
        let file = locked
            .await?
            .with_context(|| format!("cannot lock {shown}"))?;
        Ok(Held { _file: file })
    }

    /// A folder that `fill` has filled, now or earlier. What a failure leaves behind is removed.
    pub(crate) async fn installed(
        &self,
        name: &str,
        fill: impl AsyncFnOnce(&Path) -> Result<()>,
    ) -> Result<PathBuf> {
        let folder = self.path(name);
        let marker = folder.join(MARKER);
        if marker.is_file() {
            return Ok(folder);
        }
        let _held = self.lock(name).await?;
        // Somebody else may have filled it meanwhile.
        if marker.is_file() {
            return Ok(folder);
        }
        remove(&folder)?;
        self.folder(name)?;
        let filled = fill(&folder).await.and_then(|()| {
            std::fs::write(&marker, "")
                .with_context(|| format!("cannot write {}", marker.display()))
        });
        if let Err(error) = filled {
            remove(&folder)?;
            return Err(error);
        }
        Ok(folder)
    }
}

fn remove(folder: &Path) -> Result<()> {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", folder.display()))
        }
        _ => Ok(()),
    }
}

/// The digest as part of a name.
pub(crate) fn short(hasher: Sha256) -> String {
    let mut text = format!("{:x}", hasher.finalize());
    text.truncate(DIGEST_CHARS);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_folder_is_filled_once_and_what_failed_is_begun_anew() {
        let root = tempfile::tempdir().unwrap();
        let cache = Cache::at(root.path()).unwrap();
        let fails = cache.installed("tools/x", async |folder| {
            std::fs::write(folder.join("half"), "")?;
            anyhow::bail!("no network")
        });
        assert_eq!(fails.await.unwrap_err().to_string(), "no network");
        assert!(!cache.path("tools/x").exists());
        for text in ["first", "second"] {
            let filled = cache.installed("tools/x", async |folder| {
                Ok(std::fs::write(folder.join("file"), text)?)
            });
            let folder = filled.await.unwrap();
            assert_eq!(
                std::fs::read_to_string(folder.join("file")).unwrap(),
                "first"
            );
        }
    }

    #[tokio::test]
    async fn who_writes_is_alone() {
        let root = tempfile::tempdir().unwrap();
        let cache = Cache::at(root.path()).unwrap();
        let held = cache.lock("a/b").await.unwrap();
        let second = cache.lock("a/b");
        let mut second = std::pin::pin!(second);
        assert!(futures::poll!(&mut second).is_pending());
        cache.lock("other").await.unwrap();
        drop(held);
        second.await.unwrap();
    }
}
