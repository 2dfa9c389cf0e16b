//! The cache of what builds need and make: tools, SDKs, components.
//!
//! ```text
//! tools/LANGUAGE-PINS/        build tools, as their package manager installed them
//! sdk/LANGUAGE-DIGEST/        what this binary carries of an SDK, unpacked
//! components/INPUTS/ID.wasm   what was built from these inputs
//! components/QUESTION.json    which files the answer to this question was read from
//! work/APP/                   what a build keeps for the next one
//! code/                       machine code of components, for `abide dev`
//! locks/                      one file a folder that somebody writes
//! ```
//! Everything in it can be removed at any time, and is made again when it is needed. A folder is complete when its marker
//! lies in it; whoever finds one without begins anew. Several processes may use it: who writes holds a lock.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

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

    /// Removes what has not been changed for longest until a folder holds no more than this. That something cannot be
    /// removed costs disk only.
    pub(crate) fn prune(&self, name: &str, max_bytes: u64) {
        let mut files = Vec::new();
        files_in(&self.path(name), &mut files);
        files.sort();
        let mut bytes: u64 = files.iter().map(|(_, bytes, _)| bytes).sum();
        // The newest is what somebody asked for just now.
        files.pop();
        for (_, size, path) in files {
            if bytes <= max_bytes {
                return;
            }
            bytes -= size;
            let _ = std::fs::remove_file(&path);
            // Removes only what is empty.
            let _ = path.parent().map(std::fs::remove_dir);
        }
    }
}

/// When each was changed, its size, its path.
fn files_in(folder: &Path, files: &mut Vec<(SystemTime, u64, PathBuf)>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let Ok(metadata) = entry.metadata() else {
            continue;
        };
        if metadata.is_dir() {
            files_in(&entry.path(), files);
        } else if let Ok(time) = metadata.modified() {
            files.push((time, metadata.len(), entry.path()));
        }
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
    use std::time::Duration;

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

    #[test]
    fn what_is_oldest_goes_first_and_the_newest_stays() {
        let root = tempfile::tempdir().unwrap();
        let cache = Cache::at(root.path()).unwrap();
        for (age, name) in ["new", "middle", "old"].iter().enumerate() {
            let folder = cache.folder(&format!("x/{name}")).unwrap();
            let path = folder.join("file");
            std::fs::write(&path, [0; 100]).unwrap();
            let time = SystemTime::now() - Duration::from_secs(60 * age as u64);
            let file = File::options().append(true).open(path).unwrap();
            file.set_modified(time).unwrap();
        }
        let left = |max_bytes| {
            cache.prune("x", max_bytes);
            ["new", "middle", "old"].map(|name| cache.path("x").join(name).exists())
        };
        assert_eq!(left(300), [true, true, true]);
        assert_eq!(left(250), [true, true, false]);
        assert_eq!(left(0), [true, false, false]);
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
