//! From a CloudEvent to an event of ours.
//!
//! ```text
//! type                     name, as it is
//! source and id            id: `SOURCE ID`, or `cloudevent:` and their SHA-256 where that is longer than an id may be
//! time                     ts
//! data that is an object   data, as the text that it is
//! other data               data: {"value": JSON}, {"text": "…"} or {"base64": "…"}
//! all attributes           user: {"cloudevent": {…}}
//! ```
//!
//! `data` is left alone, so that schemas and expressions see what the sender meant; nothing in CloudEvents corresponds to `user`.

use abide_core::event::NewEvent;
use abide_core::trace::{TRACEPARENT, TRACESTATE, TraceContext};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::attributes::Attributes;
use super::{CloudEvent, Data, Fault};

/// The most that an id may have, in characters: SEMANTICS, section 1.
const LONGEST_ID: usize = 256;

/// The event as it is sent to the engine, which checks the rest.
pub(super) fn event(event: CloudEvent) -> Result<NewEvent, Fault> {
    let attributes = event.attributes;
    let ts = match attributes.time_ms {
        None => None,
        Some(ms) => Some(u64::try_from(ms).map_err(|_| {
            "`time` lies before the year 1980, and times are kept from there to 2100".to_owned()
        })?),
    };
    let data = match event.data {
        Data::Nothing => None,
        Data::Json(text) if text.trim_start().starts_with('{') => Some(text),
        Data::Json(text) => Some(format!(r#"{{"value":{text}}}"#)),
        Data::Text(text) => Some(json!({ "text": text }).to_string()),
        Data::Bytes(bytes) => Some(json!({ "base64": STANDARD.encode(bytes) }).to_string()),
    };
    Ok(NewEvent {
        id: Some(id(&attributes.source, &attributes.id)),
        name: attributes.kind,
        data: data.map(Into::into),
        user: Some(json!({ "cloudevent": attributes.all }).to_string().into()),
        ts,
        v: None,
    })
}

/// Where the event stands in a trace: the extension for distributed tracing, which has the names of the headers.
pub(super) fn trace(attributes: &Attributes) -> Option<TraceContext> {
    let text = |name: &str| attributes.all.get(name).and_then(Value::as_str);
    TraceContext::parse(text(TRACEPARENT)?, text(TRACESTATE))
}

/// A source has no spaces, so that no two pairs make the same id.
fn id(source: &str, id: &str) -> String {
    let both = format!("{source} {id}");
    if both.chars().count() <= LONGEST_ID {
        return both;
    }
    format!("cloudevent:{}", hex::encode(Sha256::digest(both)))
}
