//! The values that expressions compute with: borrowed from an event where they can be, owned where they were made.
//!
//! Numbers follow JSON, which does not tell `1` from `1.0`: whole and fractional numbers compare and calculate with each
//! other, exactly where they compare.

use super::eval::Meter;
use super::{EvalError, time};
use serde_json::Value as Json;
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::rc::Rc;

#[derive(Debug, Clone)]
pub(super) enum Value<'a> {
    Null,
    Bool(bool),
    /// A whole number from the least `i64` to the greatest `u64`.
    Int(i128),
    Double(f64),
    Text(Text<'a>),
    List(List<'a>),
    Map(Map<'a>),
    /// Nanoseconds since the Unix epoch.
    Time(i128),
    /// Nanoseconds.
    Duration(i128),
}

#[derive(Debug, Clone)]
pub(super) enum Text<'a> {
    Borrowed(&'a str),
    Made(Rc<str>),
}

#[derive(Debug, Clone)]
pub(super) enum List<'a> {
    Borrowed(&'a [Json]),
    Made(Rc<[Value<'a>]>),
}

#[derive(Debug, Clone)]
pub(super) enum Map<'a> {
    Borrowed(&'a serde_json::Map<String, Json>),
    Made(Rc<BTreeMap<&'a str, Value<'a>>>),
}

/// Two values whose types differ or have no order.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NoOrder;

impl<'a> Value<'a> {
    pub(super) fn of(json: &'a Json) -> Self {
        match json {
            Json::Null => Self::Null,
            Json::Bool(value) => Self::Bool(*value),
            Json::Number(number) => number_of(number),
            Json::String(text) => Self::Text(Text::Borrowed(text)),
            Json::Array(items) => Self::List(List::Borrowed(items)),
            Json::Object(fields) => Self::Map(Map::Borrowed(fields)),
        }
    }

    pub(super) fn text(text: impl Into<Rc<str>>) -> Self {
        Self::Text(Text::Made(text.into()))
    }

    pub(super) fn list(items: Vec<Value<'a>>) -> Self {
        Self::List(List::Made(items.into()))
    }

    pub(super) fn count(count: usize) -> Self {
        Self::Int(i128::try_from(count).unwrap_or(i128::MAX))
    }

    /// How a message names the value's type.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null (a missing field is null)",
            Self::Bool(_) => "a boolean",
            Self::Int(_) | Self::Double(_) => "a number",
            Self::Text(_) => "a string",
            Self::List(_) => "a list",
            Self::Map(_) => "a map",
            Self::Time(_) => "a timestamp",
            Self::Duration(_) => "a duration",
        }
    }

    pub(super) fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// The value of a field; null for what has no such field.
    pub(super) fn field(&self, name: &str) -> Value<'a> {
        match self {
            Self::Map(map) => map.get(name).unwrap_or(Self::Null),
            _ => Self::Null,
        }
    }

    /// `==`. Values of different types are never equal, except numbers.
    pub(super) fn equals(&self, other: &Self, meter: &mut Meter) -> Result<bool, EvalError> {
        meter.charge(1)?;
        Ok(match (self, other) {
            (Self::Null, Self::Null) => true,
            (Self::Bool(a), Self::Bool(b)) => a == b,
            (Self::Text(a), Self::Text(b)) => {
                let (a, b) = (a.as_str(), b.as_str());
                meter.charge_bytes(a.len().min(b.len()))?;
                a == b
            }
            (Self::List(a), Self::List(b)) => {
                if a.len() != b.len() {
                    return Ok(false);
                }
                for place in 0..a.len() {
                    if !a.get(place).equals(&b.get(place), meter)? {
                        return Ok(false);
                    }
                }
                true
            }
            (Self::Map(a), Self::Map(b)) => {
                if a.len() != b.len() {
                    return Ok(false);
                }
                meter.charge(a.len())?;
                for key in a.keys() {
                    let (Some(x), Some(y)) = (a.get(key), b.get(key)) else {
                        return Ok(false);
                    };
                    if !x.equals(&y, meter)? {
                        return Ok(false);
                    }
                }
                true
            }
            (Self::Time(a), Self::Time(b)) | (Self::Duration(a), Self::Duration(b)) => a == b,
            _ => compare_numbers(self, other) == Ok(Some(Ordering::Equal)),
        })
    }

    /// The order of two values, `None` when a number among them is not one (NaN).
    pub(super) fn order(&self, other: &Self) -> Result<Option<Ordering>, NoOrder> {
        match (self, other) {
            (Self::Bool(a), Self::Bool(b)) => Ok(Some(a.cmp(b))),
            (Self::Text(a), Self::Text(b)) => Ok(Some(a.as_str().cmp(b.as_str()))),
            (Self::Time(a), Self::Time(b)) | (Self::Duration(a), Self::Duration(b)) => {
                Ok(Some(a.cmp(b)))
            }
            _ => compare_numbers(self, other),
        }
    }

    /// The value as JSON; times and durations become strings.
    pub(super) fn to_json(&self, meter: &mut Meter) -> Result<Json, EvalError> {
        meter.charge(1)?;
        Ok(match self {
            Self::Null => Json::Null,
            Self::Bool(value) => Json::Bool(*value),
            Self::Int(number) => i64::try_from(*number)
                .map(Json::from)
                .or_else(|_| u64::try_from(*number).map(Json::from))
                .map_err(|_| EvalError::Overflow)?,
            Self::Double(number) => serde_json::Number::from_f64(*number)
                .map(Json::Number)
                .ok_or(EvalError::Overflow)?,
            Self::Text(text) => {
                meter.charge_bytes(text.as_str().len())?;
                Json::String(text.as_str().to_owned())
            }
            Self::List(list) => Json::Array(
                (0..list.len())
                    .map(|place| list.get(place).to_json(meter))
                    .collect::<Result<_, _>>()?,
            ),
            Self::Map(map) => {
                let mut fields = serde_json::Map::new();
                meter.charge(map.len())?;
                for key in map.keys() {
                    meter.charge_bytes(key.len())?;
                    let value = map.get(key).unwrap_or(Self::Null);
                    fields.insert(key.to_owned(), value.to_json(meter)?);
                }
                Json::Object(fields)
            }
            Self::Time(nanos) => Json::String(time::timestamp_text(*nanos)?),
            Self::Duration(nanos) => Json::String(time::duration_text(*nanos)),
        })
    }
}

impl Text<'_> {
    pub(super) fn as_str(&self) -> &str {
        match self {
            Self::Borrowed(text) => text,
            Self::Made(text) => text,
        }
    }
}

impl<'a> List<'a> {
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Borrowed(items) => items.len(),
            Self::Made(items) => items.len(),
        }
    }

    /// The element at a place; null beyond the end.
    pub(super) fn get(&self, place: usize) -> Value<'a> {
        match self {
            Self::Borrowed(items) => items.get(place).map(Value::of),
            Self::Made(items) => items.get(place).cloned(),
        }
        .unwrap_or(Value::Null)
    }
}

impl<'a> Map<'a> {
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Borrowed(fields) => fields.len(),
            Self::Made(fields) => fields.len(),
        }
    }

    pub(super) fn get(&self, key: &str) -> Option<Value<'a>> {
        match self {
            Self::Borrowed(fields) => fields.get(key).map(Value::of),
            Self::Made(fields) => fields.get(key).cloned(),
        }
    }

    /// The keys in the order of their text.
    pub(super) fn keys(&self) -> Vec<&'a str> {
        let mut keys: Vec<&'a str> = match self {
            Self::Borrowed(fields) => fields.keys().map(String::as_str).collect(),
            Self::Made(fields) => fields.keys().copied().collect(),
        };
        keys.sort_unstable();
        keys
    }
}

fn number_of<'a>(number: &serde_json::Number) -> Value<'a> {
    let whole = number.as_i64().map(i128::from);
    match whole.or_else(|| number.as_u64().map(i128::from)) {
        Some(whole) => Value::Int(whole),
        None => number.as_f64().map_or(Value::Null, Value::Double),
    }
}

fn compare_numbers(a: &Value<'_>, b: &Value<'_>) -> Result<Option<Ordering>, NoOrder> {
    Ok(match (a, b) {
        (Value::Int(a), Value::Int(b)) => Some(a.cmp(b)),
        (Value::Double(a), Value::Double(b)) => a.partial_cmp(b),
        (Value::Int(a), Value::Double(b)) => compare_mixed(*a, *b),
        (Value::Double(a), Value::Int(b)) => compare_mixed(*b, *a).map(Ordering::reverse),
        _ => return Err(NoOrder),
    })
}

/// Compares without rounding the whole number, so that equality stays transitive beyond 2^53.
fn compare_mixed(whole: i128, double: f64) -> Option<Ordering> {
    match whole_part(double) {
        Some(part) => {
            let fraction = double - double.trunc();
            Some(whole.cmp(&part).then(0.0_f64.partial_cmp(&fraction)?))
        }
        None => 0.0_f64.partial_cmp(&double),
    }
}

/// The whole part of a number of less than 2^100; `None` beyond, and for what is no number.
#[allow(clippy::cast_possible_truncation, reason = "the range was checked")]
pub(super) fn whole_part(double: f64) -> Option<i128> {
    const LIMIT: f64 = 1_267_650_600_228_229_401_496_703_205_376.0;
    (double.abs() < LIMIT).then_some(double as i128)
}

/// The canonical text of a JSON value: equal values have equal texts, different ones different texts.
pub(super) fn canonical(json: &Json, text: &mut String) {
    match json {
        Json::Null => text.push_str("null"),
        Json::Bool(value) => text.push_str(if *value { "true" } else { "false" }),
        Json::Number(number) => canonical_number(number, text),
        Json::String(string) => canonical_string(string, text),
        Json::Array(items) => {
            text.push('[');
            for (place, item) in items.iter().enumerate() {
                text.push_str(if place == 0 { "" } else { "," });
                canonical(item, text);
            }
            text.push(']');
        }
        Json::Object(fields) => {
            let mut sorted: Vec<_> = fields.iter().collect();
            sorted.sort_unstable_by_key(|(key, _)| key.as_str());
            text.push('{');
            for (place, (key, value)) in sorted.into_iter().enumerate() {
                text.push_str(if place == 0 { "" } else { "," });
                canonical_string(key, text);
                text.push(':');
                canonical(value, text);
            }
            text.push('}');
        }
    }
}

fn canonical_string(string: &str, text: &mut String) {
    // Writing a string as JSON cannot fail; `Debug` would be as unambiguous if it did.
    text.push_str(&serde_json::to_string(string).unwrap_or_else(|_| format!("{string:?}")));
}

fn canonical_number(number: &serde_json::Number, text: &mut String) {
    // Writing to a string cannot fail.
    let _ = match number_of(number) {
        Value::Int(whole) => write!(text, "{whole}"),
        Value::Double(double) => match whole_part(double) {
            #[allow(clippy::float_cmp, reason = "asks whether the number is exactly whole")]
            Some(whole) if double == double.trunc() => write!(text, "{whole}"),
            _ => write!(text, "{double:e}"),
        },
        _ => write!(text, "null"),
    };
}
