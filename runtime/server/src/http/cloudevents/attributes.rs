//! The context attributes of a CloudEvent, and what each of them may be.

use std::collections::BTreeMap;

use chrono::DateTime;
use serde_json::Value;

use super::Fault;

/// The only version of the specification there is besides drafts.
const VERSION: &str = "1.0";
/// The attributes that every event must have.
const REQUIRED: [&str; 4] = ["specversion", "id", "source", "type"];
/// The optional attributes that the specification knows; all of them are text.
const OPTIONAL: [&str; 4] = ["datacontenttype", "dataschema", "subject", "time"];

/// Checked context attributes.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Attributes {
    pub(super) id: String,
    pub(super) source: String,
    pub(super) kind: String,
    /// When it happened, in milliseconds since the Unix epoch.
    pub(super) time_ms: Option<i64>,
    pub(super) content_type: Option<String>,
    /// All of them, by name.
    pub(super) all: BTreeMap<String, Value>,
}

impl Attributes {
    /// Checks what was given. `null` is as good as absent.
    pub(super) fn check(given: impl IntoIterator<Item = (String, Value)>) -> Result<Self, Fault> {
        let mut all = BTreeMap::new();
        for (name, value) in given {
            if value.is_null() {
                continue;
            }
            check_name(&name)?;
            check_value(&name, &value)?;
            if all.insert(name.clone(), value).is_some() {
                return Err(format!("`{name}` is given twice"));
            }
        }
        let mut required = REQUIRED.iter().map(|name| match all.get(*name) {
            Some(Value::String(text)) => Ok(text.clone()),
            Some(_) | None => Err(format!("`{name}` is required")),
        });
        let mut next = || required.next().unwrap_or_else(|| Err(String::new()));
        let (version, id, source, kind) = (next()?, next()?, next()?, next()?);
        if version != VERSION {
            return Err(format!(
                "`specversion` is `{version}`, and only `{VERSION}` is known"
            ));
        }
        let text = |name: &str| all.get(name).and_then(Value::as_str);
        let time_ms = text("time").map(time).transpose()?;
        Ok(Self {
            id,
            source,
            kind,
            time_ms,
            content_type: text("datacontenttype").map(str::to_owned),
            all,
        })
    }
}

fn check_name(name: &str) -> Result<(), Fault> {
    let good = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    if !name.is_empty() && name.bytes().all(good) {
        return Ok(());
    }
    Err(format!(
        "`{name}` is no name of an attribute: those have small letters and digits only"
    ))
}

fn check_value(name: &str, value: &Value) -> Result<(), Fault> {
    let known = REQUIRED.contains(&name) || OPTIONAL.contains(&name);
    match value {
        Value::String(text) if known && text.is_empty() => {
            Err(format!("`{name}` must not be empty"))
        }
        Value::String(text) if text.chars().any(char::is_control) => {
            Err(format!("`{name}` has control characters"))
        }
        Value::String(text)
            if matches!(name, "source" | "dataschema") && text.contains(char::is_whitespace) =>
        {
            Err(format!("`{name}` must be a URI, and has spaces"))
        }
        Value::String(_) => Ok(()),
        _ if known => Err(format!("`{name}` must be a string")),
        Value::Bool(_) => Ok(()),
        Value::Number(number) if number.as_i64().is_some_and(|n| i32::try_from(n).is_ok()) => {
            Ok(())
        }
        Value::Number(_) => Err(format!("`{name}` must be a whole number of 32 bits")),
        Value::Null | Value::Array(_) | Value::Object(_) => Err(format!(
            "`{name}` must be a string, a number or a boolean; what has parts belongs into `data`"
        )),
    }
}

fn time(text: &str) -> Result<i64, Fault> {
    DateTime::parse_from_rfc3339(text)
        .map(|time| time.timestamp_millis())
        .map_err(|_| format!("`time` is `{text}`, and must be a time such as 2026-01-01T12:00:00Z"))
}
