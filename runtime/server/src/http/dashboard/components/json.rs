//! Payloads: JSON as it was recorded, indented, with its words told apart; cut where it is long.

use maud::{Markup, html};

use super::text::shown;

/// The most bytes of a payload that a page shows: the rest is in the API.
pub(in crate::http) const MOST_BYTES: usize = 32 << 10;

/// The most levels that are indented.
const MOST_INDENT: usize = 40;

/// The most bytes of a payload in lines: some payloads are mostly indents.
const MOST_SHOWN: usize = 8 * MOST_BYTES;

/// A payload under a heading; `whole` is where all of it is.
pub(in crate::http) fn json(title: &str, text: &str, whole: &str) -> Markup {
    let (start, cut) = start_of(text);
    html! {
        div.payload {
            p.caption { (title) }
            pre.json data-copy tabindex="0" { (tokens(start)) @if cut { "…" } }
            @if cut { (rest(text.len(), whole)) }
        }
    }
}

/// Text under a heading, as it is.
pub(in crate::http) fn block(title: &str, text: &str, whole: &str) -> Markup {
    let (start, cut) = start_of(text);
    html! {
        div.payload {
            p.caption { (title) }
            pre data-copy tabindex="0" { (shown(start)) @if cut { "…" } }
            @if cut { (rest(text.len(), whole)) }
        }
    }
}

fn rest(bytes: usize, whole: &str) -> Markup {
    html! {
        p.dim { "The first " (MOST_BYTES >> 10) " KiB of " (bytes >> 10) ". " a href=(whole) { "All of it, as JSON" } }
    }
}

fn start_of(text: &str) -> (&str, bool) {
    if text.len() <= MOST_BYTES {
        return (text, false);
    }
    let end = (0..=MOST_BYTES).rev().find(|at| text.is_char_boundary(*at));
    (&text[..end.unwrap_or_default()], true)
}

/// JSON in lines, word by word. What is no JSON comes out as it is: nothing is dropped but space between words.
fn tokens(text: &str) -> Markup {
    let mut lines = Lines::default();
    let mut rest = text.trim();
    while let Some(first) = rest.chars().next() {
        if lines.bytes > MOST_SHOWN {
            lines.plain("…");
            break;
        }
        let length = match first {
            '"' => string_length(rest),
            '{' | '}' | '[' | ']' | ',' | ':' => 1,
            _ if first.is_whitespace() => first.len_utf8(),
            _ => rest
                .find(|it: char| "{}[],:\"".contains(it) || it.is_whitespace())
                .unwrap_or(rest.len()),
        };
        let (word, after) = rest.split_at(length);
        rest = after;
        if !first.is_whitespace() {
            lines.add(word, after.trim_start());
        }
    }
    lines.markup()
}

/// With its quotes; the whole rest when it does not end.
fn string_length(text: &str) -> usize {
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// Words with their classes; plain ones have none.
#[derive(Default)]
struct Lines {
    words: Vec<(&'static str, String)>,
    bytes: usize,
    depth: usize,
    /// The list or object that was just opened holds nothing.
    is_empty: bool,
}

impl Lines {
    fn add(&mut self, word: &str, after: &str) {
        match word {
            "{" | "[" => {
                self.plain(word);
                self.depth += 1;
                self.is_empty = after.starts_with(['}', ']']);
                self.line();
            }
            "}" | "]" => {
                self.depth = self.depth.saturating_sub(1);
                self.line();
                self.is_empty = false;
                self.plain(word);
            }
            "," => {
                self.plain(word);
                self.line();
            }
            ":" => self.plain(": "),
            _ if word.starts_with('"') && after.starts_with(':') => self.word("k", word),
            _ if word.starts_with('"') => self.word("s", word),
            _ => self.word("n", word),
        }
    }

    fn plain(&mut self, text: &str) {
        self.bytes += text.len();
        match self.words.last_mut() {
            Some(("", last)) => last.push_str(text),
            Some(_) | None => self.words.push(("", text.to_owned())),
        }
    }

    fn word(&mut self, class: &'static str, text: &str) {
        self.bytes += text.len();
        self.words.push((class, shown(text).into_owned()));
    }

    fn line(&mut self) {
        if !self.is_empty {
            let indent = "  ".repeat(self.depth.min(MOST_INDENT));
            self.plain(&format!("\n{indent}"));
        }
    }

    fn markup(&self) -> Markup {
        html! {
            @for (class, text) in &self.words {
                @if class.is_empty() { (text) } @else { span class=(class) { (text) } }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> String {
        let markup = tokens(text).into_string();
        let mut plain = markup;
        for tag in [
            "<span class=\"k\">",
            "<span class=\"s\">",
            "<span class=\"n\">",
            "</span>",
        ] {
            plain = plain.replace(tag, "");
        }
        plain.replace("&quot;", "\"")
    }

    #[test]
    fn json_is_indented_and_otherwise_as_it_was_recorded() {
        assert_eq!(
            lines(r#"{"b":1.50,"a":[],"c":{"d":[1,"x, y"]},"e":{}}"#),
            "{\n  \"b\": 1.50,\n  \"a\": [],\n  \"c\": {\n    \"d\": [\n      1,\n      \"x, y\"\n    ]\n  },\n  \"e\": {}\n}"
        );
        assert_eq!(lines(r#""a \" {b""#), r#""a \" {b""#);
        assert_eq!(lines("null"), "null");
        assert_eq!(lines("[true,"), "[\n  true,\n  ");
    }

    #[test]
    fn a_payload_is_text_whatever_it_holds() {
        let hostile = "{\"<script>\":\"</pre><img src=x onerror=alert(1)>\u{202e}\"}";
        let shown = json("Output", hostile, "/x").into_string();
        assert!(
            !shown.contains("<script>") && !shown.contains("<img"),
            "{shown}"
        );
        assert!(shown.contains("⟨U+202E⟩"), "{shown}");
        assert!(tokens("\"\\").into_string().contains("&quot;\\"));
    }

    #[test]
    fn a_long_payload_is_cut_with_the_way_to_all_of_it() {
        let long = format!("[\"{}\"]", "é".repeat(100_000));
        let shown = json("Output", &long, "/api/v1/runs/x").into_string();
        assert!(shown.len() < 2 * MOST_BYTES, "{}", shown.len());
        assert!(shown.contains("href=\"/api/v1/runs/x\""), "it leads on");
        let deep = "[".repeat(MOST_BYTES);
        assert!(tokens(&deep).into_string().len() < 2 * MOST_SHOWN);
    }
}
