//! Keys round-trip, sort like their fields, and never lie inside another row's prefix.

use std::borrow::Cow;

use proptest::prelude::*;

use super::{fields::LONGEST_PLAIN_TEXT, *};

fn text() -> impl Strategy<Value = Text<'static>> {
    prop_oneof![
        "[a-c\u{0}/é]{0,4}".prop_map(|text| Text::Plain(Cow::Owned(text))),
        any::<[u8; 32]>().prop_map(Text::Digest),
    ]
}

fn wait() -> impl Strategy<Value = WaitKey> {
    (any::<u128>(), any::<u32>()).prop_map(|(run, op)| WaitKey {
        run: RunId(run),
        op,
    })
}

fn place() -> impl Strategy<Value = Place> {
    (any::<u64>(), any::<u128>()).prop_map(|(order_ms, run)| Place {
        order_ms,
        run: RunId(run),
    })
}

fn kind() -> impl Strategy<Value = ControlKind> {
    proptest::sample::select(&ControlKind::ALL[..])
}

/// Functions whose ids are prefixes of each other, and texts with the bytes that separate fields.
fn function() -> impl Strategy<Value = FunctionId> {
    ("[ab]{1,2}", "[ab]{1,2}").prop_map(|(app, function)| FunctionId::new(app, function))
}

fn lane() -> impl Strategy<Value = LaneKey> {
    (function(), "[a\u{0}\u{1}é]{0,3}").prop_map(|(function, lane)| LaneKey {
        function,
        lane: lane.into(),
    })
}

fn control() -> impl Strategy<Value = ControlKey> {
    (kind(), function(), "[a\u{0}\u{1}é]{0,3}").prop_map(|(kind, function, key)| ControlKey {
        kind,
        function,
        key,
    })
}

fn key() -> impl Strategy<Value = Key<'static>> {
    let id = any::<u128>;
    prop_oneof![
        id().prop_map(|event| Key::Event(EventId(event))),
        (text(), any::<u64>(), id()).prop_map(|(name, received_ms, event)| Key::EventByName {
            name,
            received_ms,
            event: EventId(event)
        }),
        (id(), id()).prop_map(|(event, run)| Key::EventRun {
            event: EventId(event),
            run: RunId(run)
        }),
        (text(), text(), text()).prop_map(|(app, function, external_id)| Key::Dedupe {
            app,
            function,
            external_id
        }),
        id().prop_map(|run| Key::Run(RunId(run))),
        id().prop_map(|run| Key::Ready(RunId(run))),
        (id(), any::<u32>()).prop_map(|(run, first)| Key::Journal {
            run: RunId(run),
            first
        }),
        (id(), any::<u32>(), any::<u32>()).prop_map(|(run, chunk, part)| Key::Log {
            run: RunId(run),
            chunk,
            part
        }),
        (id(), any::<u32>()).prop_map(|(run, first)| Key::RunEvent {
            run: RunId(run),
            first
        }),
        (text(), text(), text(), place()).prop_map(|(app, function, lane, place)| Key::Queued {
            app,
            function,
            lane,
            place
        }),
        (text(), id()).prop_map(|(counter, run)| Key::Holder {
            counter,
            run: RunId(run)
        }),
        wait().prop_map(Key::Registration),
        wait().prop_map(Key::Arrival),
        (any::<u64>(), wait()).prop_map(|(due_ms, WaitKey { run, op })| Key::Timer(TimerKey {
            due_ms,
            run,
            op
        })),
        (text(), wait()).prop_map(|(name, wait)| Key::Wait { name, wait }),
        (text(), text(), text(), wait()).prop_map(|(name, path, value, wait)| Key::WaitMatch {
            name,
            path,
            value,
            wait
        }),
        (text(), wait()).prop_map(|(name, wait)| Key::SignalWait { name, wait }),
        (text(), any::<u128>()).prop_map(|(name, number)| Key::Signal { name, number }),
        text().prop_map(|name| Key::Signal { name, number: 0 }),
        wait().prop_map(Key::Request),
        text().prop_map(Key::App),
        (kind(), text(), text(), text()).prop_map(|(kind, app, function, key)| Key::Control {
            kind,
            app,
            function,
            key
        }),
        id().prop_map(|job| Key::Job(RunId(job))),
        (text(), proptest::option::of(text())).prop_map(|(event, v)| Key::Schema { event, v }),
    ]
}

/// Whether `a` is the one signal of its name that an earlier version kept, without a number: that stands before the others on purpose.
fn is_first_of_its_name(a: &Key<'_>, b: &Key<'_>) -> bool {
    match (a, b) {
        (
            Key::Signal {
                name: first,
                number: 0,
            },
            Key::Signal { name, .. },
        ) => first == name,
        _ => false,
    }
}

proptest! {
    #[test]
    fn keys_round_trip(key in key()) {
        prop_assert_eq!(Key::decode(&key.encode()), Some(key));
    }

    #[test]
    fn no_key_is_a_prefix_of_another(a in key(), b in key()) {
        if a != b && !is_first_of_its_name(&a, &b) {
            prop_assert!(!b.encode().starts_with(&a.encode()));
        }
    }

    #[test]
    fn timers_sort_by_time_then_run_then_operation(a in any::<(u64, u128, u32)>(), b in any::<(u64, u128, u32)>()) {
        let timer = |(due_ms, run, op)| TimerKey { due_ms, run: RunId(run), op };
        let encode = |key| Key::Timer(key).encode();
        prop_assert_eq!(timer(a).cmp(&timer(b)), encode(timer(a)).cmp(&encode(timer(b))));
    }

    #[test]
    fn plain_texts_sort_like_themselves(a in "[a-c\u{0}\u{1}é]{0,5}", b in "[a-c\u{0}\u{1}é]{0,5}", x in any::<(u64, u64)>()) {
        let encode = |name: &str, received_ms| Key::EventByName { name: Text::new(name), received_ms, event: EventId(0) }.encode();
        prop_assert_eq!((&a, x.0).cmp(&(&b, x.1)), encode(&a, x.0).cmp(&encode(&b, x.1)));
    }

    #[test]
    fn queued_runs_sort_by_function_lane_order_and_run(a in lane(), b in lane(), x in (0..3_u64, 0..3_u128), y in (0..3_u64, 0..3_u128)) {
        let place = |(order_ms, run)| Place { order_ms, run: RunId(run) };
        let encode = |lane, at| Key::queued(lane, place(at)).encode();
        prop_assert_eq!((&a, place(x)).cmp(&(&b, place(y))), encode(&a, x).cmp(&encode(&b, y)));
    }

    #[test]
    fn queued_runs_of_all_times_sort_by_time(a in place(), b in place()) {
        let lane = LaneKey { function: FunctionId::new("a", "b"), lane: "".into() };
        let encode = |place| Key::queued(&lane, place).encode();
        prop_assert_eq!(a.cmp(&b), encode(a).cmp(&encode(b)));
    }

    #[test]
    fn controls_sort_by_kind_function_and_key(a in control(), b in control()) {
        prop_assert_eq!(a.cmp(&b), Key::control(&a).encode().cmp(&Key::control(&b).encode()));
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
        if let Some(key) = Key::decode(&bytes) {
            prop_assert_eq!(&key.encode()[..], &bytes[..]);
        }
    }
}

#[test]
fn tags_are_distinct_above_zero_and_never_change() {
    let tags = Tag::ALL.map(|tag| tag as u8);
    assert!(tags.is_sorted_by(|a, b| a < b));
    assert_eq!(
        hex::encode(tags),
        "1011121320212223242526303132333435363740414243"
    );
}

#[test]
fn known_keys_keep_their_bytes() {
    let wait = WaitKey {
        run: RunId(1),
        op: 2,
    };
    let lane = LaneKey {
        function: FunctionId::new("a", "b"),
        lane: "l".into(),
    };
    let pause = ControlKey {
        kind: ControlKind::Pause,
        function: FunctionId::new("a", "b"),
        key: String::new(),
    };
    let id = "00".repeat(15);
    let golden = [
        (Key::Run(RunId(1)), format!("20{id}01")),
        (
            Key::Journal {
                run: RunId(1),
                first: 3,
            },
            format!("22{id}0100000003"),
        ),
        (
            Key::Timer(TimerKey {
                due_ms: 5,
                run: RunId(1),
                op: 2,
            }),
            format!("320000000000000005{id}0100000002"),
        ),
        (
            Key::Wait {
                name: Text::new("a\0"),
                wait,
            },
            format!("33016100ff0000{id}0100000002"),
        ),
        (Key::App(Text::new("shop")), "400173686f700000".to_owned()),
        (
            Key::queued(
                &lane,
                Place {
                    order_ms: 5,
                    run: RunId(1),
                },
            ),
            format!("250161000001620000016c00000000000000000005{id}01"),
        ),
        (
            Key::control(&pause),
            "41080161000001620000010000".to_owned(),
        ),
        (Key::schema("a", None), "430161000000".to_owned()),
        (Key::schema("a", Some("2")), "430161000001320000".to_owned()),
    ];
    for (key, bytes) in golden {
        assert_eq!(hex::encode(key.encode()), bytes, "{key:?}");
    }
}

#[test]
fn the_kinds_of_controls_have_bytes_in_their_order() {
    let kinds = CONTROL_KINDS.map(|(kind, _)| kind);
    assert_eq!(kinds, ControlKind::ALL);
    assert!(CONTROL_KINDS.is_sorted_by(|a, b| a.1 < b.1 && a.0 < b.0));
}

#[test]
fn long_texts_appear_as_digests() {
    let long = "x".repeat(LONGEST_PLAIN_TEXT + 1);
    assert!(matches!(Text::new(&long), Text::Digest(_)));
    assert!(matches!(Text::new(&long[1..]), Text::Plain(_)));
}
