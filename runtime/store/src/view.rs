//! The view: reads that see every submitted write at once, whether or not it is durable or even applied.
//!
//! Whoever shows what a view returned to the outside must wait for [`crate::Store::read_barrier`] first.

use std::{collections::BTreeSet, ops::ControlFlow, sync::Arc};

use bytes::Bytes;

use crate::{
    backend::{Backend, Direction, KeyRange},
    blobs::{BlobRef, Found},
    committer::Committer,
    envelope::{self, Stored},
    error::{Error, Result},
};

/// The first step of a scan; later ones grow, so that a short scan reads little and a long one pays little for each step.
const FIRST_STEP: usize = 16;
const LARGEST_STEP: usize = 512;

/// What a reader does while a payload file cannot be opened for want of descriptors or memory: it is told how often that happened in a row,
/// waits a while, and says whether to try again.
pub type Patience = Arc<dyn Fn(u32) -> bool + Send + Sync>;

/// Reads over the backend and everything submitted. Cheap to clone.
#[derive(Clone)]
pub struct View {
    committer: Arc<Committer>,
    patience: Option<Patience>,
}

/// A row of the backend, undecoded.
type RawRow = (Bytes, Vec<u8>);
/// A submitted write: the value, or `None` for a removal.
type PendingRow = (Bytes, Option<Bytes>);

impl View {
    pub(crate) fn new(committer: Arc<Committer>) -> Self {
        Self {
            committer,
            patience: None,
        }
    }

    /// The same for a reader that cannot leave a question open: where the machine lacks what it has again later, it asks again.
    #[must_use]
    pub fn patient(self, patience: Patience) -> Self {
        Self {
            patience: Some(patience),
            ..self
        }
    }

    /// The value of a key.
    pub fn get(&self, key: &[u8]) -> Result<Option<Bytes>> {
        if let Some(pending) = self.committer.overlay.get(key) {
            return Ok(pending);
        }
        let Some(row) = self.committer.backend.get(key)? else {
            return Ok(None);
        };
        self.value(key, row)
    }

    /// Whether a key has a value. Does not read the value's payload.
    pub fn contains(&self, key: &[u8]) -> Result<bool> {
        match self.committer.overlay.get(key) {
            Some(pending) => Ok(pending.is_some()),
            None => Ok(self.committer.backend.get(key)?.is_some()),
        }
    }

    /// Visits the rows of a range in order until the visitor breaks.
    pub fn scan(
        &self,
        range: &KeyRange,
        direction: Direction,
        mut visit: impl FnMut(Bytes, Bytes) -> ControlFlow<()>,
    ) -> Result<()> {
        let mut range = range.clone();
        let mut step = FIRST_STEP;
        while !range.is_empty() {
            // The overlay first: a write that is applied in between is then seen twice instead of never.
            let pending = self.committer.overlay.range(&range, direction, step);
            let stored = raw_rows(&*self.committer.backend, &range, direction, step)?;
            let end = earlier_end(&pending, &stored, direction, step);
            if self.merge(pending, stored, end.as_ref(), direction, &mut visit)?
                == ControlFlow::Break(())
            {
                return Ok(());
            }
            let Some(end) = end else {
                return Ok(());
            };
            range = range.after(end, direction);
            step = (step * 2).min(LARGEST_STEP);
        }
        Ok(())
    }

    /// The first `limit` rows of a range.
    pub fn rows(
        &self,
        range: &KeyRange,
        direction: Direction,
        limit: usize,
    ) -> Result<Vec<(Bytes, Bytes)>> {
        let mut rows = Vec::new();
        if limit == 0 {
            return Ok(rows);
        }
        self.scan(range, direction, |key, value| {
            rows.push((key, value));
            if rows.len() == limit {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        })?;
        Ok(rows)
    }

    /// The keys of a range in order, without a look at the values.
    pub(crate) fn keys_in(&self, range: &KeyRange) -> Result<BTreeSet<Bytes>> {
        let committer = &self.committer;
        // The overlay first, for the same reason as in a scan.
        let pending = committer
            .overlay
            .range(range, Direction::Forward, usize::MAX);
        let mut keys = BTreeSet::new();
        committer
            .backend
            .scan(range, Direction::Forward, &mut |key, _| {
                keys.insert(Bytes::copy_from_slice(key));
                ControlFlow::Continue(())
            })?;
        for (key, value) in pending {
            match value {
                Some(_) => keys.insert(key),
                None => keys.remove(&key),
            };
        }
        Ok(keys)
    }

    /// Visits the rows of both lists in order, up to and including `end`; a pending write hides the stored row.
    fn merge(
        &self,
        pending: Vec<PendingRow>,
        stored: Vec<RawRow>,
        end: Option<&Bytes>,
        direction: Direction,
        visit: &mut impl FnMut(Bytes, Bytes) -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>> {
        let mut pending = pending.into_iter().peekable();
        let mut stored = stored.into_iter().peekable();
        loop {
            let pending_is_next = match (pending.peek(), stored.peek()) {
                (None, None) => return Ok(ControlFlow::Continue(())),
                (Some(_), None) => true,
                (None, Some(_)) => false,
                (Some((pending_key, _)), Some((stored_key, _))) => {
                    if pending_key == stored_key {
                        stored.next();
                        continue;
                    }
                    precedes(pending_key, stored_key, direction)
                }
            };
            let (key, value) = if pending_is_next {
                let Some(row) = pending.next() else { continue };
                row
            } else {
                let Some((key, row)) = stored.next() else {
                    continue;
                };
                if end.is_some_and(|end| precedes(end, &key, direction)) {
                    return Ok(ControlFlow::Continue(()));
                }
                let value = self.value(&key, row)?;
                (key, value)
            };
            if end.is_some_and(|end| precedes(end, &key, direction)) {
                return Ok(ControlFlow::Continue(()));
            }
            if let Some(value) = value
                && visit(key, value) == ControlFlow::Break(())
            {
                return Ok(ControlFlow::Break(()));
            }
        }
    }

    /// Takes the value out of a row. `None` only when the row was removed while its payload was being read.
    fn value(&self, key: &[u8], row: Vec<u8>) -> Result<Option<Bytes>> {
        let mut row = row;
        loop {
            let blob = match envelope::decode(key, row)? {
                Stored::Inline(value) => return Ok(Some(value)),
                Stored::Blob(blob) => blob,
            };
            match self.payload(&blob)? {
                Found::Value(value) => return Ok(Some(value)),
                Found::Damaged(reason) => return Err(payload_error(key, &blob, &reason)),
                Found::Missing => {}
            }
            // Perhaps the row was replaced and the payload swept since: then the row no longer refers to it.
            match self.committer.backend.get(key)? {
                None => return Ok(None),
                Some(again) if envelope::reference(key, &again)? == Some(blob) => {
                    return Err(payload_error(key, &blob, "the file is missing"));
                }
                Some(again) => row = again,
            }
        }
    }

    fn payload(&self, blob: &BlobRef) -> Result<Found> {
        let mut failures = 0;
        loop {
            match (self.committer.blobs.get(blob), &self.patience) {
                (Err(error), Some(again)) if error.is_transient() && again(failures) => {
                    failures += 1;
                }
                (found, _) => return found,
            }
        }
    }
}

fn payload_error(key: &[u8], blob: &BlobRef, reason: &str) -> Error {
    Error::corrupt(
        key,
        format!("its payload file {}: {reason}", hex::encode(blob.sha256)),
    )
}

fn raw_rows(
    backend: &dyn Backend,
    range: &KeyRange,
    direction: Direction,
    limit: usize,
) -> Result<Vec<RawRow>> {
    let mut rows = Vec::new();
    backend.scan(range, direction, &mut |key, value| {
        rows.push((Bytes::copy_from_slice(key), value.to_vec()));
        if rows.len() == limit {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    })?;
    Ok(rows)
}

/// The key up to which both lists are complete; `None` when both reach the end of the range.
fn earlier_end(
    pending: &[PendingRow],
    stored: &[RawRow],
    direction: Direction,
    limit: usize,
) -> Option<Bytes> {
    let pending_end = (pending.len() == limit)
        .then(|| pending.last().map(|(key, _)| key))
        .flatten();
    let stored_end = (stored.len() == limit)
        .then(|| stored.last().map(|(key, _)| key))
        .flatten();
    match (pending_end, stored_end) {
        (Some(a), Some(b)) => Some(if precedes(a, b, direction) { a } else { b }.clone()),
        (end, None) | (None, end) => end.cloned(),
    }
}

fn precedes(a: &Bytes, b: &Bytes, direction: Direction) -> bool {
    match direction {
        Direction::Forward => a < b,
        Direction::Backward => a > b,
    }
}
