//! Model requests: an `ai-infer` operation as the HTTP request that its provider understands.
//!
//! The provider's key enters only here, when the request is about to be sent; no journal ever holds it.

use std::fmt::Write;

use abide_core::Json;
use abide_core::failure::{Failure, Origin};
use abide_core::operation::{AiFormat, AiInfer, Fetch};

use crate::http_client::FetchResponse;

/// How much of an error's body is quoted.
const QUOTED_CHARS: usize = 500;

/// The request that `infer` asks for, with the provider's key if one is configured.
pub fn to_fetch(infer: &AiInfer, key: Option<&str>) -> Result<Fetch, Failure> {
    let mut body: serde_json::Map<String, serde_json::Value> = serde_json::from_str(&infer.body)
        .map_err(|e| {
            Failure::permanent(Origin::Limit, format!("the body is not a JSON object: {e}"))
        })?;
    let (default, path, key_header) = match infer.format {
        AiFormat::OpenAiChat => (
            "https://api.openai.com/v1",
            "chat/completions".to_owned(),
            "authorization",
        ),
        AiFormat::Anthropic => (
            "https://api.anthropic.com/v1",
            "messages".to_owned(),
            "x-api-key",
        ),
        AiFormat::Gemini => (
            "https://generativelanguage.googleapis.com/v1beta",
            format!("models/{}:generateContent", escape(&infer.model)),
            "x-goog-api-key",
        ),
    };
    let base = infer
        .url
        .as_deref()
        .unwrap_or(default)
        .trim_end_matches('/');
    let mut headers = vec![("content-type".to_owned(), "application/json".to_owned())];
    if let Some(key) = key {
        let value = match infer.format {
            AiFormat::OpenAiChat => format!("Bearer {key}"),
            AiFormat::Anthropic | AiFormat::Gemini => key.to_owned(),
        };
        headers.push((key_header.to_owned(), value));
    }
    match infer.format {
        AiFormat::OpenAiChat => {
            body.insert("model".into(), infer.model.clone().into());
        }
        AiFormat::Anthropic => {
            body.insert("model".into(), infer.model.clone().into());
            headers.push(("anthropic-version".to_owned(), "2023-06-01".to_owned()));
        }
        AiFormat::Gemini => {}
    }
    Ok(Fetch {
        method: "POST".into(),
        url: format!("{base}/{path}"),
        headers,
        body: Some(serde_json::Value::Object(body).to_string().into_bytes()),
        timeout_ms: Some(infer.timeout_ms()),
        retries: infer.retries,
        backoff: None,
    })
}

/// The operation's result: the provider's response body, or why there is none.
pub fn result(response: &FetchResponse) -> Result<Json, Failure> {
    let text = String::from_utf8_lossy(&response.body);
    if !(200..300).contains(&response.status) {
        let quoted: String = text.chars().take(QUOTED_CHARS).collect();
        let message = format!(
            "the provider answered with status {}: {quoted}",
            response.status
        );
        let failure = Failure::permanent(Origin::Network, message);
        if !response.is_retriable() {
            return Err(failure);
        }
        return Err(Failure {
            retry: response.retry_advice(),
            ..failure
        });
    }
    if abide_core::is_json(&text) {
        Ok(text.into())
    } else {
        Err(Failure::platform(
            Origin::Network,
            "the provider's response is not JSON",
        ))
    }
}

/// A model's name as a part of a path.
fn escape(model: &str) -> String {
    let mut text = String::with_capacity(model.len());
    for byte in model.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
            text.push(char::from(byte));
        } else {
            let _ = write!(text, "%{byte:02X}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use abide_core::failure::RetryAdvice;

    fn infer(format: AiFormat) -> AiInfer {
        AiInfer {
            format,
            model: "m/1".into(),
            url: Some("http://localhost:1/v1/".into()),
            key_variable: None,
            body: r#"{"messages":[]}"#.into(),
            timeout_ms: None,
            retries: None,
        }
    }

    #[test]
    fn each_provider_gets_its_own_form() {
        for (format, url, key, body) in [
            (
                AiFormat::OpenAiChat,
                "http://localhost:1/v1/chat/completions",
                ("authorization", "Bearer k"),
                r#"{"messages":[],"model":"m/1"}"#,
            ),
            (
                AiFormat::Anthropic,
                "http://localhost:1/v1/messages",
                ("x-api-key", "k"),
                r#"{"messages":[],"model":"m/1"}"#,
            ),
            (
                AiFormat::Gemini,
                "http://localhost:1/v1/models/m%2F1:generateContent",
                ("x-goog-api-key", "k"),
                r#"{"messages":[]}"#,
            ),
        ] {
            let fetch = to_fetch(&infer(format), Some("k")).expect("valid");
            assert_eq!(fetch.url, url);
            assert!(
                fetch
                    .headers
                    .contains(&(key.0.to_owned(), key.1.to_owned()))
            );
            assert_eq!(fetch.body.as_deref(), Some(body.as_bytes()));
        }
    }

    #[test]
    fn a_busy_provider_is_tried_again_when_it_says_so() {
        let response = |status, body: &'static str| FetchResponse {
            status,
            headers: vec![("retry-after".into(), "7".into())],
            body: bytes::Bytes::from_static(body.as_bytes()),
            url: String::new(),
        };
        assert_eq!(result(&response(200, "{}")), Ok("{}".into()));
        assert_eq!(
            result(&response(429, "busy")).map_err(|f| f.retry),
            Err(RetryAdvice::After(7_000))
        );
        assert_eq!(
            result(&response(400, "no")).map_err(|f| f.retry),
            Err(RetryAdvice::NonRetriable)
        );
        assert_eq!(
            result(&response(200, "<html>")).map_err(|f| f.retry),
            Err(RetryAdvice::Retriable)
        );
    }
}
