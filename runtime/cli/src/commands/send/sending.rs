//! What `abide send` sends: one event or an array of them, as a file says or the arguments do. No I/O.

use std::collections::BTreeMap;

use anyhow::Result;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::outcome::Usage;
use crate::terminal::one_line;

/// An event, by the names of its members.
pub(super) type Whole = BTreeMap<String, Box<RawValue>>;

/// The ids of what was sent: a list if a list was sent.
#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Ids {
    EventId(String),
    EventIds(Vec<String>),
}

impl Ids {
    pub(crate) fn list(&self) -> &[String] {
        match self {
            Self::EventId(id) => std::slice::from_ref(id),
            Self::EventIds(ids) => ids,
        }
    }
}

/// What is sent.
#[derive(Debug)]
pub(super) enum Sending {
    One(Whole),
    Several(Vec<Whole>),
}

impl Sending {
    pub(super) fn events(&self) -> &[Whole] {
        match self {
            Self::One(event) => std::slice::from_ref(event),
            Self::Several(events) => events,
        }
    }

    /// The events' names, each once.
    pub(super) fn names(&self) -> Vec<String> {
        let names = self.events().iter().filter_map(|event| {
            let name = event.get("name")?.get();
            serde_json::from_str::<String>(name).ok()
        });
        let mut names: Vec<_> = names.collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    pub(super) fn as_json(&self) -> serde_json::Result<String> {
        match self {
            Self::One(event) => serde_json::to_string(event),
            Self::Several(events) => serde_json::to_string(events),
        }
    }

    /// With the ids that they were given, as one line.
    pub(super) fn told(&self, ids: &Ids) -> String {
        match ids {
            Ids::EventId(id) => format!("sent {} as {id}", one_line(&self.names().join(", "))),
            Ids::EventIds(ids) => {
                let names = one_line(&self.names().join(", "));
                format!("sent {} events ({names})", ids.len())
            }
        }
    }
}

/// One event or an array of them, as the file says.
pub(super) fn read_events(place: &str, text: &str) -> Result<Sending> {
    let wrong = |what: String| Usage(format!("{place} {what}"));
    let is_array = text.trim_start().starts_with('[');
    let read = if is_array {
        serde_json::from_str(text).map(Sending::Several)
    } else {
        serde_json::from_str(text).map(Sending::One)
    };
    let sending = read.map_err(|error| {
        wrong(format!(
            "is no event (a JSON object with a \"name\") and no array of events: {error}"
        ))
    })?;
    if sending.events().is_empty() {
        return Err(wrong("holds no event: the array is empty".to_owned()).into());
    }
    for (index, event) in sending.events().iter().enumerate() {
        if !event.contains_key("name") {
            let which = if is_array {
                format!("at index {index} ")
            } else {
                String::new()
            };
            return Err(wrong(format!("holds an event {which}that has no \"name\"")).into());
        }
    }
    Ok(sending)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_holds_an_event_or_an_array_of_events() {
        let read = |text| read_events("events.json", text);
        let one = read(r#" {"name":"a/b"}"#).unwrap();
        assert_eq!(one.as_json().unwrap(), r#"{"name":"a/b"}"#);
        let two = read(r#"[{"name":"a/b"},{"name":"a/c","data":{"x":1.50}}]"#).unwrap();
        let same = r#"[{"name":"a/b"},{"data":{"x":1.50},"name":"a/c"}]"#;
        assert_eq!(two.as_json().unwrap(), same);
        assert_eq!(two.names(), ["a/b", "a/c"]);
        for (wrong, why) in [
            ("[]", "empty"),
            (r#"{"data":{}}"#, "has no \"name\""),
            (r#"[{"name":"a/b"},{}]"#, "at index 1"),
            ("[1]", "no array of events"),
            ("3", "no event"),
        ] {
            let error = read(wrong).unwrap_err();
            assert!(error.is::<Usage>(), "{wrong}");
            assert!(error.to_string().contains(why), "{wrong}: {error}");
        }
    }
}
