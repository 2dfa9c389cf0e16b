//! The narrow trait that every storage engine implements: get, ordered scan, atomic durable commit, watch.
//!
//! A backend moves opaque bytes. It knows nothing of checksums, payload files, grouping or what the rows mean.
//!
//! Invariants that the contract suite checks on every backend:
//! - when [`Backend::commit`] returns `Ok`, the whole batch survives a power cut; when it returns an error, either the whole batch or nothing of it
//!   was applied, and the caller must treat the store as lost until it is opened again;
//! - scans return keys in byte order, each row either before or after a concurrent commit, never half;
//! - keys that start with a zero byte belong to the backend and are invisible.

use std::{
    ops::{Bound, ControlFlow},
    sync::Arc,
};

use bytes::Bytes;

use crate::{
    batch::Batch,
    error::{Error, PrintedKey, Result},
};

/// The order of a scan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// From the lowest key to the highest.
    Forward,
    /// From the highest key to the lowest.
    Backward,
}

/// A range of keys in byte order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRange {
    /// The lower end.
    pub start: Bound<Bytes>,
    /// The upper end.
    pub end: Bound<Bytes>,
}

impl KeyRange {
    /// Every key.
    pub fn all() -> Self {
        Self {
            start: Bound::Unbounded,
            end: Bound::Unbounded,
        }
    }

    /// The keys that start with `prefix`.
    pub fn prefix(prefix: impl Into<Bytes>) -> Self {
        let prefix = prefix.into();
        let end = match successor(&prefix) {
            Some(end) => Bound::Excluded(end),
            None => Bound::Unbounded,
        };
        Self {
            start: Bound::Included(prefix),
            end,
        }
    }

    /// The keys from `start` (included) to `end` (excluded).
    pub fn half_open(start: impl Into<Bytes>, end: impl Into<Bytes>) -> Self {
        Self {
            start: Bound::Included(start.into()),
            end: Bound::Excluded(end.into()),
        }
    }

    /// Whether no key can lie in the range; such a range may not be handed to an ordered map.
    pub fn is_empty(&self) -> bool {
        match (&self.start, &self.end) {
            (Bound::Included(a), Bound::Included(b)) => a > b,
            (Bound::Included(a) | Bound::Excluded(a), Bound::Included(b) | Bound::Excluded(b)) => {
                a >= b
            }
            (Bound::Unbounded, _) | (_, Bound::Unbounded) => false,
        }
    }

    /// The bounds as slices, for ordered maps.
    pub fn bounds(&self) -> (Bound<&[u8]>, Bound<&[u8]>) {
        (
            self.start.as_ref().map(|key| &**key),
            self.end.as_ref().map(|key| &**key),
        )
    }

    /// What is left of the range after `key` was visited in `direction`.
    #[must_use]
    pub fn after(&self, key: Bytes, direction: Direction) -> Self {
        match direction {
            Direction::Forward => Self {
                start: Bound::Excluded(key),
                end: self.end.clone(),
            },
            Direction::Backward => Self {
                start: self.start.clone(),
                end: Bound::Excluded(key),
            },
        }
    }
}

/// The lowest key above every key with this prefix; `None` when the prefix is empty or all ones.
fn successor(prefix: &[u8]) -> Option<Bytes> {
    let last = prefix.iter().rposition(|byte| *byte != u8::MAX)?;
    let mut end = prefix[..=last].to_vec();
    end[last] += 1;
    Some(end.into())
}

/// Receives the rows of a scan; breaks to end it early.
pub type Visitor<'a> = &'a mut dyn FnMut(&[u8], &[u8]) -> ControlFlow<()>;

/// Visits all rows in order, some at once, so that the backend is free for others in between. `between` may end it after each step; whether
/// all rows were visited is the answer.
pub(crate) fn visit_in_steps(
    backend: &dyn Backend,
    rows_in_step: usize,
    mut visit: impl FnMut(&[u8], &[u8]) -> Result<()>,
    mut between: impl FnMut() -> ControlFlow<()>,
) -> Result<bool> {
    let mut range = KeyRange::all();
    loop {
        let mut rows = 0;
        let mut last = None;
        let mut outcome = Ok(());
        backend.scan(&range, Direction::Forward, &mut |key, row| {
            rows += 1;
            outcome = visit(key, row);
            if rows == rows_in_step || outcome.is_err() {
                last = Some(Bytes::copy_from_slice(key));
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        })?;
        outcome?;
        let Some(last) = last else {
            return Ok(true);
        };
        if between() == ControlFlow::Break(()) {
            return Ok(false);
        }
        range = range.after(last, Direction::Forward);
    }
}

/// An ordered key-value engine with atomic durable commits.
pub trait Backend: Send + Sync + 'static {
    /// The value of a key.
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>>;

    /// Visits the rows of the range in order. The visitor must not commit to the same backend.
    fn scan(&self, range: &KeyRange, direction: Direction, visit: Visitor<'_>) -> Result<()>;

    /// Applies the batch atomically and returns its commit number when it is durable. Commit numbers rise by one.
    fn commit(&self, batch: &Batch) -> Result<u64>;

    /// The commit counter, for everyone who waits for news.
    fn watch(&self) -> Arc<CommitWatch>;

    /// Makes an orderly end: nothing is lost without it, but the next open may have less to check. Idempotent.
    fn close(&self) -> Result<()>;
}

/// The number of the newest durable commit, which can be awaited.
#[derive(Debug, Default)]
pub struct CommitWatch {
    newest: parking_lot::Mutex<u64>,
    changed: parking_lot::Condvar,
}

impl CommitWatch {
    /// A watch that starts at a recovered commit number.
    pub(crate) fn starting_at(commit: u64) -> Self {
        Self {
            newest: parking_lot::Mutex::new(commit),
            changed: parking_lot::Condvar::new(),
        }
    }

    /// The newest durable commit.
    pub fn newest(&self) -> u64 {
        *self.newest.lock()
    }

    /// Blocks until a commit after `seen` is durable and returns its number; `None` when `timeout` passes first.
    pub fn wait_after(&self, seen: u64, timeout: std::time::Duration) -> Option<u64> {
        let mut newest = self.newest.lock();
        let deadline = std::time::Instant::now() + timeout;
        while *newest <= seen {
            if self.changed.wait_until(&mut newest, deadline).timed_out() {
                return None;
            }
        }
        Some(*newest)
    }

    pub(crate) fn publish(&self, commit: u64) {
        *self.newest.lock() = commit;
        self.changed.notify_all();
    }
}

/// Refuses keys that are empty or belong to the backend.
pub(crate) fn check_key(key: &[u8]) -> Result<()> {
    match key.first() {
        Some(0) | None => Err(Error::ReservedKey {
            key: PrintedKey::from(key),
        }),
        Some(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_range_ends_before_the_next_prefix() {
        assert_eq!(
            KeyRange::prefix(&b"ab"[..]).end,
            Bound::Excluded(Bytes::from_static(b"ac"))
        );
        assert_eq!(
            KeyRange::prefix(&b"a\xff\xff"[..]).end,
            Bound::Excluded(Bytes::from_static(b"b"))
        );
        assert_eq!(KeyRange::prefix(&b"\xff"[..]).end, Bound::Unbounded);
    }

    #[test]
    fn ranges_without_a_possible_key_are_recognised() {
        let range = |start, end| KeyRange { start, end };
        let (a, b) = (Bytes::from_static(b"a"), Bytes::from_static(b"b"));
        assert!(range(Bound::Included(b.clone()), Bound::Included(a.clone())).is_empty());
        assert!(range(Bound::Excluded(a.clone()), Bound::Excluded(a.clone())).is_empty());
        assert!(!range(Bound::Included(a.clone()), Bound::Included(a.clone())).is_empty());
        assert!(!range(Bound::Excluded(a), Bound::Unbounded).is_empty());
    }
}
