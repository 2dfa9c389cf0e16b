//! One schema, compiled, and what it says about data that does not fit.

use std::fmt::Write as _;

use jsonschema::error::{TypeKind, ValidationErrorKind};
use jsonschema::{PatternOptions, ValidationError, Validator};
use serde_json::Value;

use super::MAX_SCHEMA_BYTES;
use super::bounds::{self, Bounds};
use crate::{Json, is_json};

/// The drafts that a schema may name. What is refused at deploy must be what is evaluated: older ones name things in other ways.
const DRAFTS: [&str; 4] = [
    "://json-schema.org/draft/2020-12/schema",
    "://json-schema.org/draft/2019-09/schema",
    "://json-schema.org/draft-07/schema",
    "://json-schema.org/draft-06/schema",
];

/// The largest compiled pattern, and the memory that matching one may take: the patterns of a schema stay within 50 MiB together.
const PATTERN_BYTES: usize = 256 << 10;

/// Evaluations of subschemas that one event may cost, at the worst: some seconds of one core.
const MAX_EVALUATIONS: u64 = 20_000_000;

/// Evaluations up to which it is said where data fits none of several shapes: every fault of every shape is in memory then.
const MAX_EXPLAINED: u64 = 200_000;

/// A text counts as one value more for so many bytes: patterns read it.
const BYTES_PER_VALUE: usize = 64;

/// The longest description of what a schema wants; the rest is cut.
const MAX_WANTED_CHARS: usize = 300;

/// A schema that can be evaluated.
pub(super) struct Compiled {
    text: Json,
    validator: Validator,
    bounds: Bounds,
}

impl PartialEq for Compiled {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Compiled {
    /// Compiles a schema, or says what is wrong with it.
    pub(super) fn new(text: &Json) -> Result<Self, String> {
        if text.len() > MAX_SCHEMA_BYTES {
            return Err(format!(
                "it has {} bytes, more than the limit of {MAX_SCHEMA_BYTES}",
                text.len()
            ));
        }
        if !is_json(text) {
            return Err(format!(
                "it is not valid JSON, or nested more than {} deep",
                crate::MAX_JSON_DEPTH
            ));
        }
        let schema: Value =
            serde_json::from_str(text).map_err(|fault| format!("it is not valid JSON: {fault}"))?;
        if !matches!(schema, Value::Object(_) | Value::Bool(_)) {
            return Err("a JSON Schema is an object, or true or false".into());
        }
        check_draft(&schema)?;
        let bounds = bounds::of(&schema)?;
        let patterns = PatternOptions::regex()
            .size_limit(PATTERN_BYTES)
            .dfa_size_limit(PATTERN_BYTES);
        let validator = jsonschema::options()
            .offline()
            .with_pattern_options(patterns)
            .should_validate_formats(false)
            .build(&schema)
            .map_err(|fault| describe(&fault))?;
        Ok(Self {
            text: text.clone(),
            validator,
            bounds,
        })
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    pub(super) fn patterns(&self) -> usize {
        self.bounds.patterns
    }

    /// Whether another text is the same schema, however it is written.
    pub(super) fn says_the_same(&self, other: &str) -> bool {
        let parse = |text| serde_json::from_str::<Value>(text).ok();
        *self.text == *other || parse(&self.text) == parse(other)
    }

    /// Checks an event's data. The fault names its place as a JSON pointer, and what the schema wants there.
    pub(super) fn check(&self, data: &str) -> Result<(), String> {
        let value: Value =
            serde_json::from_str(data).map_err(|fault| format!("is not valid JSON: {fault}"))?;
        let work = count(&value).saturating_mul(self.bounds.per_value);
        if work > MAX_EVALUATIONS {
            return Err(format!(
                "is too much to check: its values take up to {work} evaluations of the schema, more than the limit of {MAX_EVALUATIONS}; \
                 send less in one event, or simplify the schema"
            ));
        }
        if self.validator.is_valid(&value) {
            return Ok(());
        }
        if self.bounds.choices && work > MAX_EXPLAINED {
            return Err("does not fit its schema, and is too large to say where".into());
        }
        match self.validator.validate(&value) {
            Ok(()) => Ok(()),
            Err(fault) => Err(describe(&fault)),
        }
    }
}

/// Values in the data, with a text's length.
fn count(value: &Value) -> u64 {
    let text = |text: &str| (text.len() / BYTES_PER_VALUE) as u64;
    1 + match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
        Value::String(string) => text(string),
        Value::Array(items) => items.iter().map(count).sum(),
        Value::Object(fields) => fields
            .iter()
            .map(|(key, value)| text(key) + count(value))
            .sum(),
    }
}

fn check_draft(schema: &Value) -> Result<(), String> {
    match schema.get("$schema") {
        None => Ok(()),
        Some(Value::String(uri)) => {
            let name = uri.trim_start_matches("https").trim_start_matches("http");
            if DRAFTS.contains(&name.trim_end_matches('#')) {
                return Ok(());
            }
            let uri: String = uri.chars().take(100).collect();
            Err(format!(
                "$schema: `{uri}` is none of the drafts that are known: 2020-12 (the default), 2019-09, draft-07 and draft-06"
            ))
        }
        Some(_) => Err("$schema: must be a string".into()),
    }
}

/// Where the fault is, and what the schema wants there. The data itself is not repeated: it may be large, or secret.
fn describe(fault: &ValidationError<'_>) -> String {
    let place = place(fault);
    let mut text = if place.is_empty() {
        String::new()
    } else {
        format!("at `{place}`: ")
    };
    text.extend(wanted(fault).chars().take(MAX_WANTED_CHARS));
    if let Some(nearest) = nearest(fault) {
        let place = self::place(nearest);
        let _ = write!(text, "; the nearest one fails at `{place}`, which ");
        text.extend(wanted(nearest).chars().take(MAX_WANTED_CHARS));
    }
    text
}

/// The JSON pointer of a fault; the middle of a very long one is left out.
fn place(fault: &ValidationError<'_>) -> String {
    let path = fault.instance_path().as_str();
    let chars = path.chars().count();
    if chars <= MAX_WANTED_CHARS {
        return path.to_owned();
    }
    let half = MAX_WANTED_CHARS / 2;
    let begin: String = path.chars().take(half).collect();
    let end: String = path.chars().skip(chars - half).collect();
    format!("{begin}…{end}")
}

/// Of data that fits none of several shapes, the fault that lies deepest: it is the one of the shape that was meant.
fn nearest<'f>(fault: &'f ValidationError<'_>) -> Option<&'f ValidationError<'static>> {
    use ValidationErrorKind::{AnyOf, OneOfNotValid};
    let (AnyOf { context } | OneOfNotValid { context }) = fault.kind() else {
        return None;
    };
    let depth = |fault: &ValidationError<'_>| fault.instance_path().as_str().matches('/').count();
    let own = depth(fault);
    let inner = context
        .iter()
        .flatten()
        .map(|one| nearest(one).unwrap_or(one));
    inner
        .filter(|one| depth(one) > own)
        .max_by_key(|one| depth(one))
}

fn wanted(fault: &ValidationError<'_>) -> String {
    use ValidationErrorKind as Kind;
    match fault.kind() {
        Kind::Type { kind } => match kind {
            TypeKind::Single(one) => format!("must be of type {one}"),
            TypeKind::Multiple(several) => {
                let types: Vec<_> = several.iter().map(|one| one.to_string()).collect();
                format!("must be of type {}", types.join(" or "))
            }
        },
        Kind::Required { property } => format!("must have the property {property}"),
        Kind::Enum { options } => format!("must be one of {options}"),
        Kind::Constant { expected_value } => format!("must be {expected_value}"),
        Kind::Minimum { limit } => format!("must be at least {limit}"),
        Kind::Maximum { limit } => format!("must be at most {limit}"),
        Kind::ExclusiveMinimum { limit } => format!("must be greater than {limit}"),
        Kind::ExclusiveMaximum { limit } => format!("must be less than {limit}"),
        Kind::MultipleOf { multiple_of } => format!("must be a multiple of {multiple_of}"),
        Kind::MinLength { limit } => format!("must have at least {limit} characters"),
        Kind::MaxLength { limit } => format!("must have at most {limit} characters"),
        Kind::MinItems { limit } => format!("must have at least {limit} items"),
        Kind::MaxItems { limit } => format!("must have at most {limit} items"),
        Kind::AdditionalItems { limit } => format!("must have at most {limit} items"),
        Kind::MinProperties { limit } => format!("must have at least {limit} properties"),
        Kind::MaxProperties { limit } => format!("must have at most {limit} properties"),
        Kind::UniqueItems => "must not have equal items".into(),
        Kind::Contains => "must have an item that fits the schema's `contains`".into(),
        Kind::Pattern { pattern } => format!("must match the pattern `{pattern}`"),
        Kind::AdditionalProperties { unexpected } | Kind::UnevaluatedProperties { unexpected } => {
            format!("must not have the property {}", quoted(unexpected))
        }
        Kind::UnevaluatedItems { .. } => "must not have further items".into(),
        Kind::PropertyNames { error } => {
            format!("must have no property of such a name: it {}", wanted(error))
        }
        Kind::FalseSchema => "must not be there".into(),
        Kind::AnyOf { context } => format!("must fit at least one of {} shapes", context.len()),
        Kind::OneOfNotValid { context } => {
            format!(
                "must fit exactly one of {} shapes, fits none",
                context.len()
            )
        }
        Kind::OneOfMultipleValid { .. } => "must fit exactly one shape, fits several".into(),
        Kind::Not { schema } => format!("must not be what fits {schema}"),
        Kind::Format { .. }
        | Kind::BacktrackLimitExceeded { .. }
        | Kind::RegexEngineFailure { .. }
        | Kind::ContentEncoding { .. }
        | Kind::ContentMediaType { .. }
        | Kind::Custom { .. }
        | Kind::FromUtf8 { .. }
        | Kind::Referencing(_) => fault.masked().to_string(),
    }
}

fn quoted(names: &[String]) -> String {
    let names: Vec<_> = names
        .iter()
        .take(4)
        .map(|name| format!("`{name}`"))
        .collect();
    names.join(", ")
}
