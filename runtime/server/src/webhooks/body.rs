//! Bodies: what providers send becomes one JSON text.
//!
//! JSON as `application/json`, as any `…+json`, or without a type that says otherwise; forms as an object of their fields. GitHub may
//! send its JSON as the field `payload` of a form. A compressed body is refused: which of the two texts was signed cannot be known.

use std::borrow::Cow;

use http::{HeaderMap, header};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::{Provider, Rejection};

/// What a body is said to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Json,
    Form,
}

impl Format {
    /// Refuses what cannot be read before anything is verified: the signature's place is the same, and the answer says nothing of it.
    pub(super) fn of(headers: &HeaderMap) -> Result<Self, Rejection> {
        let refuse = |problem: String| Err(Rejection::UnsupportedBody(problem));
        let encodings = headers.get_all(header::CONTENT_ENCODING).into_iter();
        for encoding in encodings {
            if !encoding.as_bytes().eq_ignore_ascii_case(b"identity") {
                return refuse(
                    "header `content-encoding`: compressed bodies are not taken, because their signature could be of either text".into(),
                );
            }
        }
        let mut types = headers.get_all(header::CONTENT_TYPE).into_iter();
        let Some(content_type) = types.next() else {
            return Ok(Self::Json);
        };
        if types.next().is_some() {
            return Err(Rejection::Repeated("content-type".into()));
        }
        let Ok(content_type) = content_type.to_str() else {
            return refuse("header `content-type`: must be plain text".into());
        };
        let mut parts = content_type.split(';').map(str::trim);
        let essence = parts.next().unwrap_or_default().to_ascii_lowercase();
        for part in parts {
            let Some((name, value)) = part.split_once('=') else {
                continue;
            };
            let charset = value.trim().trim_matches('"');
            let utf8 = ["utf-8", "utf8", "us-ascii"];
            if name.trim().eq_ignore_ascii_case("charset")
                && !utf8.iter().any(|it| it.eq_ignore_ascii_case(charset))
            {
                return refuse("header `content-type`: the charset must be utf-8".into());
            }
        }
        match essence.as_str() {
            "" | "application/json" | "text/json" | "text/plain" => Ok(Self::Json),
            "application/x-www-form-urlencoded" => Ok(Self::Form),
            json if json.ends_with("+json") => Ok(Self::Json),
            _ => refuse(
                "header `content-type`: must be JSON or application/x-www-form-urlencoded".into(),
            ),
        }
    }
}

/// The body as the text of one JSON value.
pub(super) fn text(
    format: Format,
    provider: Provider,
    body: &[u8],
) -> Result<Cow<'_, str>, Rejection> {
    match format {
        Format::Json => {
            let text = std::str::from_utf8(body)
                .map_err(|error| Rejection::UnreadableBody(format!("UTF-8 text: {error}")))?;
            let text = text.trim_start_matches('\u{feff}').trim();
            if text.is_empty() {
                return Ok(Cow::Borrowed("{}"));
            }
            json(text).map(Cow::Borrowed)
        }
        Format::Form => {
            let fields = form(body);
            let payload = fields.get("payload").and_then(Value::as_str);
            match (provider, payload) {
                (Provider::Github, Some(payload)) => {
                    Ok(Cow::Owned(json(payload.trim())?.to_owned()))
                }
                (Provider::Github, None) => Err(Rejection::UnreadableBody(
                    "a form with the field `payload`".into(),
                )),
                _ => Ok(Cow::Owned(Value::Object(fields).to_string())),
            }
        }
    }
}

/// The text, if it is one JSON value.
fn json(text: &str) -> Result<&str, Rejection> {
    let raw: &RawValue = serde_json::from_str(text)
        .map_err(|error| Rejection::UnreadableBody(format!("JSON: {error}")))?;
    Ok(raw.get())
}

/// The fields of a form as texts; a field that is there several times is a list of them.
fn form(body: &[u8]) -> Map<String, Value> {
    let mut fields = Map::new();
    for (name, value) in form_urlencoded::parse(body) {
        let value = Value::String(value.into_owned());
        match fields.get_mut(name.as_ref()) {
            None => {
                fields.insert(name.into_owned(), value);
            }
            Some(Value::Array(values)) => values.push(value),
            Some(first) => *first = Value::Array(vec![first.take(), value]),
        }
    }
    fields
}
