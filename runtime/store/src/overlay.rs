//! The overlay: writes that were submitted but not yet applied, so that whoever submits reads its own writes.
//!
//! Invariant: a write is in the overlay from its submission until the backend shows it (or the store fails). A reader that looks into the
//! overlay first and into the backend second therefore misses nothing.

use std::collections::BTreeMap;

use bytes::Bytes;
use parking_lot::RwLock;

use crate::{
    backend::{Direction, KeyRange},
    batch::Op,
};

/// A pending write: the value, or `None` for a removal.
type Pending = Option<Bytes>;

#[derive(Debug, Default)]
pub(crate) struct Overlay {
    pending: RwLock<BTreeMap<Bytes, (u64, Pending)>>,
}

impl Overlay {
    /// Adds the writes of one submission.
    pub(crate) fn add(&self, sequence: u64, ops: &[Op]) {
        let mut pending = self.pending.write();
        for op in ops {
            match op {
                Op::Put(key, value) => pending.insert(key.clone(), (sequence, Some(value.clone()))),
                Op::Delete(key) => pending.insert(key.clone(), (sequence, None)),
            };
        }
    }

    /// Forgets the writes to these keys that came with submissions up to `sequence`: the backend shows them now.
    pub(crate) fn forget<'a>(&self, sequence: u64, keys: impl Iterator<Item = &'a Bytes>) {
        let mut pending = self.pending.write();
        for key in keys {
            if pending.get(key).is_some_and(|(last, _)| *last <= sequence) {
                pending.remove(key);
            }
        }
    }

    /// The pending write to a key.
    pub(crate) fn get(&self, key: &[u8]) -> Option<Pending> {
        self.pending.read().get(key).map(|(_, value)| value.clone())
    }

    /// The first `limit` pending writes of a scan.
    pub(crate) fn range(
        &self,
        range: &KeyRange,
        direction: Direction,
        limit: usize,
    ) -> Vec<(Bytes, Pending)> {
        if range.is_empty() {
            return Vec::new();
        }
        let pending = self.pending.read();
        let rows = pending.range::<[u8], _>(range.bounds());
        let copy = |(key, (_, value)): (&Bytes, &(u64, Pending))| (key.clone(), value.clone());
        match direction {
            Direction::Forward => rows.take(limit).map(copy).collect(),
            Direction::Backward => rows.rev().take(limit).map(copy).collect(),
        }
    }

    /// The number of keys with pending writes.
    pub(crate) fn len(&self) -> usize {
        self.pending.read().len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_newer_write_survives_the_forgetting_of_an_older_one() {
        let overlay = Overlay::default();
        let key = Bytes::from_static(b"k");
        let put = |value: &'static [u8]| [Op::Put(key.clone(), Bytes::from_static(value))];
        overlay.add(1, &put(b"old"));
        overlay.add(2, &put(b"new"));
        overlay.forget(1, std::iter::once(&key));
        assert_eq!(overlay.get(b"k"), Some(Some(Bytes::from_static(b"new"))));
        overlay.forget(2, std::iter::once(&key));
        assert_eq!(overlay.get(b"k"), None);
    }
}
