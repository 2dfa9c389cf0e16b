//! Conditions and keys over events, in the Common Expression Language (CEL).
//!
//! An expression sees `event` and, where a later event is examined (waits and cancellations), `async`. It is parsed once,
//! when a function is deployed or a wait is recorded, and then evaluated over events that were parsed once too. The rules
//! of SEMANTICS, section 2, and what follows from them:
//!
//! - A missing field is null, at any depth, and never an error by itself. `==` and `!=` treat null as a value like others;
//!   ordering against null is false; `in`, `startsWith`, `exists` and the other tests of null are false; what is computed
//!   from null is null. An index beyond a list's end is a missing field. `has()` is true for a field that is there, even
//!   when it is null.
//! - Null is not a boolean: `event.data.flag && …` without the field is an [`EvalError`], which means "no match" and a
//!   visible warning. `&&` and `||` still answer when another part decides.
//! - Numbers are JSON's: `1` and `1.0` are equal, and whole and fractional numbers mix. Whole numbers have 64 bits; beyond,
//!   JSON's numbers are doubles. Dividing by zero is an error for both. A literal beyond 2^63 ends in `u`.
//! - `timestamp()` (also called `date()`) takes RFC 3339 text or milliseconds, as in `timestamp(event.ts)`; `duration()`
//!   takes `1h30m`. Dates are in UTC. There is no `now()`.
//!
//! The `cel` crate parses; evaluating its tree is ours. Its evaluator has no bound on steps, and `||` and `exists` swallow the
//! errors by which functions of ours could stop it; it copies what its macros walk over; and it fails on missing fields, on
//! macros over null and on sums of whole and fractional numbers, so that every operator would need a wrapper. Of the crate's
//! two parsers we take the one by precedence (feature `parser_pratt`): it needs microseconds where the generated one needs
//! tens of them, and it shows its tokens, by which nesting is limited beforehand.
//!
//! The module is not CEL's full language: bytes, message types, optional syntax and types as values are left out, because
//! events are JSON. It must not read a clock, and it must not take long: source text, nesting and the steps of one
//! evaluation are limited, and nothing here panics on any source or event.

mod eval;
mod functions;
mod parse;
mod syntax;
#[cfg(test)]
mod tests;
mod time;
mod value;

use eval::Meter;
use serde_json::Value as Json;
use std::fmt;
use std::sync::Arc;
use value::Value;

/// The longest source text in bytes: expressions are conditions, not programs.
pub const MAX_SOURCE_BYTES: usize = 4 * 1024;

/// The longest path of a `match` in bytes.
pub const MAX_PATH_BYTES: usize = 1024;

/// A compiled expression. Cloning is cheap.
#[derive(Clone)]
pub struct Expr {
    compiled: Arc<Compiled>,
}

struct Compiled {
    source: String,
    node: syntax::Node,
    uses_async: bool,
}

/// Why a text is not an expression, in one line: what is wrong and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct InvalidExpr {
    problem: String,
    /// Line and column, in characters from 1; what the text means, unlike its grammar, is refused by name.
    position: Option<(usize, usize)>,
}

/// Why an expression has no answer for an event.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EvalError {
    /// The result, or what `&&`, `!` and their like are given, is no boolean.
    #[error("{operation} needs a boolean, not {got}")]
    NotBoolean {
        /// What needs it.
        operation: String,
        /// What it is given.
        got: &'static str,
    },
    /// An operation is given a value of a type that it does not take.
    #[error("{operation} does not take {got}")]
    Type {
        /// What is done.
        operation: String,
        /// What it is given.
        got: &'static str,
    },
    /// An operator is given two values that do not go together.
    #[error("`{operator}` does not go between {left} and {right}")]
    Types {
        /// The operator.
        operator: &'static str,
        /// What stands on its left.
        left: &'static str,
        /// What stands on its right.
        right: &'static str,
    },
    /// A conversion of a text failed.
    #[error("{from} is not {to}")]
    Convert {
        /// What it should become.
        to: &'static str,
        /// The beginning of the text.
        from: String,
    },
    /// A division by zero.
    #[error("division by zero")]
    DivisionByZero,
    /// A number, a time or a duration beyond what can be held.
    #[error("a number or a time is out of range")]
    Overflow,
    /// The evaluation takes too many steps for this event.
    #[error(
        "the expression takes more than {} steps for this event; make it simpler",
        eval::MAX_STEPS
    )]
    TooLong,
    /// `async` is used where there is no later event.
    #[error("there is no `async` event here; only waits and cancellations have one")]
    NoAsync,
}

/// An event's JSON, parsed once for any number of expressions. The default is null, in which every field is missing.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Scope {
    json: Json,
}

impl Expr {
    /// Compiles an expression of any type, such as a key or a priority.
    pub fn compile_value(source: &str) -> Result<Self, InvalidExpr> {
        Self::compile_over(source, &[])
    }

    /// As [`Expr::compile_value`], for an expression that does not see an event but the named fields of a [`Scope`] of another
    /// kind, such as a request's `body` and `headers`.
    pub fn compile_over(source: &str, names: &[&str]) -> Result<Self, InvalidExpr> {
        if source.len() > MAX_SOURCE_BYTES {
            return Err(InvalidExpr::whole(format!(
                "the expression has {} bytes; at most {MAX_SOURCE_BYTES} are allowed",
                source.len()
            )));
        }
        let parsed = parse::parse(source, names)?;
        Ok(Self {
            compiled: Arc::new(Compiled {
                source: source.to_owned(),
                node: parsed.node,
                uses_async: parsed.uses_async,
            }),
        })
    }

    /// Compiles a condition; refuses an expression that is known never to give a boolean.
    pub fn compile(source: &str) -> Result<Self, InvalidExpr> {
        Self::compile_value(source)?.condition()
    }

    /// As [`Expr::compile`], over other names than an event's: see [`Expr::compile_over`].
    pub fn compile_condition_over(source: &str, names: &[&str]) -> Result<Self, InvalidExpr> {
        Self::compile_over(source, names)?.condition()
    }

    fn condition(self) -> Result<Self, InvalidExpr> {
        match self.compiled.node.never_boolean() {
            Some(kind) => Err(InvalidExpr::whole(format!(
                "the expression gives {kind}; a condition must give a boolean"
            ))),
            None => Ok(self),
        }
    }

    /// Compiles a condition where there is no later event, as a trigger's `if`; refuses the use of `async` too.
    pub fn compile_without_async(source: &str) -> Result<Self, InvalidExpr> {
        let expr = Self::compile(source)?;
        if expr.uses_async() {
            return Err(InvalidExpr::whole(EvalError::NoAsync.to_string()));
        }
        Ok(expr)
    }

    /// The text that was compiled.
    pub fn source(&self) -> &str {
        &self.compiled.source
    }

    /// Whether the expression mentions `async`.
    pub fn uses_async(&self) -> bool {
        self.compiled.uses_async
    }

    /// Two paths, in `event` and in `async`, whose values are equal whenever the condition holds, as in
    /// `event.data.id == async.data.orderId && …`: an index by that value then finds every event for which it can hold.
    pub fn equal_paths(&self) -> Option<(String, String)> {
        let paths = self.compiled.node.equal_paths();
        paths.filter(|(event, later)| check_path(event).is_ok() && check_path(later).is_ok())
    }

    /// Whether the condition holds. An error means "no match" and deserves a warning on the function.
    pub fn matches(&self, event: &Scope, async_event: Option<&Scope>) -> Result<bool, EvalError> {
        let value = self.evaluate(event, async_event, &mut Meter::new())?;
        eval::boolean(&value, "a condition")
    }

    /// The value of the expression as JSON. Timestamps and durations become strings.
    pub fn value(&self, event: &Scope, async_event: Option<&Scope>) -> Result<Json, EvalError> {
        let mut meter = Meter::new();
        self.evaluate(event, async_event, &mut meter)?
            .to_json(&mut meter)
    }

    /// The canonical text of the value, by which keys are told apart: equal values have equal texts, as in [`match_key`].
    pub fn key(&self, event: &Scope, async_event: Option<&Scope>) -> Result<String, EvalError> {
        let mut text = String::new();
        value::canonical(&self.value(event, async_event)?, &mut text);
        Ok(text)
    }

    /// The value as a whole number, such as a priority's seconds; a fraction is cut off. `None` for null.
    pub fn integer(
        &self,
        event: &Scope,
        async_event: Option<&Scope>,
    ) -> Result<Option<i64>, EvalError> {
        let value = self.evaluate(event, async_event, &mut Meter::new())?;
        let whole = match value {
            Value::Null => return Ok(None),
            Value::Int(number) => Some(number),
            Value::Double(number) => value::whole_part(number),
            _ => {
                return Err(EvalError::Type {
                    operation: "a whole number's place".to_owned(),
                    got: value.kind(),
                });
            }
        };
        let whole = whole.and_then(|number| i64::try_from(number).ok());
        whole.map(Some).ok_or(EvalError::Overflow)
    }

    fn evaluate<'a>(
        &'a self,
        event: &'a Scope,
        async_event: Option<&'a Scope>,
        meter: &mut Meter,
    ) -> Result<Value<'a>, EvalError> {
        let later = async_event.map(|scope| &scope.json);
        eval::evaluate(&self.compiled.node, &event.json, later, meter)
    }
}

impl fmt::Debug for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Expr").field(&self.source()).finish()
    }
}

impl InvalidExpr {
    fn whole(problem: impl Into<String>) -> Self {
        Self {
            problem: problem.into(),
            position: None,
        }
    }

    fn at(source: &str, byte: usize, problem: impl Into<String>) -> Self {
        let before = source.get(..byte).unwrap_or(source);
        let line = before.matches('\n').count() + 1;
        let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
        Self {
            problem: problem.into(),
            position: Some((line, column)),
        }
    }
}

impl fmt::Display for InvalidExpr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.position {
            Some((1, column)) => write!(f, "at column {column}: {}", self.problem),
            Some((line, column)) => write!(f, "at line {line}, column {column}: {}", self.problem),
            None => f.write_str(&self.problem),
        }
    }
}

impl Scope {
    /// Parses an event's JSON. Text that nests deeper than 127 is refused.
    pub fn parse(json: &str) -> Result<Self, serde_json::Error> {
        Ok(Self {
            json: serde_json::from_str(json)?,
        })
    }
}

/// The value at a dotted path such as `data.order.id`; a number is a list's index, as in `data.items.0`.
pub fn path_value<'s>(scope: &'s Scope, path: &str) -> Option<&'s Json> {
    path.split('.')
        .try_fold(&scope.json, |json, segment| match json {
            Json::Object(fields) => fields.get(segment),
            Json::Array(items) if segment.bytes().all(|byte| byte.is_ascii_digit()) => {
                items.get(segment.parse::<usize>().ok()?)
            }
            _ => None,
        })
}

/// The canonical text of the value at a path: two events have the same one exactly when `event.path == async.path`.
///
/// A missing value is null, and two nulls are equal, so it is `null` too. A text can be as long as the event; whoever
/// indexes by it should hash long ones.
pub fn match_key(scope: &Scope, path: &str) -> String {
    let mut text = String::new();
    value::canonical(path_value(scope, path).unwrap_or(&Json::Null), &mut text);
    text
}

/// Refuses a text that cannot be the path of a `match`.
pub fn check_path(path: &str) -> Result<(), InvalidExpr> {
    let problem = if path.len() > MAX_PATH_BYTES {
        format!(
            "the path has {} bytes; at most {MAX_PATH_BYTES} are allowed",
            path.len()
        )
    } else if path.split('.').any(str::is_empty) {
        "the path must be names between dots, as data.order.id".to_owned()
    } else if path.starts_with("event.") || path.starts_with("async.") {
        "the path begins inside the event: write data.id, not event.data.id".to_owned()
    } else {
        return Ok(());
    };
    Err(InvalidExpr::whole(problem))
}
