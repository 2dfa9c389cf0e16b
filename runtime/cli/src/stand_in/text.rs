//! Texts of URLs: percent-decoding, segments, queries.

use super::message::Answer;

/// The longest path segment.
const MAX_SEGMENT_CHARS: usize = 128;

/// Percent-decodes; nothing if the result is no UTF-8 or an escape is broken.
pub(super) fn decode(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        if bytes[at] == b'%' {
            let pair = std::str::from_utf8(bytes.get(at + 1..at + 3)?).ok()?;
            decoded.push(
                u8::from_str_radix(pair, 16)
                    .ok()
                    .filter(|_| !pair.starts_with('+'))?,
            );
            at += 3;
        } else {
            decoded.push(bytes[at]);
            at += 1;
        }
    }
    String::from_utf8(decoded).ok()
}

/// A path segment that names something: 1 to 128 characters.
pub(super) fn segment(text: &str) -> Result<String, Answer> {
    let decoded = decode(text).ok_or_else(|| {
        Answer::bad_request(format!(
            "the path segment {text:?} is not percent-encoded UTF-8."
        ))
    })?;
    if (1..=MAX_SEGMENT_CHARS).contains(&decoded.chars().count()) {
        return Ok(decoded);
    }
    Err(Answer::bad_request(
        "A path segment has 1 to 128 characters.",
    ))
}

/// The first value of a query parameter.
pub(super) fn parameter(query: &str, name: &str) -> Result<Option<String>, Answer> {
    let pairs = query
        .split('&')
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    for (key, value) in pairs {
        if decode(&key.replace('+', " ")).as_deref() == Some(name) {
            let value = decode(&value.replace('+', " "));
            return value.map(Some).ok_or_else(|| {
                Answer::bad_request(format!(
                    "the parameter {name} is not percent-encoded UTF-8."
                ))
            });
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_decoded_or_refused() {
        assert_eq!(decode("a%20b%C3%A9").as_deref(), Some("a bé"));
        assert!(
            ["%", "%4", "%+4", "%zz", "%ff"]
                .iter()
                .all(|text| decode(text).is_none())
        );
        assert_eq!(
            parameter("a=1&key_prefix=x%2Fy+z", "key_prefix")
                .unwrap()
                .as_deref(),
            Some("x/y z")
        );
        assert_eq!(parameter("a=1", "b").unwrap(), None);
        assert!(segment(&"x".repeat(129)).is_err() && segment("").is_err());
    }
}
