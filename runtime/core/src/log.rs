//! What a function logs: a line with a level, a message and fields.
//!
//! A guest hands over text. Text that is a JSON object with a `message` or `msg` is a *structured* line, as the loggers of all languages write it, be it that
//! an SDK made it or that a library wrote it to standard output: its other members are fields, those of a member `fields` too, and `level` or `severity`
//! is its level. Any other text is the message itself. Nothing of a line that a guest wrote is an error.

use std::fmt::Write as _;

use serde::de::{Deserializer as _, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::Json;
use crate::state::{LogLevel, LogLine};

/// A line as a guest wrote it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// The level that the text names, if it does.
    pub level: Option<LogLevel>,
    /// The message.
    pub message: String,
    /// Names and JSON texts, in their order.
    pub fields: Vec<(String, String)>,
}

impl Written {
    /// What a text says.
    pub fn parse(text: &str) -> Self {
        structured(text).unwrap_or_else(|| Self {
            level: None,
            message: text.trim_end_matches(['\n', '\r']).to_owned(),
            fields: Vec::new(),
        })
    }

    /// As a record of at most about `bytes`: the end of a long message is cut, then the last fields; the record says how much that was. Beside the line
    /// the level holds that the text names, or else `level`.
    pub(crate) fn fit(mut self, level: LogLevel, bytes: usize) -> (LogLevel, Kept) {
        let whole = self.bytes();
        if self.message.len() > bytes {
            crate::machine::truncate(&mut self.message, bytes);
            self.fields.clear();
        }
        let mut left = self.bytes();
        while left > bytes
            && let Some(last) = self.fields.pop()
        {
            left -= field_bytes(&last);
        }
        let cut = whole.saturating_sub(left);
        let kept = Kept {
            fields: object(&self.fields),
            message: self.message,
            cut: u32::try_from(cut).unwrap_or(u32::MAX),
        };
        (self.level.unwrap_or(level), kept)
    }

    fn bytes(&self) -> usize {
        self.message.len() + self.fields.iter().map(field_bytes).sum::<usize>()
    }
}

/// With what stands around its parts.
fn field_bytes((name, json): &(String, String)) -> usize {
    name.len() + json.len() + 4
}

/// The most of a line that is looked at, in bytes: guests may write as much as their memory holds, as often as they like.
const MOST_READ: usize = 1 << 20;

/// The part of a line that is looked at.
pub(crate) fn beginning(line: &str) -> &str {
    &line[..line.floor_char_boundary(MOST_READ)]
}

/// What of a line is recorded.
pub(crate) struct Kept {
    pub(crate) message: String,
    pub(crate) fields: Option<Json>,
    pub(crate) cut: u32,
}

impl LogLine {
    /// How many bytes count against the limit of a run.
    pub fn bytes(&self) -> usize {
        self.message.len() + self.fields.as_ref().map_or(0, |json| json.len())
    }
}

impl LogLevel {
    /// All of them, from least to most.
    pub const ALL: [Self; 5] = [
        Self::Trace,
        Self::Debug,
        Self::Info,
        Self::Warn,
        Self::Error,
    ];

    /// The level that loggers call so, in small or capital letters.
    pub fn named(name: &str) -> Option<Self> {
        Some(match name.to_ascii_lowercase().as_str() {
            "trace" | "verbose" => Self::Trace,
            "debug" => Self::Debug,
            "info" | "information" | "notice" => Self::Info,
            "warn" | "warning" => Self::Warn,
            "error" | "err" | "fatal" | "critical" | "panic" | "alert" | "emergency" => Self::Error,
            _ => return None,
        })
    }

    /// The level of a number as `pino` and `bunyan` count: 10, 20… 60.
    fn numbered(number: &str) -> Option<Self> {
        Some(match number.parse::<u32>().ok()? {
            10..20 => Self::Trace,
            20..30 => Self::Debug,
            30..40 => Self::Info,
            40..50 => Self::Warn,
            50..=60 => Self::Error,
            _ => return None,
        })
    }
}

fn structured(text: &str) -> Option<Written> {
    let text = text.trim();
    if !text.starts_with('{') || !crate::is_json(text) {
        return None;
    }
    let mut fields = members(text)?;
    if let Some(at) = fields.iter().position(|(name, _)| name == "fields")
        && let Some(inner) = members(&fields[at].1)
    {
        fields.splice(at..=at, inner);
    }
    let message = take(&mut fields, &["message", "msg"], |json| {
        serde_json::from_str::<String>(json).ok()
    })?;
    let level = take(
        &mut fields,
        &["level", "severity"],
        |json| match serde_json::from_str::<String>(json) {
            Ok(name) => LogLevel::named(&name),
            Err(_) => LogLevel::numbered(json),
        },
    );
    Some(Written {
        level,
        message,
        fields,
    })
}

/// Takes out the first member of one of these names that can be read.
fn take<T>(
    members: &mut Vec<(String, String)>,
    names: &[&str],
    read: impl Fn(&str) -> Option<T>,
) -> Option<T> {
    let (at, value) = names.iter().find_map(|name| {
        let at = members.iter().position(|(other, _)| other == name)?;
        Some((at, read(&members[at].1)?))
    })?;
    members.remove(at);
    Some(value)
}

/// The members of an object, in their order, with the texts of their values; `None` if it is no object.
pub(crate) fn members(json: &str) -> Option<Vec<(String, String)>> {
    struct Members;
    impl<'de> Visitor<'de> for Members {
        type Value = Vec<(String, String)>;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut members = Vec::new();
            while let Some((name, value)) = map.next_entry::<String, &RawValue>()? {
                members.push((name, value.get().to_owned()));
            }
            Ok(members)
        }
    }
    serde_json::Deserializer::from_str(json)
        .deserialize_map(Members)
        .ok()
}

fn object(fields: &[(String, String)]) -> Option<Json> {
    if fields.is_empty() {
        return None;
    }
    let mut json = String::from("{");
    for (index, (name, value)) in fields.iter().enumerate() {
        let comma = if index == 0 { "" } else { "," };
        // A string always has a JSON form.
        let name = serde_json::to_string(name).unwrap_or_default();
        let _ = write!(json, "{comma}{name}:{value}");
    }
    json.push('}');
    Some(json.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(text: &str, bytes: usize) -> (LogLevel, String, Option<String>, u32) {
        let (level, kept) = Written::parse(text).fit(LogLevel::Info, bytes);
        let fields = kept.fields.map(|json| json.to_string());
        if let Some(json) = &fields {
            assert!(crate::is_json_object(json), "{json}");
        }
        (level, kept.message, fields, kept.cut)
    }

    fn line(text: &str) -> (LogLevel, String, Option<String>) {
        let (level, message, fields, cut) = kept(text, 8 << 10);
        assert_eq!(cut, 0);
        (level, message, fields)
    }

    #[test]
    fn a_text_is_its_own_message() {
        for text in [
            "charged",
            "",
            "{not json",
            "{\"id\":1}",
            "[{\"message\":\"a\"}]",
            "{\"message\":5}",
        ] {
            assert_eq!(line(text), (LogLevel::Info, text.to_owned(), None));
        }
        assert_eq!(line("a\nb\n").1, "a\nb");
        let deep = format!(
            "{{\"msg\":\"a\",\"x\":{}{}}}",
            "[".repeat(200),
            "]".repeat(200)
        );
        assert_eq!(line(&deep).1, deep);
    }

    #[test]
    fn of_a_very_long_line_the_beginning_is_looked_at() {
        assert_eq!(beginning("é"), "é");
        let long = "é".repeat(MOST_READ);
        assert_eq!(beginning(&long).len(), MOST_READ);
        let odd = format!("a{long}");
        assert_eq!(beginning(&odd).len(), MOST_READ - 1);
    }

    #[test]
    fn a_line_of_very_many_fields_is_cut_in_one_go() {
        let fields: Vec<String> = (0..200_000).map(|n| format!("\"f{n:06}\":1")).collect();
        let text = format!("{{\"msg\":\"a\",{}}}", fields.join(","));
        let (_, message, fields, cut) = kept(&text, 8 << 10);
        let fields = fields.expect("the first of them");
        assert_eq!(message, "a");
        assert!(fields.starts_with("{\"f000000\":1") && fields.len() <= 8 << 10);
        assert!(cut > 2_000_000);
    }

    #[test]
    fn what_sdks_and_loggers_write_has_a_message_a_level_and_fields_in_their_order() {
        let all = [
            // An SDK of ours.
            r#"{"message":"charged","fields":{"order":42,"total":12.50}}"#,
            // Go's slog, zap, pino, bunyan.
            r#"{"level":"INFO","msg":"charged","order":42,"total":12.50}"#,
            r#" {"level":30,"msg":"charged","order":42,"total":12.50} "#,
            // Rust's tracing-subscriber.
            r#"{"level":"INFO","fields":{"message":"charged","order":42,"total":12.50}}"#,
            // Google's convention, Python's structlog.
            r#"{"severity":"NOTICE","message":"charged","order":42,"total":12.50}"#,
        ];
        for text in all {
            let fields = r#"{"order":42,"total":12.50}"#.to_owned();
            assert_eq!(
                line(text),
                (LogLevel::Info, "charged".to_owned(), Some(fields)),
                "{text}"
            );
        }
        assert_eq!(line(r#"{"msg":"a","level":50}"#).0, LogLevel::Error);
        assert_eq!(line(r#"{"msg":"a","level":"Warning"}"#).0, LogLevel::Warn);
    }

    #[test]
    fn members_that_are_no_level_or_message_stay_fields() {
        let fields = |text| line(text).2.expect("fields");
        assert_eq!(
            fields(r#"{"msg":"a","level":"deep","fields":[1]}"#),
            r#"{"level":"deep","fields":[1]}"#
        );
        assert_eq!(
            fields(r#"{"message":"a","fields":{"message":"b","level":7}}"#),
            r#"{"message":"b","level":7}"#
        );
        assert_eq!(
            fields("{\"msg\":\"a\",\"\\u001b[2J\\\"\":\"\\u0000\"}"),
            "{\"\\u001b[2J\\\"\":\"\\u0000\"}"
        );
    }

    #[test]
    fn what_is_too_long_is_cut_and_says_how_much() {
        let (_, message, fields, cut) = kept(&"ä".repeat(50), 21);
        assert_eq!((message.as_str(), fields), ("ääääääääää…", None));
        assert_eq!(cut, 100 - 23);
        let text = r#"{"msg":"0123456789","a":1,"b":"0123456789"}"#;
        let (_, message, fields, cut) = kept(text, 20);
        assert_eq!(message, "0123456789");
        assert_eq!((fields.as_deref(), cut), (Some(r#"{"a":1}"#), 17));
        let (_, message, fields, cut) = kept(text, 5);
        assert_eq!((message.as_str(), fields), ("01234…", None));
        assert_eq!(cut, 10 + 6 + 17 - 8);
    }
}
