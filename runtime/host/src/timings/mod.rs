//! Where the time of an execution went, and that of its steps.
//!
//! An execution is at work from its start to its end, but for the times in which it is parked. Of that, some is taken by replaying its journal, some by
//! its guests, some by waiting until something is durable; what is left is the host's: its own work, and waiting for what bodies
//! asked of the outside.
//!
//! - [`steps`]: the ledger of a run's steps
//! - [`turns`]: what an instance that executes bodies tells the ledger

mod steps;
mod turns;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

pub use steps::{StepSpent, StepTimes};
pub(crate) use turns::Turns;

/// The times of one execution, while it goes on and afterwards.
#[derive(Debug, Default)]
#[allow(clippy::struct_field_names, reason = "units stand last")]
pub struct Timings {
    total_ns: AtomicU64,
    replay_ns: AtomicU64,
    guest_ns: AtomicU64,
    sync_ns: AtomicU64,
    steps: Arc<StepTimes>,
}

/// Where time went.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Spent {
    /// Reading the journal and repeating it in a new instance.
    pub replay: Duration,
    /// Making instances and executing their code. Bodies that execute at once count each.
    pub guest: Duration,
    /// The host's own work, and waiting for the outside.
    pub host: Duration,
    /// Waiting until what happened is durable, before something leaves.
    pub sync: Duration,
}

impl Spent {
    /// Both together.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            replay: self.replay + other.replay,
            guest: self.guest + other.guest,
            host: self.host + other.host,
            sync: self.sync + other.sync,
        }
    }
}

impl Timings {
    /// The times of an execution whose steps are noted in this ledger.
    pub fn with_steps(steps: Arc<StepTimes>) -> Self {
        Self {
            total_ns: AtomicU64::default(),
            replay_ns: AtomicU64::default(),
            guest_ns: AtomicU64::default(),
            sync_ns: AtomicU64::default(),
            steps,
        }
    }

    /// Where the times of the run's steps are noted.
    pub fn steps(&self) -> &Arc<StepTimes> {
        &self.steps
    }

    /// What was read and prepared before the execution, which begins now; for a replay, if there is something to replay.
    pub fn prepared(&self, took: Duration, replays: bool) {
        self.steps
            .execution_began(self.steps.now(), nanos(took), replays);
        add(&self.total_ns, took);
        if replays {
            add(&self.replay_ns, took);
        }
    }

    /// The times so far.
    pub fn read(&self) -> Spent {
        let of = |ns: &AtomicU64| Duration::from_nanos(ns.load(Ordering::Relaxed));
        let (replay, guest, sync) = (of(&self.replay_ns), of(&self.guest_ns), of(&self.sync_ns));
        let host = of(&self.total_ns).saturating_sub(replay + guest + sync);
        Spent {
            replay,
            guest,
            host,
            sync,
        }
    }

    /// A guest in a task of its own had its turn, while the execution's own task waited.
    pub(crate) fn beside(&self, took: Duration) {
        add(&self.guest_ns, took);
    }

    /// A body waited until something was durable.
    pub(crate) fn synced(&self, took: Duration) {
        add(&self.sync_ns, took);
    }
}

fn add(to: &AtomicU64, took: Duration) {
    to.fetch_add(nanos(took), Ordering::Relaxed);
}

fn nanos(took: Duration) -> u64 {
    u64::try_from(took.as_nanos()).unwrap_or(u64::MAX)
}

/// Whose a lap was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lap {
    Replay,
    Guest,
    Host,
    /// Nobody's: the run was parked.
    Parked,
}

/// Measures laps: one look at the clock for each.
#[derive(Debug)]
pub(crate) struct Stopwatch(Instant);

impl Stopwatch {
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    /// When the last lap ended.
    pub(crate) fn moment(&self) -> Instant {
        self.0
    }

    /// What went by since the last lap was this.
    pub(crate) fn lap(&mut self, timings: &Timings, lap: Lap) {
        let now = Instant::now();
        let took = now.saturating_duration_since(self.0);
        self.0 = now;
        match lap {
            Lap::Parked => return,
            Lap::Replay => add(&timings.replay_ns, took),
            Lap::Guest => add(&timings.guest_ns, took),
            Lap::Host => {}
        }
        add(&timings.total_ns, took);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hosts_time_is_what_the_others_leave() {
        let timings = Timings::default();
        let ms = Duration::from_millis;
        timings.prepared(ms(5), true);
        timings.prepared(ms(30), false);
        timings.beside(ms(10));
        timings.synced(ms(4));
        let spent = timings.read();
        assert_eq!(
            [spent.replay, spent.guest, spent.host, spent.sync],
            [ms(5), ms(10), ms(16), ms(4)]
        );
        timings.beside(ms(500));
        assert_eq!(timings.read().host, Duration::ZERO);
        assert_eq!(spent.and(spent).sync, ms(8));
    }

    #[test]
    fn laps_are_added_where_they_belong_and_parked_ones_nowhere() {
        let timings = Timings::default();
        let mut watch = Stopwatch::start();
        let until_later = || {
            let began = Instant::now();
            while began.elapsed() < Duration::from_micros(50) {
                std::hint::spin_loop();
            }
        };
        until_later();
        watch.lap(&timings, Lap::Parked);
        assert_eq!(timings.read(), Spent::default());
        until_later();
        watch.lap(&timings, Lap::Guest);
        let spent = timings.read();
        assert!(spent.guest >= Duration::from_micros(50));
        assert_eq!(spent.host, Duration::ZERO);
    }
}
