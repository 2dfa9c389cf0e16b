//! The embedded default: sled 0.34, with everything around it that its documentation does not tell.
//!
//! ```text
//! DIR/lock         flock and the owner's pid          DIR/log/     sled's own files
//! DIR/commits      the witness                        DIR/blobs/   payloads above 4 KiB
//! DIR/accept-loss  made by an operator: serve what is readable, once
//! DIR/space, DIR/compacting/, DIR/compacted/          see `compact`
//! ```
//! What this module must not do: group commits, interpret rows, retry a failed sync.
//!
//! Invariants:
//! - everything sled writes, it writes inside [`Backend::commit`], on the committer's thread, and each commit ends with a real sync. For this
//!   reason its own flusher thread is off: with it, page moves could reuse a segment between a commit and the commit's sync;
//! - the commit number inside sled is never below the one in the witness, else rows were lost and the store refuses to open;
//! - no panic of sled leaves this module.

mod audit;
mod compact;
mod format;
mod holes;
mod lock;
mod open;
pub(crate) mod quiet;
mod rewrite;
mod witness;

use std::{
    collections::BTreeSet,
    fs::{File, Metadata},
    io,
    ops::ControlFlow,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use parking_lot::{Mutex, RwLock};

pub(crate) use self::holes::bytes_on_disk;
pub use self::{
    audit::AuditReport,
    compact::{Compacted, Progress},
};
use self::{
    format::{SEGMENT_LEN, SEGMENT_LSN},
    lock::DirLock,
    quiet::calling,
    witness::{FreeSegments, State, Testimony, Witness},
};
use crate::{
    backend::{Backend, CommitWatch, Direction, KeyRange, Visitor, check_key},
    batch::{Batch, Op},
    error::{Error, PrintedKey, Result},
};

/// Notes how much of a store is alive, for the next open.
pub(crate) fn note_alive_bytes(dir: &Path, alive_bytes: u64) -> Result<()> {
    let known = compact::Space::read(dir).unwrap_or_default();
    compact::Space {
        alive_bytes,
        ..known
    }
    .write(dir)
}

/// Bytes of rows, as somebody noted last; before that, half of the log.
pub(crate) fn alive_bytes(dir: &Path) -> u64 {
    let noted = compact::Space::read(dir).map(|space| space.alive_bytes);
    let log = || std::fs::metadata(dir.join("log/db")).map(|log| bytes_on_disk(&log) / 2);
    noted
        .filter(|bytes| *bytes > 0)
        .or_else(|| log().ok())
        .unwrap_or_default()
}

/// The row that holds the commit number: u64 LE, then its crc32. The zero byte keeps it out of every scan.
const COMMIT_KEY: &[u8] = b"\0commit";
/// The lowest key that belongs to the caller.
const FIRST_KEY: &[u8] = &[1];

/// How to open a store directory.
#[derive(Debug, Clone)]
pub struct SledOptions {
    /// sled's page cache in bytes. 64 MiB: the pages of some ten thousand live runs; sled's own default is 1 GiB.
    pub cache_bytes: u64,
    /// Logs up to this length are audited completely at open, longer ones as far as sled replays them, so that opening does not grow with
    /// what is stored. 256 MiB: half a second on a slow disk. Damage in the rest is refused when it is read.
    pub full_audit_up_to: u64,
    /// Logs from this length on are compacted at open when little of them is alive. 64 MiB: below, there is nothing worth getting back.
    pub compact_from: u64,
    /// At open nothing is compacted if more bytes than these are alive. 1 GiB: some ten seconds in which nobody is served.
    pub compact_up_to: u64,
}

impl Default for SledOptions {
    fn default() -> Self {
        Self {
            cache_bytes: 64 << 20,
            full_audit_up_to: 256 << 20,
            compact_from: 64 << 20,
            compact_up_to: 1 << 30,
        }
    }
}

/// What opening the store found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct OpenReport {
    /// The audit of the log; zero for a new store.
    pub audit: AuditReport,
    /// How long the audit took.
    pub audit_time: Duration,
    /// How long sled took to replay its log.
    pub replay_time: Duration,
    /// The newest commit in the log.
    pub commit: u64,
    /// The log's segments.
    pub segments: u64,
    /// Those of them that hold something of use.
    pub used_segments: u64,
    /// Whether damage was found and accepted by the operator.
    pub loss_accepted: bool,
}

/// A sled database with real durability.
pub struct SledBackend {
    db: RwLock<Option<sled::Db>>,
    writer: Mutex<Writer>,
    watch: Arc<CommitWatch>,
    report: OpenReport,
    dir: PathBuf,
    /// Released at the end of an orderly close.
    lock: Mutex<Option<DirLock>>,
}

struct Writer {
    commit: u64,
    witness: Witness,
    log: File,
    log_path: PathBuf,
    /// Free segments as they were when the log entered its present one; until it enters the next, they stay free.
    free: FreeSegments,
    tip_segment: i64,
    failed: Option<Error>,
}

impl Writer {
    /// Whether the log is still where the next start will look for it: an open file can be written wherever it was moved to, and even
    /// when it was removed. Costs a look at the path, some microseconds beside a sync.
    fn check_place(&self) -> Result<()> {
        let identity = |metadata: Metadata| (metadata.dev(), metadata.ino());
        let reading = |error| Error::io("read", &self.log_path, error);
        let ours = self.log.metadata().map(identity).map_err(reading)?;
        match std::fs::metadata(&self.log_path).map(identity) {
            Ok(found) if found == ours => Ok(()),
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(reading(error)),
            Ok(_) | Err(_) => Err(Error::Moved {
                log: self.log_path.clone(),
            }),
        }
    }
}

impl SledBackend {
    /// Opens or creates the store in `dir`: takes the lock, audits the files, replays the log, compares commit numbers.
    pub fn open(dir: &Path, options: &SledOptions) -> Result<Self> {
        open::open(dir, options)
    }

    /// What opening found.
    pub fn report(&self) -> OpenReport {
        self.report
    }

    /// What sled's log takes on the disk: free segments take nothing from the next open on.
    pub fn log_bytes(&self) -> Result<u64> {
        let writer = self.writer.lock();
        let reading = |error| Error::io("read", &writer.log_path, error);
        Ok(bytes_on_disk(&writer.log.metadata().map_err(reading)?))
    }

    /// Compacts the store in a directory that nobody serves.
    pub fn compact(
        dir: &Path,
        options: &SledOptions,
        mut progress: impl FnMut(Progress),
    ) -> Result<Compacted> {
        let mut observer = compact::Observer {
            progress: &mut progress,
            reached: &mut |_| {},
        };
        compact::in_directory(dir, options, &mut observer)
    }

    /// Lets the next commit have the number of the newest one of another log, if that is not a new one.
    fn continue_from(&self, commit: u64) {
        if let Some(before) = commit.checked_sub(1) {
            self.writer.lock().commit = before;
        }
    }

    /// An orderly end, after which the lock is still held; nothing when it was ended before.
    fn close_but_keep_the_lock(&self) -> Result<Option<DirLock>> {
        let Some(db) = self.db.write().take() else {
            return Ok(None);
        };
        let mut writer = self.writer.lock();
        if writer.failed.is_some() {
            // sled writes and syncs when it is dropped, and a failed sync must never be tried again: so it is not.
            std::mem::forget(db);
            return Ok(None);
        }
        let stable_lsn = calling("close", move || {
            let stable_lsn = db.context.pagecache.log.stable_offset();
            drop(db);
            Ok(stable_lsn)
        })?;
        let settled = open::wait_until_released(&writer.log, &self.dir)?;
        writer
            .log
            .sync_all()
            .map_err(|error| Error::io("sync", &writer.log_path, error))?;
        let state = if settled {
            State::Clean(audit::census(&writer.log, &writer.log_path)?)
        } else {
            State::Running
        };
        let commit = writer.commit;
        writer.witness.record_durably(&Testimony {
            commit,
            stable_lsn,
            state,
            free: FreeSegments::default(),
        })?;
        Ok(self.lock.lock().take())
    }

    fn with_db<T>(
        &self,
        action: &'static str,
        call: impl FnOnce(&sled::Db) -> sled::Result<T>,
    ) -> Result<T> {
        let db = self.db.read();
        let db = db.as_ref().ok_or(Error::Closed)?;
        calling(action, || call(db))
    }

    fn check_fence(&self, batch: &Batch) -> Result<()> {
        let Some(fence) = batch.fence() else {
            return Ok(());
        };
        let found = self.get(&fence.key)?;
        if found.as_deref() == fence.expected.as_deref() {
            Ok(())
        } else {
            Err(Error::Fenced {
                key: PrintedKey::from(&*fence.key),
            })
        }
    }

    fn commit_durably(&self, batch: &Batch, writer: &mut Writer) -> Result<u64> {
        let commit = writer.commit + 1;
        let mut rows = sled::Batch::default();
        for op in batch.ops() {
            match op {
                Op::Put(key, value) => rows.insert(&**key, &**value),
                Op::Delete(key) => rows.remove(&**key),
            }
        }
        rows.insert(COMMIT_KEY, &commit_row(commit)[..]);
        let tip_segment = writer.tip_segment;
        let (stable_lsn, free) = self.with_db("commit", |db| {
            db.apply_batch(rows)?;
            // Only hands the log to the system: on Linux sled stops short of a real sync.
            db.flush()?;
            let stable_lsn = db.context.pagecache.log.stable_offset();
            let entered = stable_lsn / SEGMENT_LSN != tip_segment;
            Ok((
                stable_lsn,
                entered.then(|| free_segments(&used_segments(db))),
            ))
        })?;
        if let Some(free) = free {
            writer.free = free;
            writer.tip_segment = stable_lsn / SEGMENT_LSN;
        }
        writer
            .log
            .sync_data()
            .map_err(|error| Error::io("sync", &writer.log_path, error))?;
        writer.check_place()?;
        writer.witness.record(&Testimony {
            commit,
            stable_lsn,
            state: State::Running,
            free: writer.free,
        })?;
        writer.commit = commit;
        Ok(commit)
    }
}

impl Backend for SledBackend {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>> {
        check_key(key)?;
        self.with_db("read a row", |db| {
            Ok(db.get(key)?.map(|value| value.to_vec()))
        })
    }

    fn scan(&self, range: &KeyRange, direction: Direction, visit: Visitor<'_>) -> Result<()> {
        if range.is_empty() {
            return Ok(());
        }
        let db = self.db.read();
        let db = db.as_ref().ok_or(Error::Closed)?;
        let (start, end) = range.bounds();
        // sled keeps the bounds; rows of the backend itself come first and are skipped below.
        let mut rows = calling("scan", || Ok(db.range::<&[u8], _>((start, end))))?;
        loop {
            let row = calling("scan", || {
                match direction {
                    Direction::Forward => rows.next(),
                    Direction::Backward => rows.next_back(),
                }
                .transpose()
            })?;
            let Some((key, value)) = row else {
                return Ok(());
            };
            if key.as_ref() < FIRST_KEY {
                match direction {
                    Direction::Forward => continue,
                    Direction::Backward => return Ok(()),
                }
            }
            if visit(&key, &value) == ControlFlow::Break(()) {
                return Ok(());
            }
        }
    }

    fn commit(&self, batch: &Batch) -> Result<u64> {
        batch.ops().iter().try_for_each(|op| check_key(op.key()))?;
        let mut writer = self.writer.lock();
        if let Some(cause) = &writer.failed {
            return Err(cause.clone());
        }
        self.check_fence(batch)?;
        match self.commit_durably(batch, &mut writer) {
            Ok(commit) => {
                self.watch.publish(commit);
                Ok(commit)
            }
            Err(error) => {
                // After a failed sync nobody knows what the disk holds: no retry, no later success.
                let error = error.poison();
                writer.failed = Some(error.clone());
                Err(error)
            }
        }
    }

    fn watch(&self) -> Arc<CommitWatch> {
        Arc::clone(&self.watch)
    }

    fn close(&self) -> Result<()> {
        self.close_but_keep_the_lock().map(drop)
    }
}

impl Drop for SledBackend {
    fn drop(&mut self) {
        if let Err(error) = self.close() {
            tracing::error!(%error, "the store could not be closed in order; the next start checks it like after a crash");
        }
    }
}

/// The indexes of the segments that sled uses.
fn used_segments(db: &sled::Db) -> BTreeSet<u64> {
    let segments = db.context.pagecache.log.iter_from(0).segments;
    let index = |offset| offset / SEGMENT_LEN as u64;
    segments.into_values().map(index).collect()
}

/// The first segments below the end of the log that sled does not use. It fills them next, lowest first.
fn free_segments(used: &BTreeSet<u64>) -> FreeSegments {
    let end = used.last().map_or(0, |last| last + 1);
    // The one behind the end is as good as free: it is new, or was cut off.
    FreeSegments::first_of((0..=end).filter(|index| !used.contains(index)))
}

fn commit_row(commit: u64) -> [u8; 12] {
    let mut row = [0; 12];
    row[..8].copy_from_slice(&commit.to_le_bytes());
    let crc = crc32fast::hash(&row[..8]);
    row[8..].copy_from_slice(&crc.to_le_bytes());
    row
}

/// The commit number in its row; `None` when the row is damaged.
fn parse_commit_row(row: &[u8]) -> Option<u64> {
    let commit = u64::from_le_bytes(row.get(..8)?.try_into().ok()?);
    (row == commit_row(commit)).then_some(commit)
}
