//! Every code of an error has its page in `docs/errors`, and every page a code.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// What makes an error, up to its arguments.
const MAKERS: [&str; 4] = ["new(", "invalid(", "not_found(", "conflict("];

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The code in the arguments of a maker: their first text, before which only a status may stand.
fn code(arguments: &str) -> Option<&str> {
    let mut rest = arguments.trim_start();
    if let Some(status) = rest.strip_prefix("StatusCode::") {
        rest = status.split_once(',')?.1.trim_start();
    }
    let (code, _) = rest.strip_prefix('"')?.split_once('"')?;
    let is_word = |c: char| c.is_ascii_lowercase() || c == '_';
    (!code.is_empty() && code.chars().all(is_word)).then_some(code)
}

fn codes() -> BTreeSet<String> {
    let mut files = Vec::new();
    sources(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("src"),
        &mut files,
    );
    let mut codes = BTreeSet::new();
    for file in files {
        let text = fs::read_to_string(&file).expect("it is text");
        for owner in ["ApiError::", "Self::"] {
            for call in text.split(owner).skip(1) {
                let arguments = MAKERS.iter().find_map(|maker| call.strip_prefix(maker));
                codes.extend(arguments.and_then(code).map(str::to_owned));
            }
        }
    }
    codes
}

fn pages() -> BTreeSet<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/errors");
    let entries = fs::read_dir(folder).expect("docs/errors is there");
    let stem = |path: PathBuf| Some(path.file_stem()?.to_str()?.to_owned());
    entries
        .filter_map(|entry| stem(entry.expect("an entry").path()))
        .collect()
}

#[test]
fn every_code_has_its_page_and_every_page_its_code() {
    let (codes, pages) = (codes(), pages());
    assert!(codes.contains("no_such_run") && codes.contains("body_too_large"));
    let without: Vec<_> = codes.difference(&pages).collect();
    assert!(
        without.is_empty(),
        "write docs/errors/CODE.md (what happened, why, what to do) for {without:?}"
    );
    let idle: Vec<_> = pages.difference(&codes).collect();
    assert!(
        idle.is_empty(),
        "no error of the server has these codes: {idle:?}; remove their pages"
    );
}

#[test]
fn a_page_opens_with_its_code_and_says_why_and_what_to_do() {
    for code in pages() {
        let path = format!("{}/../../docs/errors/{code}.md", env!("CARGO_MANIFEST_DIR"));
        let text = fs::read_to_string(path).expect("it is text");
        assert!(text.starts_with(&format!("# {code}\n")), "{code}");
        assert!(
            text.contains("**Why.**") && text.contains("**What to do.**"),
            "{code}"
        );
    }
}
