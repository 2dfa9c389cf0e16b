//! The durable-execution engine of Abide.
//!
//! Two pure state machines: [`machine::Machine`] is one run and its journal, driven by the host; [`engine::Engine`] is one
//! shard, which starts, wakes and ends runs. Neither does I/O, reads a clock, asks for randomness or knows of threads and
//! async: times, ids and seeds enter with the inputs, and everything to be done comes back as data.

pub mod engine;
pub mod event;
pub mod expr;
pub mod failure;
pub mod function;
pub mod ids;
pub mod journal;
pub mod limits;
pub mod machine;
pub mod operation;
pub mod retry;
pub mod state;

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

/// Whether `text` is exactly one JSON value.
pub fn is_json(text: &str) -> bool {
    serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok()
}

/// Whether `text` is exactly one JSON object.
pub fn is_json_object(text: &str) -> bool {
    text.trim_start().starts_with('{') && is_json(text)
}
