//! A sample of every key.

use abide_core::ids::{EventId, RunId};
use abide_core::state::{ControlKind, Place, TimerKey, WaitKey};
use abide_store::keys::{Key, Text};

use crate::{line, variants};

type Row = Key<'static>;

variants!(
    missing,
    Row {
        Event,
        EventByName,
        EventRun,
        Dedupe,
        Run,
        Ready,
        Journal,
        Log,
        RunEvent,
        Queued,
        Holder,
        Registration,
        Arrival,
        Timer,
        Wait,
        WaitMatch,
        SignalWait,
        Signal,
        Request,
        App,
        Control,
        Job,
        Schema,
    }
);

const EVENT: EventId = EventId(0x0102_0304_0506_0708_090a_0b0c_0d0e_0f10);
const RUN: RunId = RunId(0x1112_1314_1516_1718_191a_1b1c_1d1e_1f20);
const WAIT: WaitKey = WaitKey {
    run: RUN,
    op: 0x2122_2324,
};

fn text(text: &'static str) -> Text<'static> {
    Text::new(text)
}

/// A line for each.
pub(crate) fn lines() -> Vec<String> {
    let samples = samples();
    let missing = missing(&samples);
    assert!(missing.is_empty(), "no sample of the keys {missing:?}");
    let line_of = |(name, key): &(String, Key<'static>)| {
        let bytes = key.encode();
        let name = name.replace('-', ".");
        line("key", &name, &format!("{:#04x}", bytes[0]), &bytes)
    };
    samples.iter().map(line_of).collect()
}

#[allow(clippy::too_many_lines, reason = "one entry a row")]
fn samples() -> Vec<(String, Key<'static>)> {
    let place = Place {
        order_ms: 0x3132_3334_3536_3738,
        run: RUN,
    };
    let long: &'static str = Box::leak("l".repeat(201).into_boxed_str());
    let name = |name: &'static str| Key::EventByName {
        name: text(name),
        received_ms: 0x4142_4344_4546_4748,
        event: EVENT,
    };
    let mut samples = vec![
        ("Event", Key::Event(EVENT)),
        ("EventByName", name("a\0b")),
        ("EventByName-long", name(long)),
        (
            "EventRun",
            Key::EventRun {
                event: EVENT,
                run: RUN,
            },
        ),
        (
            "Dedupe",
            Key::Dedupe {
                app: text("app"),
                function: text("fn"),
                external_id: text("id"),
            },
        ),
        ("Run", Key::Run(RUN)),
        ("Ready", Key::Ready(RUN)),
        (
            "Journal",
            Key::Journal {
                run: RUN,
                first: 0x5152_5354,
            },
        ),
        (
            "Log",
            Key::Log {
                run: RUN,
                chunk: 0x5556_5758,
                part: 0x595a_5b5c,
            },
        ),
        (
            "RunEvent",
            Key::RunEvent {
                run: RUN,
                first: 0x5d5e_5f60,
            },
        ),
        (
            "Queued",
            Key::Queued {
                app: text("app"),
                function: text("fn"),
                lane: text("lane"),
                place,
            },
        ),
        (
            "Holder",
            Key::Holder {
                counter: text("counter"),
                run: RUN,
            },
        ),
        ("Registration", Key::Registration(WAIT)),
        ("Arrival", Key::Arrival(WAIT)),
        (
            "Timer",
            Key::Timer(TimerKey {
                due_ms: 0x6162_6364_6566_6768,
                run: RUN,
                op: 0x696a_6b6c,
            }),
        ),
        (
            "Wait",
            Key::Wait {
                name: text("name"),
                wait: WAIT,
            },
        ),
        (
            "WaitMatch",
            Key::WaitMatch {
                name: text("name"),
                path: text("path"),
                value: text("value"),
                wait: WAIT,
            },
        ),
        (
            "SignalWait",
            Key::SignalWait {
                name: text("name"),
                wait: WAIT,
            },
        ),
        (
            "Signal",
            Key::Signal {
                name: text("name"),
                number: 0x7172,
            },
        ),
        (
            "Signal-first",
            Key::Signal {
                name: text("name"),
                number: 0,
            },
        ),
        ("Request", Key::Request(WAIT)),
        ("App", Key::App(text("app"))),
        ("Job", Key::Job(RUN)),
        (
            "Schema",
            Key::Schema {
                event: text("event"),
                v: Some(text("v")),
            },
        ),
        (
            "Schema-any",
            Key::Schema {
                event: text("event"),
                v: None,
            },
        ),
    ]
    .into_iter()
    .map(|(name, key)| (name.to_owned(), key))
    .collect::<Vec<_>>();
    samples.extend(ControlKind::ALL.map(|kind| {
        let key = Key::Control {
            kind,
            app: text("app"),
            function: text("fn"),
            key: text("key"),
        };
        (format!("Control-{kind:?}"), key)
    }));
    samples
}
