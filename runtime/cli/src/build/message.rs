//! What a compiler says of an author's code, and how it is shown: as rustc shows its own, for every language.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use crate::terminal::{Look, columns, one_line};

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Severity {
    /// There is no component.
    Error,
    /// There is one, but look at this.
    Warning,
}

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) severity: Severity,
    /// Absolute, or relative to the app's folder.
    pub(crate) file: Option<PathBuf>,
    /// From 1.
    pub(crate) line: Option<u32>,
    /// From 1, in characters.
    pub(crate) column: Option<u32>,
    /// What is wrong; the first line says it all.
    pub(crate) text: String,
    /// What to do about it.
    pub(crate) help: Option<String>,
}

/// Columns that a tab is shown as.
const TAB: &str = "    ";
/// Lines longer than this are not shown: they were made by programs.
const MAX_SOURCE_LINE: usize = 400;

/// All of them, with the lines that they are about.
pub(super) fn render(look: Look, folder: &Path, messages: &[Message]) -> String {
    let texts: Vec<_> = messages.iter().map(|it| one(look, folder, it)).collect();
    texts.join("\n").trim_end().to_owned()
}

fn one(look: Look, folder: &Path, message: &Message) -> String {
    let severity = match message.severity {
        Severity::Error => look.bold(look.bad("error")),
        Severity::Warning => look.bold(look.odd("warning")),
    };
    let mut lines = message.text.trim_end().lines();
    let first = one_line(lines.next().unwrap_or_default());
    let mut out = format!("{severity}{}\n", look.bold(format!(": {first}")));
    for line in lines {
        let _ = writeln!(out, "  {}", printable(line));
    }
    let source = source(folder, message);
    let number = message.line.map(|line| line.to_string());
    let margin = " ".repeat(number.as_ref().map_or(1, String::len));
    if let Some(place) = place(folder, message) {
        let _ = writeln!(out, "{margin}{} {place}", look.live("-->"));
    }
    if let (Some(source), Some(number)) = (source, number) {
        let bar = look.live("|");
        let _ = writeln!(out, "{margin} {bar}");
        let _ = writeln!(out, "{} {bar} {}", look.live(number), printable(&source));
        let caret = caret(&source, message.column);
        let _ = writeln!(out, "{margin} {bar} {}", look.bad(caret));
    }
    for help in message.help.iter().flat_map(|help| help.lines()) {
        let equals = look.live("=");
        let _ = writeln!(
            out,
            "{margin} {equals} {} {}",
            look.bold("help:"),
            printable(help)
        );
    }
    out
}

/// `src/index.ts:12:5`, from where the author is.
fn place(folder: &Path, message: &Message) -> Option<String> {
    let file = message.file.as_ref()?;
    let file = folder.join(file);
    let here = std::env::current_dir().unwrap_or_default();
    let mut place = file
        .strip_prefix(here)
        .unwrap_or(&file)
        .display()
        .to_string();
    for number in [message.line, message.column].iter().map_while(|it| *it) {
        let _ = write!(place, ":{number}");
    }
    Some(place)
}

/// The line that it is about, unless a program made it.
fn source(folder: &Path, message: &Message) -> Option<String> {
    let text = std::fs::read_to_string(folder.join(message.file.as_ref()?)).ok()?;
    let index = usize::try_from(message.line?).ok()?.checked_sub(1)?;
    let line = text.lines().nth(index)?.trim_end();
    (line.len() <= MAX_SOURCE_LINE).then(|| line.to_owned())
}

/// A caret under the column, or under the whole line.
fn caret(source: &str, column: Option<u32>) -> String {
    let before: String = match column.and_then(|column| usize::try_from(column).ok()) {
        Some(column) => source.chars().take(column.saturating_sub(1)).collect(),
        None => source.chars().take_while(|c| c.is_whitespace()).collect(),
    };
    let width = match column {
        Some(_) => 1,
        None => columns(&printable(source.trim())).max(1),
    };
    " ".repeat(columns(&printable(&before))) + &"^".repeat(width)
}

/// Without anything that could play with the terminal.
fn printable(text: &str) -> String {
    let text = text.replace('\t', TAB);
    text.chars().filter(|c| !c.is_control()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(help: Option<&str>) -> Message {
        Message {
            severity: Severity::Error,
            file: Some("src/index.ts".into()),
            line: Some(2),
            column: Some(3),
            text: "setTimeout does not work in workflow code\nit is not recorded".to_owned(),
            help: help.map(str::to_owned),
        }
    }

    #[test]
    fn the_line_is_shown_with_a_caret_and_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("src")).unwrap();
        std::fs::write(
            folder.path().join("src/index.ts"),
            "async () => {\n\t\tsetTimeout(f, 10);\n}\n",
        )
        .unwrap();
        let text = render(
            Look::plain(80),
            folder.path(),
            &[message(Some("use step.sleep"))],
        );
        let text = text.replace(&format!("{}/", folder.path().display()), "");
        insta::assert_snapshot!(text, @r"
        error: setTimeout does not work in workflow code
          it is not recorded
         --> src/index.ts:2:3
          |
        2 |         setTimeout(f, 10);
          |         ^
          = help: use step.sleep
        ");
    }

    #[test]
    fn a_file_that_cannot_be_shown_is_still_named() {
        let absolute = Message {
            file: Some("/app/src/a.py".into()),
            line: Some(7),
            column: None,
            severity: Severity::Warning,
            text: "odd\u{1b}[31m".to_owned(),
            help: None,
        };
        let text = render(Look::plain(80), Path::new("/app"), &[absolute]);
        assert_eq!(text, "warning: odd [31m\n --> /app/src/a.py:7");
    }
}
