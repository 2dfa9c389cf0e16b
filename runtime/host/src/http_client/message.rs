//! What is asked for, what is answered, and why there may be no answer.

use std::time::Duration;

use abide_core::Json;
use abide_core::failure::{Failure, Origin, RetryAdvice};
use abide_core::operation::Fetch;
use abide_core::trace::TraceContext;
use bytes::Bytes;

/// A request of the `fetch` operation.
#[derive(Debug, Clone)]
pub struct FetchRequest {
    /// `GET`, `POST`…
    pub method: String,
    /// Absolute, `http` or `https`.
    pub url: String,
    /// Names and values.
    pub headers: Vec<(String, String)>,
    /// What is sent.
    pub body: Option<Bytes>,
    /// For everything together: look-up, connection, redirects, the response's last byte.
    pub timeout: Duration,
    /// The largest response body in bytes.
    pub max_response_bytes: usize,
}

impl FetchRequest {
    /// The request that an operation asks for.
    pub fn new(fetch: &Fetch, max_response_bytes: usize) -> Self {
        Self {
            method: fetch.method.clone(),
            url: fetch.url.clone(),
            headers: fetch.headers.clone(),
            body: fetch.body.clone().map(Bytes::from),
            timeout: Duration::from_millis(fetch.timeout_ms()),
            max_response_bytes,
        }
    }
}

/// What a server answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FetchResponse {
    /// The HTTP status.
    pub status: u16,
    /// Names in lower case, and values; bytes that are not UTF-8 are replaced.
    pub headers: Vec<(String, String)>,
    /// The whole body.
    pub body: Bytes,
    /// The URL that answered, after redirects.
    pub url: String,
}

impl FetchRequest {
    /// The request at this place in a trace, unless its own headers name one.
    #[must_use]
    pub fn traced(mut self, trace: Option<&TraceContext>) -> Self {
        if let Some(trace) = trace {
            crate::trace::add_to_list(trace, &mut self.headers);
        }
        self
    }
}

impl FetchResponse {
    /// Whether the operation is tried again: a status of 500 and above, or 429.
    pub fn is_retriable(&self) -> bool {
        self.status >= 500 || self.status == 429
    }

    /// When the server wants the next attempt, if it says so in seconds.
    pub fn retry_advice(&self) -> RetryAdvice {
        let after = self
            .header("retry-after")
            .and_then(|value| value.trim().parse::<u64>().ok());
        after.map_or(RetryAdvice::Retriable, |seconds| {
            RetryAdvice::After(seconds.saturating_mul(1_000))
        })
    }

    /// The failure of an attempt that got this response, one that is retriable.
    pub fn to_failure(&self) -> Failure {
        let message = format!(
            "{} answered with status {}",
            without_query(&self.url),
            self.status
        );
        Failure {
            retry: self.retry_advice(),
            ..Failure::platform(Origin::Network, message)
        }
    }

    /// The result of the operation: `{"status","headers","body"}`, or `"body_base64"` in place of `"body"`.
    pub fn to_json(&self) -> Json {
        let mut headers = serde_json::Map::new();
        for (name, value) in &self.headers {
            match headers.get_mut(name) {
                Some(serde_json::Value::String(before)) => {
                    before.push_str(", ");
                    before.push_str(value);
                }
                Some(_) | None => {
                    headers.insert(name.clone(), value.clone().into());
                }
            }
        }
        let mut object = serde_json::Map::new();
        object.insert("status".into(), self.status.into());
        object.insert("headers".into(), headers.into());
        match std::str::from_utf8(&self.body) {
            Ok(text) => object.insert("body".into(), text.into()),
            Err(_) => object.insert("body_base64".into(), base64(&self.body).into()),
        };
        serde_json::Value::Object(object).to_string().into()
    }

    /// The value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self
            .headers
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }
}

/// Why there is no response.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FetchError {
    /// The egress policy forbids it.
    #[error("the connection is not allowed: {0}")]
    Denied(String),
    /// The name has no address.
    #[error("the name could not be looked up: {0}")]
    Dns(String),
    /// Nobody answers there.
    #[error("the connection failed: {0}")]
    Connect(String),
    /// No trust could be established.
    #[error("the TLS connection failed: {0}")]
    Tls(String),
    /// It took too long.
    #[error("timed out while {0}")]
    Timeout(&'static str),
    /// The response is larger than this many bytes.
    #[error("the response is larger than the limit of {0} bytes")]
    TooLarge(usize),
    /// The request cannot be sent as it is.
    #[error("the request is not valid: {0}")]
    Invalid(String),
    /// The other side does not speak HTTP as it should.
    #[error("the HTTP exchange failed: {0}")]
    Http(String),
}

impl FetchError {
    /// The error as a failure of the operation.
    pub fn to_failure(&self) -> Failure {
        match self {
            Self::Denied(_) | Self::Invalid(_) | Self::TooLarge(_) => {
                Failure::permanent(Origin::Network, self.to_string())
            }
            Self::Timeout(_) => Failure::platform(Origin::Timeout, self.to_string()),
            Self::Dns(_) | Self::Connect(_) | Self::Tls(_) | Self::Http(_) => {
                Failure::platform(Origin::Network, self.to_string())
            }
        }
    }
}

fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let group = chunk
            .iter()
            .fold(0_u32, |group, byte| group << 8 | u32::from(*byte))
            << (8 * (3 - chunk.len()));
        for place in 0..4 {
            if place <= chunk.len() {
                text.push(char::from(
                    ALPHABET[(group >> (18 - 6 * place) & 63) as usize],
                ));
            } else {
                text.push('=');
            }
        }
    }
    text
}

/// A URL as it may be shown: its query often holds a secret.
fn without_query(url: &str) -> &str {
    url.split(['?', '#']).next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_padded() {
        for (bytes, expected) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
        ] {
            assert_eq!(base64(bytes.as_bytes()), expected);
        }
    }

    #[test]
    fn a_response_becomes_json() {
        let mut response = FetchResponse {
            status: 200,
            headers: vec![("a".into(), "1".into()), ("a".into(), "2".into())],
            body: Bytes::from_static(b"hi"),
            url: String::new(),
        };
        assert_eq!(
            &*response.to_json(),
            r#"{"body":"hi","headers":{"a":"1, 2"},"status":200}"#
        );
        response.body = Bytes::from_static(b"\xff");
        assert!(response.to_json().contains(r#""body_base64":"/w==""#));
    }
}
