//! Bodies as no client sends them: arbitrary bytes, and right events with something wrong in them.

use abide_core::engine::ValidEvents;
use abide_core::limits::Limits;
use abide_core::schema::Schemas;
use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::{Value, json};

use super::*;

/// The most events of a request in these tests.
const MOST: usize = 4;

fn event() -> impl Strategy<Value = Value> {
    let optional = |value: BoxedStrategy<Value>| proptest::option::of(value);
    let data = proptest::collection::btree_map("[a-z]{1,3}", any::<i64>(), 0..4);
    let id = optional("\\PC{0,8}".prop_map(Value::from).boxed());
    let ts = optional(
        (315_532_800_000_u64..4_000_000_000_000)
            .prop_map(Value::from)
            .boxed(),
    );
    let v = optional("[0-9.]{1,4}".prop_map(Value::from).boxed());
    ("[a-z]{1,8}/[a-z.]{1,8}", data, id, ts, v).prop_map(|(name, data, id, ts, v)| {
        let mut event = json!({ "name": name, "data": data });
        for (field, value) in [("id", id), ("ts", ts), ("v", v)] {
            if let Some(value) = value {
                event[field] = value;
            }
        }
        event
    })
}

/// What can be wrong with a field, or right about it.
fn anything() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "\\PC{0,300}".prop_map(Value::from),
        Just(json!([[[]]])),
        Just(json!({"a": {"b": {}}})),
    ]
}

/// Parses, and checks as the node does. What is wrong is said in words that name the event.
fn take(body: &[u8]) -> Result<Vec<NewEvent>, String> {
    let events = parse(body, MOST).map_err(|error| error.detail)?;
    let limits = Limits::default();
    match ValidEvents::check(events.clone(), &limits, &Schemas::default()) {
        Ok(_) => Ok(events),
        Err(invalid) => Err(invalid.to_string()),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_bytes_are_refused_in_words(body in proptest::collection::vec(any::<u8>(), 0..200)) {
        if let Err(told) = take(&body) {
            prop_assert!(told.contains("event") || told.contains("body"), "{}", told);
        }
    }

    #[test]
    fn text_that_is_nearly_events_is_taken_or_refused(body in "(\\[|\\]|\\{|\\}|,|:|\"name\"|\"data\"|\"ts\"|\"a/b\"|1e99|-0|null|\\\\u00e9|\"| |\\x{feff}){1,30}") {
        let _ = take(body.as_bytes());
    }

    #[test]
    fn right_events_come_out_as_they_went_in(events in proptest::collection::vec(event(), 1..=MOST)) {
        let taken = take(Value::from(events.clone()).to_string().as_bytes());
        let taken = taken.map_err(TestCaseError::fail)?;
        prop_assert_eq!(taken.len(), events.len());
        for (taken, event) in taken.iter().zip(&events) {
            prop_assert_eq!(Some(taken.name.as_str()), event["name"].as_str());
            let data = taken.data.as_deref().and_then(|data| serde_json::from_str(data).ok());
            prop_assert_eq!(data.as_ref(), Some(&event["data"]));
            prop_assert_eq!(taken.ts, event["ts"].as_u64());
            // An empty id is none.
            prop_assert_eq!(taken.id.as_deref().unwrap_or_default(), event["id"].as_str().unwrap_or_default());
        }
    }

    #[test]
    fn the_event_at_fault_is_named(events in proptest::collection::vec(event(), 1..=MOST), at in any::<Index>(), field in "name|data|user|id|ts|v", value in anything()) {
        let at = at.index(events.len());
        let mut events = events;
        events[at][field.as_str()] = value;
        if let Err(told) = take(Value::from(events).to_string().as_bytes()) {
            prop_assert!(told.starts_with(&format!("event {at}: ")), "{}: {}", at, told);
            prop_assert!(told.contains(&field), "{}: {}", field, told);
        }
    }

    #[test]
    fn a_changed_byte_is_taken_or_refused(events in proptest::collection::vec(event(), 1..=MOST), at in any::<Index>(), byte in any::<u8>(), cut in any::<bool>()) {
        let mut body = Value::from(events).to_string().into_bytes();
        let at = at.index(body.len());
        if cut {
            body.truncate(at);
        } else {
            body[at] = byte;
        }
        if let Err(told) = take(&body) {
            prop_assert!(told.contains("event") || told.contains("body"), "{}", told);
        }
    }
}
