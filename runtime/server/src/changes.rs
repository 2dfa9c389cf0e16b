//! What changed lately: a bounded memory, so that a client whose connection broke can go on where it was.
//!
//! It holds ids only; what a run looks like is read when it is shown. Invariant: a change is noted after it became durable, and positions
//! rise by one with each.

use std::collections::VecDeque;

use abide_core::engine::Notice;
use abide_core::ids::{EventId, RunId};
use parking_lot::Mutex;
use tokio::sync::watch;

/// Changes that are remembered: some seconds of a busy node, hours of a quiet one.
const REMEMBERED: usize = 16_384;

/// What changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Change {
    /// An event was accepted.
    Event(EventId),
    /// A run was created, or stands elsewhere.
    Run(RunId),
}

impl Change {
    /// What a notice tells.
    pub(crate) fn of(notice: &Notice) -> Option<Self> {
        match notice {
            Notice::Event(event) => Some(Self::Event(*event)),
            Notice::Run { run, .. } => Some(Self::Run(*run)),
            Notice::Grew(_) | Notice::Undecided(_) | Notice::Poisonous { .. } => None,
        }
    }
}

/// The latest changes of a node.
#[derive(Debug)]
pub(crate) struct Changes {
    /// Which life of the node it is: positions mean nothing to another one.
    life: u64,
    latest: Mutex<VecDeque<Change>>,
    /// How many there have been.
    count: watch::Sender<u64>,
}

/// The position after a change is known to this node no more, or never was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Forgotten;

impl Changes {
    /// Of a node whose life is told by its seed. Clients see a digest of it: the seed itself tells which ids come next.
    pub(crate) fn of_seed(seed: u64) -> Self {
        let digest = abide_host::digest_of(&seed.to_be_bytes()).0;
        let life = digest.iter().take(8);
        Self::new(life.fold(0, |life, byte| (life << 8) | u64::from(*byte)))
    }

    fn new(life: u64) -> Self {
        Self {
            life,
            latest: Mutex::default(),
            count: watch::channel(0).0,
        }
    }

    /// Notes a change. It never blocks for long.
    pub(crate) fn note(&self, change: Change) {
        let mut latest = self.latest.lock();
        if latest.len() == REMEMBERED {
            latest.pop_front();
        }
        latest.push_back(change);
        self.count.send_modify(|count| *count += 1);
    }

    /// The position now, which changes whenever something does.
    pub(crate) fn watch(&self) -> watch::Receiver<u64> {
        self.count.subscribe()
    }

    /// The position now, as clients get it.
    pub(crate) fn present(&self) -> String {
        self.name(*self.count.borrow())
    }

    /// A position as clients get it.
    pub(crate) fn name(&self, position: u64) -> String {
        format!("{:016x}-{position}", self.life)
    }

    /// The position that was named so, if it can be gone on from.
    pub(crate) fn position(&self, name: &str) -> Result<u64, Forgotten> {
        let (life, position) = name.split_once('-').ok_or(Forgotten)?;
        let position: u64 = position.parse().map_err(|_| Forgotten)?;
        let ours = life == format!("{:016x}", self.life);
        if !ours || position > *self.count.borrow() {
            return Err(Forgotten);
        }
        self.after(position, 1).map(|_| position)
    }

    /// Up to `most` changes after a position, and the position behind them.
    pub(crate) fn after(
        &self,
        position: u64,
        most: usize,
    ) -> Result<(Vec<Change>, u64), Forgotten> {
        let latest = self.latest.lock();
        let count = *self.count.borrow();
        let behind = usize::try_from(count.saturating_sub(position)).unwrap_or(usize::MAX);
        let from = latest.len().checked_sub(behind).ok_or(Forgotten)?;
        let changes: Vec<_> = latest.iter().skip(from).take(most).copied().collect();
        let position = position + changes.len() as u64;
        Ok((changes, position))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(number: u128) -> Change {
        Change::Event(EventId(number))
    }

    #[test]
    fn whoever_names_a_position_gets_what_came_after_it() {
        let changes = Changes::new(7);
        (0..5).for_each(|number| changes.note(event(number)));
        let position = changes.position(&changes.name(2)).expect("it is known");
        let (found, now) = changes.after(position, 2).expect("it is remembered");
        assert_eq!(found, [event(2), event(3)]);
        let (rest, now) = changes.after(now, 9).expect("it is remembered");
        assert_eq!((rest, now), (vec![event(4)], 5));
        assert_eq!(changes.after(5, 9), Ok((Vec::new(), 5)));
    }

    #[test]
    fn positions_of_another_life_or_too_long_ago_are_forgotten() {
        let changes = Changes::new(7);
        let most = REMEMBERED as u128;
        (0..most + 3).for_each(|number| changes.note(event(number)));
        assert_eq!(changes.position(&changes.name(2)), Err(Forgotten));
        assert_eq!(changes.position(&changes.name(3)), Ok(3));
        assert_eq!(changes.after(3, 1), Ok((vec![event(3)], 4)));
        let elsewhere = Changes::new(8).name(0);
        for name in [elsewhere.as_str(), &changes.name(99_999), "", "x-1", "-"] {
            assert_eq!(changes.position(name), Err(Forgotten), "{name}");
        }
    }
}
