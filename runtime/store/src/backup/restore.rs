//! From a backup to a data directory.
//!
//! ```text
//! DIR/restoring/   what is being restored. While this exists, no store is opened in DIR
//! ```
//! ```text
//! read and check the whole file ─► make DIR/restoring ─► rows and files ─► sync ─► read everything back ─► move it up ─► remove DIR/restoring
//! ```
//! A process that dies before the last arrow leaves a directory that nothing opens. Everything stays on one file system, also when DIR is a
//! mount point, and nothing outside DIR is touched.

use std::{
    collections::BTreeSet,
    fs::{self, File, OpenOptions},
    io::{self, BufReader},
    os::unix::fs::{DirBuilderExt as _, FileExt as _},
    path::{Path, PathBuf},
};

use bytes::Bytes;
use rustix::fs::syncfs;

use super::{
    BackupError,
    format::{About, FileKind, Reader, Section, Totals, split_row},
    take::components_in,
};
use crate::{
    backend::{Backend, visit_in_steps},
    batch::Batch,
    blobs::{Digest, file::sync_dir},
    census::{self, Census},
    envelope,
    error::{Error, Result},
    sled::{SledBackend, SledOptions},
};

/// Where everything is put together.
const UNFINISHED: &str = "restoring";
/// Bytes of rows in one commit: large enough that syncs do not count.
const BATCH_BYTES: usize = 2 << 20;
/// Bytes of the file that are read at once.
const READ_BYTES: usize = 1 << 20;
/// Rows that are read back at once.
const STEP: usize = 1024;

/// How far a restoration is, for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Restoring {
    /// What is done now.
    pub doing: &'static str,
    /// Bytes of the file that were read, or rows that were compared.
    pub done: u64,
    /// Of how many, if that is known.
    pub of: Option<u64>,
}

/// What was restored of one directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RestoredPart {
    /// Where it lies in the data directory.
    pub directory: String,
    /// Its rows by kind.
    pub census: Census,
    /// Payload files.
    pub payloads: u64,
    /// Components.
    pub components: u64,
}

/// Refuses a directory into which something was to be restored and is not whole.
pub(crate) fn refuse_unfinished(dir: &Path) -> Result<()> {
    let unfinished = dir.join(UNFINISHED);
    if unfinished.exists() {
        return Err(Error::Unfinished { unfinished });
    }
    Ok(())
}

/// Reads a whole backup and says what it holds. It is sound if this succeeds.
pub fn verify(
    file: &Path,
    mut progress: impl FnMut(Restoring),
) -> Result<(About, Totals), BackupError> {
    let (mut reader, len) = opened(file)?;
    while reader.next()?.is_some() {
        progress(Restoring {
            doing: "checking the backup",
            done: reader.read,
            of: Some(len),
        });
    }
    Ok((reader.about().clone(), reader.totals()))
}

/// Restores a backup into a directory that does not exist or is empty. Nothing is written before the whole file was checked.
pub fn restore(
    file: &Path,
    data: &Path,
    mut progress: impl FnMut(Restoring),
) -> Result<(About, Vec<RestoredPart>), BackupError> {
    check_target(data)?;
    let (about, totals) = verify(file, &mut progress)?;
    let root = begin(data)?;
    let (mut reader, len) = opened(file)?;
    let mut targets = Vec::new();
    for part in &reader.about().parts {
        targets.push(Target::create(&root, part)?);
    }
    while let Some(section) = reader.next()? {
        match section {
            Section::Rows { part, rows } => targets[part].rows(rows)?,
            Section::Piece {
                part,
                kind,
                digest,
                offset,
                bytes,
                last,
            } => {
                targets[part].piece(kind, &digest, (offset, bytes))?;
                if last {
                    targets[part].file = None;
                }
            }
        }
        let (doing, done, of) = ("restoring", reader.read, Some(len));
        progress(Restoring { doing, done, of });
    }
    if reader.totals() != totals {
        return Err(BackupError::Different("the file changed meanwhile".into()));
    }
    for target in &mut targets {
        target.close()?;
    }
    let syncing = |error: io::Error| Error::io("sync", &root, error);
    let opened = File::open(&root).map_err(syncing)?;
    syncfs(&opened).map_err(|errno| syncing(errno.into()))?;
    let mut restored = Vec::new();
    for target in &targets {
        restored.push(target.read_back(&mut progress)?);
    }
    move_up(data, &root)?;
    Ok((about, restored))
}

fn opened(file: &Path) -> Result<(Reader<BufReader<File>>, u64), BackupError> {
    let named = |error: io::Error| {
        BackupError::Read(io::Error::new(
            error.kind(),
            format!("{}: {error}", file.display()),
        ))
    };
    let input = File::open(file).map_err(named)?;
    let metadata = input.metadata().map_err(named)?;
    if !metadata.is_file() {
        let what = "it must be a regular file, because it is read twice";
        return Err(named(io::Error::new(io::ErrorKind::InvalidInput, what)));
    }
    let reader = Reader::open(BufReader::with_capacity(READ_BYTES, input))?;
    Ok((reader, metadata.len()))
}

/// The directory must be free for this, before anything is read for minutes.
fn check_target(data: &Path) -> Result<(), BackupError> {
    let first = match fs::read_dir(data) {
        Ok(mut entries) => entries.next(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(Error::io("list", data, error).into()),
    };
    let Some(found) = first else { return Ok(()) };
    let found = found.map_err(|error| Error::io("list", data, error))?;
    let name = found.file_name();
    let why = if data.join(UNFINISHED).exists() {
        "an earlier restoration into it was interrupted: remove what is in it".to_owned()
    } else {
        let name = name.to_string_lossy();
        format!(
            "it holds `{name}`: a backup is restored into an empty directory or one that does not exist yet"
        )
    };
    Err(BackupError::Target(format!(
        "nothing was restored into {}: {why}",
        data.display()
    )))
}

fn begin(data: &Path) -> Result<PathBuf, BackupError> {
    let creating = |error| Error::io("create", data, error);
    let mut builder = fs::DirBuilder::new();
    // Secrets lie in it.
    builder
        .recursive(true)
        .mode(0o700)
        .create(data)
        .map_err(creating)?;
    let root = data.join(UNFINISHED);
    fs::create_dir(&root).map_err(creating)?;
    sync_dir(data)?;
    // Whoever came in between: what they have stays theirs.
    let others = fs::read_dir(data).map_err(creating)?.count();
    if others != 1 {
        let _ = fs::remove_dir(&root);
        check_target(data)?;
    }
    Ok(root)
}

/// One directory that is being restored.
struct Target {
    directory: String,
    path: PathBuf,
    store: Option<SledBackend>,
    batch: Batch,
    /// The file whose pieces are being written.
    file: Option<(Digest, File)>,
    made: BTreeSet<PathBuf>,
}

impl Target {
    fn create(root: &Path, directory: &str) -> Result<Self, BackupError> {
        let path = if directory.is_empty() {
            root.to_owned()
        } else {
            root.join(directory)
        };
        let store = Some(SledBackend::open(&path, &SledOptions::default())?);
        Ok(Self {
            directory: directory.to_owned(),
            path,
            store,
            batch: Batch::new(),
            file: None,
            made: BTreeSet::new(),
        })
    }

    fn rows(&mut self, rows: &[u8]) -> Result<(), BackupError> {
        let mut rest = rows;
        while let Some((row, after)) = split_row(rest) {
            rest = after;
            let key = Bytes::copy_from_slice(row.key);
            match row.value {
                Some(value) => {
                    envelope::reference(row.key, value)?;
                    self.batch.put(key, Bytes::copy_from_slice(value))
                }
                None => self.batch.delete(key),
            };
            if self.batch.byte_len() >= BATCH_BYTES {
                self.commit()?;
            }
        }
        Ok(())
    }

    fn commit(&mut self) -> Result<(), BackupError> {
        if let (Some(store), false) = (&self.store, self.batch.is_empty()) {
            store.commit(&std::mem::take(&mut self.batch))?;
        }
        Ok(())
    }

    fn file_path(&self, kind: FileKind, digest: &Digest) -> PathBuf {
        let name = hex::encode(digest);
        match kind {
            FileKind::Payload => self.path.join("blobs").join(&name[..2]).join(&name[2..]),
            FileKind::Component => self.path.join("components").join(format!("{name}.wasm")),
        }
    }

    /// The reader saw to the order of the pieces, and to the digest of the whole.
    fn piece(
        &mut self,
        kind: FileKind,
        digest: &Digest,
        (offset, bytes): (u64, &[u8]),
    ) -> Result<(), BackupError> {
        let path = self.file_path(kind, digest);
        let writing = |error| Error::io("write", &path, error);
        if offset == 0 {
            let above = path.parent().unwrap_or(&self.path);
            if !self.made.contains(above) {
                fs::create_dir_all(above).map_err(writing)?;
                self.made.insert(above.to_owned());
            }
            let file = OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(true)
                .open(&path)
                .map_err(writing)?;
            self.file = Some((*digest, file));
        }
        if let Some((open, file)) = &self.file
            && open == digest
        {
            file.write_all_at(bytes, offset).map_err(writing)?;
        }
        Ok(())
    }

    fn close(&mut self) -> Result<(), BackupError> {
        self.commit()?;
        self.file = None;
        if let Some(store) = self.store.take() {
            store.close()?;
        }
        Ok(())
    }

    /// Opens what was written like a node would, and reads all of it.
    fn read_back(&self, progress: &mut dyn FnMut(Restoring)) -> Result<RestoredPart, BackupError> {
        let store = SledBackend::open(&self.path, &SledOptions::default())?;
        let missing = |key: &[u8]| Error::corrupt(key, "its payload file is missing");
        let visit = |key: &[u8], row: &[u8]| match envelope::reference(key, row)? {
            Some(blob) => {
                let path = self.file_path(FileKind::Payload, &blob.sha256);
                let found = fs::metadata(path).is_ok_and(|found| found.len() == blob.len);
                found.then_some(()).ok_or_else(|| missing(key))
            }
            None => Ok(()),
        };
        visit_in_steps(&store, STEP, visit, || std::ops::ControlFlow::Continue(()))?;
        let kinds = census::take(&store, |rows| {
            progress(Restoring {
                doing: "reading it back",
                done: rows,
                of: None,
            });
        })?;
        let log_bytes = store.log_bytes()?;
        store.close()?;
        let mut payloads = 0;
        for above in self.made.iter().filter(|dir| !dir.ends_with("components")) {
            let listing = |error| Error::io("list", above, error);
            payloads += fs::read_dir(above).map_err(listing)?.count() as u64;
        }
        Ok(RestoredPart {
            directory: self.directory.clone(),
            census: Census { kinds, log_bytes },
            payloads,
            components: components_in(&self.path.join("components"))?.len() as u64,
        })
    }
}

/// Everything is whole: it gets its names, and the last thing to go is the mark that it was not.
fn move_up(data: &Path, root: &Path) -> Result<(), BackupError> {
    let listing = |error| Error::io("list", root, error);
    for entry in fs::read_dir(root).map_err(listing)? {
        let name = entry.map_err(listing)?.file_name();
        let from = root.join(&name);
        fs::rename(&from, data.join(&name)).map_err(|error| Error::io("rename", &from, error))?;
    }
    sync_dir(root)?;
    sync_dir(data)?;
    fs::remove_dir(root).map_err(|error| Error::io("remove", root, error))?;
    sync_dir(data)?;
    Ok(())
}

#[cfg(test)]
#[path = "restore_tests.rs"]
mod tests;
