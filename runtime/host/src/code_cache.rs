//! Compiled code on disk, so that a restart compiles nothing.
//!
//! Loading compiled code means running it: a file is used only if its directory belongs to nobody else, and its checksum and
//! the engine's own marks fit. Anything else is compiled anew and replaced.
//!
//! ```text
//! file  = magic (8 bytes) · XXH3-128 of the code (16, little-endian) · code
//! name  = digest of the component - hash of wasmtime's version and settings .cwasm
//! ```

use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use abide_core::ids::Digest;
use xxhash_rust::xxh3::xxh3_128;

const MAGIC: &[u8; 8] = b"abidecw1";
const HEADER_BYTES: usize = 24;

/// The cache's directory.
#[derive(Debug, Clone)]
pub(crate) struct CodeCache {
    directory: PathBuf,
    compatibility: u64,
}

impl CodeCache {
    /// Opens the cache, unless its directory cannot be trusted.
    pub(crate) fn open(directory: &Path, compatibility: u64) -> Result<Self, String> {
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(directory)
            .map_err(|e| e.to_string())?;
        let metadata = std::fs::metadata(directory).map_err(|e| e.to_string())?;
        if metadata.mode() & 0o022 != 0 {
            std::fs::set_permissions(directory, std::fs::Permissions::from_mode(0o700))
                .map_err(|e| format!("others may write to it, and that cannot be changed: {e}"))?;
        }
        Ok(Self {
            directory: directory.to_owned(),
            compatibility,
        })
    }

    /// The compiled code of a component, if it is there and whole.
    pub(crate) fn get(&self, digest: Digest) -> Option<Vec<u8>> {
        let path = self.path(digest);
        let directory = std::fs::metadata(&self.directory).ok()?;
        let metadata = std::fs::symlink_metadata(&path).ok()?;
        let trusted =
            metadata.is_file() && metadata.uid() == directory.uid() && metadata.mode() & 0o022 == 0;
        let mut bytes = std::fs::read(&path).ok()?;
        let whole = bytes.len() > HEADER_BYTES
            && bytes[..8] == *MAGIC
            && bytes[8..HEADER_BYTES] == xxh3_128(&bytes[HEADER_BYTES..]).to_le_bytes();
        if !trusted || !whole {
            tracing::warn!(file = %path.display(), "the compiled code is damaged or not ours; compiling again");
            self.remove(digest);
            return None;
        }
        bytes.drain(..HEADER_BYTES);
        Some(bytes)
    }

    /// Keeps compiled code. A failure costs time at the next start, nothing else.
    pub(crate) fn put(&self, digest: Digest, code: &[u8]) {
        if let Err(error) = self.write(digest, code) {
            tracing::warn!(%error, directory = %self.directory.display(), "compiled code could not be kept");
        }
    }

    /// Forgets what is kept of a component.
    pub(crate) fn remove(&self, digest: Digest) {
        let _ = std::fs::remove_file(self.path(digest));
    }

    /// Forgets what is kept of a component, by earlier versions of this program too.
    pub(crate) fn forget(&self, digest: Digest) {
        let of_it = format!("{digest}-");
        let entries = std::fs::read_dir(&self.directory).into_iter().flatten();
        for entry in entries.flatten() {
            if entry.file_name().to_string_lossy().starts_with(&of_it) {
                let _ = std::fs::remove_file(entry.path());
            }
        }
    }

    fn write(&self, digest: Digest, code: &[u8]) -> std::io::Result<()> {
        let path = self.path(digest);
        // Two processes may compile the same component: each writes a file of its own, and the last rename wins.
        let unfinished = path.with_extension(format!(
            "{}.{:x}",
            std::process::id(),
            rand::random::<u32>()
        ));
        let mut file = std::fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&unfinished)?;
        let written = file
            .write_all(MAGIC)
            .and_then(|()| file.write_all(&xxh3_128(code).to_le_bytes()))
            .and_then(|()| file.write_all(code))
            .and_then(|()| std::fs::rename(&unfinished, &path));
        if written.is_err() {
            let _ = std::fs::remove_file(&unfinished);
        }
        written
    }

    fn path(&self, digest: Digest) -> PathBuf {
        self.directory
            .join(format!("{digest}-{:016x}.cwasm", self.compatibility))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn damaged_and_foreign_files_are_not_used() {
        let directory = tempfile::tempdir().expect("a directory");
        let cache = CodeCache::open(&directory.path().join("code"), 1).expect("open");
        let digest = Digest([7; 32]);
        assert_eq!(cache.get(digest), None);
        cache.put(digest, b"code");
        assert_eq!(cache.get(digest).as_deref(), Some(&b"code"[..]));
        assert_eq!(
            CodeCache::open(&directory.path().join("code"), 2)
                .expect("open")
                .get(digest),
            None
        );

        let path = cache.path(digest);
        let whole = std::fs::read(&path).expect("the file");
        for damaged in [
            &whole[..whole.len() - 1],
            &[][..],
            b"something else entirely, of some length",
        ] {
            std::fs::write(&path, damaged).expect("written");
            assert_eq!(cache.get(digest), None);
            assert!(!path.exists(), "a damaged file goes away");
        }
        let other = Digest([8; 32]);
        for cache in [
            &cache,
            &CodeCache::open(&directory.path().join("code"), 2).expect("open"),
        ] {
            cache.put(digest, b"code");
            cache.put(other, b"code");
        }
        cache.forget(digest);
        assert_eq!(cache.get(digest), None);
        assert_eq!(cache.get(other).as_deref(), Some(&b"code"[..]));
        let left = std::fs::read_dir(directory.path().join("code")).expect("the files");
        assert_eq!(left.count(), 2, "other versions' code of it is gone too");

        cache.put(digest, b"code");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o666)).expect("changed");
        assert_eq!(cache.get(digest), None, "anybody could have written it");
    }
}
