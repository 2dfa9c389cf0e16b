//! Records as bytes: a version byte, then the record in postcard's format.
//!
//! A record kind that changes its shape gets a new version, and keeps the decoder of the old one for as long as stores with it exist.

use abide_core::{
    event::Event,
    ids::RunId,
    journal::{Entry, Outcome},
    state::{App, BufferedSignal, LogLine, Registration, Run},
};
use bytes::Bytes;
use serde::{Serialize, de::DeserializeOwned};

use crate::error::{Error, Result};

/// A kind of record that rows hold.
pub(crate) trait Record: Serialize + DeserializeOwned {
    /// The version that is written.
    const VERSION: u8;
    /// Its name in error messages.
    const NAME: &'static str;
}

macro_rules! records {
    ($($record:ty, $name:literal, $version:literal;)*) => {
        $(impl Record for $record {
            const VERSION: u8 = $version;
            const NAME: &'static str = $name;
        })*
    };
}

/// What a function remembers of an external event id: the run, and until when.
pub(crate) type Dedupe = (RunId, u64);
/// What came for an operation, after how many attempts, and when the last of them began.
pub(crate) type Arrival = (Outcome, u32, u64);

records! {
    Event, "event", 1;
    Dedupe, "deduplication", 1;
    Run, "run", 1;
    Vec<Entry>, "journal entries", 1;
    Vec<LogLine>, "log lines", 1;
    Registration, "registration", 1;
    Arrival, "arrival", 1;
    BufferedSignal, "signal", 1;
    App, "app", 1;
}

/// The bytes of a record.
pub(crate) fn encode<R: Record>(record: &R) -> Result<Bytes> {
    encode_parts::<R, _>(record)
}

/// The bytes of consecutive entries or lines, which are a record as a list.
pub(crate) fn encode_list<T: Serialize>(items: &[T]) -> Result<Bytes>
where
    Vec<T>: Record,
{
    encode_parts::<Vec<T>, _>(items)
}

fn encode_parts<R: Record, T: Serialize + ?Sized>(value: &T) -> Result<Bytes> {
    postcard::to_extend(value, vec![R::VERSION])
        .map(Bytes::from)
        .map_err(|error| Error::Engine {
            action: "encode a record",
            reason: format!("{}: {error}", R::NAME),
        })
}

/// The record with these bytes.
pub(crate) fn decode<R: Record>(key: &[u8], bytes: &[u8]) -> Result<R> {
    match bytes.split_first() {
        Some((&version, record)) if version == R::VERSION => postcard::from_bytes(record)
            .map_err(|error| Error::corrupt(key, format!("it is no {}: {error}", R::NAME))),
        Some((version, _)) => Err(Error::corrupt(
            key,
            format!(
                "its record version {version} is unknown to this program ({})",
                R::NAME
            ),
        )),
        None => Err(Error::corrupt(
            key,
            format!("it is empty instead of a {}", R::NAME),
        )),
    }
}
