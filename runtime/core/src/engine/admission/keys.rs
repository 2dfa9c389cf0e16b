//! Keys: what the expressions of a function give for an event, as the text by which records are told apart.
//!
//! An expression that cannot be decided gives null (a priority 0, a condition no match), with a warning on the function.

use std::fmt::Write as _;
use std::sync::Arc;

use sha1::{Digest as _, Sha1};

use super::super::served::{Served, Source};
use super::super::{Context, Effect, Engine, Notice};
use super::Arriving;
use crate::function::Undecided;
use crate::ids::FunctionId;
use crate::state::{ControlKey, ControlKind, Counter, Queue};

/// A value is as long as the sender likes; a key is not. Longer texts are replaced by their hash.
const MAX_KEY_BYTES: usize = 256;

/// The key of what can't be decided.
const UNDECIDED: &str = "null";

/// Seconds by which a run may come before others, or after them.
const MAX_PRIORITY: i64 = 600;

impl Engine {
    /// The record of a control for an event.
    pub(super) fn control_key(
        kind: ControlKind,
        served: &Served,
        source: (&Source, &str),
        arriving: &Arriving,
        cx: &mut Context<'_>,
    ) -> ControlKey {
        ControlKey {
            kind,
            function: served.id.clone(),
            key: key_text(&served.id, source, arriving, cx),
        }
    }

    /// How a run of the function queues that starts at `at_ms` at the earliest: evaluated once, here.
    pub(super) fn queueing(
        served: &Served,
        arriving: &Arriving,
        at_ms: u64,
        cx: &mut Context<'_>,
    ) -> Option<Box<Queue>> {
        if !served.queues() {
            return None;
        }
        let id = &served.id;
        let mut counters = Vec::new();
        for (limit, source) in served
            .config
            .concurrency
            .iter()
            .zip(&served.exprs.concurrency)
        {
            let value = key_text(id, (source, "concurrency key"), arriving, cx);
            counters.push(Counter::new(id, limit, &value));
        }
        let throttle = served.config.throttle.as_ref().map(|_| -> Arc<str> {
            key_text(id, (&served.exprs.throttle, "throttle key"), arriving, cx).into()
        });
        let ahead_ms = priority(served, arriving, cx) * 1_000;
        let order_ms = at_ms.saturating_add_signed(-ahead_ms);
        Some(Box::new(Queue::new(counters, throttle, order_ms)))
    }
}

/// The record of a control for an event that was warned about already where it had to be.
pub(super) fn quietly(
    kind: ControlKind,
    served: &Served,
    source: &Source,
    arriving: &Arriving,
) -> ControlKey {
    ControlKey {
        kind,
        function: served.id.clone(),
        key: decide(source, arriving).unwrap_or_else(|_| UNDECIDED.to_owned()),
    }
}

/// The value of a record's key, as the end of a sentence for people.
pub(super) fn for_people(key: &ControlKey) -> String {
    if key.key.is_empty() {
        String::new()
    } else {
        format!(", for the key {}", key.key)
    }
}

/// The canonical text of a key's value; empty if the option has no key.
fn key_text(
    function: &FunctionId,
    (source, option): (&Source, &str),
    arriving: &Arriving,
    cx: &mut Context<'_>,
) -> String {
    decide(source, arriving).unwrap_or_else(|error| {
        let problem = format!("{error}; the key counts as null for this event");
        undecided(function, option, problem, cx);
        UNDECIDED.to_owned()
    })
}

fn decide(source: &Source, arriving: &Arriving) -> Result<String, String> {
    match source {
        Source::Absent => Ok(String::new()),
        Source::Expr(expr) => match expr.key(arriving.scope(), None) {
            Ok(text) => Ok(bounded(text)),
            Err(error) => Err(error.to_string()),
        },
        Source::Broken(error) => Err(error.clone()),
    }
}

/// Whether a condition holds.
pub(super) fn condition(
    function: &FunctionId,
    (source, option): (&Source, &str),
    arriving: &Arriving,
    cx: &mut Context<'_>,
) -> bool {
    let decided = match source {
        Source::Absent => return true,
        Source::Expr(expr) => expr
            .matches(arriving.scope(), None)
            .map_err(|error| error.to_string()),
        Source::Broken(error) => Err(error.clone()),
    };
    decided.unwrap_or_else(|error| {
        let problem = format!("{error}; the condition does not hold for this event");
        undecided(function, option, problem, cx);
        false
    })
}

/// The seconds by which the run comes before others.
fn priority(served: &Served, arriving: &Arriving, cx: &mut Context<'_>) -> i64 {
    let value = match &served.exprs.priority {
        Source::Absent => return 0,
        Source::Expr(expr) => expr
            .integer(arriving.scope(), None)
            .map_err(|error| error.to_string()),
        Source::Broken(error) => Err(error.clone()),
    };
    match value {
        Ok(seconds) => seconds.unwrap_or(0).clamp(-MAX_PRIORITY, MAX_PRIORITY),
        Err(error) => {
            let problem = format!("{error}; the priority is 0 for this event");
            undecided(&served.id, "priority", problem, cx);
            0
        }
    }
}

fn undecided(function: &FunctionId, option: &str, problem: String, cx: &mut Context<'_>) {
    cx.out
        .durable
        .push(Effect::Notice(Notice::Undecided(Undecided {
            function: function.clone(),
            option: option.to_owned(),
            problem,
        })));
}

fn bounded(text: String) -> String {
    if text.len() <= MAX_KEY_BYTES {
        return text;
    }
    // No JSON text begins with this sign.
    let mut hashed = String::from("#");
    for byte in Sha1::digest(text.as_bytes()) {
        let _ = write!(hashed, "{byte:02x}");
    }
    hashed
}
