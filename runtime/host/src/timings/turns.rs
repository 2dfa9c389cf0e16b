//! The clock of an instance that executes bodies: which of its turns were its body's, and which only led to it.
//!
//! An instance is polled in turns, by one task at a time. Its clock is told where turns, bodies and waits for the disk begin and end,
//! and needs no lock for that.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use abide_core::journal::OpNumber;

use super::nanos;
use super::steps::BodySpent;

/// See the [module](self). Times are those of a ledger of steps, in nanoseconds.
#[derive(Debug, Default)]
pub(crate) struct Turns {
    /// When the present turn began, or in it the present body, or what follows a body; 0 between turns.
    since: AtomicU64,
    /// Turns in which the instance was made, or repeated code, since the body before.
    repeated: AtomicU64,
    /// The present body: its operation, when it began, its turns, what it waited for the disk.
    op: AtomicU32,
    began: AtomicU64,
    guest: AtomicU64,
    sync: AtomicU64,
}

impl Turns {
    /// The instance is polled.
    pub(crate) fn turn_began(&self, now: u64) {
        self.since.store(now.max(1), Ordering::Relaxed);
    }

    /// It has been polled.
    pub(crate) fn turn_ended(&self, now: u64, in_body: bool) {
        self.count(now, in_body);
        self.since.store(0, Ordering::Relaxed);
    }

    /// In this turn a body begins. Says how long the instance took to come to it.
    pub(crate) fn body_began(&self, op: OpNumber, now: u64) -> u64 {
        self.count(now, false);
        self.op.store(op, Ordering::Relaxed);
        self.began.store(now.max(1), Ordering::Relaxed);
        self.guest.store(0, Ordering::Relaxed);
        self.sync.store(0, Ordering::Relaxed);
        self.repeated.swap(0, Ordering::Relaxed)
    }

    /// The body that began last is over, in a turn or between turns.
    pub(crate) fn body_ended(&self, now: u64) -> (OpNumber, BodySpent) {
        self.count(now, true);
        let began = self.began.swap(0, Ordering::Relaxed);
        let spent = BodySpent {
            total_ns: now.saturating_sub(began),
            guest_ns: self.guest.load(Ordering::Relaxed),
            sync_ns: self.sync.load(Ordering::Relaxed),
        };
        (self.op.load(Ordering::Relaxed), spent)
    }

    /// Which body executes: its beginning.
    pub(crate) fn body(&self) -> u64 {
        self.began.load(Ordering::Relaxed)
    }

    /// That body waited for the disk. A request that outlived its body says nothing of the next one.
    pub(crate) fn synced(&self, body: u64, took: Duration) {
        if self.body() == body {
            self.sync.fetch_add(nanos(took), Ordering::Relaxed);
        }
    }

    /// The turn until now was of this kind.
    fn count(&self, now: u64, in_body: bool) {
        let since = self.since.load(Ordering::Relaxed);
        if since == 0 {
            return;
        }
        let kind = if in_body { &self.guest } else { &self.repeated };
        kind.fetch_add(now.saturating_sub(since), Ordering::Relaxed);
        self.since.store(now.max(1), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spent(total_ns: u64, guest_ns: u64, sync_ns: u64) -> BodySpent {
        BodySpent {
            total_ns,
            guest_ns,
            sync_ns,
        }
    }

    #[test]
    fn bodies_of_one_turn_are_told_apart_from_what_lies_between_them() {
        let turns = Turns::default();
        turns.turn_began(100);
        assert_eq!(turns.body_began(3, 140), 40);
        assert_eq!(turns.body_ended(150), (3, spent(10, 10, 0)));
        assert_eq!(turns.body_began(4, 157), 7);
        assert_eq!(turns.body_ended(160), (4, spent(3, 3, 0)));
        turns.turn_ended(165, false);
        turns.turn_began(200);
        assert_eq!(turns.body_began(5, 202), 7);
    }

    #[test]
    fn a_body_that_waits_is_its_own_only_while_it_is_polled() {
        let turns = Turns::default();
        turns.turn_began(10);
        turns.body_began(0, 20);
        turns.turn_ended(30, true);
        turns.synced(turns.body(), Duration::from_nanos(50));
        turns.turn_began(90);
        turns.turn_ended(95, true);
        turns.turn_began(120);
        assert_eq!(turns.body_ended(121), (0, spent(101, 16, 50)));
        // Given up while nobody polled it.
        turns.body_began(1, 125);
        turns.turn_ended(130, true);
        assert_eq!(turns.body_ended(190), (1, spent(65, 5, 0)));
    }

    #[test]
    fn a_request_that_outlived_its_body_says_nothing_of_the_next() {
        let turns = Turns::default();
        turns.turn_began(10);
        turns.body_began(0, 20);
        let before = turns.body();
        turns.body_ended(25);
        turns.body_began(1, 30);
        turns.synced(before, Duration::from_nanos(500));
        assert_eq!(turns.body_ended(40), (1, spent(10, 10, 0)));
    }
}
