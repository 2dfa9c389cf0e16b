//! The committer: everything that is queued becomes one group, made durable with one sync.
//!
//! There is no timer: the next group is whatever arrived while the one before was synced. In a group the last write to a key wins.
//! Outcomes are told in the order of submission, on the committer's thread; whoever is told must not block.
//!
//! Invariants:
//! - a submission is told `Ok` only after its writes and all earlier ones are durable;
//! - after the first failure nothing is ever told `Ok` again;
//! - payload files are durable before the rows that refer to them are committed.

use std::{
    collections::{BTreeMap, HashSet, VecDeque},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, atomic::Ordering},
    thread::{self, JoinHandle},
    time::Instant,
};

use bytes::Bytes;
use parking_lot::{Condvar, Mutex, ReentrantMutex, RwLock};

use crate::{
    backend::{Backend, check_key},
    backup::Spool,
    batch::{Batch, Fence, Op},
    blobs::{BlobRef, Blobs, Digest},
    envelope,
    error::{Error, Result},
    overlay::Overlay,
    progress::{Progress, Ticket},
    sled::quiet::panic_message,
    stats::{Counters, Stats},
};

/// Values above this many bytes go to payload files: sled's records stay far below the size at which it makes files of its own, which it does not sync.
pub const SPILL_ABOVE: usize = 4096;

/// A group takes no further batch above this many bytes: its log records then fit one of sled's segments. Measured with 1,024 runs in
/// flight: groups of 4 MiB halve the throughput and make each run wait ten times longer.
const MAX_GROUP_BYTES: usize = 256 << 10;

/// How many overlay entries are removed under one lock, so that readers never wait for a whole group.
const FORGET_AT_ONCE: usize = 64;

/// Told once, when the outcome of a submission is known.
pub(crate) type OnDurable = Box<dyn FnOnce(Result<()>) + Send>;

struct Submission {
    sequence: u64,
    batch: Batch,
    on_durable: Option<OnDurable>,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Submission>,
    last_sequence: u64,
    refused: Option<Error>,
    closing: bool,
}

/// What a sweep must leave alone.
#[derive(Default)]
pub(crate) struct Payloads {
    /// Payloads written since the sweep that is under way began.
    pub(crate) protected: Option<HashSet<Digest>>,
    /// By how many backups all of them are held: then nothing is removed.
    pub(crate) held: usize,
}

/// The shared part of the committer: queue, overlay, and what is below.
pub(crate) struct Committer {
    pub(crate) backend: Arc<dyn Backend>,
    pub(crate) blobs: Arc<dyn Blobs>,
    pub(crate) overlay: Overlay,
    progress: Arc<Progress>,
    counters: Counters,
    queue: Mutex<Queue>,
    arrived: Condvar,
    /// Held while a group is taken and committed: whoever commits, groups keep the order of submission.
    committing: ReentrantMutex<()>,
    /// Held for reading from the first payload of a group to its commit; the sweep starts under the write lock.
    pub(crate) gate: RwLock<()>,
    /// Which payloads must stay.
    pub(crate) payloads: Mutex<Payloads>,
    /// Hears of every committed batch while a backup is taken. Set and removed while no group is under way.
    pub(crate) tap: Mutex<Option<Arc<Spool>>>,
}

impl Committer {
    pub(crate) fn new(backend: Arc<dyn Backend>, blobs: Arc<dyn Blobs>) -> Self {
        Self {
            backend,
            blobs,
            overlay: Overlay::default(),
            progress: Arc::default(),
            counters: Counters::default(),
            queue: Mutex::default(),
            arrived: Condvar::new(),
            committing: ReentrantMutex::default(),
            gate: RwLock::default(),
            payloads: Mutex::default(),
            tap: Mutex::default(),
        }
    }

    /// Starts the thread that commits groups until the committer is closed.
    pub(crate) fn start(self: &Arc<Self>) -> Result<JoinHandle<()>> {
        let committer = Arc::clone(self);
        thread::Builder::new()
            .name("abide-commit".to_owned())
            .spawn(move || {
                while committer.wait_for_work() {
                    committer.run_group();
                }
            })
            .map_err(|error| Error::io("start a thread for", "the committer", error))
    }

    /// Queues a batch. Its writes are visible to views at once.
    pub(crate) fn submit(&self, batch: Batch, on_durable: Option<OnDurable>) -> Ticket {
        let invalid = batch.ops().iter().find_map(|op| check_key(op.key()).err());
        let mut queue = self.queue.lock();
        let refusal = queue.refused.clone().or(invalid);
        if let Some(error) = refusal {
            // A caller that submits what cannot be written has lost track of its state: everything ends here, not only this batch.
            queue.refused.get_or_insert_with(|| error.clone().poison());
            drop(queue);
            if let Some(on_durable) = on_durable {
                on_durable(Err(error.clone()));
            }
            return Ticket::refused(Arc::clone(&self.progress), error);
        }
        queue.last_sequence += 1;
        let sequence = queue.last_sequence;
        self.overlay.add(sequence, batch.ops());
        queue.waiting.push_back(Submission {
            sequence,
            batch,
            on_durable,
        });
        drop(queue);
        self.arrived.notify_one();
        Ticket::new(Arc::clone(&self.progress), sequence)
    }

    /// Completes when everything that was submitted so far is durable.
    pub(crate) fn barrier(&self) -> Ticket {
        let last = self.queue.lock().last_sequence;
        Ticket::new(Arc::clone(&self.progress), last)
    }

    pub(crate) fn has_queued(&self) -> bool {
        !self.queue.lock().waiting.is_empty()
    }

    pub(crate) fn stats(&self) -> Stats {
        let queued = self.queue.lock().waiting.len() as u64;
        self.counters.read(queued)
    }

    pub(crate) fn failure(&self) -> Option<Error> {
        self.progress.failure()
    }

    /// Refuses further submissions; the thread ends when the queue is empty.
    pub(crate) fn close(&self) {
        let mut queue = self.queue.lock();
        queue.closing = true;
        queue.refused.get_or_insert(Error::Closed);
        drop(queue);
        self.arrived.notify_all();
    }

    fn wait_for_work(&self) -> bool {
        let mut queue = self.queue.lock();
        while queue.waiting.is_empty() && !queue.closing {
            self.arrived.wait(&mut queue);
        }
        !queue.waiting.is_empty()
    }

    /// Commits one group; false when nothing was queued.
    pub(crate) fn run_group(&self) -> bool {
        let _one_at_a_time = self.committing.lock();
        let group = self.take_group();
        let Some(last) = group.last().map(|submission| submission.sequence) else {
            return false;
        };
        let outcome =
            catch_unwind(AssertUnwindSafe(|| self.commit(&group))).unwrap_or_else(|panic| {
                Err(Error::Engine {
                    action: "commit",
                    reason: panic_message(&*panic),
                })
            });
        match outcome {
            Ok(keys) => {
                for keys in keys.chunks(FORGET_AT_ONCE) {
                    self.overlay.forget(last, keys.iter());
                }
                self.progress.advance(last);
                tell(group, &Ok(()));
            }
            Err(error) => self.fail(group, error.poison()),
        }
        true
    }

    fn fail(&self, group: Vec<Submission>, error: Error) {
        tracing::error!(%error, "a commit failed; the store accepts no more writes");
        let mut queue = self.queue.lock();
        queue.refused = Some(error.clone());
        let later = std::mem::take(&mut queue.waiting);
        drop(queue);
        self.progress.fail(error.clone());
        let outcome = Err(error);
        tell(group, &outcome);
        tell(later, &outcome);
    }

    /// As much of the queue as fits one group. Batches with different conditions never share one.
    fn take_group(&self) -> Vec<Submission> {
        let mut queue = self.queue.lock();
        let mut group: Vec<Submission> = Vec::new();
        let mut bytes = 0;
        let mut fence_touched = false;
        while let Some(next) = queue.waiting.front() {
            if let Some(first) = group.first() {
                let fence = first.batch.fence();
                if bytes > MAX_GROUP_BYTES || next.batch.fence() != fence || fence_touched {
                    break;
                }
            }
            bytes += next.batch.byte_len();
            fence_touched |= next
                .batch
                .fence()
                .is_some_and(|fence| touches(&next.batch, fence));
            group.extend(queue.waiting.pop_front());
        }
        group
    }

    /// Makes the group durable and returns the keys that it wrote.
    fn commit(&self, group: &[Submission]) -> Result<Vec<Bytes>> {
        let mut merged: BTreeMap<&Bytes, Option<&Bytes>> = BTreeMap::new();
        for op in group.iter().flat_map(|submission| submission.batch.ops()) {
            match op {
                Op::Put(key, value) => merged.insert(key, Some(value)),
                Op::Delete(key) => merged.insert(key, None),
            };
        }
        let fence = group
            .first()
            .and_then(|submission| submission.batch.fence());
        if merged.is_empty() && fence.is_none() {
            return Ok(Vec::new());
        }
        let _gate = self.gate.read();
        let rows = self.rows(&merged, fence)?;
        if rows.is_empty() && fence.is_none() {
            // Everything was put and removed again before anyone could lose it.
            return Ok(merged.into_keys().cloned().collect());
        }
        let started = Instant::now();
        self.backend.commit(&rows)?;
        if let Some(tap) = &*self.tap.lock() {
            tap.record(&rows);
        }
        self.counters.record_time(started.elapsed());
        self.counters.record_size(group.len());
        self.counters.groups.fetch_add(1, Ordering::Relaxed);
        self.counters
            .batches
            .fetch_add(group.len() as u64, Ordering::Relaxed);
        self.counters
            .writes
            .fetch_add(rows.len() as u64, Ordering::Relaxed);
        self.counters
            .bytes
            .fetch_add(rows.byte_len() as u64, Ordering::Relaxed);
        Ok(merged.into_keys().cloned().collect())
    }

    /// Wraps the values into envelopes; large ones go to payload files first.
    fn rows(
        &self,
        merged: &BTreeMap<&Bytes, Option<&Bytes>>,
        fence: Option<&Fence>,
    ) -> Result<Batch> {
        let mut rows = Batch::new();
        let mut payloads: Vec<(BlobRef, Bytes)> = Vec::new();
        for (&key, value) in merged {
            match value {
                // A removal of a row that never reached the backend costs a read here, and a log record there.
                None if self.backend.get(key)?.is_none() => continue,
                None => rows.delete(key.clone()),
                Some(value) if value.len() > SPILL_ABOVE => {
                    // Rows that share their value lie side by side, as do the arrivals of one event: it is hashed once.
                    let blob = match payloads.last() {
                        Some((blob, last)) if is_same(last, value) => *blob,
                        _ => {
                            let blob = BlobRef::of(value);
                            payloads.push((blob, Bytes::clone(value)));
                            blob
                        }
                    };
                    rows.put(key.clone(), envelope::encode_blob(key, &blob))
                }
                Some(value) => rows.put(key.clone(), envelope::encode_inline(key, value)),
            };
        }
        if !payloads.is_empty() {
            if let Some(protected) = &mut self.payloads.lock().protected {
                protected.extend(payloads.iter().map(|(blob, _)| blob.sha256));
            }
            self.blobs.put(&payloads)?;
            self.counters
                .payloads
                .fetch_add(payloads.len() as u64, Ordering::Relaxed);
        }
        if let Some(fence) = fence {
            rows.fenced(Fence {
                key: fence.key.clone(),
                expected: fence
                    .expected
                    .as_ref()
                    .map(|value| envelope::encode_inline(&fence.key, value)),
            });
        }
        Ok(rows)
    }
}

/// Whether these are the same bytes in memory.
fn is_same(a: &Bytes, b: &Bytes) -> bool {
    a.as_ptr() == b.as_ptr() && a.len() == b.len()
}

fn touches(batch: &Batch, fence: &Fence) -> bool {
    batch.ops().iter().any(|op| op.key() == &fence.key)
}

fn tell(group: impl IntoIterator<Item = Submission>, outcome: &Result<()>) {
    for on_durable in group
        .into_iter()
        .filter_map(|submission| submission.on_durable)
    {
        // A listener that panics must not take the others' answers with it.
        let told = catch_unwind(AssertUnwindSafe(|| on_durable(outcome.clone())));
        if let Err(panic) = told {
            tracing::error!(panic = panic_message(&*panic), "a commit listener panicked");
        }
    }
}
