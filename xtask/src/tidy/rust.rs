//! Rust sources: every module introduces itself, stays readable in one sitting, and leaves nothing half-done.

use std::path::Path;

use crate::tidy::Finding;
use crate::tidy::tree::Tree;

/// Beyond this a file has more than one subject.
const MOST_LINES: usize = 600;

/// What stands for work that was put off, and what would hide it. Written in halves so that this file is clean.
const LEFT_OVERS: [&str; 7] = [
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
    concat!("XX", "X"),
    concat!("to", "do!"),
    concat!("unimpl", "emented!"),
    concat!("db", "g!"),
    concat!("#[ig", "nore"),
];

/// A folder that exists for every user of a Unix machine, and is shared by all of them.
const SHARED_TEMPORARY: &str = concat!("/tm", "p/");

/// Folders whose sources are test data, such as programs that must not compile.
const TEST_DATA: [&str; 3] = ["fixtures", "ui", "compile_fail"];

/// The opening comment, the length, and what must not stand in a source.
pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.with_extension("rs").filter(|file| !is_test_data(file)) {
        let Some(text) = tree.text(file) else {
            findings.push(Finding::on(file, "this is not UTF-8: save it as UTF-8"));
            continue;
        };
        if !text.trim_start().starts_with("//!") {
            findings.push(Finding::on(
                file,
                "the module does not introduce itself: open it with a `//!` comment",
            ));
        }
        let lines = text.lines().count();
        if lines > MOST_LINES {
            let what = format!(
                "{lines} lines are more than {MOST_LINES}: move one of its subjects to a file of its own"
            );
            findings.push(Finding::at(file, lines, what));
        }
        for (index, line) in text.lines().enumerate() {
            findings.extend(in_line(line).map(|what| Finding::at(file, index + 1, what)));
        }
    }
    findings
}

fn is_test_data(file: &Path) -> bool {
    file.iter()
        .any(|part| TEST_DATA.iter().any(|name| part == *name))
}

fn in_line(line: &str) -> Option<String> {
    if let Some(left) = LEFT_OVERS.iter().find(|left| has_word(line, left)) {
        return Some(format!(
            "`{left}` does not belong here: finish the work, or write it down as an issue"
        ));
    }
    let temporary = line.contains(&format!("\"{SHARED_TEMPORARY}"));
    temporary.then(|| {
        format!(
            "`{SHARED_TEMPORARY}` is shared by everybody on the machine: use the `tempfile` crate"
        )
    })
}

/// True if the text occurs and is not a part of a longer word.
fn has_word(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| {
        let inside = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
        !inside(line[..at].chars().next_back()) && !inside(line[at + word.len()..].chars().next())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(name: &str, text: &str) -> Vec<String> {
        let (_folder, tree) = Tree::with(&[(name, text)]);
        check(&tree).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_source_opens_with_a_module_comment() {
        assert_eq!(findings("a.rs", "//! What it does.\nfn a() {}\n").len(), 0);
        assert_eq!(findings("a.rs", "fn a() {}\n").len(), 1);
        assert_eq!(findings("tests/ui/a.rs", "fn a() {}\n").len(), 0);
    }

    #[test]
    fn long_files_are_refused() {
        let text = format!("//! Long.\n{}", "\n".repeat(MOST_LINES - 1));
        assert_eq!(findings("a.rs", &text).len(), 0);
        assert_eq!(findings("a.rs", &format!("{text}\n")).len(), 1);
    }

    #[test]
    fn work_that_was_put_off_is_found_with_its_line() {
        for left in LEFT_OVERS {
            let found = findings("a.rs", &format!("//! A.\n// {left} later\n"));
            assert_eq!(found.len(), 1, "{left}");
            assert!(found[0].starts_with("a.rs:2: "), "{found:?}");
        }
        assert_eq!(findings("a.rs", "//! A.\n// XXXX and mastodon\n").len(), 0);
    }

    #[test]
    fn the_shared_temporary_folder_is_found_in_literals() {
        assert_eq!(
            findings(
                "a.rs",
                &format!("//! A.\nlet a = \"{SHARED_TEMPORARY}x\";\n")
            )
            .len(),
            1
        );
    }
}
