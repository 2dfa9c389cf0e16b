//! Files of any kind: nothing large, nothing built, nothing that is true on one machine only.

use std::path::Path;

use crate::tidy::Finding;
use crate::tidy::tree::Tree;

/// The largest file that belongs into the repository. Larger ones are generated or data, and every clone would carry them.
const LARGEST_BYTES: u64 = 512 * 1024;

/// Homes and work folders of particular machines. Written in halves so that this file does not contain them.
const MACHINE_PATHS: [&str; 3] = [
    concat!("/wo", "rk/"),
    concat!("/ro", "ot/"),
    concat!("/ho", "me/"),
];

/// Marks of a private package registry or mirror, which only some networks can reach.
const REGISTRY_MARKS: [&str; 6] = [
    concat!("sparse+", "http"),
    concat!("replace", "-with"),
    concat!("arti", "factory"),
    concat!("verda", "ccio"),
    concat!("jf", "rog"),
    concat!("[regis", "tries"),
];

/// The registry that every lock file may name.
const PUBLIC_INDEX: &str = "registry+https://github.com/rust-lang/crates.io-index";

/// Size, place, and machine-dependent text.
pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in &tree.files {
        if file.iter().any(|part| part == "target") {
            findings.push(Finding::on(
                file,
                "build output is committed: remove it and add its folder to .gitignore",
            ));
        }
        let bytes = std::fs::metadata(tree.root.join(file)).map_or(0, |data| data.len());
        if bytes > LARGEST_BYTES {
            let what = format!(
                "{} KiB are too much for the repository: generate the file, or keep it elsewhere",
                bytes / 1024
            );
            findings.push(Finding::on(file, what));
            continue;
        }
        let Some(text) = tree.text(file) else {
            continue;
        };
        for (index, line) in text.lines().enumerate() {
            if let Some(what) = in_line(file, line) {
                findings.push(Finding::at(file, index + 1, what));
            }
        }
    }
    findings
}

fn in_line(file: &Path, line: &str) -> Option<String> {
    for path in MACHINE_PATHS {
        if has_path(line, path) {
            return Some(format!(
                "`{path}` exists on one machine only: use a relative path, a setting or a temporary folder"
            ));
        }
    }
    let lower = line.to_ascii_lowercase();
    if let Some(mark) = REGISTRY_MARKS.iter().find(|mark| lower.contains(**mark)) {
        return Some(format!(
            "`{mark}` points to a private registry or mirror: configure it outside of the repository"
        ));
    }
    if file.file_name().is_some_and(|name| name == "Cargo.lock") {
        let source = line.strip_prefix("source = \"")?.trim_end_matches('"');
        if source != PUBLIC_INDEX {
            return Some(format!(
                "`{source}` is not the public index: depend on published crates only"
            ));
        }
    }
    None
}

/// True if the path begins here, rather than in the middle of a relative path or of a URL.
fn has_path(line: &str, path: &str) -> bool {
    line.match_indices(path).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        !before.is_some_and(|c| {
            c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | '/' | '}' | '~' | '*' | '$')
        })
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
    fn a_path_of_one_machine_is_found_and_a_relative_one_is_not() {
        let found = findings(
            "a.md",
            &format!(
                "cd {}main\nsee docs{}x\n",
                MACHINE_PATHS[0], MACHINE_PATHS[0]
            ),
        );
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].starts_with("a.md:1: "), "{found:?}");
    }

    #[test]
    fn built_files_are_found() {
        assert_eq!(findings("sub/target/a.txt", "x").len(), 1);
    }

    #[test]
    fn large_files_are_found() {
        let text = "x".repeat(usize::try_from(LARGEST_BYTES).expect("small") + 1);
        assert_eq!(findings("a.bin", &text).len(), 1);
        assert_eq!(findings("a.bin", &text[1..]).len(), 0);
    }

    #[test]
    fn foreign_registries_are_found() {
        assert_eq!(
            findings("Cargo.lock", &format!("source = \"{PUBLIC_INDEX}\"\n")).len(),
            0
        );
        assert_eq!(
            findings("Cargo.lock", "source = \"git+https://example.com/x\"\n").len(),
            1
        );
        assert_eq!(
            findings(
                ".cargo/config.toml",
                &format!("{} = \"mirror\"\n", REGISTRY_MARKS[1])
            )
            .len(),
            1
        );
    }
}
