//! The keyspace: every row's key, as one enum. Byte order is the order of the fields, so a scan of a prefix is a question.
//!
//! ```text
//! key   = tag (u8), fields
//! id    = 16 bytes, most significant first           number = big-endian
//! text  = 1, its bytes with 0 written as 0 255, 0 0   (up to 200 bytes: sorts like the text)
//!       | 2, the SHA-256 of its bytes                 (longer: equal texts only)
//! no text where there may be one = 0                 kind of control = a byte
//! ```
//! Tags are reserved for ever: a tag that goes out of use is never given to another row.

mod fields;

use abide_core::{
    ids::{EventId, FunctionId, RunId},
    state::{ControlKey, ControlKind, LaneKey, Place, TimerKey, WaitKey},
};
use bytes::Bytes;

pub use self::fields::Text;
use self::fields::{Reader, Writer};
use crate::backend::KeyRange;

/// The first byte of keys in the server's admin store, whose rows the server makes by itself. No tag of a node's store has it.
pub const ADMIN_TAG: u8 = 0x60;

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
    /// The events of runs that have several.
    RunEvent = 0x24,
    /// Runs that wait in a lane.
    Queued = 0x25,
    /// Runs that count against a limit on whole runs.
    Holder = 0x26,
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
    /// What controls remember.
    Control = 0x41,
    /// Jobs.
    Job = 0x42,
    /// Operators' schemas of events.
    Schema = 0x43,
}

impl Tag {
    pub(crate) const ALL: [Self; 23] = [
        Self::Event,
        Self::EventByName,
        Self::EventRun,
        Self::Dedupe,
        Self::Run,
        Self::Ready,
        Self::Journal,
        Self::Log,
        Self::RunEvent,
        Self::Queued,
        Self::Holder,
        Self::Registration,
        Self::Arrival,
        Self::Timer,
        Self::Wait,
        Self::WaitMatch,
        Self::SignalWait,
        Self::Signal,
        Self::Request,
        Self::App,
        Self::Control,
        Self::Job,
        Self::Schema,
    ];
}

impl Tag {
    /// What the rows with this first byte are, for people.
    pub(crate) fn name_of(byte: u8) -> &'static str {
        match Self::ALL.into_iter().find(|tag| *tag as u8 == byte) {
            None if byte == ADMIN_TAG => "admin records",
            None => "unknown",
            Some(Self::Event) => "events",
            Some(Self::EventByName) => "events by name",
            Some(Self::EventRun) => "runs by event",
            Some(Self::Dedupe) => "event ids",
            Some(Self::Run) => "runs",
            Some(Self::Ready) => "ready runs",
            Some(Self::Journal) => "journals",
            Some(Self::Log) => "log lines",
            Some(Self::RunEvent) => "events by run",
            Some(Self::Queued) => "queued runs",
            Some(Self::Holder) => "counted runs",
            Some(Self::Registration) => "registrations",
            Some(Self::Arrival) => "arrivals",
            Some(Self::Timer) => "timers",
            Some(Self::Wait) => "waits",
            Some(Self::WaitMatch) => "waits by value",
            Some(Self::SignalWait) => "waits for signals",
            Some(Self::Signal) => "signals",
            Some(Self::Request) => "requests",
            Some(Self::App) => "apps",
            Some(Self::Control) => "controls",
            Some(Self::Job) => "jobs",
            Some(Self::Schema) => "schemas",
        }
    }
}

/// The kinds of controls with the bytes that stand for them, which never change. They sort like the kinds.
const CONTROL_KINDS: [(ControlKind, u8); ControlKind::ALL.len()] = [
    (ControlKind::Throttle, 1),
    (ControlKind::RateLimit, 2),
    (ControlKind::Debounce, 3),
    (ControlKind::Batch, 4),
    (ControlKind::Idempotency, 5),
    (ControlKind::Singleton, 6),
    (ControlKind::Cron, 7),
    (ControlKind::Pause, 8),
    (ControlKind::Process, 9),
    (ControlKind::Suspect, 10),
    (ControlKind::Delivery, 11),
    (ControlKind::Request, 12),
];

fn kind_byte(kind: ControlKind) -> u8 {
    let found = CONTROL_KINDS.iter().find(|(known, _)| *known == kind);
    found.map_or(u8::MAX, |(_, byte)| *byte)
}

fn kind_of_byte(byte: u8) -> Option<ControlKind> {
    let found = CONTROL_KINDS.iter().find(|(_, known)| *known == byte);
    found.map(|(kind, _)| *kind)
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
    /// `first` is the number of the first event in the row.
    RunEvent {
        run: RunId,
        first: u32,
    },
    Queued {
        app: Text<'a>,
        function: Text<'a>,
        lane: Text<'a>,
        place: Place,
    },
    Holder {
        counter: Text<'a>,
        run: RunId,
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
    /// Without a number if it is 0: an earlier version kept one signal a name.
    Signal {
        name: Text<'a>,
        number: u128,
    },
    Request(WaitKey),
    App(Text<'a>),
    Control {
        kind: ControlKind,
        app: Text<'a>,
        function: Text<'a>,
        key: Text<'a>,
    },
    Job(RunId),
    Schema {
        event: Text<'a>,
        v: Option<Text<'a>>,
    },
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

    /// The key of what a control remembers.
    pub fn control(key: &'a ControlKey) -> Self {
        Self::Control {
            kind: key.kind,
            app: Text::new(&key.function.app),
            function: Text::new(&key.function.function),
            key: Text::new(&key.key),
        }
    }

    /// The key of a run's place in its lane.
    pub fn queued(lane: &'a LaneKey, place: Place) -> Self {
        Self::Queued {
            app: Text::new(&lane.function.app),
            function: Text::new(&lane.function.function),
            lane: Text::new(&lane.lane),
            place,
        }
    }

    /// The key of an operator's schema.
    pub fn schema(event: &'a str, v: Option<&'a str>) -> Self {
        Self::Schema {
            event: Text::new(event),
            v: v.map(Text::new),
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
            Self::RunEvent { run, first } => Writer::new(Tag::RunEvent).id(run.0).u32(*first),
            Self::Queued {
                app,
                function,
                lane,
                place,
            } => Writer::new(Tag::Queued)
                .text(app)
                .text(function)
                .text(lane)
                .u64(place.order_ms)
                .id(place.run.0),
            Self::Holder { counter, run } => Writer::new(Tag::Holder).text(counter).id(run.0),
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
            Self::Signal { name, number: 0 } => Writer::new(Tag::Signal).text(name),
            Self::Signal { name, number } => Writer::new(Tag::Signal).text(name).id(*number),
            Self::Request(wait) => Writer::new(Tag::Request).wait(*wait),
            Self::App(id) => Writer::new(Tag::App).text(id),
            Self::Control {
                kind,
                app,
                function,
                key,
            } => Writer::new(Tag::Control)
                .u8(kind_byte(*kind))
                .text(app)
                .text(function)
                .text(key),
            Self::Job(id) => Writer::new(Tag::Job).id(id.0),
            Self::Schema { event, v } => Writer::new(Tag::Schema)
                .text(event)
                .optional_text(v.as_ref()),
        }
        .bytes()
    }

    /// The key with these bytes; `None` when no row has such a key.
    #[allow(clippy::too_many_lines, reason = "one arm a row")]
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
            Tag::RunEvent => Key::RunEvent {
                run: RunId(reader.id()?),
                first: reader.u32()?,
            },
            Tag::Queued => Key::Queued {
                app: reader.text()?,
                function: reader.text()?,
                lane: reader.text()?,
                place: Place {
                    order_ms: reader.u64()?,
                    run: RunId(reader.id()?),
                },
            },
            Tag::Holder => Key::Holder {
                counter: reader.text()?,
                run: RunId(reader.id()?),
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
            Tag::Signal => Key::Signal {
                name: reader.text()?,
                number: if reader.is_over() { 0 } else { reader.id()? },
            },
            Tag::Request => Key::Request(reader.wait()?),
            Tag::App => Key::App(reader.text()?),
            Tag::Control => Key::Control {
                kind: kind_of_byte(reader.u8()?)?,
                app: reader.text()?,
                function: reader.text()?,
                key: reader.text()?,
            },
            Tag::Job => Key::Job(RunId(reader.id()?)),
            Tag::Schema => Key::Schema {
                event: reader.text()?,
                v: if reader.no_text() {
                    None
                } else {
                    Some(reader.text()?)
                },
            },
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

    /// … whose next fields are this function.
    #[must_use]
    pub fn function(self, function: &FunctionId) -> Self {
        self.text(&function.app).text(&function.function)
    }

    /// … whose next field is this kind of control.
    #[must_use]
    pub fn kind(self, kind: ControlKind) -> Self {
        Self(self.0.u8(kind_byte(kind)))
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

#[cfg(test)]
#[path = "keys_tests.rs"]
mod tests;
