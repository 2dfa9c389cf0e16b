//! The leaves of every view: times, embedded JSON, errors.

use abide_core::Json;
use abide_core::failure::{Failure, Origin, RetryAdvice};
use chrono::{DateTime, SecondsFormat};
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

/// A time in milliseconds since the Unix epoch, shown as RFC 3339 in UTC with milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Time(pub(crate) u64);

impl std::fmt::Display for Time {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let time = i64::try_from(self.0)
            .ok()
            .and_then(DateTime::from_timestamp_millis)
            .filter(|time| *time < LAST);
        match time {
            Some(time) => f.write_str(&time.to_rfc3339_opts(SecondsFormat::Millis, true)),
            None => f.write_str("9999-12-31T23:59:59.999Z"),
        }
    }
}

/// 10000-01-01: RFC 3339 has four digits for the year.
const LAST: DateTime<chrono::Utc> =
    DateTime::from_timestamp(253_402_300_800, 0).expect("it is in range");

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// JSON text that is embedded as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Embedded(pub(crate) Json);

impl Serialize for Embedded {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match serde_json::from_str::<&RawValue>(&self.0) {
            Ok(raw) => raw.serialize(serializer),
            // Recorded payloads were checked; should one be no JSON all the same, its text is still shown.
            Err(_) => serializer.serialize_str(&self.0),
        }
    }
}

/// An error as people and programs see it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct ErrorView {
    name: String,
    message: String,
    stack: Option<String>,
    data: Option<Embedded>,
    origin: &'static str,
    retriable: bool,
}

impl From<&Failure> for ErrorView {
    fn from(failure: &Failure) -> Self {
        Self {
            name: failure.name.clone(),
            message: failure.message.clone(),
            stack: failure.stack.clone(),
            data: failure.data.clone().map(Embedded),
            origin: origin(failure.origin),
            retriable: failure.retry != RetryAdvice::NonRetriable,
        }
    }
}

impl ErrorView {
    /// Why a run was skipped.
    pub(crate) fn skipped(reason: &str) -> Self {
        Self {
            name: "Skipped".to_owned(),
            message: reason.to_owned(),
            stack: None,
            data: None,
            origin: "control",
            retriable: false,
        }
    }
}

fn origin(origin: Origin) -> &'static str {
    match origin {
        Origin::Guest => "guest",
        Origin::Trap => "trap",
        Origin::Timeout => "timeout",
        Origin::Memory => "memory",
        Origin::Limit => "limit",
        Origin::Cancelled => "cancelled",
        Origin::Network => "network",
        Origin::Invoke => "invoke",
        Origin::Interrupted => "interrupted",
    }
}

/// A failure in a few words: what fits into a sentence.
pub(super) fn in_short(failure: &Failure) -> String {
    const MOST_CHARS: usize = 200;
    let text = match failure.name.as_str() {
        "" | "Error" | "Paused" => failure.message.clone(),
        name => format!("{name}: {}", failure.message),
    };
    let first_line = text.lines().next().unwrap_or_default();
    if first_line.chars().count() <= MOST_CHARS {
        return first_line.to_owned();
    }
    first_line
        .chars()
        .take(MOST_CHARS - 1)
        .chain(['…'])
        .collect()
}
