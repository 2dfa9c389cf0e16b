//! The witness: a small file outside sled that knows how far the log must reach.
//!
//! It is written after every sync of the log, so it never promises more than the log holds. It is not synced itself: after a power cut it may
//! be some seconds old, which only makes the check weaker. Two slots are written in turn; a torn one is ignored.
//!
//! ```text
//! slot n at byte n * 4096, 64 bytes, integers LE:
//! magic "ABWT" | version u8 | flags u8 | 0 u16 | sequence u64 | commit u64 | stable lsn i64 | file length u64 | segments crc u64 | free [u32; 3] | crc32 u32
//! free: the first free segments of the log, each as its index plus one, 0 = none: the next commit may tear them
//! flags: 1 = orderly end, length and segments crc are valid; 2 = an open is under way
//! ```

use std::{
    fs::{self, File, OpenOptions},
    io,
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
};

use crate::error::{Error, Result};

const MAGIC: [u8; 4] = *b"ABWT";
const VERSION: u8 = 1;
const SLOT_LEN: usize = 64;
const SLOT_DISTANCE: u64 = 4096;
const FLAG_CLEAN: u8 = 1;
const FLAG_OPENING: u8 = 2;

/// What the witness says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Testimony {
    /// The newest commit that may have been acknowledged.
    pub(super) commit: u64,
    /// The log holds everything up to here; -1 for a new log.
    pub(super) stable_lsn: i64,
    /// Whether the log was left in order.
    pub(super) state: State,
    /// Segments that hold nothing of use.
    pub(super) free: FreeSegments,
}

/// The first free segments of the log: the ones that sled fills next. As indexes plus one; 0 for none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct FreeSegments([u32; 3]);

impl FreeSegments {
    /// The first few of these indexes.
    pub(super) fn first_of(indexes: impl Iterator<Item = u64>) -> Self {
        let mut free = Self::default();
        for (place, index) in free.0.iter_mut().zip(indexes) {
            *place = u32::try_from(index + 1).unwrap_or(0);
        }
        free
    }

    /// Whether the segment with this index is known to be free.
    pub(super) fn contains(&self, index: u64) -> bool {
        self.0
            .iter()
            .any(|&place| place != 0 && u64::from(place) == index + 1)
    }
}

/// How the log was left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// In use, or its process died.
    Running,
    /// An open was under way: sled may have zeroed a part of a free segment.
    Opening,
    /// Closed in order; nothing changed the log since.
    Clean(Census),
}

/// The shape of a log at rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Census {
    /// The length of the `db` file.
    pub(super) file_len: u64,
    /// A checksum over all segment headers.
    pub(super) segments_crc: u64,
}

impl Testimony {
    /// What the witness of a new store says.
    pub(super) const NEW: Self = Self {
        commit: 0,
        stable_lsn: -1,
        state: State::Running,
        free: FreeSegments([0; 3]),
    };

    fn encode(&self, sequence: u64) -> [u8; SLOT_LEN] {
        let (flags, census) = match self.state {
            State::Running => (0, None),
            State::Opening => (FLAG_OPENING, None),
            State::Clean(census) => (FLAG_CLEAN, Some(census)),
        };
        let mut slot = [0; SLOT_LEN];
        slot[..4].copy_from_slice(&MAGIC);
        slot[4] = VERSION;
        slot[5] = flags;
        slot[8..16].copy_from_slice(&sequence.to_le_bytes());
        slot[16..24].copy_from_slice(&self.commit.to_le_bytes());
        slot[24..32].copy_from_slice(&self.stable_lsn.to_le_bytes());
        if let Some(census) = census {
            slot[32..40].copy_from_slice(&census.file_len.to_le_bytes());
            slot[40..48].copy_from_slice(&census.segments_crc.to_le_bytes());
        }
        for (bytes, place) in slot[48..60].chunks_exact_mut(4).zip(self.free.0) {
            bytes.copy_from_slice(&place.to_le_bytes());
        }
        let crc = crc32fast::hash(&slot[..60]);
        slot[60..].copy_from_slice(&crc.to_le_bytes());
        slot
    }

    fn decode(slot: &[u8; SLOT_LEN]) -> Option<(u64, Self)> {
        let u64_at = |at: usize| slot[at..at + 8].try_into().map(u64::from_le_bytes).ok();
        let crc = slot[60..].try_into().map(u32::from_le_bytes).ok()?;
        if slot[..4] != MAGIC || slot[4] != VERSION || crc32fast::hash(&slot[..60]) != crc {
            return None;
        }
        let state = match slot[5] {
            0 => State::Running,
            FLAG_OPENING => State::Opening,
            FLAG_CLEAN => State::Clean(Census {
                file_len: u64_at(32)?,
                segments_crc: u64_at(40)?,
            }),
            _ => return None,
        };
        let testimony = Self {
            commit: u64_at(16)?,
            stable_lsn: u64_at(24)?.cast_signed(),
            state,
            free: FreeSegments(
                [48, 52, 56].map(|at| slot[at..at + 4].try_into().map_or(0, u32::from_le_bytes)),
            ),
        };
        Some((u64_at(8)?, testimony))
    }
}

/// The open witness file.
#[derive(Debug)]
pub(super) struct Witness {
    file: File,
    path: PathBuf,
    sequence: u64,
}

impl Witness {
    /// Reads the witness; `None` when there is no such file.
    pub(super) fn open(path: &Path) -> Result<Option<(Self, Testimony)>> {
        let file = match OpenOptions::new().read(true).write(true).open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Error::io("open", path, error)),
        };
        let newest = [0, 1]
            .into_iter()
            .filter_map(|slot| {
                let mut bytes = [0; SLOT_LEN];
                file.read_exact_at(&mut bytes, slot * SLOT_DISTANCE).ok()?;
                Testimony::decode(&bytes)
            })
            .max_by_key(|(sequence, _)| *sequence);
        let Some((sequence, testimony)) = newest else {
            return Err(Error::Damaged {
                file: path.to_owned(),
                offset: None,
                reason: "neither of its two records can be read, so nobody knows which commits the log must hold".to_owned(),
            });
        };
        let witness = Self {
            file,
            path: path.to_owned(),
            sequence,
        };
        Ok(Some((witness, testimony)))
    }

    /// Creates the witness of a new store, whole or not at all (the caller syncs the directory).
    pub(super) fn create(path: &Path) -> Result<Self> {
        let unfinished = path.with_extension("new");
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(true)
            .open(&unfinished)
            .map_err(|error| Error::io("create", &unfinished, error))?;
        let mut witness = Self {
            file,
            path: path.to_owned(),
            sequence: 0,
        };
        // Both slots, so that a later torn write always leaves one.
        witness.record(&Testimony::NEW)?;
        witness.record_durably(&Testimony::NEW)?;
        fs::rename(&unfinished, path).map_err(|error| Error::io("rename", &unfinished, error))?;
        Ok(witness)
    }

    /// Writes the next record; it survives the death of the process, but perhaps not a power cut.
    pub(super) fn record(&mut self, testimony: &Testimony) -> Result<()> {
        self.sequence += 1;
        let slot = self.sequence % 2 * SLOT_DISTANCE;
        self.file
            .write_all_at(&testimony.encode(self.sequence), slot)
            .map_err(|error| Error::io("write", &self.path, error))
    }

    /// Writes the next record and syncs it.
    pub(super) fn record_durably(&mut self, testimony: &Testimony) -> Result<()> {
        self.record(testimony)?;
        self.file
            .sync_all()
            .map_err(|error| Error::io("sync", &self.path, error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn testimony(commit: u64) -> Testimony {
        Testimony {
            commit,
            stable_lsn: 100 + commit.cast_signed(),
            state: State::Running,
            free: FreeSegments::first_of([0, commit, 7, 9].into_iter()),
        }
    }

    #[test]
    fn the_newest_record_wins_and_a_torn_one_is_ignored() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("commits");
        assert!(Witness::open(&path).unwrap().is_none());
        let mut witness = Witness::create(&path).unwrap();
        for commit in 1..10 {
            witness.record(&testimony(commit)).unwrap();
            assert_eq!(Witness::open(&path).unwrap().unwrap().1, testimony(commit));
        }
        let newest = witness.sequence % 2 * SLOT_DISTANCE;
        witness.file.write_all_at(b"x", newest + 20).unwrap();
        assert_eq!(Witness::open(&path).unwrap().unwrap().1, testimony(8));
        witness
            .file
            .write_all_at(b"x", (SLOT_DISTANCE - newest) + 20)
            .unwrap();
        assert!(matches!(Witness::open(&path), Err(Error::Damaged { .. })));
    }

    #[test]
    fn free_segments_are_known_by_index() {
        let free = FreeSegments::first_of([0, 5].into_iter());
        let known: Vec<u64> = (0..10).filter(|index| free.contains(*index)).collect();
        assert_eq!(known, [0, 5]);
    }

    #[test]
    fn an_orderly_end_keeps_the_shape_of_the_log() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("commits");
        let census = Census {
            file_len: 9,
            segments_crc: 8,
        };
        let end = Testimony {
            state: State::Clean(census),
            ..testimony(3)
        };
        Witness::create(&path)
            .unwrap()
            .record_durably(&end)
            .unwrap();
        assert_eq!(Witness::open(&path).unwrap().unwrap().1, end);
    }
}
