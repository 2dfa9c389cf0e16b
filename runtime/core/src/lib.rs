//! The durable-execution engine of Abide.
//!
//! Two pure state machines: [`machine::Machine`] is one run and its journal, driven by the host; [`engine::Engine`] is one
//! shard, which starts, wakes and ends runs. Neither does I/O, reads a clock, asks for randomness or knows of threads and
//! async: times, ids and seeds enter with the inputs, and everything to be done comes back as data.

pub mod cron;
pub mod engine;
pub mod event;
pub mod expr;
pub mod failure;
pub mod function;
pub mod ids;
pub mod journal;
pub mod limits;
pub mod log;
pub mod machine;
pub mod operation;
pub mod retry;
pub mod schema;
pub mod span;
pub mod state;
pub mod trace;

use std::sync::Arc;

/// The text of one JSON value. It is parsed only where its content matters.
pub type Json = Arc<str>;

/// One second in milliseconds.
pub const SECOND_MS: u64 = 1_000;
/// One minute in milliseconds.
pub const MINUTE_MS: u64 = 60 * SECOND_MS;
/// One hour in milliseconds.
pub const HOUR_MS: u64 = 60 * MINUTE_MS;
/// One day in milliseconds.
pub const DAY_MS: u64 = 24 * HOUR_MS;
/// 365 days in milliseconds.
pub const YEAR_MS: u64 = 365 * DAY_MS;

/// How deeply arrays and objects may be nested: what every JSON library that a guest may use can read.
pub const MAX_JSON_DEPTH: usize = 100;

/// Whether `text` is exactly one JSON value, nested no deeper than [`MAX_JSON_DEPTH`].
pub fn is_json(text: &str) -> bool {
    serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok() && depth_of(text) <= MAX_JSON_DEPTH
}

/// The nesting of valid JSON.
fn depth_of(json: &str) -> usize {
    let (mut depth, mut deepest, mut in_string, mut escaped) = (0_usize, 0, false, false);
    for byte in json.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'{' | b'[' if !in_string => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b'}' | b']' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

/// Whether `text` is exactly one JSON object.
pub fn is_json_object(text: &str) -> bool {
    text.trim_start().starts_with('{') && is_json(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_one_value_of_bounded_depth() {
        assert!(is_json(" [1, \"[[\\\"[\", {}] "));
        assert!(!is_json("1 2") && !is_json("") && !is_json("{"));
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(is_json(&nested(MAX_JSON_DEPTH)));
        assert!(!is_json(&nested(MAX_JSON_DEPTH + 1)));
    }
}
