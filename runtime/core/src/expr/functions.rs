//! The functions that expressions may call.
//!
//! A function of null is null, and a test of null is false, because a missing field must not be an error. Any other value
//! of a wrong type is one. There is no `now()`: an expression gives the same answer whenever it is evaluated.

use super::EvalError;
use super::eval::Meter;
use super::time::{self, Part};
use super::value::{List, Value, whole_part};
use regex::{Regex, RegexBuilder};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Function {
    Size,
    Contains,
    StartsWith,
    EndsWith,
    LowerAscii,
    UpperAscii,
    Trim,
    Split,
    Join,
    Replace,
    Int,
    Double,
    Text,
    Bool,
    Timestamp,
    Duration,
    Part(Part),
}

/// Name, whether it may be called as `name(x)`, as `x.name()`, and the number of arguments with `x`.
type Row = (&'static str, bool, bool, usize, Function);

const FUNCTIONS: [Row; 27] = [
    ("size", true, true, 1, Function::Size),
    ("contains", false, true, 2, Function::Contains),
    ("startsWith", false, true, 2, Function::StartsWith),
    ("endsWith", false, true, 2, Function::EndsWith),
    ("lowerAscii", false, true, 1, Function::LowerAscii),
    ("upperAscii", false, true, 1, Function::UpperAscii),
    ("trim", false, true, 1, Function::Trim),
    ("split", false, true, 2, Function::Split),
    ("join", false, true, 2, Function::Join),
    ("replace", false, true, 3, Function::Replace),
    ("int", true, false, 1, Function::Int),
    ("double", true, false, 1, Function::Double),
    ("string", true, false, 1, Function::Text),
    ("bool", true, false, 1, Function::Bool),
    ("timestamp", true, false, 1, Function::Timestamp),
    ("date", true, false, 1, Function::Timestamp),
    ("duration", true, false, 1, Function::Duration),
    (
        "getFullYear",
        false,
        true,
        1,
        Function::Part(Part::FullYear),
    ),
    ("getMonth", false, true, 1, Function::Part(Part::Month)),
    ("getDate", false, true, 1, Function::Part(Part::Date)),
    (
        "getDayOfMonth",
        false,
        true,
        1,
        Function::Part(Part::DayOfMonth),
    ),
    (
        "getDayOfWeek",
        false,
        true,
        1,
        Function::Part(Part::DayOfWeek),
    ),
    (
        "getDayOfYear",
        false,
        true,
        1,
        Function::Part(Part::DayOfYear),
    ),
    ("getHours", false, true, 1, Function::Part(Part::Hours)),
    ("getMinutes", false, true, 1, Function::Part(Part::Minutes)),
    ("getSeconds", false, true, 1, Function::Part(Part::Seconds)),
    (
        "getMilliseconds",
        false,
        true,
        1,
        Function::Part(Part::Milliseconds),
    ),
];

impl Function {
    /// The function of this name that takes `arguments`, not counting the value that a method is called on.
    pub(super) fn find(name: &str, method: bool, arguments: usize) -> Option<Self> {
        FUNCTIONS
            .iter()
            .find(|(known, plain, on_value, count, _)| {
                let allowed = if method { *on_value } else { *plain };
                *known == name && allowed && *count == arguments + usize::from(method)
            })
            .map(|row| row.4)
    }

    /// Why [`Function::find`] found nothing.
    pub(super) fn unknown(name: &str, method: bool, arguments: usize) -> String {
        if name == "now" {
            return "there is no now(); compare with event.ts, the event's own time".to_owned();
        }
        let Some((_, plain, on_value, count, _)) = FUNCTIONS.iter().find(|row| row.0 == name)
        else {
            let macros = ["all", "exists", "exists_one", "filter", "map"];
            if name == "has" {
                return "has() takes a field, as in has(event.data.id)".to_owned();
            }
            if name == "matches" {
                return "matches() is called on a value, as in event.name.matches('^a')".to_owned();
            }
            if macros.contains(&name) {
                return format!("{name}() is called as in event.data.list.{name}(item, …)");
            }
            let names = FUNCTIONS.iter().map(|row| row.0);
            let names = names.chain(["has", "matches"]).chain(macros);
            let names: Vec<&str> = names.collect();
            return format!("unknown function `{name}`; there are {}", names.join(", "));
        };
        if method && !on_value {
            return format!("{name}() takes its value between the parentheses: {name}(value)");
        }
        if !method && !plain {
            return format!("{name}() is called on a value, as in value.{name}(…)");
        }
        let due = count - usize::from(method);
        format!("{name}() takes {due} arguments here, not {arguments}")
    }

    fn name(self) -> &'static str {
        FUNCTIONS
            .iter()
            .find(|row| row.4 == self)
            .map_or("function", |row| row.0)
    }

    pub(super) fn never_boolean(self) -> Option<&'static str> {
        Some(match self {
            Self::Contains | Self::StartsWith | Self::EndsWith | Self::Bool => return None,
            Self::Size | Self::Int | Self::Double | Self::Part(_) => "a number",
            Self::LowerAscii
            | Self::UpperAscii
            | Self::Trim
            | Self::Join
            | Self::Replace
            | Self::Text => "a string",
            Self::Split => "a list",
            Self::Timestamp => "a timestamp",
            Self::Duration => "a duration",
        })
    }

    /// Calls the function. `arguments` are as many as [`Function::find`] was told.
    pub(super) fn call<'a>(
        self,
        arguments: &[Value<'a>],
        meter: &mut Meter,
    ) -> Result<Value<'a>, EvalError> {
        if arguments.iter().any(Value::is_null) {
            return Ok(match self {
                Self::Contains | Self::StartsWith | Self::EndsWith => Value::Bool(false),
                _ => Value::Null,
            });
        }
        match arguments {
            [of] => self.call_one(of, meter),
            [Value::List(parts), separator] if self == Self::Join => {
                join(parts, self.text(separator, meter)?, meter)
            }
            [of, with] => self.call_two(self.text(of, meter)?, self.text(with, meter)?, meter),
            [of, from, to] => {
                let text = self.text(of, meter)?;
                replace(text, self.text(from, meter)?, self.text(to, meter)?, meter)
            }
            _ => Err(self.wrong(&Value::Null)),
        }
    }

    fn call_one<'a>(self, of: &Value<'a>, meter: &mut Meter) -> Result<Value<'a>, EvalError> {
        Ok(match (self, of) {
            (Self::Size, Value::List(list)) => Value::count(list.len()),
            (Self::Size, Value::Map(map)) => Value::count(map.len()),
            (Self::Size, _) => Value::count(self.text(of, meter)?.chars().count()),
            (Self::LowerAscii, _) => Value::text(self.text(of, meter)?.to_ascii_lowercase()),
            (Self::UpperAscii, _) => Value::text(self.text(of, meter)?.to_ascii_uppercase()),
            (Self::Trim, _) => Value::text(self.text(of, meter)?.trim()),
            (Self::Int, _) => Value::Int(to_int(self, of, meter)?),
            (Self::Double, _) => Value::Double(to_double(self, of, meter)?),
            (Self::Text, _) => to_text(self, of)?,
            (Self::Bool, Value::Bool(value)) => Value::Bool(*value),
            (Self::Bool, _) => match self.text(of, meter)? {
                "true" => Value::Bool(true),
                "false" => Value::Bool(false),
                other => return Err(cannot("a boolean", other)),
            },
            (Self::Timestamp, Value::Time(nanos)) => Value::Time(*nanos),
            (Self::Timestamp, Value::Int(ms)) => Value::Time(time::timestamp_of_ms(*ms)?),
            (Self::Timestamp, Value::Double(ms)) => {
                let ms = whole_part(*ms).ok_or(EvalError::Overflow)?;
                Value::Time(time::timestamp_of_ms(ms)?)
            }
            (Self::Timestamp, _) => Value::Time(time::parse_timestamp(self.text(of, meter)?)?),
            (Self::Duration, Value::Duration(nanos)) => Value::Duration(*nanos),
            (Self::Duration, _) => Value::Duration(time::parse_duration(self.text(of, meter)?)?),
            (Self::Part(part), Value::Time(nanos)) => Value::Int(part.of_timestamp(*nanos)?),
            (Self::Part(part), Value::Duration(nanos)) => {
                Value::Int(part.of_duration(*nanos).ok_or_else(|| self.wrong(of))?)
            }
            _ => return Err(self.wrong(of)),
        })
    }

    fn call_two<'a>(
        self,
        text: &str,
        with: &str,
        meter: &mut Meter,
    ) -> Result<Value<'a>, EvalError> {
        Ok(match self {
            Self::Contains => Value::Bool(text.contains(with)),
            Self::StartsWith => Value::Bool(text.starts_with(with)),
            Self::EndsWith => Value::Bool(text.ends_with(with)),
            Self::Split => {
                meter.charge(text.matches(with).count())?;
                Value::list(text.split(with).map(Value::text).collect())
            }
            _ => return Err(self.wrong(&Value::Null)),
        })
    }

    /// The text of an argument that must be a string.
    fn text<'v>(self, value: &'v Value<'_>, meter: &mut Meter) -> Result<&'v str, EvalError> {
        let Value::Text(text) = value else {
            return Err(self.wrong(value));
        };
        meter.charge_bytes(text.as_str().len())?;
        Ok(text.as_str())
    }

    fn wrong(self, value: &Value<'_>) -> EvalError {
        EvalError::Type {
            operation: format!("{}()", self.name()),
            got: value.kind(),
        }
    }
}

fn join<'a>(parts: &List<'a>, separator: &str, meter: &mut Meter) -> Result<Value<'a>, EvalError> {
    let mut joined = String::new();
    for place in 0..parts.len() {
        let part = parts.get(place);
        let part = Function::Join.text(&part, meter)?;
        meter.charge_bytes(separator.len())?;
        joined.push_str(if place == 0 { "" } else { separator });
        joined.push_str(part);
    }
    Ok(Value::text(joined))
}

fn replace<'a>(
    text: &str,
    from: &str,
    to: &str,
    meter: &mut Meter,
) -> Result<Value<'a>, EvalError> {
    let places = text.matches(from).count();
    meter.charge_bytes(places.saturating_mul(to.len().saturating_add(64)))?;
    Ok(Value::text(text.replace(from, to)))
}

fn cannot(to: &'static str, from: &str) -> EvalError {
    EvalError::Convert {
        to,
        from: time::shown(from),
    }
}

fn to_int(function: Function, of: &Value<'_>, meter: &mut Meter) -> Result<i128, EvalError> {
    match of {
        Value::Int(number) => Ok(*number),
        Value::Double(number) => whole_part(*number)
            .ok_or(EvalError::Overflow)
            .and_then(in_range),
        Value::Time(nanos) => Ok(time::ms_of(*nanos)),
        _ => {
            let text = function.text(of, meter)?;
            let number = text.parse().map_err(|_| cannot("a whole number", text))?;
            in_range(number)
        }
    }
}

/// `number` if JSON's whole numbers, of 64 bits, can hold it.
pub(super) fn in_range(number: i128) -> Result<i128, EvalError> {
    if (i128::from(i64::MIN)..=i128::from(u64::MAX)).contains(&number) {
        Ok(number)
    } else {
        Err(EvalError::Overflow)
    }
}

#[allow(
    clippy::cast_precision_loss,
    reason = "a number of 64 bits is rounded to the nearest double"
)]
fn to_double(function: Function, of: &Value<'_>, meter: &mut Meter) -> Result<f64, EvalError> {
    match of {
        Value::Int(number) => Ok(*number as f64),
        Value::Double(number) => Ok(*number),
        _ => {
            let text = function.text(of, meter)?;
            text.parse().map_err(|_| cannot("a number", text))
        }
    }
}

fn to_text<'a>(function: Function, of: &Value<'a>) -> Result<Value<'a>, EvalError> {
    Ok(match of {
        Value::Text(_) => of.clone(),
        Value::Bool(value) => Value::text(value.to_string()),
        Value::Int(number) => Value::text(number.to_string()),
        Value::Double(number) => Value::text(number.to_string()),
        Value::Time(nanos) => Value::text(time::timestamp_text(*nanos)?),
        Value::Duration(nanos) => Value::text(time::duration_text(*nanos)),
        _ => return Err(function.wrong(of)),
    })
}

/// A regular expression with what a byte of text costs it.
#[derive(Debug)]
pub(super) struct Pattern {
    regex: Regex,
    cost: usize,
}

impl Pattern {
    /// Compiles a pattern; the larger the automaton, the more it charges per byte.
    pub(super) fn new(pattern: &str) -> Result<Self, String> {
        let mut problem = String::new();
        for cost in [1, 4, 16] {
            let built = RegexBuilder::new(pattern)
                .size_limit(cost * 16 * 1024)
                .dfa_size_limit(256 * 1024)
                .nest_limit(32)
                .build();
            match built {
                Ok(regex) => return Ok(Self { regex, cost }),
                Err(regex::Error::CompiledTooBig(_)) => "too large".clone_into(&mut problem),
                Err(error) => {
                    let text = error.to_string();
                    let last = text.lines().last().unwrap_or("").trim();
                    last.trim_start_matches("error: ").clone_into(&mut problem);
                    break;
                }
            }
        }
        Err(format!("the pattern of matches() is invalid: {problem}"))
    }

    /// Whether the pattern is found anywhere in the value; false for null.
    pub(super) fn matches(&self, of: &Value<'_>, meter: &mut Meter) -> Result<bool, EvalError> {
        match of {
            Value::Null => Ok(false),
            Value::Text(text) => {
                let text = text.as_str();
                meter.charge(text.len().saturating_mul(self.cost))?;
                Ok(self.regex.is_match(text))
            }
            _ => Err(EvalError::Type {
                operation: "matches()".to_owned(),
                got: of.kind(),
            }),
        }
    }
}
