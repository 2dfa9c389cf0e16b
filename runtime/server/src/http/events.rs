//! The body of a request that sends events.
//!
//! One pass over the text: `data` and `user` are kept as the text they are, and only their ends are looked for here; the engine
//! checks what they hold. Faults name the event's index and the field.

use std::cell::Cell;
use std::fmt;

use abide_core::Json;
use abide_core::event::{EventIdSeed, NewEvent};
use axum::http::HeaderMap;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::de::{Error as _, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::error::ApiError;

/// Makes a repeated request the same request. SEMANTICS, section 1.
pub(super) const SEED_HEADER: &str = "x-inngest-event-id-seed";

/// The events of a body: one event, or an array of at most `most`.
pub(super) fn parse(body: &[u8], most: usize) -> Result<Vec<NewEvent>, ApiError> {
    let invalid = |detail: String| ApiError::invalid("invalid_event", detail);
    let text = std::str::from_utf8(body)
        .map_err(|error| invalid(format!("the body is not UTF-8 text: {error}")))?;
    let text = text.trim_start_matches('\u{feff}').trim();
    if text.is_empty() {
        return Err(invalid(
            "the body is empty; send an event, for example {\"name\":\"user/created\",\"data\":{}}, or an array of events".into(),
        ));
    }
    if !text.starts_with('[') {
        let event = serde_json::from_str::<Shape>(text)
            .map_err(Fault::from)
            .and_then(|shape| shape.event().map_err(Fault::Field));
        return Ok(vec![event.map_err(|fault| invalid(fault.describe(0)))?]);
    }
    let list = List {
        index: &Cell::new(0),
        fault: &Cell::new(None),
        most,
    };
    let (index, fault) = (list.index, list.fault);
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let events = deserializer
        .deserialize_seq(List {
            index,
            fault,
            most: list.most,
        })
        .and_then(|events| deserializer.end().map(|()| events));
    events.map_err(|error| match fault.take() {
        Some(Fault::TooMany) => invalid(format!(
            "a request must hold 1 to {most} events, this one holds more"
        )),
        Some(fault) => invalid(fault.describe(index.get())),
        None => invalid(Fault::from(error).describe(index.get())),
    })
}

/// What is wrong with one event.
enum Fault {
    Field(String),
    Json(serde_json::Error),
    TooMany,
}

impl From<serde_json::Error> for Fault {
    fn from(error: serde_json::Error) -> Self {
        Self::Json(error)
    }
}

impl Fault {
    fn describe(&self, index: usize) -> String {
        match self {
            Self::Field(fault) => format!("event {index}: {fault}"),
            Self::Json(error) if error.is_data() => format!("event {index}: {error}"),
            Self::Json(error) => format!("the body is not valid JSON, at event {index}: {error}"),
            Self::TooMany => "too many events".into(),
        }
    }
}

/// The fields of an event, each as text: so that a wrong one can be named. Others are ignored.
#[derive(Deserialize)]
#[serde(
    expecting = "an event, which is a JSON object such as {\"name\":\"user/created\",\"data\":{}}"
)]
struct Shape<'a> {
    #[serde(borrow, default)]
    id: Option<&'a RawValue>,
    #[serde(borrow, default)]
    name: Option<&'a RawValue>,
    #[serde(borrow, default)]
    data: Option<&'a RawValue>,
    #[serde(borrow, default)]
    user: Option<&'a RawValue>,
    #[serde(borrow, default)]
    ts: Option<&'a RawValue>,
    #[serde(borrow, default)]
    v: Option<&'a RawValue>,
}

impl Shape<'_> {
    fn event(&self) -> Result<NewEvent, String> {
        let Some(name) = text("name", self.name)? else {
            return Err(
                "name: is required; it says what happened, for example `user/created`".into(),
            );
        };
        Ok(NewEvent {
            id: text("id", self.id)?.filter(|id| !id.is_empty()),
            name,
            data: self.data.map(|raw| Json::from(raw.get())),
            user: self.user.map(|raw| Json::from(raw.get())),
            ts: self.ts.map(time).transpose()?.flatten(),
            v: text("v", self.v)?,
        })
    }
}

fn text(field: &str, raw: Option<&RawValue>) -> Result<Option<String>, String> {
    let Some(raw) = raw else {
        return Ok(None);
    };
    serde_json::from_str(raw.get())
        .map(Some)
        .map_err(|_| format!("{field}: must be a string, is {}", kind_of(raw)))
}

/// Milliseconds; a fraction is cut off. 0 stands for "now", as SDKs send it that know no absent numbers.
fn time(raw: &RawValue) -> Result<Option<u64>, String> {
    let text = raw.get();
    if let Ok(ms) = text.parse::<u64>() {
        return Ok((ms > 0).then_some(ms));
    }
    match serde_json::from_str::<f64>(text) {
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "it is in range"
        )]
        Ok(ms) if (0.0..1e18).contains(&ms) => Ok((ms >= 1.0).then_some(ms as u64)),
        Ok(_) => Err(format!(
            "ts: {text} is not a time in milliseconds between the years 1980 and 2100"
        )),
        Err(_) => Err(format!(
            "ts: must be a number of milliseconds since 1970, is {}",
            kind_of(raw)
        )),
    }
}

fn kind_of(raw: &RawValue) -> &'static str {
    match raw.get().as_bytes().first() {
        Some(b'{') => "an object",
        Some(b'[') => "an array",
        Some(b'"') => "a string",
        Some(b't' | b'f') => "a boolean",
        _ => "a number",
    }
}

/// An array of events; leaves behind how far it came and what was wrong there.
struct List<'c> {
    index: &'c Cell<usize>,
    fault: &'c Cell<Option<Fault>>,
    most: usize,
}

impl<'de> Visitor<'de> for List<'_> {
    type Value = Vec<NewEvent>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of events")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Vec<NewEvent>, A::Error> {
        let stop = |fault| {
            self.fault.set(Some(fault));
            Err(A::Error::custom("an event is wrong"))
        };
        let mut events = Vec::new();
        while let Some(shape) = list.next_element::<Shape>()? {
            if events.len() == self.most {
                return stop(Fault::TooMany);
            }
            match shape.event() {
                Ok(event) => events.push(event),
                Err(fault) => return stop(Fault::Field(fault)),
            }
            self.index.set(events.len());
        }
        Ok(events)
    }
}

/// The seed in a request's headers, if it has one.
pub(super) fn seed(headers: &HeaderMap) -> Result<Option<EventIdSeed>, ApiError> {
    let Some(value) = headers.get(SEED_HEADER) else {
        return Ok(None);
    };
    let seed = value.to_str().ok().and_then(parse_seed);
    seed.map(Some).ok_or_else(|| {
        ApiError::invalid(
            "invalid_seed",
            format!("header `{SEED_HEADER}`: must be `<milliseconds>,<base64 of 10 random bytes>`"),
        )
    })
}

fn parse_seed(text: &str) -> Option<EventIdSeed> {
    /// A ULID has 48 bits for the time.
    const MOST_MS: u64 = (1 << 48) - 1;
    let (at_ms, entropy) = text.split_once(',')?;
    Some(EventIdSeed {
        at_ms: at_ms.trim().parse().ok().filter(|ms| *ms <= MOST_MS)?,
        entropy: STANDARD.decode(entropy.trim()).ok()?.try_into().ok()?,
    })
}

#[cfg(test)]
mod fuzz;
#[cfg(test)]
mod tests {
    use super::*;

    fn fault(body: &str) -> String {
        parse(body.as_bytes(), 3).expect_err("it is wrong").detail
    }

    fn events(body: &str) -> Vec<NewEvent> {
        parse(body.as_bytes(), 3).expect("it is right")
    }

    #[test]
    fn one_event_or_an_array() {
        let one = &events(r#" {"name":"a/b","data":{ "n" : 1 },"extra":[{}]} "#)[0];
        assert_eq!(one.name, "a/b");
        assert_eq!(one.data.as_deref(), Some(r#"{ "n" : 1 }"#));
        assert_eq!(events(r#"[{"name":"a"},{"name":"b"}]"#).len(), 2);
        assert_eq!(events("[]").len(), 0);
        assert_eq!(events("\u{feff}{\"name\":\"a\"}").len(), 1);
    }

    #[test]
    fn null_and_empty_mean_the_default() {
        let event =
            &events(r#"{"id":null,"name":"a","data":null,"user":null,"ts":null,"v":null}"#)[0];
        assert_eq!(
            *event,
            NewEvent {
                name: "a".into(),
                ..NewEvent::default()
            }
        );
        let event = &events(r#"{"id":"","name":"a","ts":0}"#)[0];
        assert_eq!((&event.id, event.ts), (&None, None));
    }

    #[test]
    fn ts_is_any_number_of_milliseconds() {
        let ts = |text: &str| events(&format!(r#"{{"name":"a","ts":{text}}}"#))[0].ts;
        assert_eq!(ts("1700000000000"), Some(1_700_000_000_000));
        assert_eq!(ts("1.7e12"), Some(1_700_000_000_000));
        assert_eq!(ts("1700000000000.9"), Some(1_700_000_000_000));
        assert!(fault(r#"{"name":"a","ts":-5}"#).starts_with("event 0: ts: -5 is not a time"));
        assert!(fault(r#"{"name":"a","ts":"2026"}"#).contains("ts: must be a number"));
    }

    #[test]
    fn faults_name_the_index_and_the_field() {
        assert!(fault("").contains("empty"));
        assert!(fault("{}").starts_with("event 0: name: is required"));
        assert_eq!(
            fault(r#"[{"name":"a"},{"name":5}]"#),
            "event 1: name: must be a string, is a number"
        );
        assert_eq!(
            fault(r#"[{"name":"a"},{"name":"a","id":{}}]"#),
            "event 1: id: must be a string, is an object"
        );
        assert!(fault(r#"[{"name":"a"},7]"#).starts_with("event 1: invalid type"));
        assert!(fault(r#""text""#).starts_with("event 0: invalid type"));
        assert!(
            fault(r#"[{"name":"a"},{"name":"b""#)
                .starts_with("the body is not valid JSON, at event 1")
        );
        assert!(fault(r#"{"name":"a"} x"#).starts_with("the body is not valid JSON"));
        assert!(fault(r#"[{"name":"a"}] x"#).starts_with("the body is not valid JSON"));
        assert!(fault(r#"{"name":"a","name":"b"}"#).contains("duplicate field `name`"));
        let four = r#"[{"name":"a"},{"name":"a"},{"name":"a"},{"name":"a"}]"#;
        assert_eq!(
            fault(four),
            "a request must hold 1 to 3 events, this one holds more"
        );
        assert!(parse(b"\"\xff\"", 3).is_err());
    }

    #[test]
    fn a_seed_is_milliseconds_and_ten_bytes() {
        let seed = parse_seed("1700000000000,AAECAwQFBgcICQ==").expect("it is right");
        assert_eq!(seed.entropy, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
        assert_eq!(seed.at_ms, 1_700_000_000_000);
        for wrong in [
            "",
            "1",
            "x,AAECAwQFBgcICQ==",
            "1,AAEC",
            "1,?",
            "281474976710656,AAECAwQFBgcICQ==",
        ] {
            assert!(parse_seed(wrong).is_none(), "{wrong}");
        }
    }
}
