//! The in-memory backend: a simulated disk that outlives the process, and whose power can be cut.
//!
//! [`MemoryDisk`] is the disk, [`MemoryBackend`] one life of a process on it. A commit is first written, then synced; a
//! [`Fault`] decides what happens in between. Everything is deterministic: the caller chooses the faults, or a seed does.

use std::{
    collections::{BTreeMap, VecDeque},
    io::Cursor,
    ops::ControlFlow,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use bytes::Bytes;
use parking_lot::{Mutex, RwLock};

use crate::{
    backend::{Backend, CommitWatch, Direction, KeyRange, Visitor, check_key},
    batch::{Batch, Op},
    blobs::{BlobRef, Blobs, Content, Digest, Found},
    error::{Error, PrintedKey, Result},
};

/// What happens to a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The power fails before the sync: the commit is lost, and the process gets an error.
    Lost,
    /// The power fails after the sync but before the answer: the commit is durable, and the process gets an error.
    WrittenWithoutAnswer,
    /// The disk reports an error and keeps nothing; the power stays on.
    Refused,
}

/// A simulated disk. Clones are the same disk.
#[derive(Debug, Clone, Default)]
pub struct MemoryDisk {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    rows: RwLock<BTreeMap<Bytes, Bytes>>,
    blobs: Mutex<BTreeMap<Digest, Bytes>>,
    commit: AtomicU64,
    life: AtomicU64,
    plan: Mutex<Plan>,
}

#[derive(Debug, Default)]
struct Plan {
    next: VecDeque<Option<Fault>>,
    random: Option<(SplitMix, u64)>,
}

impl Plan {
    fn draw(&mut self) -> Option<Fault> {
        if let Some(planned) = self.next.pop_front() {
            return planned;
        }
        let (random, one_in) = self.random.as_mut()?;
        if random.next() % *one_in != 0 {
            return None;
        }
        Some(match random.next() % 3 {
            0 => Fault::Lost,
            1 => Fault::WrittenWithoutAnswer,
            _ => Fault::Refused,
        })
    }
}

impl MemoryDisk {
    /// An empty disk.
    pub fn new() -> Self {
        Self::default()
    }

    /// Starts a life on this disk; earlier ones end, as if their process had been killed.
    pub fn open(&self) -> MemoryBackend {
        self.shared.life.fetch_add(1, Ordering::SeqCst);
        self.begin(None)
    }

    /// Starts a life beside those that are open, as a node of a cluster on a database that all of them reach. A fault of a commit ends this
    /// life only, and so does its [`Power`].
    pub fn open_beside(&self) -> (MemoryBackend, Power) {
        let power = Power(Arc::new(AtomicBool::new(true)));
        (self.begin(Some(power.clone())), power)
    }

    fn begin(&self, own_power: Option<Power>) -> MemoryBackend {
        let commit = self.shared.commit.load(Ordering::SeqCst);
        MemoryBackend {
            disk: self.clone(),
            life: self.shared.life.load(Ordering::SeqCst),
            own_power,
            failed: Mutex::new(None),
            watch: Arc::new(CommitWatch::starting_at(commit)),
        }
    }

    /// How many commits the disk has taken, whatever their process was told.
    pub fn commits(&self) -> u64 {
        self.shared.commit.load(Ordering::SeqCst)
    }

    /// Cuts the power: every open backend is dead from now on. What was durable stays.
    pub fn crash(&self) {
        self.shared.life.fetch_add(1, Ordering::SeqCst);
    }

    /// Plans a fault for the next commit that has none yet.
    pub fn fail_next_commit(&self, fault: Fault) {
        self.shared.plan.lock().next.push_back(Some(fault));
    }

    /// Lets the next commit that has no plan yet succeed, whatever the seed says.
    pub fn pass_next_commit(&self) {
        self.shared.plan.lock().next.push_back(None);
    }

    /// Takes back the faults that were planned and did not happen yet.
    pub fn forget_faults(&self) {
        self.shared.plan.lock().next.clear();
    }

    /// From now on one commit in `one_in` fails on average; the seed decides which, and how. Zero ends it.
    pub fn fail_at_random(&self, seed: u64, one_in: u64) {
        self.shared.plan.lock().random = (one_in > 0).then_some((SplitMix(seed), one_in));
    }

    /// Changes a stored row behind the store's back, for damage tests.
    pub fn tamper(&self, key: &[u8], change: impl FnOnce(&mut Vec<u8>)) {
        if let Some(value) = self.shared.rows.write().get_mut(key) {
            let mut bytes = value.to_vec();
            change(&mut bytes);
            *value = bytes.into();
        }
    }

    /// A disk that holds these rows and payloads, as [`MemoryDisk::rows`] and [`MemoryDisk::payloads`] gave them.
    pub fn holding(
        rows: impl IntoIterator<Item = (Bytes, Bytes)>,
        payloads: impl IntoIterator<Item = Bytes>,
    ) -> Self {
        let disk = Self::new();
        disk.shared.rows.write().extend(rows);
        let payloads = payloads.into_iter().map(|p| (BlobRef::of(&p).sha256, p));
        disk.shared.blobs.lock().extend(payloads);
        disk
    }

    /// The rows as they are stored, in the order of their keys.
    pub fn rows(&self) -> Vec<(Bytes, Bytes)> {
        let rows = self.shared.rows.read();
        rows.iter().map(|(k, v)| (k.clone(), v.clone())).collect()
    }

    /// The contents of payload files with their digests, which order them.
    pub fn payloads(&self) -> Vec<([u8; 32], Bytes)> {
        let blobs = self.shared.blobs.lock();
        blobs.iter().map(|(d, c)| (*d, c.clone())).collect()
    }

    /// The payloads of this disk.
    pub(crate) fn blobs(&self) -> Arc<dyn Blobs> {
        Arc::new(MemoryBlobs(self.clone()))
    }
}

/// The power of one life among several. Clones are the same.
#[derive(Debug, Clone)]
pub struct Power(Arc<AtomicBool>);

impl Power {
    /// The life ends here: what it had not committed is gone, and it reads no more.
    pub fn cut(&self) {
        self.0.store(false, Ordering::SeqCst);
    }

    fn is_on(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

/// One life on a [`MemoryDisk`].
#[derive(Debug)]
pub struct MemoryBackend {
    disk: MemoryDisk,
    life: u64,
    /// Of a life beside others.
    own_power: Option<Power>,
    failed: Mutex<Option<Error>>,
    watch: Arc<CommitWatch>,
}

impl MemoryBackend {
    /// The disk below.
    pub fn disk(&self) -> &MemoryDisk {
        &self.disk
    }

    fn check_alive(&self) -> Result<()> {
        let on = self.own_power.as_ref().is_none_or(Power::is_on);
        if on && self.disk.shared.life.load(Ordering::SeqCst) == self.life {
            Ok(())
        } else {
            Err(Error::Closed)
        }
    }

    /// The power fails: of this life, or of all where it has none of its own.
    fn die(&self) {
        match &self.own_power {
            Some(power) => power.cut(),
            None => self.disk.crash(),
        }
    }

    fn write(&self, batch: &Batch) -> u64 {
        let shared = &self.disk.shared;
        let mut rows = shared.rows.write();
        for op in batch.ops() {
            match op {
                // Copies, so that a small row never keeps a large buffer alive.
                Op::Put(key, value) => {
                    rows.insert(Bytes::copy_from_slice(key), Bytes::copy_from_slice(value));
                }
                Op::Delete(key) => {
                    rows.remove(key);
                }
            }
        }
        shared.commit.fetch_add(1, Ordering::SeqCst) + 1
    }
}

impl Backend for MemoryBackend {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>> {
        check_key(key)?;
        self.check_alive()?;
        Ok(self
            .disk
            .shared
            .rows
            .read()
            .get(key)
            .map(|value| value.to_vec()))
    }

    fn scan(&self, range: &KeyRange, direction: Direction, visit: Visitor<'_>) -> Result<()> {
        self.check_alive()?;
        if range.is_empty() {
            return Ok(());
        }
        let rows = self.disk.shared.rows.read();
        let mut found = rows.range::<[u8], _>(range.bounds());
        loop {
            let row = match direction {
                Direction::Forward => found.next(),
                Direction::Backward => found.next_back(),
            };
            match row {
                Some((key, value)) if visit(key, value) == ControlFlow::Continue(()) => {}
                _ => return Ok(()),
            }
        }
    }

    fn commit(&self, batch: &Batch) -> Result<u64> {
        batch.ops().iter().try_for_each(|op| check_key(op.key()))?;
        let mut failed = self.failed.lock();
        self.check_alive()?;
        if let Some(cause) = &*failed {
            return Err(cause.clone());
        }
        if let Some(fence) = batch.fence()
            && self.get(&fence.key)?.as_deref() != fence.expected.as_deref()
        {
            return Err(Error::Fenced {
                key: PrintedKey::from(&*fence.key),
            });
        }
        let fault = self.disk.shared.plan.lock().draw();
        match fault {
            None => {
                let commit = self.write(batch);
                self.watch.publish(commit);
                return Ok(commit);
            }
            Some(Fault::WrittenWithoutAnswer) => {
                self.write(batch);
                self.die();
            }
            Some(Fault::Lost) => self.die(),
            Some(Fault::Refused) => {}
        }
        let error = Error::Engine {
            action: "commit",
            reason: format!("simulated fault: {fault:?}"),
        }
        .poison();
        *failed = Some(error.clone());
        Err(error)
    }

    fn watch(&self) -> Arc<CommitWatch> {
        Arc::clone(&self.watch)
    }

    fn close(&self) -> Result<()> {
        Ok(())
    }
}

struct MemoryBlobs(MemoryDisk);

impl Blobs for MemoryBlobs {
    fn put(&self, group: &[(BlobRef, Bytes)]) -> Result<()> {
        let mut blobs = self.0.shared.blobs.lock();
        blobs.extend(
            group
                .iter()
                .map(|(blob, value)| (blob.sha256, value.clone())),
        );
        Ok(())
    }

    fn get(&self, blob: &BlobRef) -> Result<Found> {
        let content = self.0.shared.blobs.lock().get(&blob.sha256).cloned();
        Ok(content.map_or(Found::Missing, |content| Found::verified(blob, content)))
    }

    fn list(&self) -> Result<Vec<Digest>> {
        Ok(self.0.shared.blobs.lock().keys().copied().collect())
    }

    fn list_shard(&self, first_byte: u8) -> Result<Vec<Digest>> {
        let all = self.list()?.into_iter();
        Ok(all.filter(|digest| digest[0] == first_byte).collect())
    }

    fn open(&self, digest: &Digest) -> Result<Option<Content>> {
        let content = self.0.shared.blobs.lock().get(digest).cloned();
        Ok(content.map(|content| {
            let len = content.len() as u64;
            (Box::new(Cursor::new(content)) as Box<_>, len)
        }))
    }

    fn remove(&self, digest: &Digest) -> Result<()> {
        self.0.shared.blobs.lock().remove(digest);
        Ok(())
    }
}

/// A small seeded generator (SplitMix64): the same seed, the same faults, on every machine.
#[derive(Debug, Clone)]
struct SplitMix(u64);

impl SplitMix {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }
}
