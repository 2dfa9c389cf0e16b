//! The node's clock: the wall clock, or one that a test moves.
//!
//! It is the only place of the node that asks what time it is.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use parking_lot::Mutex;

/// What time it is for a node. Clones share it.
#[derive(Debug, Clone)]
pub enum Clock {
    /// The machine's wall clock. It never goes back: where the machine's does, it runs on from where it was.
    Wall(Arc<Wall>),
    /// Stands still until somebody moves it.
    Virtual(Arc<AtomicU64>),
}

impl Clock {
    /// The machine's clock.
    pub fn wall() -> Self {
        Self::Wall(Arc::default())
    }

    /// A clock that stands at `at_ms`, milliseconds since the Unix epoch.
    pub fn virtual_at(at_ms: u64) -> Self {
        Self::Virtual(Arc::new(AtomicU64::new(at_ms)))
    }

    /// Milliseconds since the Unix epoch.
    pub fn now_ms(&self) -> u64 {
        match self {
            Self::Wall(wall) => {
                let now = SystemTime::now()
                    .duration_since(UNIX_EPOCH)
                    .map_or(0, |since| {
                        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
                    });
                wall.read(now)
            }
            Self::Virtual(at) => at.load(Ordering::Relaxed),
        }
    }

    /// Moves a virtual clock forward to `at_ms`; nothing moves the wall clock.
    pub fn advance_to(&self, at_ms: u64) {
        if let Self::Virtual(at) = self {
            at.fetch_max(at_ms, Ordering::Relaxed);
        }
    }

    /// Whether waiting for it by sleeping makes sense.
    pub(crate) fn runs(&self) -> bool {
        matches!(self, Self::Wall(_))
    }
}

/// The latest time that was told, and where to count from while the machine's clock is behind it.
#[derive(Debug, Default)]
pub struct Wall {
    latest: AtomicU64,
    behind: Mutex<Option<(u64, Instant)>>,
}

impl Wall {
    /// The time, when the machine's clock says `now`. A machine whose clock jumped ahead and came back must not stop the node's
    /// time: every sleep would last until the clock catches up.
    fn read(&self, now: u64) -> u64 {
        let latest = self.latest.fetch_max(now, Ordering::Relaxed);
        if now >= latest {
            return now;
        }
        let mut behind = self.behind.lock();
        let (from, since) = behind.get_or_insert_with(|| (latest, Instant::now()));
        let elapsed = u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX);
        let mut time = from.saturating_add(elapsed);
        if time < latest {
            (*from, *since) = (latest, Instant::now());
            time = latest;
        }
        self.latest.fetch_max(time, Ordering::Relaxed).max(time)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_neither_goes_back_nor_stops_when_the_machines_clock_jumps_ahead_and_returns() {
        let wall = Wall::default();
        assert_eq!(wall.read(1_000), 1_000);
        let year_ahead = 31_536_000_000;
        assert_eq!(wall.read(year_ahead), year_ahead);
        assert!(wall.read(1_001) >= year_ahead);
        let began = Instant::now();
        while began.elapsed().as_millis() < 3 {
            std::hint::spin_loop();
        }
        assert!(wall.read(1_002) > year_ahead, "time runs on");
        assert_eq!(wall.read(year_ahead + 60_000), year_ahead + 60_000);
        assert!(wall.read(2_000) >= year_ahead + 60_000);
    }
}
