//! An HTTP response, whoever performed the request.

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::error::{Error, Result};

/// The response to an HTTP request, of [`Context::fetch`](crate::Context::fetch) or of the client for step bodies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Response {
    /// The status code.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// Whether the status is 200 to 299.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The value of a header, the first if there are several. Letter case does not matter.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(header, _)| header.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// The body as it came.
    pub fn bytes(&self) -> &[u8] {
        &self.body
    }

    /// The body as text; what is not UTF-8 in it is replaced.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body, read as JSON.
    #[track_caller]
    pub fn json<T: DeserializeOwned>(&self) -> Result<T> {
        serde_json::from_slice(&self.body).map_err(|error| {
            let expected = std::any::type_name::<T>();
            Error::retriable(format!(
                "the response (status {}) is not a `{expected}`: {error}",
                self.status
            ))
            .named("InvalidResponse")
        })
    }

    /// This response, if its status says success; otherwise an error that says sensibly whether trying again may help:
    /// - 429 and 503: when the `Retry-After` header says, else as the retry policy says;
    /// - 408, 425 and all others from 500 on: as the retry policy says;
    /// - everything else: never.
    ///
    /// The error's message holds the service's own, if the body is JSON with a `message` or an `error`; its data is that body.
    #[track_caller]
    pub fn error_for_status(self) -> Result<Self> {
        if self.is_success() {
            return Ok(self);
        }
        let body: Option<Value> = serde_json::from_slice(&self.body).ok();
        let said = body.as_ref().and_then(|body| {
            ["message", "error"]
                .iter()
                .find_map(|member| body.get(member)?.as_str())
        });
        let message = format!(
            "the service answered {}{}",
            self.status,
            said.map(|said| format!(": {said}")).unwrap_or_default()
        );
        let pause = self
            .header("retry-after")
            .and_then(|seconds| seconds.trim().parse().ok())
            .map(std::time::Duration::from_secs);
        let error = match (self.status, pause) {
            (429 | 503, Some(pause)) => Error::retry_after(message, pause),
            (408 | 425 | 429 | 500.., _) => Error::retriable(message),
            _ => Error::non_retriable(message),
        };
        Err(error.named("HttpStatus").with_data(body))
    }
}

/// Standard base64, with or without padding.
pub(crate) fn decode_base64(text: &str) -> Option<Vec<u8>> {
    let digits = text.trim_end_matches('=').as_bytes();
    let mut out = Vec::with_capacity(digits.len() * 3 / 4);
    for group in digits.chunks(4) {
        let mut bits: u32 = 0;
        for digit in group {
            let value = match digit {
                b'A'..=b'Z' => digit - b'A',
                b'a'..=b'z' => digit - b'a' + 26,
                b'0'..=b'9' => digit - b'0' + 52,
                b'+' => 62,
                b'/' => 63,
                _ => return None,
            };
            bits = bits << 6 | u32::from(value);
        }
        bits <<= 6 * (4 - group.len());
        let [_, bytes @ ..] = bits.to_be_bytes();
        // One digit alone says no byte.
        out.extend_from_slice(&bytes[..group.len().checked_sub(1).filter(|count| *count > 0)?]);
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Retry;
    use std::time::Duration;

    fn answer(status: u16, headers: &[(&str, &str)], body: &str) -> Response {
        let headers = headers
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        Response {
            status,
            headers,
            body: body.as_bytes().to_vec(),
        }
    }

    #[test]
    fn a_status_says_whether_trying_again_may_help() {
        let retry = |response: Response| response.error_for_status().unwrap_err().retry();
        assert_eq!(
            retry(answer(429, &[("Retry-After", "2")], "")),
            Retry::After(Duration::from_secs(2))
        );
        assert_eq!(retry(answer(429, &[], "")), Retry::ByPolicy);
        assert_eq!(retry(answer(500, &[], "")), Retry::ByPolicy);
        assert_eq!(retry(answer(404, &[], "")), Retry::Never);
        assert!(answer(201, &[], "").error_for_status().is_ok());
    }

    #[test]
    fn the_services_own_words_are_in_the_message() {
        let error = answer(
            402,
            &[],
            r#"{"error":"card_declined","message":"no funds"}"#,
        )
        .error_for_status()
        .unwrap_err();
        assert_eq!(error.message(), "the service answered 402: no funds");
    }

    #[test]
    fn base64_reads_back() {
        for (text, bytes) in [
            ("", &b""[..]),
            ("/w==", b"\xff"),
            ("/wA", b"\xff\0"),
            ("aGVsbG8=", b"hello"),
            ("aGVsbG8h", b"hello!"),
        ] {
            assert_eq!(decode_base64(text).as_deref(), Some(bytes), "{text}");
        }
        assert_eq!(decode_base64("A"), None);
        assert_eq!(decode_base64("a-b_"), None);
    }
}
