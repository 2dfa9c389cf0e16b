//! JSON as the snapshots have it: one spelling for what the languages spell in different ways.
//!
//! Keys are sorted, a number is written by its value (`1e+308`, `1E308` and `1e308` are one, `-0.0` is `0`), long texts by their length and a hash, and every
//! ULID as `<ulid>`. It must not make different values the same otherwise.

use std::fmt::Write;
use std::hash::{DefaultHasher, Hash, Hasher};

use serde_json::{Number, Value};

/// Texts longer than this are abbreviated.
const LONG_CHARS: usize = 200;

/// Integers beyond this are not exact in every language.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// The one spelling of a JSON text.
pub fn canonical(text: &str) -> String {
    match serde_json::from_str(text) {
        Ok(value) => show(&value),
        Err(error) => format!("<not JSON: {error}: {}>", mask(text)),
    }
}

/// The one spelling of a value.
pub fn show(value: &Value) -> String {
    let mut out = String::new();
    write_value(value, &mut out);
    out
}

/// Whether two values are the same, however their numbers are written.
pub fn same(a: &Value, b: &Value) -> bool {
    show(a) == show(b)
}

fn write_value(value: &Value, out: &mut String) {
    match value {
        Value::Null | Value::Bool(_) => write!(out, "{value}").expect("a text grows"),
        Value::Number(number) => out.push_str(&write_number(number)),
        Value::String(text) => out.push_str(&quoted(text)),
        Value::Array(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write_value(item, out);
            }
            out.push(']');
        }
        Value::Object(members) => {
            let mut sorted: Vec<_> = members.iter().collect();
            sorted.sort_by_key(|(name, _)| *name);
            out.push('{');
            for (index, (name, member)) in sorted.into_iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                out.push_str(&quoted(name));
                out.push(':');
                write_value(member, out);
            }
            out.push('}');
        }
    }
}

fn write_number(number: &Number) -> String {
    match number.as_f64() {
        Some(value) if number.is_f64() && value.fract() == 0.0 && value.abs() <= EXACT => {
            format!(
                "{:.0}",
                value.abs().copysign(if value < 0.0 { -1.0 } else { 1.0 })
            )
        }
        _ => number.to_string(),
    }
}

fn quoted(text: &str) -> String {
    if text.chars().count() > LONG_CHARS {
        let mut hasher = DefaultHasher::new();
        text.hash(&mut hasher);
        return format!("<{} bytes, {:08x}>", text.len(), hasher.finish() >> 32);
    }
    Value::String(mask(text)).to_string()
}

/// The text with every ULID replaced: ids differ from run to run.
pub fn mask(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut word = String::new();
    for char in text.chars().map(Some).chain([None]) {
        match char {
            Some(char) if char.is_ascii_alphanumeric() => word.push(char),
            other => {
                out.push_str(if is_ulid(&word) { "<ulid>" } else { &word });
                word.clear();
                out.extend(other);
            }
        }
    }
    out
}

fn is_ulid(word: &str) -> bool {
    word.len() == 26
        && word.starts_with(|first: char| first.is_ascii_digit())
        && word
            .bytes()
            .all(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_value_has_one_spelling() {
        for (a, b) in [
            (r#"{"b":1,"a":2}"#, r#"{ "a": 2.0, "b": 1 }"#),
            ("1e308", "1E+308"),
            ("-0.0", "0"),
            ("9007199254740991", "9007199254740991.0"),
            (r#""\u00e9""#, r#""é""#),
            ("0.30000000000000004", "3.0000000000000004e-1"),
        ] {
            assert_eq!(canonical(a), canonical(b), "{a}");
        }
    }

    #[test]
    fn different_values_stay_different() {
        for (a, b) in [
            ("1", "\"1\""),
            ("0.1", "0.10000000000000002"),
            ("5e-324", "0"),
            ("[1,2]", "[2,1]"),
            ("null", "{}"),
            ("9007199254740991", "9007199254740992"),
        ] {
            assert_ne!(canonical(a), canonical(b), "{a}");
        }
        let long = |end: &str| format!("\"{}{end}\"", "a".repeat(500));
        assert_ne!(canonical(&long("b")), canonical(&long("c")));
    }

    #[test]
    fn ids_are_masked_and_nothing_else_is() {
        assert_eq!(
            mask("run 01KAKXJ2M0ABCDEFGHJKMNPQRS/e7d8/1 of ABIDE"),
            "run <ulid>/e7d8/1 of ABIDE"
        );
        assert_eq!(
            mask("01KAKXJ2M0ABCDEFGHJKMNPQRSX"),
            "01KAKXJ2M0ABCDEFGHJKMNPQRSX"
        );
    }
}
