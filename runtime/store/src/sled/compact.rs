//! Compaction: sled keeps the disk space of deleted rows for later ones and never gives it back, so now and then everything that is left is
//! copied into a fresh log, which takes the place of the old one.
//!
//! ```text
//! DIR/compacting/   a store of its own under construction; removed when it is found by an open
//! DIR/compacted/    the same, complete and compared row by row: it is the truth from the moment it has this name
//! DIR/space         how much was alive when somebody looked, and what the log took after the last compaction
//! ```
//! ```text
//! copy, compare, close ─► rename compacting to compacted ─► remove log ─► move compacted/log ─► move compacted/commits ─► remove compacted
//!     the old log counts  │                                 the new log counts
//! ```
//! Each arrow ends with a sync of the directories. A process that dies on the left leaves the old log as it was; one that dies on the right
//! leaves a job that the next open finishes before it reads anything. The lock of the directory is held all the time. Payload files stay
//! where they are, because rows are copied as they are.

use std::{
    cell::Cell,
    fs, io,
    ops::ControlFlow,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use bytes::Bytes;

use super::{SledBackend, SledOptions, lock::DirLock, open, open::Paths};
use crate::{
    backend::{Backend, visit_in_steps},
    batch::Batch,
    blobs::file::sync_dir,
    error::{Error, Result},
};

/// Bytes of rows in one commit of the copy: large enough that syncs do not count.
const BATCH_BYTES: usize = 2 << 20;
/// Rows between two reports.
const ROWS_IN_STEP: usize = 2_000;
/// A log is compacted at open when it takes this many times as much as what is alive. A fresh one takes two to three times as much.
const TIMES_ALIVE: u64 = 8;

/// How far a compaction is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// What is done now, for people.
    pub doing: &'static str,
    /// Rows done.
    pub rows: u64,
    /// Rows to do, once they were counted.
    pub of: Option<u64>,
}

/// What a compaction did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Compacted {
    /// Rows in the store.
    pub rows: u64,
    /// Bytes of their keys and values.
    pub alive_bytes: u64,
    /// What the log took on the disk before.
    pub before_bytes: u64,
    /// What the log takes on the disk now: as much as before if a copy would not take less, and then the old one was kept.
    pub after_bytes: u64,
    /// How long it took.
    pub took: Duration,
}

/// Places at which tests let the process die.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Point {
    /// Something was copied.
    Copied,
    /// The copy is complete and was compared.
    Compared,
    /// The copy has its new name.
    Named,
    /// The old log is gone.
    OldRemoved,
    /// The new log is in its place.
    LogMoved,
    /// The new witness is in its place.
    WitnessMoved,
}

/// Who hears of progress and of points.
pub(super) struct Observer<'a> {
    pub(super) progress: &'a mut dyn FnMut(Progress),
    pub(super) reached: &'a mut dyn FnMut(Point),
}

/// What is known of the space that the store takes. Only a hint: without it nothing is compacted by itself.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Space {
    /// Bytes of keys and values when somebody looked last.
    pub(super) alive_bytes: u64,
    /// What the log took on the disk after the last compaction.
    pub(super) compacted_bytes: u64,
}

impl Space {
    pub(super) fn read(dir: &Path) -> Option<Self> {
        let text = fs::read_to_string(dir.join("space")).ok()?;
        let (alive, compacted) = text.trim().split_once(' ')?;
        Some(Self {
            alive_bytes: alive.parse().ok()?,
            compacted_bytes: compacted.parse().ok()?,
        })
    }

    pub(super) fn write(self, dir: &Path) -> Result<()> {
        let (path, unfinished) = (dir.join("space"), dir.join("space.new"));
        let text = format!("{} {}\n", self.alive_bytes, self.compacted_bytes);
        fs::write(&unfinished, text)
            .and_then(|()| fs::rename(&unfinished, &path))
            .map_err(|error| Error::io("write", path, error))
    }

    /// Whether a compaction gives much back, and not too much has to be copied for it.
    fn is_due(self, log_bytes: u64, options: &SledOptions) -> bool {
        log_bytes >= options.compact_from
            && self.alive_bytes <= options.compact_up_to
            && log_bytes / TIMES_ALIVE > self.alive_bytes
            && log_bytes / 2 > self.compacted_bytes
    }
}

/// Compacts a store that was just opened, if that is due. Failing that, it is served as it is.
pub(super) fn at_open(
    backend: SledBackend,
    paths: &Paths,
    options: &SledOptions,
) -> Result<SledBackend> {
    let log_bytes = backend.log_bytes()?;
    let due = Space::read(&paths.dir).is_some_and(|space| space.is_due(log_bytes, options));
    if !due || backend.report.loss_accepted {
        return Ok(backend);
    }
    tracing::info!(
        log_mb = log_bytes >> 20,
        "most of the store's log is deleted rows: compacting it before serving"
    );
    let mut observer = Observer {
        progress: &mut |_| {},
        reached: &mut |_| {},
    };
    match copy(&backend, paths, options, &mut observer) {
        Ok(copied) => {
            let (lock, done) = replace(backend, paths, &copied, &mut observer)?;
            tracing::info!(log_mb = done.after_bytes >> 20, took = ?done.took, "compacted");
            open::open_locked(paths, lock, options)
        }
        Err(error) => {
            tracing::warn!(%error, "the store could not be compacted and is served as it is");
            remove_dir(&paths.compacting)?;
            Ok(backend)
        }
    }
}

/// Compacts the store in a directory that nobody serves.
pub(super) fn in_directory(
    dir: &Path,
    options: &SledOptions,
    observer: &mut Observer<'_>,
) -> Result<Compacted> {
    let as_it_is = SledOptions {
        compact_from: u64::MAX,
        ..options.clone()
    };
    let backend = SledBackend::open(dir, &as_it_is)?;
    let paths = Paths::new(dir);
    match copy(&backend, &paths, &as_it_is, observer) {
        Ok(copied) if copied.after_bytes >= copied.before_bytes => {
            remove_dir(&paths.compacting)?;
            let kept = copied.before_bytes;
            Ok(copied.done(kept))
        }
        Ok(copied) => Ok(replace(backend, &paths, &copied, observer)?.1),
        Err(error) => {
            // The first failure is the one that counts: what is left over is removed by the next open.
            let _ = remove_dir(&paths.compacting);
            Err(error)
        }
    }
}

/// Finishes what a process that died during a compaction left, before anything is read.
pub(super) fn finish(paths: &Paths) -> Result<()> {
    remove_dir(&paths.compacting)?;
    if paths.compacted.exists() {
        tracing::info!("finishing a compaction that was interrupted");
        move_in(paths, &mut |_| {})?;
    }
    Ok(())
}

/// A complete copy under the name `compacting`.
struct Copied {
    total: Total,
    before_bytes: u64,
    after_bytes: u64,
    began: Instant,
}

/// Receives every row.
type EachRow<'a> = &'a mut dyn FnMut(&[u8], &[u8]) -> Result<()>;

impl Copied {
    fn done(&self, after_bytes: u64) -> Compacted {
        Compacted {
            rows: self.total.rows,
            alive_bytes: self.total.bytes,
            before_bytes: self.before_bytes,
            after_bytes,
            took: self.began.elapsed(),
        }
    }
}

/// All rows, as one can compare them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Total {
    rows: u64,
    bytes: u64,
    crc: u32,
}

fn copy(
    from: &SledBackend,
    paths: &Paths,
    options: &SledOptions,
    observer: &mut Observer<'_>,
) -> Result<Copied> {
    let began = Instant::now();
    remove_dir(&paths.compacting)?;
    let total = read_all(
        from,
        "counting",
        None,
        observer.progress,
        &mut |_, _| Ok(()),
    )?;
    let to = SledBackend::open(&paths.compacting, options)?;
    let mut batch = Batch::new();
    let of = Some(total.rows);
    read_all(from, "copying", of, observer.progress, &mut |key, row| {
        batch.put(Bytes::copy_from_slice(key), Bytes::copy_from_slice(row));
        if batch.byte_len() >= BATCH_BYTES {
            to.commit(&std::mem::take(&mut batch))?;
            (observer.reached)(Point::Copied);
        }
        Ok(())
    })?;
    // The last commit takes the number of the old log's last one: to whoever compares, nothing happened.
    to.continue_from(from.report.commit);
    to.commit(&batch)?;
    to.close()?;
    drop(to);
    let to = SledBackend::open(&paths.compacting, options)?;
    let found = read_all(&to, "comparing", of, observer.progress, &mut |_, _| Ok(()))?;
    if found != total {
        return Err(Error::Engine {
            action: "compact the store",
            reason: format!("the copy differs from the original: {found:?} instead of {total:?}"),
        });
    }
    let copied = Copied {
        total,
        before_bytes: from.log_bytes()?,
        after_bytes: to.log_bytes()?,
        began,
    };
    to.close()?;
    sync_dir(&paths.compacting)?;
    (observer.reached)(Point::Compared);
    Ok(copied)
}

/// Reads every row, some at once, so that no iterator of sled lives long.
fn read_all(
    backend: &SledBackend,
    doing: &'static str,
    of: Option<u64>,
    progress: &mut dyn FnMut(Progress),
    each: EachRow<'_>,
) -> Result<Total> {
    let mut hasher = crc32fast::Hasher::new();
    let (mut rows, mut bytes) = (0, 0);
    let seen = Cell::new(0);
    let visit = |key: &[u8], row: &[u8]| {
        rows += 1;
        bytes += (key.len() + row.len()) as u64;
        for part in [key, row] {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
        seen.set(rows);
        each(key, row)
    };
    visit_in_steps(backend, ROWS_IN_STEP, visit, || {
        let rows = seen.get();
        progress(Progress { doing, rows, of });
        ControlFlow::Continue(())
    })?;
    progress(Progress { doing, rows, of });
    Ok(Total {
        rows,
        bytes,
        crc: hasher.finalize(),
    })
}

/// Puts the copy in the place of the original, which is closed, and hands out the directory's lock.
fn replace(
    original: SledBackend,
    paths: &Paths,
    copied: &Copied,
    observer: &mut Observer<'_>,
) -> Result<(DirLock, Compacted)> {
    let lock = original.close_but_keep_the_lock()?.ok_or(Error::Closed)?;
    drop(original);
    rename(&paths.compacting, &paths.compacted)?;
    sync_dir(&paths.dir)?;
    (observer.reached)(Point::Named);
    move_in(paths, observer.reached)?;
    Space {
        alive_bytes: copied.total.bytes,
        compacted_bytes: copied.after_bytes,
    }
    .write(&paths.dir)?;
    Ok((lock, copied.done(copied.after_bytes)))
}

/// Moves a complete copy into place. Can be begun again wherever it was interrupted.
fn move_in(paths: &Paths, reached: &mut dyn FnMut(Point)) -> Result<()> {
    let new = Paths::new(&paths.compacted);
    if new.log_dir.exists() {
        remove_dir(&paths.log_dir)?;
        sync_dir(&paths.dir)?;
        reached(Point::OldRemoved);
        rename(&new.log_dir, &paths.log_dir)?;
        sync_dir(&paths.dir)?;
        sync_dir(&paths.compacted)?;
    }
    reached(Point::LogMoved);
    if new.commits.exists() {
        rename(&new.commits, &paths.commits)?;
        sync_dir(&paths.dir)?;
        sync_dir(&paths.compacted)?;
    }
    reached(Point::WitnessMoved);
    remove_dir(&paths.compacted)?;
    sync_dir(&paths.dir)
}

fn rename(from: &PathBuf, to: &PathBuf) -> Result<()> {
    fs::rename(from, to).map_err(|error| Error::io("rename", from, error))
}

fn remove_dir(dir: &Path) -> Result<()> {
    match fs::remove_dir_all(dir) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(Error::io("remove", dir, error))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
#[path = "compact_tests.rs"]
mod tests;
