//! What the task that polls a guest must know without touching its store.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use crate::timings::Turns;

/// Flags and counters between a guest and the task that polls it. They carry no data between threads: a guest is polled by
/// one task, and everything else is behind the run's lock.
#[derive(Debug, Default)]
pub(crate) struct Signal {
    waiting: AtomicBool,
    seen: AtomicU64,
    in_body: AtomicBool,
    deadline_ms: AtomicU64,
    timeout_ms: AtomicU64,
    memory: AtomicUsize,
    hot: AtomicBool,
    cpu_mark: AtomicU64,
    slot: AtomicUsize,
    /// Where the time of the bodies goes that the guest executes.
    pub(crate) turns: Turns,
}

impl Signal {
    /// Says which twin this is.
    pub(crate) fn set_slot(&self, slot: usize) {
        self.slot.store(slot, Ordering::Relaxed);
    }

    /// Which twin this is.
    pub(crate) fn slot(&self) -> usize {
        self.slot.load(Ordering::Relaxed)
    }

    /// The guest is in `next`, and there was nothing new at this version of the run.
    pub(crate) fn wait(&self, version: u64) {
        self.seen.store(version, Ordering::Relaxed);
        self.waiting.store(true, Ordering::Relaxed);
    }

    /// The guest goes on.
    pub(crate) fn go(&self) {
        self.waiting.store(false, Ordering::Relaxed);
    }

    pub(crate) fn waiting(&self) -> bool {
        self.waiting.load(Ordering::Relaxed)
    }

    /// The version at which it last found nothing new.
    pub(crate) fn seen(&self) -> u64 {
        self.seen.load(Ordering::Relaxed)
    }

    /// A body begins that must end at `deadline_ms` of the host's own clock, `timeout_ms` from now.
    pub(crate) fn begin_body(&self, deadline_ms: u64, timeout_ms: u64) {
        self.deadline_ms.store(deadline_ms, Ordering::Relaxed);
        self.timeout_ms.store(timeout_ms, Ordering::Relaxed);
        self.in_body.store(true, Ordering::Relaxed);
    }

    pub(crate) fn end_body(&self) {
        self.in_body.store(false, Ordering::Relaxed);
    }

    pub(crate) fn in_body(&self) -> bool {
        self.in_body.load(Ordering::Relaxed)
    }

    pub(crate) fn deadline_ms(&self) -> u64 {
        self.deadline_ms.load(Ordering::Relaxed)
    }

    pub(crate) fn timeout_ms(&self) -> u64 {
        self.timeout_ms.load(Ordering::Relaxed)
    }

    pub(crate) fn set_memory(&self, bytes: usize) {
        self.memory.store(bytes, Ordering::Relaxed);
    }

    /// Bytes of memory that count for residency.
    pub(crate) fn memory(&self) -> usize {
        self.memory.load(Ordering::Relaxed)
    }

    /// The guest runs long enough for its CPU time to be measured.
    pub(crate) fn set_hot(&self, cpu_ns: u64) {
        self.cpu_mark.store(cpu_ns, Ordering::Relaxed);
        self.hot.store(true, Ordering::Relaxed);
    }

    pub(crate) fn set_cold(&self) {
        self.hot.store(false, Ordering::Relaxed);
    }

    pub(crate) fn hot(&self) -> bool {
        self.hot.load(Ordering::Relaxed)
    }

    /// The CPU time of the polling thread when it last turned to this guest.
    pub(crate) fn cpu_mark(&self) -> u64 {
        self.cpu_mark.load(Ordering::Relaxed)
    }
}
