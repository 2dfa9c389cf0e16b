//! Structured mode and batches: whole events in CloudEvents' JSON format.
//!
//! Data that is JSON is kept as the text that it is.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use serde_json::value::RawValue;

use super::attributes::Attributes;
use super::binary::is_json;
use super::{CloudEvent, Data, Fault};

/// The event of a body.
pub(super) fn one(body: &[u8]) -> Result<CloudEvent, Fault> {
    serde_json::from_slice::<Members<'_>>(body)
        .map_err(|error| format!("the body is no JSON object: {error}"))?
        .event()
}

/// The events of a body, at most `most`; what is wrong with one is told by it.
pub(super) fn batch(body: &[u8], most: usize) -> Result<Vec<Result<CloudEvent, Fault>>, Fault> {
    let events: Vec<Members<'_>> = serde_json::from_slice(body)
        .map_err(|error| format!("the body is no JSON array of objects: {error}"))?;
    if events.len() > most {
        return Err(format!(
            "a request must hold at most {most} events, this one holds {}",
            events.len()
        ));
    }
    Ok(events.into_iter().map(Members::event).collect())
}

/// The members of a JSON object, in their order, each as text.
struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Vec<(String, &'de RawValue)>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an event, which is a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(members)
            }
        }
        deserializer.deserialize_map(Reader).map(Self)
    }
}

impl Members<'_> {
    fn event(self) -> Result<CloudEvent, Fault> {
        let mut attributes = Vec::new();
        let (mut data, mut base64) = (None, None);
        for (name, raw) in self.0 {
            let place = match name.as_str() {
                "data" => &mut data,
                "data_base64" => &mut base64,
                _ => {
                    let value: Value = serde_json::from_str(raw.get())
                        .map_err(|error| format!("`{name}`: {error}"))?;
                    attributes.push((name, value));
                    continue;
                }
            };
            if place.replace(raw).is_some() {
                return Err(format!("`{name}` is given twice"));
            }
        }
        let attributes = Attributes::check(attributes)?;
        let data = match (data, base64) {
            (Some(_), Some(_)) => return Err("it has both `data` and `data_base64`".into()),
            (Some(raw), None) => json_data(raw, attributes.content_type.as_deref()),
            (None, Some(raw)) => bytes_data(raw)?.of_type(attributes.content_type.as_deref())?,
            (None, None) => Data::Nothing,
        };
        Ok(CloudEvent { attributes, data })
    }
}

/// `data` is JSON; if the content type says otherwise, a string is the content itself.
fn json_data(raw: &RawValue, content_type: Option<&str>) -> Data {
    let text = raw.get();
    if text == "null" {
        return Data::Nothing;
    }
    if content_type.is_some_and(|it| !is_json(it))
        && let Ok(content) = serde_json::from_str::<String>(text)
    {
        return Data::Text(content);
    }
    Data::Json(text.to_owned())
}

fn bytes_data(raw: &RawValue) -> Result<Data, Fault> {
    let text: Option<String> =
        serde_json::from_str(raw.get()).map_err(|_| "`data_base64` must be a string".to_owned())?;
    let Some(text) = text else {
        return Ok(Data::Nothing);
    };
    STANDARD
        .decode(text)
        .map(Data::Bytes)
        .map_err(|error| format!("`data_base64` is no base64: {error}"))
}
