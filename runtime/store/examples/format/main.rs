//! The format as a table: a line for each kind of key, record and envelope, with the digest of what this program writes for a sample.
//!
//! `cargo run -q -p abide-store --example format` prints it; `cargo xtask tidy` compares it with `tests/golden/format.lock`. Samples have
//! another value in each field, so that a field that moves, comes or goes changes bytes. Enums are matched by name: a new variant does not
//! compile until it is listed, and the table is not printed until it has a sample.
//!
//! ```text
//! line = key|record|envelope, name.sample, version, SHA-256
//! ```
//! The version of a key is its tag: a key that changes becomes another kind of row.

mod keys;
mod options;
mod records;
mod runs;

use abide_core::state::Write;
use abide_store::keys::Key;
use abide_store::{Batch, Commits, MemoryDisk, Op, Store, encode};
use bytes::Bytes;
use sha2::{Digest, Sha256};

/// Names the variants of an enum: by value, and all of them. Fails to compile when one is missing.
macro_rules! variants {
    ($check:ident, $enum:ident { $($variant:ident),* $(,)? }) => {
        /// The names of all variants, of which each sample is one.
        pub(crate) fn $check(samples: &[(String, $enum)]) -> Vec<String> {
            let name = |value: &$enum| match value {
                $($enum::$variant { .. } => stringify!($variant),)*
            };
            let all = [$(stringify!($variant)),*];
            for (title, value) in samples {
                assert!(title.starts_with(name(value)), "the sample {title} is a {}", name(value));
            }
            let missing = |name: &&str| !samples.iter().any(|(title, _)| {
                title.split('-').next() == Some(*name)
            });
            all.into_iter().filter(missing).map(str::to_owned).collect()
        }
    };
}
pub(crate) use variants;

fn main() {
    let mut lines = keys::lines();
    lines.extend(envelopes());
    for (sample, write) in records::samples() {
        lines.push(record(&sample, &write));
    }
    lines.sort();
    for line in lines {
        println!("{line}");
    }
}

/// One line of the table.
pub(crate) fn line(what: &str, name: &str, version: &str, bytes: &[u8]) -> String {
    format!(
        "{what} {name} {version} {}",
        hex::encode(Sha256::digest(bytes))
    )
}

/// The first row of a write that holds a record: what comes after it are index rows, which are keys.
fn record(sample: &str, write: &Write) -> String {
    let batch: Batch = encode([write]).expect("a sample encodes");
    let row = batch.ops().iter().find_map(|op| match op {
        Op::Put(key, value) if !value.is_empty() => Some((key, value)),
        Op::Put(..) | Op::Delete(_) => None,
    });
    let (key, value) = row.expect("a sample has a row");
    let kind = format!("{:?}", Key::decode(key).expect("a key of ours"));
    let kind = kind.split(['(', ' ']).next().unwrap_or_default();
    line(
        "record",
        &format!("{kind}.{sample}"),
        &value[0].to_string(),
        value,
    )
}

/// What is around every value, in its row and in a payload file.
fn envelopes() -> Vec<String> {
    let disk = MemoryDisk::new();
    let store = Store::in_memory(&disk, Commits::ByHand).expect("an empty disk");
    let mut batch = Batch::new();
    // Larger than what a row holds.
    let large = Bytes::from(vec![7; abide_store::SPILL_ABOVE + 1]);
    batch
        .put(&b"\x20inline"[..], &b"value"[..])
        .put(&b"\x21large"[..], large);
    let ticket = store.submit(batch);
    store.run_group();
    ticket.wait().expect("a simulated disk takes it");
    let named = ["row.inline", "row.in-a-file"].into_iter().zip(disk.rows());
    named
        .map(|(name, (_, row))| line("envelope", name, &row[0].to_string(), &row))
        .collect()
}
