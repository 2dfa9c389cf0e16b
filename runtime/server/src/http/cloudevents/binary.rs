//! Binary mode: context attributes as `ce-` headers, data as the body.

use axum::http::{HeaderMap, HeaderValue};
use serde_json::Value;

use super::attributes::Attributes;
use super::{CloudEvent, Data, Fault, essence};

/// How headers with attributes begin.
const PREFIX: &str = "ce-";

/// The event of a request whose content type is that of the data.
pub(super) fn event(
    headers: &HeaderMap,
    content_type: Option<&str>,
    body: &[u8],
) -> Result<CloudEvent, Fault> {
    let mut given = Vec::new();
    for (name, value) in headers {
        let Some(attribute) = name.as_str().strip_prefix(PREFIX) else {
            continue;
        };
        if attribute == "datacontenttype" {
            return Err(
                "the header `ce-datacontenttype` does not exist: `content-type` says it".into(),
            );
        }
        let text = decode(value).map_err(|problem| format!("the header `{name}` {problem}"))?;
        given.push((attribute.to_owned(), Value::String(text)));
    }
    if given.is_empty() {
        return Err(
            "this is no CloudEvent: it has neither `ce-` headers nor the content type application/cloudevents+json or application/cloudevents-batch+json"
                .into(),
        );
    }
    if let Some(content_type) = content_type.filter(|it| !it.is_empty()) {
        given.push(("datacontenttype".into(), Value::String(content_type.into())));
    }
    let attributes = Attributes::check(given)?;
    let data = Data::Bytes(body.to_vec()).of_type(attributes.content_type.as_deref())?;
    Ok(CloudEvent { attributes, data })
}

impl Data {
    /// Bytes as what their media type says that they are.
    pub(super) fn of_type(self, content_type: Option<&str>) -> Result<Self, Fault> {
        let Self::Bytes(bytes) = self else {
            return Ok(self);
        };
        if bytes.is_empty() {
            return Ok(Self::Nothing);
        }
        let content_type = content_type.unwrap_or_default();
        if !is_json(content_type) && !essence(content_type).starts_with("text/") {
            return Ok(Self::Bytes(bytes));
        }
        let text = match String::from_utf8(bytes) {
            Ok(text) => text,
            // A text in another encoding.
            Err(error) if !is_json(content_type) => return Ok(Self::Bytes(error.into_bytes())),
            Err(error) => return Err(format!("the data is not UTF-8 text: {error}")),
        };
        if !is_json(content_type) {
            return Ok(Self::Text(text));
        }
        serde_json::from_str::<serde::de::IgnoredAny>(&text).map_err(|error| {
            format!("the data is not JSON, which `{content_type}` promises: {error}")
        })?;
        // As in structured mode, where a `data` that is null is as good as none.
        if text.trim_ascii() == "null" {
            return Ok(Self::Nothing);
        }
        Ok(Self::Json(text))
    }
}

/// Whether a media type is one of JSON.
pub(super) fn is_json(content_type: &str) -> bool {
    let essence = essence(content_type);
    essence.ends_with("/json") || essence.ends_with("+json")
}

/// The text of a header: quotes are taken off, as older versions of the binding send them, then percent-encoding is undone, once.
pub(super) fn decode(value: &HeaderValue) -> Result<String, &'static str> {
    let mut bytes = value.as_bytes();
    let unquoted;
    if let [b'"', inner @ .., b'"'] = bytes {
        let mut kept = Vec::with_capacity(inner.len());
        let mut rest = inner.iter();
        while let Some(&byte) = rest.next() {
            kept.push(match byte {
                b'\\' => *rest.next().ok_or("ends with a backslash")?,
                byte => byte,
            });
        }
        unquoted = kept;
        bytes = &unquoted;
    }
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        if byte == b'%' {
            let digits = bytes.get(at + 1..at + 3);
            let byte = digits.and_then(|digits| hex::decode(digits).ok()?.pop());
            decoded.push(byte.ok_or("has a `%` without two hexadecimal digits")?);
            at += 3;
        } else {
            decoded.push(byte);
            at += 1;
        }
    }
    String::from_utf8(decoded).map_err(|_| "is not UTF-8 text when it is decoded")
}
