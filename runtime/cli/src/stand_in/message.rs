//! Requests and answers, as the service sees them.

use serde_json::{Value, json};

/// A request.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked<'a> {
    pub(super) method: &'a str,
    pub(super) path: &'a str,
    pub(super) query: &'a str,
    /// The header `Idempotency-Key`.
    pub(super) key: Option<&'a str>,
    /// Nothing if it was too long.
    pub(super) body: Option<&'a [u8]>,
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: String,
    pub(super) headers: Vec<(&'static str, &'static str)>,
}

impl Answer {
    /// An answer with this body.
    pub(super) fn new(status: u16, body: &Value) -> Self {
        Self {
            status,
            body: body.to_string(),
            headers: Vec::new(),
        }
    }

    /// An error.
    pub(super) fn error(status: u16, code: &str, message: impl Into<String>) -> Self {
        Self::new(status, &json!({"error": code, "message": message.into()}))
    }

    /// A request that is not understood.
    pub(super) fn bad_request(message: impl Into<String>) -> Self {
        Self::error(400, "bad_request", message)
    }

    /// With a header more.
    pub(super) fn with_header(mut self, name: &'static str, value: &'static str) -> Self {
        self.headers.push((name, value));
        self
    }

    /// Whether the request took effect.
    pub(super) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// Whether it is the last word on its idempotency key: trying again may change the others.
    pub(super) fn is_final(&self) -> bool {
        !matches!(self.status, 400 | 413 | 429 | 503)
    }
}
