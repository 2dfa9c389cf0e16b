//! Where the time of a run's steps went: a ledger of one small entry a step, in memory only.
//!
//! A step is measured while there is something to execute for it. Until an attempt begins it waits (for its turn, a slot, an
//! instance), or code is repeated so that it can begin; then its body executes, or the host performs its request. The
//! time between attempts is in none of the parts, so that they never sum to more than the step took.
//!
//! The ledger takes one lock for each thing that happens to a step, never one a turn of an instance.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use abide_core::journal::OpNumber;
use parking_lot::Mutex;

use super::nanos;

/// Steps of one run that are measured; those after them are not. An entry has some 70 bytes.
const MOST_OF_A_RUN: usize = 1_024;

/// Where the time of a step went, of all its attempts that ended and of the wait for the latest.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StepSpent {
    /// From when it was asked for, or due again, until an attempt began; without `replay`.
    pub queue: Duration,
    /// Of that time, what it took to come to the step again: reading and repeating the journal, making the instance for its body
    /// and repeating the code in it.
    pub replay: Duration,
    /// Its own code.
    pub guest: Duration,
    /// What the host did for it, and waiting for the outside.
    pub host: Duration,
    /// Waiting until what had happened was durable, before something left for it.
    pub sync: Duration,
}

/// How long a body took, and of what.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[allow(clippy::struct_field_names, reason = "units stand last")]
pub(crate) struct BodySpent {
    pub(crate) total_ns: u64,
    pub(crate) guest_ns: u64,
    pub(crate) sync_ns: u64,
}

/// The ledger of one run, over all its executions. Times are nanoseconds since it was made.
#[derive(Debug)]
pub struct StepTimes {
    base: Instant,
    /// Entries of all ledgers together.
    kept: Arc<AtomicUsize>,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    /// By operation.
    entries: Vec<Entry>,
    /// Where the present execution began.
    began: Mark,
    /// What was replayed in all executions so far.
    replayed_ns: u64,
    closed: bool,
}

/// A moment, and what had been replayed until then.
#[derive(Debug, Clone, Copy, Default)]
struct Mark {
    at_ns: u64,
    replayed_ns: u64,
}

#[derive(Debug)]
struct Entry {
    op: OpNumber,
    /// Since when an attempt could begin, if none has.
    waits: Option<Mark>,
    queue_ns: u64,
    replay_ns: u64,
    guest_ns: u64,
    host_ns: u64,
    sync_ns: u64,
}

impl Default for StepTimes {
    fn default() -> Self {
        Self::new(Arc::default())
    }
}

impl StepTimes {
    /// An empty ledger that counts its entries in `kept`, as long as it has them.
    pub fn new(kept: Arc<AtomicUsize>) -> Self {
        Self {
            base: Instant::now(),
            kept,
            inner: Mutex::default(),
        }
    }

    /// What is known of each step that an attempt began of, in the order of the steps.
    pub fn read(&self) -> Vec<(OpNumber, StepSpent)> {
        let inner = self.inner.lock();
        let known = inner.entries.iter().filter(|entry| entry.is_known());
        known.map(|entry| (entry.op, entry.spent())).collect()
    }

    /// Forgets everything, and takes in nothing any more.
    pub fn close(&self) {
        let mut inner = self.inner.lock();
        inner.closed = true;
        let entries = std::mem::take(&mut inner.entries);
        self.kept.fetch_sub(entries.len(), Ordering::Relaxed);
    }

    /// The host begins to perform a request of this step, `synced` after the node had decided that.
    pub fn request_began(&self, op: OpNumber, synced: Duration) {
        self.request_began_at(op, nanos(synced), self.now());
    }

    /// An attempt at the request of this step took so long.
    pub fn request_ended(&self, op: OpNumber, took: Duration) {
        if let Some(entry) = self.inner.lock().entry(op, &self.kept) {
            entry.host_ns += nanos(took);
        }
    }

    /// The time.
    pub(crate) fn now(&self) -> u64 {
        self.at(Instant::now())
    }

    /// That moment as a time of the ledger.
    pub(crate) fn at(&self, moment: Instant) -> u64 {
        nanos(moment.saturating_duration_since(self.base))
    }

    /// An execution begins at `now`, `prepared` after work for it began; that is a part of its replay, if there is one.
    pub(super) fn execution_began(&self, now: u64, prepared: u64, replays: bool) {
        let mut inner = self.inner.lock();
        inner.began = Mark {
            at_ns: now.saturating_sub(prepared),
            replayed_ns: inner.replayed_ns,
        };
        if replays {
            inner.replayed_ns += prepared;
        }
    }

    /// The execution has repeated its journal, which took so long.
    pub(crate) fn replayed(&self, took: Duration) {
        self.inner.lock().replayed_ns += nanos(took);
    }

    /// The code asks for this step for the first time.
    pub(crate) fn asked(&self, op: OpNumber, now: u64) {
        self.waits(op, now);
    }

    /// The next attempt of this step may begin. During a replay it is what the run was executed again for.
    pub(crate) fn due(&self, op: OpNumber, now: u64, replaying: bool) {
        let mut inner = self.inner.lock();
        let mark = if replaying {
            inner.began
        } else {
            inner.mark(now)
        };
        if let Some(entry) = inner.entry(op, &self.kept) {
            entry.waits = Some(mark);
        }
    }

    /// The body of this step begins, in an instance that repeated code for so long since the body before.
    pub(crate) fn body_began(&self, op: OpNumber, now: u64, repeated: u64) {
        let mut inner = self.inner.lock();
        let (began, until) = (inner.began, inner.mark(now));
        if let Some(entry) = inner.entry(op, &self.kept) {
            // One that was asked for before this server knew the run waits since it is executed here.
            let since = entry.waits.take().unwrap_or(began);
            let gap = until.at_ns.saturating_sub(since.at_ns);
            let replayed = until.replayed_ns.saturating_sub(since.replayed_ns);
            let replay = (replayed + repeated).min(gap);
            entry.replay_ns += replay;
            entry.queue_ns += gap - replay;
        }
    }

    /// The body of this step is over. If the step needs another attempt it waits from now, or from when that is due.
    pub(crate) fn body_ended(&self, op: OpNumber, now: u64, spent: BodySpent) {
        let mut inner = self.inner.lock();
        let mark = inner.mark(now);
        if let Some(entry) = inner.entry(op, &self.kept) {
            entry.waits = Some(mark);
            let guest = spent.guest_ns.min(spent.total_ns);
            // Requests that a body sends at the same time wait at the same time.
            let sync = spent.sync_ns.min(spent.total_ns - guest);
            entry.guest_ns += guest;
            entry.sync_ns += sync;
            entry.host_ns += spent.total_ns - guest - sync;
        }
    }

    fn request_began_at(&self, op: OpNumber, synced: u64, now: u64) {
        if let Some(entry) = self.inner.lock().entry(op, &self.kept) {
            // The first time it waits since it was asked for, later since it was decided that it is sent again.
            let gap = match entry.waits.take() {
                Some(since) => now.saturating_sub(since.at_ns),
                None => synced,
            };
            let sync = synced.min(gap);
            entry.sync_ns += sync;
            entry.queue_ns += gap - sync;
        }
    }

    fn waits(&self, op: OpNumber, now: u64) {
        let mut inner = self.inner.lock();
        let mark = inner.mark(now);
        if let Some(entry) = inner.entry(op, &self.kept) {
            entry.waits = Some(mark);
        }
    }
}

impl Drop for StepTimes {
    fn drop(&mut self) {
        self.close();
    }
}

impl Inner {
    fn mark(&self, now: u64) -> Mark {
        Mark {
            at_ns: now,
            replayed_ns: self.replayed_ns,
        }
    }

    /// The entry of this step, made if there is room for it.
    fn entry(&mut self, op: OpNumber, kept: &AtomicUsize) -> Option<&mut Entry> {
        let at = match self.entries.last() {
            // Steps are asked for, and most execute, in the order of their numbers.
            None => Err(0),
            Some(last) if last.op < op => Err(self.entries.len()),
            Some(last) if last.op == op => Ok(self.entries.len() - 1),
            Some(_) => self.entries.binary_search_by_key(&op, |entry| entry.op),
        };
        let at = match at {
            Ok(at) => at,
            Err(_) if self.closed || self.entries.len() >= MOST_OF_A_RUN => return None,
            Err(at) => {
                kept.fetch_add(1, Ordering::Relaxed);
                self.entries.insert(at, Entry::new(op));
                at
            }
        };
        self.entries.get_mut(at)
    }
}

impl Entry {
    fn new(op: OpNumber) -> Self {
        Self {
            op,
            waits: None,
            queue_ns: 0,
            replay_ns: 0,
            guest_ns: 0,
            host_ns: 0,
            sync_ns: 0,
        }
    }

    /// Whether an attempt began: one that waits for its first has nothing to tell.
    fn is_known(&self) -> bool {
        let all = [
            self.queue_ns,
            self.replay_ns,
            self.guest_ns,
            self.host_ns,
            self.sync_ns,
        ];
        all.iter().any(|ns| *ns > 0)
    }

    fn spent(&self) -> StepSpent {
        let of = Duration::from_nanos;
        StepSpent {
            queue: of(self.queue_ns),
            replay: of(self.replay_ns),
            guest: of(self.guest_ns),
            host: of(self.host_ns),
            sync: of(self.sync_ns),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(total_ns: u64, guest_ns: u64, sync_ns: u64) -> BodySpent {
        BodySpent {
            total_ns,
            guest_ns,
            sync_ns,
        }
    }

    /// Queue, replay, guest, host and sync of the only step, in nanoseconds.
    fn parts(times: &StepTimes) -> [u128; 5] {
        let steps = times.read();
        let [(_, spent)] = steps.as_slice() else {
            panic!("one step: {steps:?}");
        };
        let all = [
            spent.queue,
            spent.replay,
            spent.guest,
            spent.host,
            spent.sync,
        ];
        all.map(|part| part.as_nanos())
    }

    #[test]
    fn the_parts_of_a_step_are_its_wait_and_its_body() {
        let times = StepTimes::default();
        times.asked(0, 1_000);
        assert_eq!(times.read(), [], "no attempt began");
        times.body_began(0, 1_300, 200);
        times.body_ended(0, 1_800, body(500, 120, 80));
        assert_eq!(parts(&times), [100, 200, 120, 300, 80]);
    }

    #[test]
    fn the_time_between_attempts_is_in_none_of_the_parts() {
        let times = StepTimes::default();
        times.asked(0, 1_000);
        times.body_began(0, 1_010, 0);
        times.body_ended(0, 1_030, body(20, 20, 0));
        times.due(0, 5_000, false);
        times.body_began(0, 5_003, 1);
        times.body_ended(0, 5_008, body(5, 5, 0));
        assert_eq!(parts(&times), [12, 1, 25, 0, 0]);
    }

    #[test]
    fn a_body_that_is_given_up_waits_at_once_for_the_next_instance() {
        let times = StepTimes::default();
        times.asked(0, 100);
        times.body_began(0, 110, 10);
        times.body_ended(0, 150, body(40, 30, 0));
        times.body_began(0, 170, 15);
        times.body_ended(0, 180, body(10, 10, 0));
        assert_eq!(parts(&times), [5, 25, 40, 10, 0]);
    }

    #[test]
    fn a_replay_counts_for_the_steps_that_waited_for_it() {
        let times = StepTimes::default();
        times.asked(0, 1_000);
        times.body_began(0, 1_001, 0);
        times.body_ended(0, 1_002, body(1, 1, 0));
        // The run leaves memory, and is executed again for the next attempt.
        times.execution_began(9_040, 40, true);
        times.due(0, 9_050, true);
        times.replayed(Duration::from_nanos(100));
        times.body_began(0, 9_200, 30);
        times.body_ended(0, 9_210, body(10, 10, 0));
        // 200 from the beginning of the execution: 40 + 100 + 30 of them repeat, 30 wait.
        assert_eq!(parts(&times), [31, 170, 11, 0, 0]);
        // A step that is asked for after that waited for no replay.
        times.asked(1, 9_300);
        times.body_began(1, 9_310, 0);
        let steps = times.read();
        assert_eq!(steps[1].1.replay, Duration::ZERO);
        assert_eq!(steps[1].1.queue, Duration::from_nanos(10));
    }

    #[test]
    fn a_step_that_another_process_asked_for_waits_since_it_is_executed_here() {
        let times = StepTimes::default();
        times.execution_began(500, 100, true);
        times.body_began(7, 650, 0);
        assert_eq!(parts(&times), [150, 100, 0, 0, 0]);
    }

    #[test]
    fn what_overlaps_is_not_counted_twice() {
        let times = StepTimes::default();
        times.asked(0, 100);
        // It repeated code already before this was asked for; two requests waited for the same sync.
        times.body_began(0, 150, 1_000);
        times.body_ended(0, 250, body(100, 30, 160));
        assert_eq!(parts(&times), [0, 50, 30, 0, 70]);
        times.due(0, 1_000, false);
        times.body_began(0, 1_000, 0);
        times.body_ended(0, 1_010, body(10, 25, 5));
        assert_eq!(parts(&times), [0, 50, 40, 0, 70]);
    }

    #[test]
    fn a_request_waits_for_its_turn_then_for_the_disk_and_then_the_host_works() {
        let times = StepTimes::default();
        times.asked(0, 1_000);
        times.request_began_at(0, 300, 1_400);
        times.request_ended(0, Duration::from_nanos(50));
        assert_eq!(parts(&times), [100, 0, 0, 50, 300]);
        // Again, later.
        times.request_began_at(0, 20, 9_000);
        times.request_ended(0, Duration::from_nanos(5));
        assert_eq!(parts(&times), [100, 0, 0, 55, 320]);
    }

    #[test]
    fn ledgers_are_bounded_and_say_how_much_they_keep() {
        let kept = Arc::new(AtomicUsize::new(0));
        let times = StepTimes::new(kept.clone());
        let most = OpNumber::try_from(MOST_OF_A_RUN).expect("a number of an operation");
        for op in (0..most + 5).rev() {
            times.asked(op, 10);
            times.body_began(op, 20, 0);
        }
        assert_eq!(times.read().len(), MOST_OF_A_RUN);
        assert!(times.read().is_sorted_by_key(|(op, _)| *op));
        assert_eq!(kept.load(Ordering::Relaxed), MOST_OF_A_RUN);
        times.close();
        times.asked(0, 30);
        times.body_began(0, 40, 0);
        assert_eq!(times.read(), []);
        assert_eq!(kept.load(Ordering::Relaxed), 0);
        let other = StepTimes::new(kept.clone());
        other.asked(0, 10);
        assert_eq!(kept.load(Ordering::Relaxed), 1);
        drop(other);
        assert_eq!(kept.load(Ordering::Relaxed), 0);
    }
}
