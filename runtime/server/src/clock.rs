//! The node's clock: the wall clock, or one that a test moves.
//!
//! It is the only place of the node that asks what time it is.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// What time it is for a node. Clones share it.
#[derive(Debug, Clone)]
pub enum Clock {
    /// The machine's wall clock. It never goes back: where the machine's does, it stands still.
    Wall(Arc<AtomicU64>),
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
            Self::Wall(latest) => {
                let now = SystemTime::now()
                    .duration_since(UNIX_EPOCH)
                    .map_or(0, |since| {
                        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
                    });
                latest.fetch_max(now, Ordering::Relaxed).max(now)
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
