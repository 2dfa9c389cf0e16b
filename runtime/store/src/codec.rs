//! Records as bytes: a version byte, then the record in postcard's format.
//!
//! A record kind that changes its shape gets a new version, and keeps the decoder of the old one for as long as stores with it exist.

use std::borrow::Cow;

use abide_core::{
    Json,
    event::{Event, EventSource},
    ids::{EventId, RunId},
    journal::{Entry, OpNumber, Outcome},
    state::{
        App, BufferedSignal, Control, ControlKey, EventSchema, Job, LaneKey, LogLevel, LogLine,
        Registration, Run,
    },
};
use bytes::Bytes;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::error::{Error, Result};

/// A kind of record that rows hold.
pub(crate) trait Record: Serialize + DeserializeOwned {
    /// The version that is written.
    const VERSION: u8;
    /// The oldest version that is read.
    const OLDEST: u8 = Self::VERSION;
    /// Its name in error messages.
    const NAME: &'static str;

    /// The version that this record is written with: not the newest where an older one says all of it.
    fn version(&self) -> u8 {
        Self::VERSION
    }

    /// Its bytes, without the version, after those that are there.
    fn extend(&self, to: Vec<u8>) -> postcard::Result<Vec<u8>> {
        postcard::to_extend(self, to)
    }

    /// A record of a version from [`OLDEST`](Self::OLDEST) on.
    fn of_version(version: u8, bytes: &[u8]) -> postcard::Result<Self> {
        debug_assert_eq!(version, Self::VERSION);
        postcard::from_bytes(bytes)
    }
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
/// What a control remembers, after its key where a text of that is too long for the row's key.
pub(crate) type ControlRow = (Option<ControlKey>, Control);
/// The lane of a queued run, where a text of it is too long for the row's key.
pub(crate) type QueuedRow = Option<LaneKey>;

records! {
    Dedupe, "deduplication", 1;
    Vec<Entry>, "journal entries", 1;
    Registration, "registration", 2;
    Arrival, "arrival", 1;
    BufferedSignal, "signal", 1;
    App, "app", 2;
    Vec<EventId>, "events of a run", 1;
    ControlRow, "control", 1;
    QueuedRow, "queued run", 1;
    Job, "job", 1;
    EventSchema, "event schema", 1;
}

/// Version 1 has no place in a trace. Most events have none, and are written so.
impl Record for Event {
    const VERSION: u8 = 2;
    const OLDEST: u8 = 1;
    const NAME: &'static str = "event";

    fn version(&self) -> u8 {
        match self.trace {
            None => 1,
            Some(_) => 2,
        }
    }

    fn of_version(version: u8, bytes: &[u8]) -> postcard::Result<Self> {
        if version == 1 {
            postcard::from_bytes::<UntracedEvent>(bytes).map(Self::from)
        } else {
            postcard::from_bytes(bytes)
        }
    }
}

/// Version 2 does not say how much was logged. Most runs log nothing, and are written so.
impl Record for Run {
    const VERSION: u8 = 3;
    const OLDEST: u8 = 2;
    const NAME: &'static str = "run";

    fn version(&self) -> u8 {
        match self.logged {
            None => 2,
            Some(_) => 3,
        }
    }

    fn of_version(version: u8, bytes: &[u8]) -> postcard::Result<Self> {
        if version == 2 {
            // What is missing at its end is one option, which says so with one zero.
            postcard::from_bytes(&[bytes, &[0]].concat())
        } else {
            postcard::from_bytes(bytes)
        }
    }
}

/// Lines of version 1 have neither fields nor anything cut. Rows of such lines are written so.
impl Record for Vec<LogLine> {
    const VERSION: u8 = 2;
    const OLDEST: u8 = 1;
    const NAME: &'static str = "log lines";

    fn version(&self) -> u8 {
        version_of_lines(self)
    }

    fn extend(&self, to: Vec<u8>) -> postcard::Result<Vec<u8>> {
        match self.version() {
            1 => postcard::to_extend(&self.iter().map(PlainLine::from).collect::<Vec<_>>(), to),
            _ => postcard::to_extend(self, to),
        }
    }

    fn of_version(version: u8, bytes: &[u8]) -> postcard::Result<Self> {
        if version == 1 {
            let lines: Vec<PlainLine> = postcard::from_bytes(bytes)?;
            Ok(lines.into_iter().map(LogLine::from).collect())
        } else {
            postcard::from_bytes(bytes)
        }
    }
}

fn version_of_lines(lines: &[LogLine]) -> u8 {
    let plain = lines
        .iter()
        .all(|line| line.fields.is_none() && line.cut == 0);
    if plain { 1 } else { 2 }
}

/// A log line as version 1 has it.
#[derive(Serialize, Deserialize)]
struct PlainLine<'a> {
    at_ms: u64,
    op: Option<OpNumber>,
    attempt: u32,
    level: LogLevel,
    message: Cow<'a, str>,
}

impl<'a> From<&'a LogLine> for PlainLine<'a> {
    fn from(line: &'a LogLine) -> Self {
        Self {
            at_ms: line.at_ms,
            op: line.op,
            attempt: line.attempt,
            level: line.level,
            message: Cow::Borrowed(&line.message),
        }
    }
}

impl From<PlainLine<'_>> for LogLine {
    fn from(line: PlainLine<'_>) -> Self {
        Self {
            at_ms: line.at_ms,
            op: line.op,
            attempt: line.attempt,
            level: line.level,
            message: line.message.into_owned(),
            fields: None,
            cut: 0,
        }
    }
}

/// An event as version 1 has it.
#[derive(Deserialize)]
struct UntracedEvent {
    id: EventId,
    received_ms: u64,
    name: Json,
    data: Json,
    user: Option<Json>,
    ts: u64,
    v: Option<String>,
    external_id: Option<String>,
    source: EventSource,
}

impl From<UntracedEvent> for Event {
    fn from(event: UntracedEvent) -> Self {
        Self {
            id: event.id,
            received_ms: event.received_ms,
            name: event.name,
            data: event.data,
            user: event.user,
            ts: event.ts,
            v: event.v,
            external_id: event.external_id,
            source: event.source,
            trace: None,
        }
    }
}

/// The bytes of a record.
pub(crate) fn encode<R: Record>(record: &R) -> Result<Bytes> {
    let bytes = record.extend(vec![record.version()]);
    bytes.map(Bytes::from).map_err(unfit::<R>)
}

/// Log lines as rows; see [`encode_rows`].
pub(crate) fn encode_lines(lines: &[LogLine], row_bytes: usize) -> Result<Vec<(u32, Bytes)>> {
    match version_of_lines(lines) {
        1 => rows::<Vec<LogLine>>(1, lines.iter().map(PlainLine::from), row_bytes),
        version => rows::<Vec<LogLine>>(version, lines.iter(), row_bytes),
    }
}

/// Consecutive items as rows of at most `row_bytes`, where the items allow: one that is too large alone makes a row of its own.
/// Each row is a list, with the number of its items beside it.
pub(crate) fn encode_rows<T: Serialize>(items: &[T], row_bytes: usize) -> Result<Vec<(u32, Bytes)>>
where
    Vec<T>: Record,
{
    rows::<Vec<T>>(Vec::<T>::VERSION, items.iter(), row_bytes)
}

fn rows<R: Record>(
    version: u8,
    items: impl Iterator<Item: Serialize>,
    row_bytes: usize,
) -> Result<Vec<(u32, Bytes)>> {
    let mut rows = Vec::new();
    let mut count = 0;
    let mut row = Vec::new();
    for item in items {
        let before = row.len();
        row = append::<R>(&item, row)?;
        if row.len() > row_bytes && count > 0 {
            let next = row.split_off(before);
            rows.push((count, list::<R>(version, count, &row)?));
            row = next;
            count = 0;
        }
        count += 1;
    }
    if count > 0 {
        rows.push((count, list::<R>(version, count, &row)?));
    }
    Ok(rows)
}

/// postcard writes a list as the number of its items, then the items.
fn list<R: Record>(version: u8, count: u32, items: &[u8]) -> Result<Bytes> {
    let mut bytes = Vec::with_capacity(items.len() + 6);
    bytes.push(version);
    let mut bytes = append::<R>(&count, bytes)?;
    bytes.extend_from_slice(items);
    Ok(bytes.into())
}

fn append<R: Record>(value: &impl Serialize, to: Vec<u8>) -> Result<Vec<u8>> {
    postcard::to_extend(value, to).map_err(unfit::<R>)
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "it is what map_err hands over"
)]
fn unfit<R: Record>(error: postcard::Error) -> Error {
    Error::Engine {
        action: "encode a record",
        reason: format!("{}: {error}", R::NAME),
    }
}

/// The record with these bytes.
pub(crate) fn decode<R: Record>(key: &[u8], bytes: &[u8]) -> Result<R> {
    match bytes.split_first() {
        Some((&version, record)) if (R::OLDEST..=R::VERSION).contains(&version) => {
            R::of_version(version, record)
                .map_err(|error| Error::corrupt(key, format!("it is no {}: {error}", R::NAME)))
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(sizes: &[usize]) -> Vec<LogLine> {
        let line = |size: &usize| LogLine {
            at_ms: 1,
            op: None,
            attempt: 0,
            level: abide_core::state::LogLevel::Info,
            message: "m".repeat(*size),
            fields: None,
            cut: 0,
        };
        sizes.iter().map(line).collect()
    }

    #[test]
    fn rows_are_full_but_not_too_full_and_decode_as_lists() {
        let items = lines(&[10, 10, 500, 3, 90, 20, 0, 100, 1]);
        let rows = encode_lines(&items, 100).unwrap();
        let counts: Vec<u32> = rows.iter().map(|(count, _)| *count).collect();
        assert_eq!(counts, [2, 1, 1, 1, 2, 1, 1]);
        let decoded: Vec<LogLine> = rows
            .iter()
            .flat_map(|(_, row)| decode::<Vec<LogLine>>(b"k", row).unwrap())
            .collect();
        assert_eq!(decoded, items);
        assert_eq!(encode_lines(&items[..0], 100).unwrap(), []);
        let many = lines(&[0; 1000]);
        let rows = encode_lines(&many, usize::MAX).unwrap();
        assert_eq!(rows[0].1, encode(&many).unwrap());
    }

    #[test]
    fn lines_without_fields_are_written_as_they_ever_were_and_others_are_read_back() {
        let plain = lines(&[1, 2]);
        let mut rich = plain.clone();
        rich[0].fields = Some("{\"a\":1}".into());
        rich[1].cut = 7;
        for (lines, version) in [(plain, 1), (rich, 2)] {
            let rows = encode_lines(&lines, usize::MAX).unwrap();
            assert_eq!(rows[0].1, encode(&lines).unwrap());
            assert_eq!(rows[0].1[0], version);
            assert_eq!(decode::<Vec<LogLine>>(b"k", &rows[0].1).unwrap(), lines);
        }
    }

    #[test]
    fn a_run_that_logged_nothing_is_written_as_it_ever_was_and_another_is_read_back() {
        use abide_core::ids::{Digest, FunctionId};
        use abide_core::state::Logged;
        let function = FunctionId::new("shop", "pay");
        let quiet = Run::queued(RunId(1), function, Digest([1; 32]), EventId(2), 3);
        let mut loud = quiet.clone();
        loud.logged = Some(Logged {
            lines: 4,
            bytes: 500,
        });
        let [old, new] = [&quiet, &loud].map(|run| encode(run).unwrap());
        assert_eq!((old[0], new[0]), (2, 3));
        assert_eq!(new[1..old.len()], old[1..]);
        assert_eq!(decode::<Run>(b"k", &old).unwrap(), quiet);
        assert_eq!(decode::<Run>(b"k", &new).unwrap(), loud);
    }

    #[test]
    fn an_event_without_a_trace_is_written_as_it_ever_was_and_one_with_a_trace_is_read_back() {
        use abide_core::trace::TraceContext;
        let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        let untraced = Event {
            id: EventId(1),
            received_ms: 2,
            name: "a".into(),
            data: "{}".into(),
            user: None,
            ts: 3,
            v: None,
            external_id: None,
            source: EventSource::Api,
            trace: None,
        };
        let trace = TraceContext::parse(parent, ["a=1"]).map(Box::new);
        let traced = untraced.clone().traced(trace);
        let [old, new] = [&untraced, &traced].map(|event| encode(event).unwrap());
        assert_eq!((old[0], new[0]), (1, 2));
        assert_eq!(new[1..old.len()], old[1..]);
        assert_eq!(decode::<Event>(b"k", &old).unwrap(), untraced);
        assert_eq!(decode::<Event>(b"k", &new).unwrap(), traced);
    }

    #[test]
    fn foreign_bytes_are_refused_with_the_kind_of_record() {
        for bytes in [&b""[..], b"\x09abc", b"\x01\xff\xff"] {
            let error = decode::<Run>(b"k", bytes).unwrap_err().to_string();
            assert!(error.contains("run"), "{error}");
        }
    }
}
