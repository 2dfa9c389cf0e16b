//! What is committed while a backup is taken: the committer appends, the backup reads behind it.
//!
//! It is a file without a name beside the store, so nothing of it outlives the process, and it is cut to nothing whenever the backup has
//! caught up: it takes as much disk as the backup lags behind. It must never make a commit fail or wait for the backup: when it cannot
//! grow, the backup is given up.

use std::{
    fs::{self, File, OpenOptions},
    os::unix::fs::FileExt as _,
    path::Path,
};

use parking_lot::Mutex;

use super::format::{Row, split_row};
use crate::{
    batch::{Batch, Op},
    error::{Error, Result},
};

/// A backup that lags behind by more is given up before it fills the disk under the store: its reader is too slow.
const MOST_BYTES: u64 = 4 << 30;

/// What is read at once; larger than any row.
const READ_BYTES: usize = 1 << 20;

/// Rows in the order in which they were committed.
pub(crate) struct Spool {
    state: Mutex<State>,
}

struct State {
    file: File,
    written: u64,
    read: u64,
    /// Bytes that were ever noted, and read.
    noted: u64,
    taken: u64,
    failed: Option<Error>,
}

impl Spool {
    /// An empty one, in a directory of the disk that has the store.
    pub(crate) fn create(dir: &Path) -> Result<Self> {
        let path = dir.join("backup-spool");
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(true)
            .open(&path)
            .map_err(|error| Error::io("create", &path, error))?;
        fs::remove_file(&path).map_err(|error| Error::io("remove", &path, error))?;
        Ok(Self {
            state: Mutex::new(State {
                file,
                written: 0,
                read: 0,
                noted: 0,
                taken: 0,
                failed: None,
            }),
        })
    }

    /// Notes a committed batch. A failure is told to the backup, not to the committer.
    pub(crate) fn record(&self, batch: &Batch) {
        let mut bytes = Vec::with_capacity(batch.byte_len() + 8 * batch.len());
        for op in batch.ops() {
            let row = match op {
                Op::Put(key, value) => Row {
                    key,
                    value: Some(value),
                },
                Op::Delete(key) => Row { key, value: None },
            };
            row.append_to(&mut bytes);
        }
        let mut state = self.state.lock();
        if state.failed.is_some() {
            return;
        }
        let written = if state.written + bytes.len() as u64 > MOST_BYTES {
            Err(std::io::Error::other(
                "commits are faster than the backup is written",
            ))
        } else {
            state.file.write_all_at(&bytes, state.written)
        };
        match written {
            Ok(()) => {
                state.written += bytes.len() as u64;
                state.noted += bytes.len() as u64;
            }
            Err(error) => {
                state.failed = Some(Error::io("note commits for", "a backup", error));
                // Its blocks go back to those who need them more.
                let _ = state.file.set_len(0);
            }
        }
    }

    /// How far it is filled now, for [`Self::take`].
    pub(crate) fn filled(&self) -> u64 {
        self.state.lock().noted
    }

    /// Whole rows that were not read yet, and how many; nothing when it was read as far as it was filled once.
    pub(crate) fn take(&self, filled: u64) -> Result<Option<(u64, Vec<u8>)>> {
        let mut state = self.state.lock();
        if let Some(error) = &state.failed {
            return Err(error.clone());
        }
        if state.taken >= filled.min(state.noted) {
            return Ok(None);
        }
        let due = usize::try_from(state.written - state.read).unwrap_or(READ_BYTES);
        let reading = |error| Error::io("read", "the commits noted for a backup", error);
        let mut rows = vec![0; due.min(READ_BYTES)];
        state
            .file
            .read_exact_at(&mut rows, state.read)
            .map_err(reading)?;
        let (mut count, mut rest) = (0, &rows[..]);
        while let Some((_, after)) = split_row(rest) {
            count += 1;
            rest = after;
        }
        let whole = rows.len() - rest.len();
        if whole == 0 {
            return Err(Error::Engine {
                action: "read the commits noted for a backup",
                reason: "a row is larger than any row".to_owned(),
            });
        }
        rows.truncate(whole);
        state.read += whole as u64;
        state.taken += whole as u64;
        if state.read == state.written {
            state.file.set_len(0).map_err(reading)?;
            (state.read, state.written) = (0, 0);
        }
        Ok(Some((count, rows)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(n: u8) -> Batch {
        let mut batch = Batch::new();
        batch.put(vec![n], vec![n; 400]).delete(vec![n, n]);
        batch
    }

    #[test]
    fn rows_are_read_in_the_order_of_commits_and_what_was_read_takes_no_room() {
        let dir = tempfile::tempdir().unwrap();
        let spool = Spool::create(dir.path()).unwrap();
        assert_eq!(
            fs::read_dir(dir.path()).unwrap().count(),
            0,
            "it has no name"
        );
        assert!(spool.take(u64::MAX).unwrap().is_none());
        (1..=200).for_each(|n| spool.record(&batch(n)));
        let (count, rows) = spool.take(u64::MAX).unwrap().unwrap();
        assert_eq!(count, 400);
        let (first, rest) = split_row(&rows).unwrap();
        assert_eq!(
            (first.key, first.value.map(<[u8]>::len)),
            (&[1][..], Some(400))
        );
        let (second, _) = split_row(rest).unwrap();
        assert_eq!((second.key, second.value), (&[1, 1][..], None));
        assert!(spool.take(u64::MAX).unwrap().is_none());
        assert_eq!(spool.state.lock().file.metadata().unwrap().len(), 0);
        spool.record(&batch(7));
        assert_eq!(spool.take(u64::MAX).unwrap().unwrap().0, 2);
    }

    #[test]
    fn a_row_is_never_cut_where_a_reading_ends() {
        let dir = tempfile::tempdir().unwrap();
        let spool = Spool::create(dir.path()).unwrap();
        let batches = u64::try_from(READ_BYTES / 300).unwrap();
        (0..batches).for_each(|_| spool.record(&batch(1)));
        let mut found = 0;
        let mut readings = 0;
        while let Some((count, _)) = spool.take(u64::MAX).unwrap() {
            found += count;
            readings += 1;
        }
        assert_eq!(found, batches * 2);
        assert!(readings > 1);
    }

    #[test]
    fn what_cannot_be_noted_fails_the_backup_only() {
        let dir = tempfile::tempdir().unwrap();
        let spool = Spool::create(dir.path()).unwrap();
        spool.record(&batch(1));
        let path = dir.path().join("read-only");
        fs::write(&path, "").unwrap();
        spool.state.lock().file = File::open(&path).unwrap();
        spool.record(&batch(2));
        assert!(spool.take(u64::MAX).is_err());
    }
}
