//! One line: its message and its fields, as the host reads them.

use std::fmt;

use log::kv::{Error, Key, Value as LogValue, VisitSource};
use serde::Serialize;
use serde_json::{Map, Value};
use tracing::field::{Field, Visit};

/// A line that is being gathered.
#[derive(Debug, Clone, Default)]
pub(super) struct Line {
    message: String,
    fields: Map<String, Value>,
}

impl Line {
    pub(super) fn new(message: String) -> Self {
        Self {
            message,
            fields: Map::new(),
        }
    }

    /// A line of an event within these spans, whose fields it has too.
    pub(super) fn within(fields: Map<String, Value>) -> Self {
        Self {
            message: String::new(),
            fields,
        }
    }

    pub(super) fn message(&self) -> &str {
        &self.message
    }

    pub(super) fn into_fields(self) -> Map<String, Value> {
        self.fields
    }

    /// The message alone, or with its fields as the JSON object that the host takes for such a line.
    pub(super) fn text(&self) -> String {
        if self.fields.is_empty() {
            return self.message.clone();
        }
        serde_json::json!({ "message": self.message, "fields": self.fields }).to_string()
    }

    fn take(&mut self, name: &str, value: Value) {
        self.fields.insert(name.to_owned(), value);
    }
}

impl Visit for Line {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.take(field.name(), value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.take(field.name(), value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.take(field.name(), value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.take(field.name(), value.into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "message" {
            value.clone_into(&mut self.message);
        } else {
            self.take(field.name(), value.into());
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let text = format!("{value:?}");
        if field.name() == "message" {
            self.message = text;
        } else {
            self.take(field.name(), text.into());
        }
    }
}

impl<'kvs> VisitSource<'kvs> for Line {
    fn visit_pair(&mut self, key: Key<'kvs>, value: LogValue<'kvs>) -> Result<(), Error> {
        let json = if let Some(value) = value.to_bool() {
            value.into()
        } else if let Some(value) = value.to_i64() {
            value.into()
        } else if let Some(value) = value.to_u64() {
            value.into()
        } else if let Some(value) = value.to_f64() {
            value.into()
        } else {
            value.to_string().into()
        };
        self.take(key.as_str(), json);
        Ok(())
    }
}

/// A line that says where a span begins or ends, in the form that the host knows.
#[derive(Serialize)]
pub(super) struct Mark<'a> {
    #[serde(rename = "abide.span")]
    pub(super) what: &'static str,
    pub(super) id: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) parent: Option<u64>,
    pub(super) message: &'a str,
    pub(super) fields: &'a Map<String, Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) error: Option<&'a str>,
}

impl Mark<'_> {
    pub(super) fn text(&self) -> String {
        // Texts and JSON have a JSON form.
        serde_json::to_string(self).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_without_fields_is_its_message() {
        assert_eq!(Line::new("charged".into()).text(), "charged");
    }

    #[test]
    fn fields_of_the_log_crate_keep_their_types() {
        let pairs: &[(&str, LogValue<'_>)] = &[
            ("order", LogValue::from(42)),
            ("total", LogValue::from(1.5)),
            ("paid", LogValue::from(true)),
            ("to", LogValue::from("Ann")),
            ("id", LogValue::from_debug(&Some(1))),
        ];
        let mut line = Line::new("charged".into());
        log::kv::Source::visit(&pairs, &mut line).expect("it visits");
        let json: Value = serde_json::from_str(&line.text()).expect("it is JSON");
        let fields = serde_json::json!({"order": 42, "total": 1.5, "paid": true, "to": "Ann", "id": "Some(1)"});
        assert_eq!(
            json,
            serde_json::json!({"message": "charged", "fields": fields})
        );
    }
}
