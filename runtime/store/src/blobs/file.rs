//! Payloads as files: `blobs/ab/cdef…`, where `abcdef…` is the SHA-256 of the content in hexadecimal.
//!
//! Written to `blobs/tmp/N`, synced, renamed, some at once; then each directory that changed is synced once for the whole group. The files are
//! synced by several threads: the file system then makes many of them durable with one write of its journal.
//! A file that exists already is written again: only this way is it certain that it is sound and durable.

use std::{
    collections::{BTreeSet, HashSet},
    fs::{self, File},
    io::{self, Write as _},
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
    thread,
};

use bytes::Bytes;
use parking_lot::Mutex;

use super::{BlobRef, Blobs, Content, Digest, Found};
use crate::{
    error::{Error, Result},
    sled::quiet::panic_message,
};

/// Threads that sync the payload files of one group: 64 files of 8 KiB took 97 ms where one took 13 (on a busy disk).
const SYNC_THREADS: usize = 8;

/// Files that are open at once while a group is written: it may hold thousands of payloads, and the process has only so many descriptors.
const OPEN_AT_ONCE: usize = 64;

const TEMPORARY: &str = "tmp";

/// The payload directory of one store.
#[derive(Debug)]
pub(crate) struct FileBlobs {
    root: PathBuf,
    next: AtomicU64,
}

impl FileBlobs {
    /// Opens the directory, creates it when needed and removes what an interrupted write left.
    pub(crate) fn open(root: &Path) -> Result<Self> {
        let temporary = root.join(TEMPORARY);
        match fs::remove_dir_all(&temporary) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(Error::io("remove", temporary, error));
            }
            _ => {}
        }
        fs::create_dir_all(&temporary).map_err(|error| Error::io("create", &temporary, error))?;
        sync_dir(root)?;
        Ok(Self {
            root: root.to_owned(),
            next: AtomicU64::new(0),
        })
    }

    fn path(&self, digest: &Digest) -> PathBuf {
        let name = hex::encode(digest);
        self.root.join(&name[..2]).join(&name[2..])
    }

    fn write_temporary(&self, value: &[u8]) -> Result<(PathBuf, File)> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let path = self.root.join(TEMPORARY).join(number.to_string());
        let written = File::create_new(&path).and_then(|mut file| {
            file.write_all(value)?;
            Ok(file)
        });
        match written {
            Ok(file) => Ok((path, file)),
            Err(error) => Err(Error::io("write", path, error)),
        }
    }

    /// Gives a synced file the name of its content, and notes which directories that changed.
    fn name(
        &self,
        blob: &BlobRef,
        temporary: &Path,
        changed: &mut BTreeSet<PathBuf>,
    ) -> Result<()> {
        let path = self.path(&blob.sha256);
        let shard = path.parent().unwrap_or(&self.root).to_owned();
        match fs::create_dir(&shard) {
            Ok(()) => {
                changed.insert(self.root.clone());
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(Error::io("create", shard, error)),
        }
        fs::rename(temporary, &path).map_err(|error| Error::io("rename", temporary, error))?;
        changed.insert(shard);
        Ok(())
    }
}

impl Blobs for FileBlobs {
    fn put(&self, group: &[(BlobRef, Bytes)]) -> Result<()> {
        let mut seen = HashSet::new();
        let group = group.iter().filter(|(blob, _)| seen.insert(blob.sha256));
        let mut changed = BTreeSet::new();
        for part in group.collect::<Vec<_>>().chunks(OPEN_AT_ONCE) {
            let mut written = Vec::with_capacity(part.len());
            for (blob, value) in part {
                written.push((blob, self.write_temporary(value)?));
            }
            sync_together(written.iter().map(|(_, file)| file).collect())?;
            for (blob, (temporary, _)) in written {
                self.name(blob, &temporary, &mut changed)?;
            }
        }
        sync_dirs(changed)
    }

    fn get(&self, blob: &BlobRef) -> Result<Found> {
        let path = self.path(&blob.sha256);
        match fs::read(&path) {
            Ok(content) => Ok(Found::verified(blob, content.into())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Found::Missing),
            Err(error) => Err(Error::io("read", path, error)),
        }
    }

    fn list(&self) -> Result<Vec<Digest>> {
        let mut digests = Vec::new();
        for first_byte in 0..=u8::MAX {
            digests.append(&mut self.list_shard(first_byte)?);
        }
        Ok(digests)
    }

    fn list_shard(&self, first_byte: u8) -> Result<Vec<Digest>> {
        let name = hex::encode([first_byte]);
        let shard = self.root.join(&name);
        let mut digests = Vec::new();
        if !shard.is_dir() {
            return Ok(digests);
        }
        for file in entries(&shard)? {
            let rest = file.file_name().unwrap_or_default().to_string_lossy();
            let mut digest = Digest::default();
            // Foreign files are none of our business: left alone.
            if hex::decode_to_slice(format!("{name}{rest}"), &mut digest).is_ok() {
                digests.push(digest);
            }
        }
        Ok(digests)
    }

    fn open(&self, digest: &Digest) -> Result<Option<Content>> {
        let path = self.path(digest);
        let reading = |error| Error::io("read", &path, error);
        match File::open(&path) {
            Ok(file) => {
                let len = file.metadata().map_err(reading)?.len();
                Ok(Some((Box::new(file), len)))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(reading(error)),
        }
    }

    fn remove(&self, digest: &Digest) -> Result<()> {
        let path = self.path(digest);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(Error::io("remove", path, error))
            }
            _ => Ok(()),
        }
    }
}

fn entries(dir: &Path) -> Result<Vec<PathBuf>> {
    fs::read_dir(dir)
        .and_then(|entries| {
            entries
                .map(|entry| entry.map(|entry| entry.path()))
                .collect()
        })
        .map_err(|error| Error::io("list", dir, error))
}

/// Syncs written files, some of them at once.
fn sync_together(files: Vec<&(PathBuf, File)>) -> Result<()> {
    in_threads(files, |(path, file)| {
        file.sync_all()
            .map_err(|error| Error::io("sync", path, error))
    })
}

fn sync_dirs(dirs: BTreeSet<PathBuf>) -> Result<()> {
    in_threads(dirs.into_iter().collect(), |dir| sync_dir(&dir))
}

/// Calls `work` for every item, on several threads when there are several items.
fn in_threads<T: Send>(items: Vec<T>, work: impl Fn(T) -> Result<()> + Sync) -> Result<()> {
    let threads = items.len().min(SYNC_THREADS);
    if threads <= 1 {
        return items.into_iter().try_for_each(work);
    }
    let queue = Mutex::new(items);
    let take_and_work = || -> Result<()> {
        loop {
            // Its own statement, so that the lock is released before the work begins.
            let next = queue.lock().pop();
            match next {
                Some(item) => work(item)?,
                None => return Ok(()),
            }
        }
    };
    thread::scope(|scope| {
        let helpers: Vec<_> = (1..threads).map(|_| scope.spawn(take_and_work)).collect();
        let mut outcome = take_and_work();
        for helper in helpers {
            let helped = helper.join().unwrap_or_else(|panic| {
                Err(Error::Engine {
                    action: "sync payload files",
                    reason: panic_message(&*panic),
                })
            });
            outcome = outcome.and(helped);
        }
        outcome
    })
}

/// Makes the names in a directory durable.
pub(crate) fn sync_dir(dir: &Path) -> Result<()> {
    File::open(dir)
        .and_then(|dir| dir.sync_all())
        .map_err(|error| Error::io("sync", dir, error))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opened() -> (tempfile::TempDir, FileBlobs) {
        let dir = tempfile::tempdir().unwrap();
        let blobs = FileBlobs::open(dir.path()).unwrap();
        (dir, blobs)
    }

    fn payload(content: &'static [u8]) -> (BlobRef, Bytes) {
        (BlobRef::of(content), Bytes::from_static(content))
    }

    #[test]
    fn payloads_are_found_listed_and_removed() {
        let (_dir, blobs) = opened();
        let (a, b) = (payload(b"one"), payload(b"two"));
        blobs.put(&[a.clone(), b.clone(), a.clone()]).unwrap();
        let written = blobs.next.load(Ordering::Relaxed);
        assert_eq!(written, 2, "the same content is written once");
        assert_eq!(blobs.get(&a.0).unwrap(), Found::Value(a.1.clone()));
        assert_eq!(blobs.list().unwrap().len(), 2);
        blobs.remove(&a.0.sha256).unwrap();
        blobs.remove(&a.0.sha256).unwrap();
        assert_eq!(blobs.get(&a.0).unwrap(), Found::Missing);
        assert_eq!(blobs.list().unwrap(), [b.0.sha256]);
    }

    #[test]
    fn damage_is_noticed_and_a_new_write_repairs_it() {
        let (_dir, blobs) = opened();
        let a = payload(b"content");
        blobs.put(std::slice::from_ref(&a)).unwrap();
        fs::write(blobs.path(&a.0.sha256), b"kontent").unwrap();
        assert!(matches!(blobs.get(&a.0).unwrap(), Found::Damaged(_)));
        fs::write(blobs.path(&a.0.sha256), b"con").unwrap();
        assert!(matches!(blobs.get(&a.0).unwrap(), Found::Damaged(_)));
        blobs.put(std::slice::from_ref(&a)).unwrap();
        assert_eq!(blobs.get(&a.0).unwrap(), Found::Value(a.1));
    }

    #[test]
    fn leftovers_of_an_interrupted_write_are_removed() {
        let (dir, blobs) = opened();
        blobs.write_temporary(b"half").unwrap();
        drop(blobs);
        FileBlobs::open(dir.path()).unwrap();
        assert_eq!(
            entries(&dir.path().join(TEMPORARY)).unwrap(),
            Vec::<PathBuf>::new()
        );
    }
}
