//! The store: a backend, its payload files, the committer and views, put together.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    thread::JoinHandle,
    time::Duration,
};

use parking_lot::Mutex;

use crate::{
    backend::{Backend, CommitWatch},
    batch::Batch,
    blobs::{Blobs, file::FileBlobs},
    census::{self, Census},
    committer::{Committer, OnDurable},
    error::{Error, Result},
    memory::{MemoryDisk, Power},
    progress::Ticket,
    sled::{OpenReport, SledBackend, SledOptions, bytes_on_disk, note_alive_bytes},
    stats::Stats,
    sweep::{self, Sweep},
    view::View,
};

/// How long an orderly end may spend on unreferenced payload files. The next one goes on.
const SWEEP_AT_CLOSE: Duration = Duration::from_secs(2);

/// Who runs the commit groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Commits {
    /// A thread of the store.
    InThread,
    /// The caller, through [`Store::run_group`]: for tests in virtual time.
    ByHand,
}

/// An open store. Clones share it; it closes when the last one is dropped, or by [`Store::close`].
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    committer: Arc<Committer>,
    thread: Mutex<Option<JoinHandle<()>>>,
    report: OpenReport,
    /// Where it lies, if on a real disk.
    dir: Option<PathBuf>,
}

impl Store {
    /// Opens or creates the store in a directory, on sled.
    pub fn open(dir: &Path, options: &SledOptions) -> Result<Self> {
        let backend = SledBackend::open(dir, options)?;
        let report = backend.report();
        let blobs = FileBlobs::open(&dir.join("blobs"))?;
        Self::start(
            Arc::new(backend),
            Arc::new(blobs),
            Commits::InThread,
            report,
            Some(dir.to_owned()),
        )
    }

    /// Opens a store on a simulated disk.
    pub fn in_memory(disk: &MemoryDisk, commits: Commits) -> Result<Self> {
        Self::start(
            Arc::new(disk.open()),
            disk.blobs(),
            commits,
            OpenReport::default(),
            None,
        )
    }

    /// Opens a store on a simulated disk beside those that are open there, as a node of a cluster; the power ends this one.
    pub fn in_memory_beside(disk: &MemoryDisk, commits: Commits) -> Result<(Self, Power)> {
        let (backend, power) = disk.open_beside();
        let report = OpenReport::default();
        let store = Self::start(Arc::new(backend), disk.blobs(), commits, report, None)?;
        Ok((store, power))
    }

    fn start(
        backend: Arc<dyn Backend>,
        blobs: Arc<dyn Blobs>,
        commits: Commits,
        report: OpenReport,
        dir: Option<PathBuf>,
    ) -> Result<Self> {
        let committer = Arc::new(Committer::new(backend, blobs));
        View::new(Arc::clone(&committer)).check_versions()?;
        let thread = match commits {
            Commits::InThread => Some(committer.start()?),
            Commits::ByHand => None,
        };
        Ok(Self {
            inner: Arc::new(Inner {
                committer,
                thread: Mutex::new(thread),
                report,
                dir,
            }),
        })
    }

    /// Where it lies; `None` in memory.
    pub(crate) fn dir(&self) -> Option<&Path> {
        self.inner.dir.as_deref()
    }

    pub(crate) fn committer(&self) -> &Arc<Committer> {
        &self.inner.committer
    }

    /// Queues a batch. Its writes are visible to views at once; the ticket completes when they are durable.
    pub fn submit(&self, batch: Batch) -> Ticket {
        self.inner.committer.submit(batch, None)
    }

    /// Like [`Store::submit`], and calls `on_durable` with the outcome: on the committer's thread, in the order of submission. It must not block.
    pub fn submit_then(
        &self,
        batch: Batch,
        on_durable: impl FnOnce(Result<()>) + Send + 'static,
    ) -> Ticket {
        let on_durable: OnDurable = Box::new(on_durable);
        self.inner.committer.submit(batch, Some(on_durable))
    }

    /// Reads that see everything submitted.
    pub fn view(&self) -> View {
        View::new(Arc::clone(&self.inner.committer))
    }

    /// Completes when everything that a view shows now is durable.
    pub fn read_barrier(&self) -> Ticket {
        self.inner.committer.barrier()
    }

    /// Commits one group in the caller's thread, for [`Commits::ByHand`]; false when nothing was queued.
    pub fn run_group(&self) -> bool {
        self.inner.committer.run_group()
    }

    /// Whether batches wait for a group.
    pub fn has_queued(&self) -> bool {
        self.inner.committer.has_queued()
    }

    /// Counters since the store was opened.
    pub fn stats(&self) -> Stats {
        self.inner.committer.stats()
    }

    /// What opening found.
    pub fn open_report(&self) -> OpenReport {
        self.inner.report
    }

    /// The commit counter, for everyone who waits for news.
    pub fn watch(&self) -> Arc<CommitWatch> {
        self.inner.committer.backend.watch()
    }

    /// Why the store accepts no more writes, if so. The process should exit.
    pub fn failure(&self) -> Option<Error> {
        self.inner.committer.failure()
    }

    /// The writes that are not applied yet.
    pub fn pending_rows(&self) -> usize {
        self.inner.committer.overlay.len()
    }

    /// Housekeeping, to be called rarely (once an hour is plenty): removes payload files that no row refers to, and notes how much is alive,
    /// so that the next open knows whether a compaction is worth its time. Reads every row.
    pub fn maintain(&self) -> Result<Sweep> {
        let swept = sweep::sweep(&self.inner.committer, None)?;
        if let (Some(dir), Some(alive_bytes)) = (&self.inner.dir, swept.alive_bytes) {
            note_alive_bytes(dir, alive_bytes)?;
        }
        Ok(swept)
    }

    /// What the store holds: what is applied, without what is still queued. `seen` hears of rows as they are read.
    pub fn census(&self, seen: impl FnMut(u64)) -> Result<Census> {
        let log = self.inner.dir.as_ref().map(|dir| dir.join("log/db"));
        let log_bytes = log.and_then(|log| std::fs::metadata(log).ok());
        Ok(Census {
            kinds: census::take(&*self.inner.committer.backend, seen)?,
            log_bytes: log_bytes.as_ref().map_or(0, bytes_on_disk),
        })
    }

    /// What log and payload files take on the disk; `None` in memory. Looks at every payload file: not for hot paths.
    pub fn bytes_on_disk(&self) -> Result<Option<u64>> {
        let Some(dir) = &self.inner.dir else {
            return Ok(None);
        };
        let log = dir.join("log/db");
        let metadata = std::fs::metadata(&log).map_err(|error| Error::io("read", &log, error))?;
        Ok(Some(bytes_on_disk(&metadata) + payload_bytes(dir)?))
    }

    /// Makes everything submitted durable and closes the store. Later submissions are refused.
    pub fn close(&self) -> Result<()> {
        let inner = &self.inner;
        inner.stop();
        let failure = inner.committer.failure();
        if failure.is_none() {
            // Best effort: what is left over is removed next time.
            match sweep::sweep(&inner.committer, Some(SWEEP_AT_CLOSE)) {
                Ok(_) | Err(Error::Closed) => {}
                Err(error) => tracing::warn!(%error, "unreferenced payload files were not removed"),
            }
        }
        inner.committer.backend.close()?;
        failure.map_or(Ok(()), Err)
    }
}

/// What the payload files take. One that goes away meanwhile takes nothing.
fn payload_bytes(dir: &Path) -> Result<u64> {
    let root = dir.join("blobs");
    let reading = |error| Error::io("read", &root, error);
    let mut bytes = 0;
    for folder in std::fs::read_dir(&root).map_err(reading)?.flatten() {
        let files = std::fs::read_dir(folder.path()).into_iter().flatten();
        let sizes = files.flatten().filter_map(|file| file.metadata().ok());
        bytes += sizes.map(|file| bytes_on_disk(&file)).sum::<u64>();
    }
    Ok(bytes)
}

impl Inner {
    /// Ends the committer after what is queued.
    fn stop(&self) {
        self.committer.close();
        let thread = self.thread.lock().take();
        match thread {
            // The last handle was dropped by a listener on the committer's own thread, which ends by itself.
            Some(thread) if thread.thread().id() == std::thread::current().id() => {}
            // Its panics are caught and reported where they happen.
            Some(thread) => drop(thread.join()),
            None => while self.committer.run_group() {},
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.stop();
    }
}
