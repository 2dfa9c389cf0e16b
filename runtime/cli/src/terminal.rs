//! What the output looks like: its width, whether it has colours; and writing to stdout without a panic when the reader left.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io::{ErrorKind, IsTerminal, Write};

use anyhow::{Context, Result};
use console::Style;
use indicatif::{ProgressBar, ProgressStyle};

/// Columns of output that goes to a file or a pipe.
const PIPED_WIDTH: usize = 100;
/// Narrower than this nothing fits; wider, the eye loses the line.
const WIDTHS: std::ops::RangeInclusive<usize> = 40..=160;

/// How to draw.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Look {
    /// Columns.
    pub(crate) width: usize,
    /// Whether colours are wanted.
    pub(crate) colour: bool,
    /// Whether somebody watches.
    pub(crate) terminal: bool,
}

impl Look {
    /// As stdout is: `NO_COLOR` and `CLICOLOR_FORCE` are respected, `COLUMNS` gives the width where no terminal does.
    pub(crate) fn stdout() -> Self {
        let terminal = std::io::stdout().is_terminal();
        let columns = || std::env::var("COLUMNS").ok()?.parse().ok();
        let width = console::Term::stdout()
            .size_checked()
            .map(|(_, columns)| usize::from(columns));
        Self {
            width: width
                .or_else(columns)
                .unwrap_or(PIPED_WIDTH)
                .clamp(*WIDTHS.start(), *WIDTHS.end()),
            colour: console::colors_enabled(),
            terminal,
        }
    }

    /// As stderr is.
    pub(crate) fn stderr() -> Self {
        Self {
            colour: console::colors_enabled_stderr(),
            terminal: std::io::stderr().is_terminal(),
            ..Self::stdout()
        }
    }

    /// For tests, and for comparing outputs.
    #[cfg(test)]
    pub(crate) fn plain(width: usize) -> Self {
        Self {
            width,
            colour: false,
            terminal: false,
        }
    }

    fn style(self) -> Style {
        Style::new().force_styling(self.colour)
    }

    /// Recedes.
    pub(crate) fn dim(self, text: impl std::fmt::Display) -> String {
        self.style().dim().apply_to(text).to_string()
    }

    /// Stands out.
    pub(crate) fn bold(self, text: impl std::fmt::Display) -> String {
        self.style().bold().apply_to(text).to_string()
    }

    /// Went well.
    pub(crate) fn good(self, text: impl std::fmt::Display) -> String {
        self.style().green().apply_to(text).to_string()
    }

    /// Went wrong.
    pub(crate) fn bad(self, text: impl std::fmt::Display) -> String {
        self.style().red().apply_to(text).to_string()
    }

    /// Is to be tried again, or looked at.
    pub(crate) fn odd(self, text: impl std::fmt::Display) -> String {
        self.style().yellow().apply_to(text).to_string()
    }

    /// Goes on.
    pub(crate) fn live(self, text: impl std::fmt::Display) -> String {
        self.style().cyan().apply_to(text).to_string()
    }
}

/// Writes to stdout. That nobody reads it any more (`| head`) is no error.
pub(crate) fn print(text: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    match written {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        other => other.context("cannot write to stdout"),
    }
}

/// As `print`, with the end of the line.
pub(crate) fn print_line(text: &str) -> Result<()> {
    print(&format!("{text}\n"))
}

/// Writes a JSON document, with the end of the line. It is the same document for whoever parses it, whatever stdout is.
pub(crate) fn print_json(document: &str) -> Result<()> {
    print_line(&harmless_json(document))
}

/// The JSON document with characters that would play with a terminal in JSON's own escapes. JSON has such characters only in its strings, and of the
/// control characters only those that a parser lets through: DEL and the ones above it.
fn harmless_json(document: &str) -> Cow<'_, str> {
    let plays = |c: char| c >= '\u{7f}' && (c.is_control() || turns(c));
    if !document.contains(plays) {
        return Cow::Borrowed(document);
    }
    let mut escaped = String::with_capacity(document.len());
    for c in document.chars() {
        if plays(c) {
            // Writing to a text fails nowhere; none of them has more than 16 bits.
            let _ = write!(escaped, "\\u{:04x}", u32::from(c));
        } else {
            escaped.push(c);
        }
    }
    Cow::Owned(escaped)
}

/// A text on the terminal that is drawn again in its place.
#[derive(Debug, Default)]
pub(crate) struct Redrawn {
    lines: usize,
}

impl Redrawn {
    /// What to print so that this text stands there. Of a text that is higher than the terminal its end is shown: what has left the screen cannot be
    /// drawn again.
    pub(crate) fn draw(&mut self, text: &str) -> String {
        let (rows, columns) = console::Term::stdout().size();
        self.draw_on(text, usize::from(rows), usize::from(columns))
    }

    fn draw_on(&mut self, text: &str, rows: usize, columns: usize) -> String {
        let mut out = self.clear();
        let lines: Vec<_> = text.lines().collect();
        let first = lines.len().saturating_sub(rows.saturating_sub(1).max(1));
        for line in &lines[first..] {
            out.push_str(&shorten(line, columns));
            out.push('\n');
        }
        self.lines = lines.len() - first;
        out
    }

    /// What to print so that nothing stands there.
    pub(crate) fn clear(&mut self) -> String {
        match std::mem::take(&mut self.lines) {
            0 => String::new(),
            // Up, and everything below it away.
            lines => format!("\x1b[{lines}A\x1b[J"),
        }
    }
}

/// Sets how a bar on stderr looks that knows how long its work is; `counts` says how far it is, in indicatif's words. The bar is as long as leaves all of
/// it one line.
pub(crate) fn style_bar(bar: &ProgressBar, counts: &str) {
    let (_, columns) = console::Term::stderr().size();
    let length = bar_length(usize::from(columns));
    let template =
        format!("{{spinner:.cyan}} {{msg}} [{{bar:{length}.cyan/dim}}] {counts} {{elapsed:.dim}}");
    if let Ok(style) = ProgressStyle::with_template(&template) {
        bar.set_style(style.progress_chars("━━─"));
    }
}

/// What is left beside the longest message and the longest counts.
fn bar_length(columns: usize) -> usize {
    columns.saturating_sub(48).clamp(4, 30)
}

/// Columns of a text: escapes have none, wide characters have two.
pub(crate) fn columns(text: &str) -> usize {
    console::measure_text_width(text)
}

/// The text in exactly `width` columns: cut with an ellipsis, or filled up.
pub(crate) fn fit(text: &str, width: usize) -> String {
    console::pad_str(text, width, console::Alignment::Left, Some("…")).into_owned()
}

/// As `fit`, without filling up.
pub(crate) fn shorten(text: &str, width: usize) -> String {
    console::truncate_str(text, width, "…").into_owned()
}

/// The text in lines of at most `width` columns, broken between words where that is possible; at most `lines` of them.
pub(crate) fn wrap(text: &str, width: usize, lines: usize) -> Vec<String> {
    let mut wrapped = Vec::new();
    let mut line = String::new();
    for word in text.split_whitespace() {
        if !line.is_empty() && columns(&line) + 1 + columns(word) > width {
            wrapped.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    wrapped.push(line);
    if wrapped.len() > lines {
        wrapped.truncate(lines);
        if let Some(last) = wrapped.last_mut() {
            last.push_str(" …");
        }
    }
    // Only a word that is wider than a line is cut.
    wrapped.iter().map(|line| shorten(line, width)).collect()
}

/// The text with every character that would play with the terminal made visible: `␛` for an escape, `‹U+202E›` for what turns text around. Line ends
/// and tabs stay.
pub(crate) fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' | '\t' => shown.push(c),
            '\u{7f}' => shown.push('␡'),
            // The pictures of the control characters, in their order.
            '\0'..='\u{1f}' => shown.extend(char::from_u32(0x2400 + u32::from(c))),
            c if c.is_control() || turns(c) => {
                // Writing to a text fails nowhere.
                let _ = write!(shown, "‹U+{:04X}›", u32::from(c));
            }
            _ => shown.push(c),
        }
    }
    shown
}

/// Whether a character has no form and plays with the line: what turns text around, what ends lines.
fn turns(c: char) -> bool {
    matches!(
        c,
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}'
    )
}

/// One line without control characters, so that data cannot play with the terminal.
pub(crate) fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    let mut spaced = true;
    for c in text.chars() {
        let c = if c.is_control() || turns(c) { ' ' } else { c };
        if c != ' ' || !spaced {
            line.push(c);
        }
        spaced = c == ' ';
    }
    line.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_leave_room_for_words_on_a_narrow_terminal() {
        assert_eq!([40, 60, 80, 200].map(bar_length), [4, 12, 30, 30]);
    }

    #[test]
    fn texts_fit_their_columns() {
        assert_eq!(fit("abc", 5), "abc  ");
        assert_eq!(fit("abcdef", 5), "abcd…");
        assert_eq!(shorten("abc", 5), "abc");
        assert_eq!(columns("日本"), 4);
    }

    #[test]
    fn long_texts_are_broken_between_words() {
        assert_eq!(wrap("one two three", 7, 9), ["one two", "three"]);
        assert_eq!(wrap("one two three four", 9, 1), ["one two …"]);
        assert_eq!(wrap("abcdefghij k", 5, 9), ["abcd…", "k"]);
        assert_eq!(wrap("", 5, 9), [""]);
    }

    #[test]
    fn a_text_is_drawn_again_in_its_place_and_never_higher_than_the_terminal() {
        let mut place = Redrawn::default();
        assert_eq!(place.draw_on("a\nb\n", 24, 80), "a\nb\n");
        assert_eq!(place.draw_on("abcdef\n", 24, 4), "\x1b[2A\x1b[Jabc…\n");
        assert_eq!(place.draw_on("a\nb\nc\nd\n", 3, 80), "\x1b[1A\x1b[Jc\nd\n");
        assert_eq!(place.clear(), "\x1b[2A\x1b[J");
        assert_eq!(place.clear(), "");
    }

    #[test]
    fn control_characters_are_made_visible() {
        let nasty = "a\tb\nc\r\u{1b}[2J\u{0}\u{7f}\u{9b}m\u{202e}x";
        assert_eq!(visible(nasty), "a\tb\nc␍␛[2J␀␡‹U+009B›m‹U+202E›x");
    }

    #[test]
    fn json_stays_the_same_document_without_characters_that_play_with_the_terminal() {
        let document = "{\"a\":\"\\u001b[31m \u{9b}31m\u{7f}\u{202e}日本\"}\n";
        let escaped = harmless_json(document);
        assert_eq!(
            escaped,
            "{\"a\":\"\\u001b[31m \\u009b31m\\u007f\\u202e日本\"}\n"
        );
        let parse = |text: &str| serde_json::from_str::<serde_json::Value>(text).expect("JSON");
        assert_eq!(parse(&escaped), parse(document));
        assert!(matches!(harmless_json("[1]"), Cow::Borrowed("[1]")));
    }

    #[test]
    fn data_cannot_play_with_the_terminal() {
        assert_eq!(one_line("a\n  b\u{1b}[31mred\t\r\n"), "a b [31mred");
    }

    #[test]
    fn colours_are_left_out_where_they_are_not_wanted() {
        let look = Look::plain(80);
        assert_eq!(look.bad("x"), "x");
        assert_ne!(
            Look {
                colour: true,
                ..look
            }
            .bad("x"),
            "x"
        );
    }
}
