//! Idempotency keys: the first final answer is remembered and given again.

use std::collections::{HashMap, VecDeque};

use super::message::{Answer, Asked};

/// Keys that are remembered: the newest, so that a service that runs for weeks stays small.
const MAX_KEYS: usize = 100_000;
/// The longest key.
const MAX_KEY_CHARS: usize = 256;

/// What was answered, by key.
#[derive(Debug, Default)]
pub(super) struct Answers {
    by_key: HashMap<String, Remembered>,
    order: VecDeque<String>,
}

#[derive(Debug)]
struct Remembered {
    method: String,
    path: String,
    answer: Answer,
}

/// The request's key, or why it is none.
pub(super) fn key<'a>(asked: &Asked<'a>) -> Result<&'a str, Answer> {
    match asked.key {
        Some(key) if (1..=MAX_KEY_CHARS).contains(&key.chars().count()) => Ok(key),
        _ => Err(Answer::error(
            400,
            "idempotency_key_missing",
            format!(
                "{} needs the header Idempotency-Key with 1 to 256 characters.",
                asked.method
            ),
        )),
    }
}

impl Answers {
    /// The answer that this key has had already.
    pub(super) fn again(&self, key: &str, asked: &Asked<'_>) -> Option<Answer> {
        let remembered = self.by_key.get(key)?;
        if remembered.method == asked.method && remembered.path == asked.path {
            return Some(
                remembered
                    .answer
                    .clone()
                    .with_header("idempotent-replay", "true"),
            );
        }
        let message = format!(
            "This key was used for {} {} before.",
            remembered.method, remembered.path
        );
        Some(Answer::error(422, "idempotency_key_reused", message))
    }

    /// Remembers a final answer.
    pub(super) fn remember(&mut self, key: &str, asked: &Asked<'_>, answer: &Answer) {
        if !answer.is_final() {
            return;
        }
        if self.order.len() >= MAX_KEYS
            && let Some(oldest) = self.order.pop_front()
        {
            self.by_key.remove(&oldest);
        }
        self.order.push_back(key.to_owned());
        let remembered = Remembered {
            method: asked.method.to_owned(),
            path: asked.path.to_owned(),
            answer: answer.clone(),
        };
        self.by_key.insert(key.to_owned(), remembered);
    }
}
