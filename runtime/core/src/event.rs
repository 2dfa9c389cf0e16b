//! Events: what is accepted, and what an accepted event is.
//!
//! Source of the rules: SEMANTICS, section 1.

use serde::{Deserialize, Serialize};

use crate::ids::{EventId, RunId};
use crate::limits::{Limits, MAX_NAME_CHARS};
use crate::trace::TraceContext;
use crate::{Json, is_json_object};

/// The earliest and the latest `ts`: 1980-01-01 and 2101-01-01, in milliseconds.
const TS_RANGE_MS: std::ops::Range<u64> = 315_532_800_000..4_133_980_800_000;

/// Prefixes of event names that only the platform may use.
pub(crate) const RESERVED_PREFIXES: [&str; 2] = ["inngest/", "abide/"];

/// The default of `data`.
pub const EMPTY_OBJECT: &str = "{}";

/// An event as somebody sends it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct NewEvent {
    /// The sender's own id: a deduplication key.
    pub id: Option<String>,
    /// What happened.
    pub name: String,
    /// A JSON object; `{}` unless given.
    pub data: Option<Json>,
    /// A JSON object.
    pub user: Option<Json>,
    /// Milliseconds since the Unix epoch; the time of acceptance unless given.
    pub ts: Option<u64>,
    /// The version of the payload's shape.
    pub v: Option<String>,
}

/// Why an event is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {problem}")]
pub struct InvalidEvent {
    /// The field at fault.
    pub field: &'static str,
    /// What is wrong with it and what would be right.
    pub problem: String,
}

impl NewEvent {
    /// Checks everything that a sender can get wrong.
    pub fn validate(&self, limits: &Limits) -> Result<(), InvalidEvent> {
        let fault = |field, problem: String| Err(InvalidEvent { field, problem });
        let chars = self.name.chars().count();
        if chars == 0 || chars > MAX_NAME_CHARS {
            return fault(
                "name",
                format!("must have 1 to {MAX_NAME_CHARS} characters, has {chars}"),
            );
        }
        for prefix in RESERVED_PREFIXES {
            if starts_with_ignoring_case(&self.name, prefix) {
                return fault(
                    "name",
                    format!(
                        "the prefix `{prefix}` is reserved for the platform; choose another name"
                    ),
                );
            }
        }
        for (field, value) in [("data", &self.data), ("user", &self.user)] {
            if value.as_ref().is_some_and(|json| !is_json_object(json)) {
                return fault(
                    field,
                    format!(
                        "must be a JSON object, nested at most {} deep",
                        crate::MAX_JSON_DEPTH
                    ),
                );
            }
        }
        if let Some(ts) = self.ts
            && !TS_RANGE_MS.contains(&ts)
        {
            return fault(
                "ts",
                format!("{ts} is not a time in milliseconds between the years 1980 and 2100"),
            );
        }
        if let Some(id) = &self.id
            && id.chars().count() > MAX_NAME_CHARS
        {
            return fault(
                "id",
                format!("must have at most {MAX_NAME_CHARS} characters"),
            );
        }
        let bytes = self.size_bytes();
        if bytes > limits.event_bytes {
            return fault(
                "data",
                format!(
                    "the event has {bytes} bytes, more than the limit of {}",
                    limits.event_bytes
                ),
            );
        }
        Ok(())
    }

    /// The bytes of everything that the sender chose.
    pub fn size_bytes(&self) -> usize {
        let text = |json: &Option<Json>| json.as_ref().map_or(0, |json| json.len());
        self.name.len()
            + text(&self.data)
            + text(&self.user)
            + self.id.as_ref().map_or(0, String::len)
            + self.v.as_ref().map_or(0, String::len)
    }

    /// The event as it is recorded under `id`, accepted at `now_ms` from `source`.
    pub fn accept(self, id: EventId, now_ms: u64, source: EventSource) -> Event {
        Event {
            id,
            received_ms: now_ms,
            name: self.name.into(),
            data: self.data.unwrap_or_else(|| EMPTY_OBJECT.into()),
            user: self.user,
            ts: self.ts.unwrap_or(now_ms),
            v: self.v,
            external_id: self.id.filter(|id| !id.is_empty()),
            source,
            trace: None,
        }
    }
}

pub(crate) fn starts_with_ignoring_case(text: &str, prefix: &str) -> bool {
    text.get(..prefix.len())
        .is_some_and(|head| head.eq_ignore_ascii_case(prefix))
}

/// Where an event came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum EventSource {
    /// A request.
    Api,
    /// A run's `send-events`.
    Run(RunId),
    /// The platform itself.
    Platform,
}

/// An accepted event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// The internal id.
    pub id: EventId,
    /// When it was accepted, in milliseconds since the Unix epoch.
    pub received_ms: u64,
    /// What happened.
    pub name: Json,
    /// A JSON object.
    pub data: Json,
    /// A JSON object.
    pub user: Option<Json>,
    /// When it happened, as the sender says.
    pub ts: u64,
    /// The version of the payload's shape.
    pub v: Option<String>,
    /// The sender's own id.
    pub external_id: Option<String>,
    /// Where it came from.
    pub source: EventSource,
    /// Its place in a distributed trace, if its sender said. Boxed: most have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace: Option<Box<TraceContext>>,
}

impl Event {
    /// The event at this place in a trace.
    #[must_use]
    pub fn traced(self, trace: Option<Box<TraceContext>>) -> Self {
        Self { trace, ..self }
    }

    /// The id that functions see: the sender's, or else the platform's.
    pub fn visible_id(&self) -> String {
        self.external_id
            .clone()
            .unwrap_or_else(|| self.id.to_string())
    }

    /// The event as JSON, in the shape that functions and CEL expressions see.
    pub fn to_json(&self) -> Json {
        #[derive(Serialize)]
        struct Shape<'a> {
            id: String,
            name: &'a str,
            data: &'a serde_json::value::RawValue,
            #[serde(skip_serializing_if = "Option::is_none")]
            user: Option<&'a serde_json::value::RawValue>,
            ts: u64,
            #[serde(skip_serializing_if = "Option::is_none")]
            v: Option<&'a str>,
        }
        let raw = |json| serde_json::from_str::<&serde_json::value::RawValue>(json).ok();
        let empty = raw(EMPTY_OBJECT).expect("a literal");
        serde_json::to_string(&Shape {
            id: self.visible_id(),
            name: &self.name,
            data: raw(&self.data).unwrap_or(empty),
            user: self.user.as_deref().and_then(raw),
            ts: self.ts,
            v: self.v.as_deref(),
        })
        .expect("strings and raw JSON always serialise")
        .into()
    }
}

/// The seed that makes a retried request idempotent: header `x-inngest-event-id-seed: <ms>,<base64 of 10 bytes>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventIdSeed {
    /// The time part of every id.
    pub at_ms: u64,
    /// The entropy of every id, before its number is added.
    pub entropy: [u8; 10],
}

impl EventIdSeed {
    /// The id of event `n`, counted from 1: bytes 6 to 10 of the entropy as a big-endian u32, plus `n`.
    pub fn id(&self, n: u32) -> EventId {
        let mut bytes = [0; 16];
        bytes[..6].copy_from_slice(&self.at_ms.to_be_bytes()[2..]);
        bytes[6..].copy_from_slice(&self.entropy);
        let tail = u32::from_be_bytes([bytes[12], bytes[13], bytes[14], bytes[15]]);
        bytes[12..].copy_from_slice(&tail.wrapping_add(n).to_be_bytes());
        EventId::from_bytes(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(name: &str) -> NewEvent {
        NewEvent {
            name: name.into(),
            ..NewEvent::default()
        }
    }

    fn fault(event: &NewEvent) -> Option<&'static str> {
        event.validate(&Limits::default()).err().map(|e| e.field)
    }

    #[test]
    fn what_a_sender_can_get_wrong_is_named() {
        assert_eq!(fault(&named("user/created")), None);
        assert_eq!(fault(&named("")), Some("name"));
        assert_eq!(fault(&named(&"x".repeat(257))), Some("name"));
        assert_eq!(fault(&named("Inngest/function.failed")), Some("name"));
        assert_eq!(fault(&named("ABIDE/x")), Some("name"));
        let with = |change: fn(&mut NewEvent)| {
            let mut event = named("a");
            change(&mut event);
            fault(&event)
        };
        assert_eq!(with(|e| e.data = Some("[1]".into())), Some("data"));
        assert_eq!(with(|e| e.user = Some("{".into())), Some("user"));
        assert_eq!(with(|e| e.ts = Some(1_700_000_000)), Some("ts"));
        assert_eq!(with(|e| e.ts = Some(1_700_000_000_000)), None);
        assert_eq!(
            with(|e| e.data = Some(format!("{{\"x\":\"{}\"}}", "y".repeat(3 << 20)).into())),
            Some("data")
        );
    }

    #[test]
    fn a_seed_gives_the_same_ids_as_the_official_clients_expect() {
        let seed = EventIdSeed {
            at_ms: 1,
            entropy: [0, 0, 0, 0, 0, 0, 0, 0, 0, 255],
        };
        assert_eq!(seed.id(1).0, (1 << 80) + 256);
        assert_eq!(seed.id(2).0, (1 << 80) + 257);
    }

    #[test]
    fn functions_see_the_senders_id_and_raw_data() {
        let mut new = named("a/b");
        new.id = Some("order-1".into());
        new.data = Some("{\"n\": 1}".into());
        let event = new.accept(EventId(5), 1_000, EventSource::Api);
        assert_eq!(
            &*event.to_json(),
            r#"{"id":"order-1","name":"a/b","data":{"n": 1},"ts":1000}"#
        );
    }
}
