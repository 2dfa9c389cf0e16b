//! The leaves of every view: times, embedded JSON, errors.

use abide_core::Json;
use abide_core::failure::{Failure, Origin, RetryAdvice};
use chrono::{DateTime, SecondsFormat};
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;
use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, SchemaFormat, SchemaType, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

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

impl PartialSchema for Time {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)))
            .description(Some("RFC 3339, in UTC, with milliseconds"))
            .examples(["2026-01-01T00:00:00.000Z"])
            .into()
    }
}

impl ToSchema for Time {}

/// How the ids of events, runs and jobs are described.
pub(crate) struct Id;

impl PartialSchema for Id {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .pattern(Some("^[0-7][0-9A-HJKMNP-TV-Z]{25}$"))
            .description(Some("A ULID"))
            .examples(["01KB1Z7Q0N0C9M2Q8R5T3V7X1Y"])
            .into()
    }
}

impl ToSchema for Id {}

/// How bodies that are no text are described.
pub(crate) struct Octets;

impl PartialSchema for Octets {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::Binary)))
            .into()
    }
}

impl ToSchema for Octets {}

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

impl PartialSchema for Embedded {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(SchemaType::AnyValue)
            .description(Some("Any JSON, as it was recorded"))
            .into()
    }
}

impl ToSchema for Embedded {}

/// Why a run or a step failed.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = RunError)]
pub(crate) struct ErrorView {
    pub(crate) name: String,
    pub(crate) message: String,
    pub(crate) stack: Option<String>,
    #[schema(value_type = Embedded)]
    pub(crate) data: Option<Embedded>,
    /// `guest`, `trap`, `timeout`, `memory`, `limit`, `cancelled`, `network`, `invoke`, `interrupted`, or `control` of a skipped run.
    pub(crate) origin: &'static str,
    pub(crate) retriable: bool,
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
