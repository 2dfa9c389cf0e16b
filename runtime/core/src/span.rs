//! Spans that a function's author opens: a stretch of a step's body, or of the code between steps, with a name and attributes.
//!
//! A guest says where one begins and ends in lines of its log, of a form that nothing but an SDK writes. The host stamps the times, so that
//! workflow code need not know any. They are told to whoever records traces, and are in no log and no journal.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::Json;
use crate::journal::OpNumber;
use crate::log::{beginning, members};

/// What such a line begins with.
const BEGINS: &str = r#"{"abide.span":"#;

/// A span that has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthoredSpan {
    /// What the guest calls it, among those of the same body, or of the same attempt at the workflow code.
    pub id: u64,
    /// The span around it, if an author opened that one in the same body too.
    pub parent: Option<u64>,
    /// The operation whose body it is of; none for workflow code.
    pub op: Option<OpNumber>,
    /// Which attempt of the body or of the workflow code, from 0.
    pub attempt: u32,
    /// Its name.
    pub name: String,
    /// Its attributes: a JSON object.
    pub attributes: Option<Json>,
    /// Why it failed, if it did.
    pub error: Option<String>,
    /// When it began, in milliseconds since the Unix epoch.
    pub started_ms: u64,
    /// When it ended.
    pub ended_ms: u64,
}

/// What a line says of a span.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mark {
    pub(crate) what: What,
    pub(crate) id: u64,
    pub(crate) parent: Option<u64>,
    pub(crate) name: String,
    /// Names and JSON texts, in their order.
    pub(crate) fields: Vec<(String, String)>,
    pub(crate) error: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum What {
    Begin,
    End,
}

#[derive(Deserialize)]
struct Text<'a> {
    #[serde(rename = "abide.span")]
    what: What,
    id: u64,
    parent: Option<u64>,
    #[serde(default)]
    message: String,
    #[serde(borrow)]
    fields: Option<&'a RawValue>,
    error: Option<String>,
}

impl Mark {
    /// What a line of a log says of a span; nothing of an ordinary line, and of one that is longer than what is looked at.
    pub(crate) fn parse(line: &str) -> Option<Self> {
        if !line.starts_with(BEGINS) || beginning(line).len() < line.len() {
            return None;
        }
        let text: Text<'_> = serde_json::from_str(line).ok()?;
        let fields = text.fields.and_then(|fields| members(fields.get()));
        Some(Self {
            what: text.what,
            id: text.id,
            parent: text.parent,
            name: text.message,
            fields: fields.unwrap_or_default(),
            error: text.error,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_lines_of_that_form_speak_of_spans() {
        let begin = Mark::parse(
            r#"{"abide.span":"begin","id":7,"parent":3,"message":"charge","fields":{"amount":1.50}}"#,
        );
        let begin = begin.expect("a mark");
        assert_eq!(
            (begin.what, begin.id, begin.parent),
            (What::Begin, 7, Some(3))
        );
        assert_eq!(begin.name, "charge");
        assert_eq!(begin.fields, [("amount".to_owned(), "1.50".to_owned())]);
        let end = Mark::parse(r#"{"abide.span":"end","id":7,"error":"declined"}"#).expect("a mark");
        assert_eq!(
            (end.what, end.error.as_deref()),
            (What::End, Some("declined"))
        );
        for line in [
            "charge",
            r#"{"message":"charge","abide.span":"begin","id":7}"#,
            r#"{"abide.span":"middle","id":7}"#,
            r#"{"abide.span":"begin","id":-1}"#,
            r#"{"abide.span":"begin""#,
        ] {
            assert_eq!(Mark::parse(line), None, "{line}");
        }
    }
}
