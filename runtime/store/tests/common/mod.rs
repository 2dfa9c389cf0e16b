//! What the store's tests share.
#![allow(
    dead_code,
    missing_docs,
    clippy::cast_possible_truncation,
    reason = "each test binary uses a part of it"
)]

pub(crate) mod records;

use std::{ops::ControlFlow, path::Path};

use abide_store::{
    Backend, Batch, Direction, KeyRange, MemoryDisk, SledBackend, SledOptions, Store,
};

/// A place that outlives the stores opened on it.
pub(crate) trait Disk {
    fn backend(&self) -> Box<dyn Backend>;
    fn store(&self) -> Store;
}

impl Disk for MemoryDisk {
    fn backend(&self) -> Box<dyn Backend> {
        Box::new(self.open())
    }

    fn store(&self) -> Store {
        Store::in_memory(self, abide_store::Commits::InThread).unwrap()
    }
}

impl Disk for tempfile::TempDir {
    fn backend(&self) -> Box<dyn Backend> {
        Box::new(SledBackend::open(self.path(), &options()).unwrap())
    }

    fn store(&self) -> Store {
        open(self.path())
    }
}

/// Small caches, so that tests read from the disk too.
pub(crate) fn options() -> SledOptions {
    SledOptions {
        cache_bytes: 1 << 20,
        ..SledOptions::default()
    }
}

pub(crate) fn open(dir: &Path) -> Store {
    Store::open(dir, &options()).unwrap()
}

pub(crate) fn puts(rows: &[(&str, &str)]) -> Batch {
    let mut batch = Batch::new();
    for (key, value) in rows {
        batch.put(key.as_bytes().to_vec(), value.as_bytes().to_vec());
    }
    batch
}

pub(crate) fn raw_rows(
    backend: &dyn Backend,
    range: &KeyRange,
    direction: Direction,
) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut rows = Vec::new();
    backend
        .scan(range, direction, &mut |key, value| {
            rows.push((key.to_vec(), value.to_vec()));
            ControlFlow::Continue(())
        })
        .unwrap();
    rows
}

pub(crate) fn all_rows(store: &Store) -> abide_store::Result<Vec<(Vec<u8>, Vec<u8>)>> {
    let rows = store
        .view()
        .rows(&KeyRange::all(), Direction::Forward, usize::MAX)?;
    Ok(rows
        .into_iter()
        .map(|(key, value)| (key.to_vec(), value.to_vec()))
        .collect())
}

/// `SplitMix64`: the same seed, the same test.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    pub(crate) fn bytes(&mut self, len: usize) -> Vec<u8> {
        (0..len).map(|_| self.next() as u8).collect()
    }
}

/// One test for each story and backend.
#[allow(unused_macros, reason = "each test binary uses a part of it")]
macro_rules! on_both_backends {
    ($($story:ident),* $(,)?) => {
        mod memory {
            $(#[test] fn $story() { super::$story(&abide_store::MemoryDisk::new()); })*
        }
        mod sled {
            $(#[test] fn $story() { super::$story(&tempfile::tempdir().unwrap()); })*
        }
    };
}
#[allow(unused_imports, reason = "each test binary uses a part of it")]
pub(crate) use on_both_backends;
