//! Sentences that say why something waits: the API's, with times that people read and names that stand out.

use chrono::DateTime;
use maud::{Markup, html};

use super::text::shown;
use super::time;
use crate::view::Time;

/// A time as the API writes it has this many characters.
const TIME_LENGTH: usize = "2026-01-01T00:00:00.000Z".len();

/// The sentence: what stands between backticks is a name, and times are said from now on. A guest's words in it stay words: at worst a
/// time of its own is shown as one.
pub(in crate::http) fn sentence(text: &str, now_ms: u64) -> Markup {
    let mut parts = Vec::new();
    let mut rest = text;
    let mut plain_from = 0;
    let mut at = 0;
    while at < rest.len() {
        let here = &rest[at..];
        let found = if let Some(name) = here.strip_prefix('`') {
            name.find('`').map(|end| (end + 2, named(&name[..end])))
        } else {
            time_at(here).map(|time| (TIME_LENGTH, said(&rest[plain_from..at], time, now_ms)))
        };
        match found {
            Some((length, part)) => {
                let before = &rest[plain_from..at];
                // "at" a time that is said as "in 40 s" would be one word too many.
                let before = before.strip_suffix("at ").unwrap_or(before);
                parts.push(html! { (shown(before)) });
                parts.push(part);
                rest = &here[length..];
                (plain_from, at) = (0, 0);
            }
            None => at += here.chars().next().map_or(1, char::len_utf8),
        }
    }
    parts.push(html! { (shown(&rest[plain_from..])) });
    html! { @for part in parts { (part) } }
}

fn named(name: &str) -> Markup {
    html! { code { (shown(name)) } }
}

fn said(before: &str, at: Time, now_ms: u64) -> Markup {
    if before.ends_with("at ") {
        return time::time(at, now_ms);
    }
    html! { (time::moment(at)) " (" (time::time(at, now_ms)) ")" }
}

fn time_at(text: &str) -> Option<Time> {
    let word = text.get(..TIME_LENGTH)?;
    if !word.ends_with('Z') || !word.starts_with(|first: char| first.is_ascii_digit()) {
        return None;
    }
    let time = DateTime::parse_from_rfc3339(word).ok()?;
    u64::try_from(time.timestamp_millis()).ok().map(Time)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> String {
        let mut shown = sentence(text, 1_767_225_600_000).into_string();
        while let (Some(start), Some(end)) = (shown.find("<time"), shown.find("</time>")) {
            let inner = shown[start..end]
                .rsplit('>')
                .next()
                .unwrap_or_default()
                .to_owned();
            shown.replace_range(start..end + "</time>".len(), &inner);
        }
        shown
    }

    #[test]
    fn a_sentence_says_its_times_from_now_on() {
        assert_eq!(
            words("next attempt 3 of 5 of `charge` at 2026-01-01T00:00:40.000Z: Busy: 503"),
            "next attempt 3 of 5 of <code>charge</code> in 40 s: Busy: 503"
        );
        assert_eq!(
            words("waits for `a/b` where data.id equals 42, until 2026-01-01T02:00:00.000Z"),
            "waits for <code>a/b</code> where data.id equals 42, until 2026-01-01 02:00:00.000 (in 2 h)"
        );
    }

    #[test]
    fn words_of_guests_stay_words() {
        let hostile = "next attempt of `<b>` at 2026-01-01T00:00:40.000Z: ` <img src=x> é 2026-13-01T00:00:00.000Z \u{202e}";
        let shown = words(hostile);
        assert!(
            shown.contains("&lt;b&gt;") && !shown.contains("<img"),
            "{shown}"
        );
        assert!(
            shown.contains("⟨U+202E⟩") && shown.contains("2026-13-01T"),
            "{shown}"
        );
    }
}
