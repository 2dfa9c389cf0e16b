//! The keyspace: every row's key, as one enum. Byte order is the order of the fields, so a scan of a prefix is a question.
//!
//! ```text
//! key   = tag (u8), fields
//! id    = 16 bytes, most significant first           number = big-endian
//! text  = 1, its bytes with 0 written as 0 255, 0 0   (up to 200 bytes: sorts like the text)
//!       | 2, the SHA-256 of its bytes                 (longer: equal texts only)
//! ```
//! Tags are reserved for ever: a tag that goes out of use is never given to another row.

use std::borrow::Cow;

use abide_core::{
    ids::{EventId, FunctionId, RunId},
    journal::OpNumber,
    state::{TimerKey, WaitKey},
};
use bytes::{BufMut, Bytes};
use sha2::{Digest as _, Sha256};

use crate::backend::KeyRange;

/// Texts above this many bytes appear in keys as their digest, so that keys stay small.
const LONGEST_PLAIN_TEXT: usize = 200;

/// The first byte of every key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Tag {
    /// Events.
    Event = 0x10,
    /// Events by exact name and time of receipt.
    EventByName = 0x11,
    /// The runs that an event started.
    EventRun = 0x12,
    /// External event ids that started a function.
    Dedupe = 0x13,
    /// Runs.
    Run = 0x20,
    /// Runs whose code is to execute.
    Ready = 0x21,
    /// Journals.
    Journal = 0x22,
    /// Log lines.
    Log = 0x23,
    /// What is watched for a run.
    Registration = 0x30,
    /// What has come and is not in the journal yet.
    Arrival = 0x31,
    /// Registrations by the time when they come due.
    Timer = 0x32,
    /// Waits for any event of a name.
    Wait = 0x33,
    /// Waits for an event of a name with an equal value.
    WaitMatch = 0x34,
    /// Waits for a signal.
    SignalWait = 0x35,
    /// Signals that nobody waits for yet.
    Signal = 0x36,
    /// Requests that the host performs.
    Request = 0x37,
    /// Apps.
    App = 0x40,
}

impl Tag {
    const ALL: [Self; 17] = [
        Self::Event,
        Self::EventByName,
        Self::EventRun,
        Self::Dedupe,
        Self::Run,
        Self::Ready,
        Self::Journal,
        Self::Log,
        Self::Registration,
        Self::Arrival,
        Self::Timer,
        Self::Wait,
        Self::WaitMatch,
        Self::SignalWait,
        Self::Signal,
        Self::Request,
        Self::App,
    ];
}

/// A text in a key: itself, or only its digest when it is long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Text<'a> {
    /// The text.
    Plain(Cow<'a, str>),
    /// The SHA-256 of a long one.
    Digest([u8; 32]),
}

impl<'a> Text<'a> {
    /// The form in which a text appears in keys.
    pub fn new(text: &'a str) -> Self {
        if text.len() <= LONGEST_PLAIN_TEXT {
            Self::Plain(Cow::Borrowed(text))
        } else {
            Self::Digest(Sha256::digest(text).into())
        }
    }
}

/// A row's key.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are what the tags say")]
pub enum Key<'a> {
    Event(EventId),
    EventByName {
        name: Text<'a>,
        received_ms: u64,
        event: EventId,
    },
    EventRun {
        event: EventId,
        run: RunId,
    },
    Dedupe {
        app: Text<'a>,
        function: Text<'a>,
        external_id: Text<'a>,
    },
    Run(RunId),
    Ready(RunId),
    /// `first` is the index of the first entry in the row.
    Journal {
        run: RunId,
        first: u32,
    },
    /// A chunk of lines may take several rows.
    Log {
        run: RunId,
        chunk: u32,
        part: u32,
    },
    Registration(WaitKey),
    Arrival(WaitKey),
    Timer(TimerKey),
    Wait {
        name: Text<'a>,
        wait: WaitKey,
    },
    WaitMatch {
        name: Text<'a>,
        path: Text<'a>,
        value: Text<'a>,
        wait: WaitKey,
    },
    SignalWait {
        name: Text<'a>,
        wait: WaitKey,
    },
    Signal(Text<'a>),
    Request(WaitKey),
    App(Text<'a>),
}

impl<'a> Key<'a> {
    /// The key under which a function's memory of an external event id is kept.
    pub fn dedupe(function: &'a FunctionId, external_id: &'a str) -> Self {
        Self::Dedupe {
            app: Text::new(&function.app),
            function: Text::new(&function.function),
            external_id: Text::new(external_id),
        }
    }

    /// The bytes of the key.
    pub fn encode(&self) -> Bytes {
        match self {
            Self::Event(event) => Writer::new(Tag::Event).id(event.0),
            Self::EventByName {
                name,
                received_ms,
                event,
            } => Writer::new(Tag::EventByName)
                .text(name)
                .u64(*received_ms)
                .id(event.0),
            Self::EventRun { event, run } => Writer::new(Tag::EventRun).id(event.0).id(run.0),
            Self::Dedupe {
                app,
                function,
                external_id,
            } => Writer::new(Tag::Dedupe)
                .text(app)
                .text(function)
                .text(external_id),
            Self::Run(run) => Writer::new(Tag::Run).id(run.0),
            Self::Ready(run) => Writer::new(Tag::Ready).id(run.0),
            Self::Journal { run, first } => Writer::new(Tag::Journal).id(run.0).u32(*first),
            Self::Log { run, chunk, part } => {
                Writer::new(Tag::Log).id(run.0).u32(*chunk).u32(*part)
            }
            Self::Registration(wait) => Writer::new(Tag::Registration).wait(*wait),
            Self::Arrival(wait) => Writer::new(Tag::Arrival).wait(*wait),
            Self::Timer(timer) => Writer::new(Tag::Timer)
                .u64(timer.due_ms)
                .id(timer.run.0)
                .u32(timer.op),
            Self::Wait { name, wait } => Writer::new(Tag::Wait).text(name).wait(*wait),
            Self::WaitMatch {
                name,
                path,
                value,
                wait,
            } => Writer::new(Tag::WaitMatch)
                .text(name)
                .text(path)
                .text(value)
                .wait(*wait),
            Self::SignalWait { name, wait } => Writer::new(Tag::SignalWait).text(name).wait(*wait),
            Self::Signal(name) => Writer::new(Tag::Signal).text(name),
            Self::Request(wait) => Writer::new(Tag::Request).wait(*wait),
            Self::App(id) => Writer::new(Tag::App).text(id),
        }
        .bytes()
    }

    /// The key with these bytes; `None` when no row has such a key.
    pub fn decode(bytes: &[u8]) -> Option<Key<'static>> {
        let (&tag, rest) = bytes.split_first()?;
        let tag = Tag::ALL.into_iter().find(|known| *known as u8 == tag)?;
        let mut reader = Reader(rest);
        let key = match tag {
            Tag::Event => Key::Event(EventId(reader.id()?)),
            Tag::EventByName => Key::EventByName {
                name: reader.text()?,
                received_ms: reader.u64()?,
                event: EventId(reader.id()?),
            },
            Tag::EventRun => Key::EventRun {
                event: EventId(reader.id()?),
                run: RunId(reader.id()?),
            },
            Tag::Dedupe => Key::Dedupe {
                app: reader.text()?,
                function: reader.text()?,
                external_id: reader.text()?,
            },
            Tag::Run => Key::Run(RunId(reader.id()?)),
            Tag::Ready => Key::Ready(RunId(reader.id()?)),
            Tag::Journal => Key::Journal {
                run: RunId(reader.id()?),
                first: reader.u32()?,
            },
            Tag::Log => Key::Log {
                run: RunId(reader.id()?),
                chunk: reader.u32()?,
                part: reader.u32()?,
            },
            Tag::Registration => Key::Registration(reader.wait()?),
            Tag::Arrival => Key::Arrival(reader.wait()?),
            Tag::Timer => Key::Timer(TimerKey {
                due_ms: reader.u64()?,
                run: RunId(reader.id()?),
                op: reader.u32()?,
            }),
            Tag::Wait => Key::Wait {
                name: reader.text()?,
                wait: reader.wait()?,
            },
            Tag::WaitMatch => Key::WaitMatch {
                name: reader.text()?,
                path: reader.text()?,
                value: reader.text()?,
                wait: reader.wait()?,
            },
            Tag::SignalWait => Key::SignalWait {
                name: reader.text()?,
                wait: reader.wait()?,
            },
            Tag::Signal => Key::Signal(reader.text()?),
            Tag::Request => Key::Request(reader.wait()?),
            Tag::App => Key::App(reader.text()?),
        };
        reader.0.is_empty().then_some(key)
    }
}

/// A prefix of keys: a tag and the leading fields.
#[derive(Debug, Clone)]
pub struct Prefix(Writer);

impl Prefix {
    /// All rows of a kind.
    pub fn tag(tag: Tag) -> Self {
        Self(Writer::new(tag))
    }

    /// … whose next field is this id.
    #[must_use]
    pub fn id(self, id: u128) -> Self {
        Self(self.0.id(id))
    }

    /// … whose next field is this number.
    #[must_use]
    pub fn u64(self, number: u64) -> Self {
        Self(self.0.u64(number))
    }

    /// … whose next field is this text.
    #[must_use]
    pub fn text(self, text: &str) -> Self {
        Self(self.0.text(&Text::new(text)))
    }

    /// … whose next field is this text, in the form that a key has it.
    #[must_use]
    pub(crate) fn text_in_key(self, text: &Text<'_>) -> Self {
        Self(self.0.text(text))
    }

    /// The range of these keys.
    pub fn range(self) -> KeyRange {
        KeyRange::prefix(self.0.bytes())
    }

    /// The bytes themselves.
    pub fn bytes(self) -> Bytes {
        self.0.bytes()
    }
}

#[derive(Debug, Clone)]
struct Writer(Vec<u8>);

impl Writer {
    fn new(tag: Tag) -> Self {
        // The longest key without texts.
        let mut bytes = Vec::with_capacity(40);
        bytes.put_u8(tag as u8);
        Self(bytes)
    }

    fn id(mut self, id: u128) -> Self {
        self.0.put_u128(id);
        self
    }

    fn u64(mut self, number: u64) -> Self {
        self.0.put_u64(number);
        self
    }

    fn u32(mut self, number: u32) -> Self {
        self.0.put_u32(number);
        self
    }

    fn wait(self, wait: WaitKey) -> Self {
        self.id(wait.run.0).u32(wait.op)
    }

    fn text(mut self, text: &Text<'_>) -> Self {
        match text {
            Text::Plain(text) => {
                self.0.put_u8(1);
                for &byte in text.as_bytes() {
                    self.0.put_u8(byte);
                    if byte == 0 {
                        self.0.put_u8(u8::MAX);
                    }
                }
                self.0.put_slice(&[0, 0]);
            }
            Text::Digest(digest) => {
                self.0.put_u8(2);
                self.0.put_slice(digest);
            }
        }
        self
    }

    fn bytes(self) -> Bytes {
        self.0.into()
    }
}

struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (field, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*field)
    }

    fn id(&mut self) -> Option<u128> {
        self.take().map(u128::from_be_bytes)
    }

    fn u64(&mut self) -> Option<u64> {
        self.take().map(u64::from_be_bytes)
    }

    fn u32(&mut self) -> Option<OpNumber> {
        self.take().map(u32::from_be_bytes)
    }

    fn wait(&mut self) -> Option<WaitKey> {
        Some(WaitKey {
            run: RunId(self.id()?),
            op: self.u32()?,
        })
    }

    fn text(&mut self) -> Option<Text<'static>> {
        match self.take::<1>()? {
            [1] => {
                let mut text = Vec::new();
                loop {
                    match self.take::<1>()? {
                        [0] => match self.take::<1>()? {
                            [0] => break,
                            [u8::MAX] => text.push(0),
                            _ => return None,
                        },
                        [byte] => text.push(byte),
                    }
                }
                String::from_utf8(text)
                    .ok()
                    .map(|text| Text::Plain(Cow::Owned(text)))
            }
            [2] => self.take().map(Text::Digest),
            _ => None,
        }
    }
}

#[cfg(test)]
#[path = "keys_tests.rs"]
mod tests;
