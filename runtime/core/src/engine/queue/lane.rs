//! One lane in memory: its first runs, as many as are worth remembering, and where it stands.
//!
//! Invariant: every run of the lane whose place is at or before `covers` is in the window; `whole` says that there are no others. So the
//! store is asked for more only when the window is empty, and always after a place that is known.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::gates::Spot;
use crate::ids::RunId;
use crate::state::{Counter, LaneKey, Place, Read, ReadError, Run};

/// Runs of a lane that are remembered: a lane that moves reads the store once for so many starts.
pub(super) const WINDOW: usize = 64;

/// See the [module](self).
#[derive(Debug)]
pub(super) struct Lane {
    window: BTreeSet<Place>,
    covers: Option<Place>,
    whole: bool,
    pub spot: Spot,
    /// What the start of its runs depends on, once a run of it was read.
    pub shape: Option<Shape>,
}

/// What the start of a run depends on: the same for all runs of a lane.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Shape {
    pub counters: Arc<[Counter]>,
    pub throttle: Option<Arc<str>>,
}

impl Shape {
    pub(super) fn of(run: &Run) -> Self {
        let queue = run.queue.as_deref();
        Self {
            counters: queue.map_or_else(|| [].into(), |queue| queue.counters.as_slice().into()),
            throttle: queue.and_then(|queue| queue.throttle.clone()),
        }
    }
}

impl Lane {
    fn with(window: BTreeSet<Place>, covers: Option<Place>, whole: bool) -> Self {
        Self {
            window,
            covers,
            whole,
            spot: Spot::Hidden,
            shape: None,
        }
    }

    /// A lane that holds nothing but this run.
    pub(super) fn new(place: Place) -> Self {
        Self::with(BTreeSet::from([place]), None, true)
    }

    /// A lane of which the store said that this run is its first.
    pub(super) fn found(head: Place) -> Self {
        Self::with(BTreeSet::from([head]), Some(head), false)
    }

    /// A lane of which nothing is known.
    pub(super) fn unknown() -> Self {
        Self::with(BTreeSet::new(), None, false)
    }

    /// The place of its first run, or one before it where the store must be asked.
    pub(super) fn turn(&self) -> Place {
        let before_all = Place {
            order_ms: 0,
            run: RunId(0),
        };
        let head = self.window.first().copied();
        head.or(self.covers).unwrap_or(before_all)
    }

    /// Its first run; none if the store must be asked.
    pub(super) fn head(&self) -> Option<Place> {
        self.window.first().copied()
    }

    /// Whether it holds no run.
    pub(super) fn is_empty(&self) -> bool {
        self.whole && self.window.is_empty()
    }

    /// A run was put into it.
    pub(super) fn insert(&mut self, place: Place) {
        if self.whole || self.covers.is_some_and(|covers| place <= covers) {
            self.window.insert(place);
        }
        if self.window.len() > WINDOW {
            self.window.pop_last();
            self.covers = self.window.last().copied();
            self.whole = false;
        }
    }

    /// A run was taken out of it.
    pub(super) fn remove(&mut self, place: Place) {
        self.window.remove(&place);
    }

    /// Reads further runs if none is in memory.
    pub(super) fn refill(&mut self, key: &LaneKey, read: &dyn Read) -> Result<(), ReadError> {
        if self.whole || !self.window.is_empty() {
            return Ok(());
        }
        let page = read.queued(key, self.covers, WINDOW)?;
        self.whole = page.len() < WINDOW;
        self.covers = page.last().copied().or(self.covers);
        self.window.extend(page);
        Ok(())
    }
}
