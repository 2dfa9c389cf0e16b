//! Rows as no program wrote them: arbitrary bytes, and real rows of every kind with bits flipped and bytes gone. Reading one ends
//! in a record or in an error, never in a panic, and never in an allocation that its bytes do not justify.
//!
//! The real rows are those of the recorded fixtures. A row's checksum would refuse every change, so it is made anew: what is tried
//! here is what comes behind it.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::fs;
use std::path::Path;
use std::sync::OnceLock;

use abide_store::inspect;
use bytes::Bytes;
use proptest::prelude::*;
use proptest::sample::Index;

/// The largest that may be allocated at once for a row of a few kilobytes: serde trusts a length up to 1 MiB.
const MOST_AT_ONCE: usize = 2 << 20;

/// Where the payload of a row begins: version, kind, checksum.
const HEADER: usize = 6;

thread_local! {
    static LARGEST: Cell<usize> = const { Cell::new(0) };
}

/// Notes the largest allocation of each thread.
struct Noting;

// SAFETY: it hands everything to the system's allocator as it is.
unsafe impl GlobalAlloc for Noting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note(layout.size());
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(at, layout) }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        note(size);
        // SAFETY: as the caller promises.
        unsafe { System.realloc(at, layout, size) }
    }
}

fn note(size: usize) {
    // A thread that ends has none any more.
    let _ = LARGEST.try_with(|largest| largest.set(largest.get().max(size)));
}

#[global_allocator]
static ALLOCATOR: Noting = Noting;

/// Keys and values of the fixtures.
fn rows() -> &'static [(Vec<u8>, Vec<u8>)] {
    static ROWS: OnceLock<Vec<(Vec<u8>, Vec<u8>)>> = OnceLock::new();
    ROWS.get_or_init(|| {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden/v0.1/rows");
        let mut rows = Vec::new();
        for file in fs::read_dir(folder).expect("the fixture is there") {
            let text = fs::read_to_string(file.expect("a file").path()).expect("it is text");
            for line in text.lines() {
                let mut words = line.split_whitespace();
                let mut bytes = || hex::decode(words.next().unwrap_or_default());
                if let (Ok(key), Ok(value)) = (bytes(), bytes())
                    && value.len() >= HEADER
                {
                    rows.push((key, value));
                }
            }
        }
        assert!(rows.len() > 500, "the fixture has only {} rows", rows.len());
        rows
    })
}

/// The row with a checksum that fits: over the key's length, the key, version, kind and payload.
fn sealed(key: &[u8], mut row: Vec<u8>) -> Vec<u8> {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&u32::try_from(key.len()).expect("a short key").to_le_bytes());
    hasher.update(key);
    hasher.update(&row[..2]);
    hasher.update(&row[HEADER..]);
    row[2..HEADER].copy_from_slice(&hasher.finalize().to_le_bytes());
    row
}

/// Reads a row. What can be read can be written, and reads the same again.
fn read(key: &[u8], row: &[u8]) -> Result<(), TestCaseError> {
    LARGEST.with(|largest| largest.set(0));
    let found = inspect(key, row, |_| Some(Bytes::from_static(b"payload")));
    let largest = LARGEST.with(Cell::get);
    prop_assert!(
        largest <= MOST_AT_ONCE,
        "{largest} bytes at once for a row of {}",
        row.len()
    );
    if let Ok(found) = found {
        let (key, row) = &found.again;
        let again = inspect(key, row, |_| Some(Bytes::from_static(b"payload")));
        let again = again.map_err(|error| TestCaseError::fail(error.to_string()))?;
        prop_assert_eq!(again.record, found.record);
        prop_assert_eq!(again.again, found.again);
    }
    Ok(())
}

#[test]
fn a_fixtures_row_can_be_sealed_anew() {
    for (key, row) in rows() {
        assert_eq!(&sealed(key, row.clone()), row);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_rows_are_refused(key in proptest::collection::vec(any::<u8>(), 0..80), row in proptest::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(inspect(&key, &row, |_| None).is_err());
    }

    /// Under the keys of all kinds, as if this had been written.
    #[test]
    fn arbitrary_records_are_records_or_errors(which in any::<Index>(), version in 0..4u8, record in proptest::collection::vec(any::<u8>(), 0..400)) {
        let (key, _) = which.get(rows());
        let row = [&[1, 0, 0, 0, 0, 0, version][..], &record].concat();
        read(key, &sealed(key, row))?;
    }

    #[test]
    fn real_records_with_bits_flipped_are_records_or_errors(which in any::<Index>(), flips in proptest::collection::vec((any::<Index>(), 0..8u8), 1..6)) {
        let (key, row) = which.get(rows());
        let mut row = row.clone();
        if row.len() > HEADER {
            for (at, bit) in flips {
                let at = HEADER + at.index(row.len() - HEADER);
                row[at] ^= 1 << bit;
            }
        }
        read(key, &sealed(key, row))?;
    }

    /// Lengths are where huge allocations would come from.
    #[test]
    fn real_records_with_large_numbers_in_them_are_records_or_errors(which in any::<Index>(), at in any::<Index>(), number in any::<u64>()) {
        let (key, row) = which.get(rows());
        let mut row = row.clone();
        let at = HEADER + at.index(row.len() - HEADER + 1);
        let mut varint = Vec::new();
        let mut rest = number | 1 << 31;
        while rest >= 0x80 {
            varint.push(u8::try_from(rest & 0x7f).expect("seven bits") | 0x80);
            rest >>= 7;
        }
        varint.push(u8::try_from(rest).expect("the last bits"));
        let end = row.len().min(at + 1);
        row.splice(at..end, varint);
        read(key, &sealed(key, row))?;
    }

    #[test]
    fn real_records_cut_off_are_records_or_errors(which in any::<Index>(), at in any::<Index>()) {
        let (key, row) = which.get(rows());
        let mut row = row.clone();
        row.truncate(HEADER + at.index(row.len() - HEADER + 1));
        read(key, &sealed(key, row))?;
    }

    #[test]
    fn a_flipped_bit_in_a_row_or_its_key_is_noticed(which in any::<Index>(), at in any::<Index>(), bit in 0..8u8, in_key in any::<bool>()) {
        let (key, row) = which.get(rows());
        let (mut key, mut row) = (key.clone(), row.clone());
        let bytes = if in_key { &mut key } else { &mut row };
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        prop_assert!(inspect(&key, &row, |_| None).is_err());
    }
}
