//! The description of the API is checked in, so that a change of the API is seen by whoever reviews it.

use std::path::Path;

use abide_server::http;
use serde::Serialize as _;

/// Set by `cargo xtask openapi`: write the file instead of comparing it.
const RENEW: &str = "ABIDE_RENEW_OPENAPI";

/// In lines, so that a change can be read, and with little space before them: it is long.
fn described() -> String {
    let formatter = serde_json::ser::PrettyFormatter::with_indent(b" ");
    let mut text = Vec::new();
    let mut serializer = serde_json::Serializer::with_formatter(&mut text, formatter);
    let written = http::openapi().serialize(&mut serializer);
    written.expect("it serialises");
    text.push(b'\n');
    String::from_utf8(text).expect("JSON is UTF-8")
}

#[test]
fn the_description_that_is_checked_in_is_that_of_the_code() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/openapi.json");
    let described = described();
    if std::env::var_os(RENEW).is_some() {
        std::fs::write(&path, described).expect("docs can be written");
        return;
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    if found != described {
        let line = found
            .lines()
            .zip(described.lines())
            .position(|(found, described)| found != described);
        panic!(
            "docs/openapi.json is not what the code describes, from line {} on: run `cargo xtask openapi` and commit what it wrote",
            line.map_or_else(|| "its end".to_owned(), |line| (line + 1).to_string())
        );
    }
}

#[test]
fn every_operation_has_a_name_of_its_own() {
    let document = serde_json::to_value(http::openapi()).expect("it serialises");
    let mut names = std::collections::BTreeSet::new();
    for item in document["paths"].as_object().expect("paths").values() {
        for operation in item.as_object().expect("operations").values() {
            let name = operation["operationId"].as_str().expect("a name");
            assert!(names.insert(name.to_owned()), "{name} is there twice");
        }
    }
}
