//! One stored row taken apart and put together again: for the tests of the format, and for whoever looks into a store.
//!
//! It reads bytes and nothing else. Invariant: for a row that this program wrote, [`Inspected::again`] is that row, byte for byte.

use abide_core::{
    event::Event,
    ids::EventId,
    journal::Entry,
    state::{App, BufferedSignal, EventSchema, Job, LogLine, Registration, Run},
};
use bytes::Bytes;

use crate::{
    blobs::BlobRef,
    codec::{self, Arrival, ControlRow, Dedupe, QueuedRow, Record},
    envelope::{self, Stored},
    error::{Error, Result},
    keys::{Key, Tag},
};

/// What a row says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inspected {
    /// What rows of this kind are called.
    pub kind: &'static str,
    /// The key's fields.
    pub key: Key<'static>,
    /// The version of the record, and the record as Rust prints it; none where the key says everything.
    pub record: Option<(u8, String)>,
    /// The row that this program would write for the same: key and value.
    pub again: (Bytes, Bytes),
}

/// Takes a row apart: its key and its value as the disk has them. `payload` finds the content of a payload file by its digest.
pub fn inspect(
    key: &[u8],
    row: &[u8],
    payload: impl FnOnce([u8; 32]) -> Option<Bytes>,
) -> Result<Inspected> {
    let named = Key::decode(key).ok_or_else(|| Error::corrupt(key, "no row has such a key"))?;
    let (value, in_file) = match envelope::decode(key, row.to_vec())? {
        Stored::Inline(value) => (value, false),
        Stored::Blob(blob) => {
            let found = payload(blob.sha256).filter(|found| BlobRef::of(found) == blob);
            let value = found.ok_or_else(|| Error::corrupt(key, "its payload is missing"))?;
            (value, true)
        }
    };
    let (record, again) = record_of(&named, key, &value)?;
    let again = if in_file {
        envelope::encode_blob(key, &BlobRef::of(&again))
    } else {
        envelope::encode_inline(key, &again)
    };
    Ok(Inspected {
        kind: Tag::name_of(key.first().copied().unwrap_or_default()),
        record,
        again: (named.encode(), again),
        key: named,
    })
}

type Read = (Option<(u8, String)>, Bytes);

fn record_of(named: &Key<'_>, key: &[u8], value: &Bytes) -> Result<Read> {
    match named {
        Key::Event(_) => read::<Event>(key, value),
        Key::Dedupe { .. } => read::<Dedupe>(key, value),
        Key::Run(_) => read::<Run>(key, value),
        Key::Journal { .. } => read::<Vec<Entry>>(key, value),
        Key::Log { .. } => read::<Vec<LogLine>>(key, value),
        Key::RunEvent { .. } => read::<Vec<EventId>>(key, value),
        Key::Queued { .. } => read::<QueuedRow>(key, value),
        Key::Registration(_) => read::<Registration>(key, value),
        Key::Arrival(_) => read::<Arrival>(key, value),
        Key::Signal { .. } => read::<BufferedSignal>(key, value),
        Key::App(_) => read::<App>(key, value),
        Key::Control { .. } => read::<ControlRow>(key, value),
        Key::Job(_) => read::<Job>(key, value),
        Key::Schema { .. } => read::<EventSchema>(key, value),
        // The row names the path of which a key may hold the digest only.
        Key::WaitMatch { .. } => {
            let path = std::str::from_utf8(value)
                .map_err(|_| Error::corrupt(key, "the path is no text"))?;
            Ok((Some((0, format!("{path:?}"))), value.clone()))
        }
        Key::EventByName { .. }
        | Key::EventRun { .. }
        | Key::Ready(_)
        | Key::Holder { .. }
        | Key::Timer(_)
        | Key::Wait { .. }
        | Key::SignalWait { .. }
        | Key::Request(_) => {
            if value.is_empty() {
                Ok((None, Bytes::new()))
            } else {
                Err(Error::corrupt(
                    key,
                    "its key says everything, yet it holds something",
                ))
            }
        }
    }
}

fn read<R: Record + std::fmt::Debug>(key: &[u8], value: &Bytes) -> Result<Read> {
    let record: R = codec::decode(key, value)?;
    let again = codec::encode(&record)?;
    Ok((Some((record.version(), format!("{record:#?}"))), again))
}

#[cfg(test)]
mod tests {
    use abide_core::{ids::RunId, state::Write};

    use super::*;
    use crate::{Commits, MemoryDisk, Store, typed};

    fn stored(writes: &[Write]) -> MemoryDisk {
        let disk = MemoryDisk::new();
        let store = Store::in_memory(&disk, Commits::ByHand).unwrap();
        let ticket = store.submit(typed::encode(writes).unwrap());
        assert!(store.run_group());
        ticket.wait().unwrap();
        disk
    }

    fn signal(bytes: usize) -> Write {
        Write::PutSignal {
            name: "s".into(),
            number: 7,
            signal: BufferedSignal {
                data: format!("\"{}\"", "x".repeat(bytes)).into(),
                until_ms: 9,
            },
        }
    }

    #[test]
    fn a_row_is_taken_apart_and_put_together_again_wherever_its_value_lies() {
        for bytes in [1, 10_000] {
            let disk = stored(&[signal(bytes), Write::PutReady(RunId(3))]);
            let payloads = disk.payloads();
            assert_eq!(payloads.len(), usize::from(bytes > 4096));
            for (key, row) in disk.rows() {
                let seen = inspect(&key, &row, |_| payloads.first().map(|(_, p)| p.clone()));
                let seen = seen.unwrap();
                assert_eq!(seen.again, (key, row));
                match seen.kind {
                    "signals" => assert!(seen.record.unwrap().1.contains("until_ms: 9")),
                    kind => assert_eq!((kind, seen.record), ("ready runs", None)),
                }
            }
        }
    }

    #[test]
    fn what_no_program_wrote_is_refused() {
        let disk = stored(&[signal(10_000)]);
        let (key, row) = disk.rows().remove(0);
        let nowhere = inspect(&key, &row, |_| None).unwrap_err().to_string();
        assert!(nowhere.contains("payload is missing"), "{nowhere}");
        assert!(inspect(b"\x01", &row, |_| None).is_err());
        let ready = Key::Ready(RunId(3)).encode();
        let full = envelope::encode_inline(&ready, b"x");
        assert!(inspect(&ready, &full, |_| None).is_err());
    }
}
