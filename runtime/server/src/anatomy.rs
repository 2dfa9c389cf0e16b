//! What a component is made of, as its bytes tell: the language that it was written in, and what it imports.
//!
//! Nothing is compiled and nothing of it runs. A component that cannot be read has no language and no imports here; whether it is one is
//! decided where it is deployed.

use std::collections::BTreeSet;

use wasmparser::{KnownCustom, Parser, Payload, ProducersSectionReader};

/// Imports that are kept; a component that runs here has some dozens.
const MOST_IMPORTS: usize = 256;

/// What a component is made of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Anatomy {
    /// The language that it was written in, as far as its compilers left word.
    pub(crate) language: Option<&'static str>,
    /// The interfaces that it imports.
    pub(crate) imports: Vec<String>,
}

/// What one part of a component says of its making.
#[derive(Debug, Default)]
struct Making {
    languages: BTreeSet<String>,
    tools: BTreeSet<String>,
}

impl Anatomy {
    /// Reads a component.
    pub(crate) fn of(wasm: &[u8]) -> Self {
        let mut imports = Vec::new();
        let mut makings = Vec::new();
        let mut depth = 0_usize;
        for payload in Parser::new(0).parse_all(wasm) {
            match payload {
                Ok(Payload::ModuleSection { .. } | Payload::ComponentSection { .. }) => depth += 1,
                Ok(Payload::End(_)) => depth = depth.saturating_sub(1),
                Ok(Payload::ComponentImportSection(section)) if depth == 0 => {
                    let names = section.into_iter().filter_map(Result::ok);
                    imports.extend(names.map(|import| import.name.name.to_owned()));
                }
                Ok(Payload::CustomSection(section)) => {
                    if let KnownCustom::Producers(producers) = section.as_known() {
                        makings.push(Making::of(producers));
                    }
                }
                Ok(_) => {}
                Err(_) => break,
            }
        }
        imports.truncate(MOST_IMPORTS);
        Self {
            language: language(&makings),
            imports,
        }
    }
}

impl Making {
    fn of(producers: ProducersSectionReader<'_>) -> Self {
        let mut making = Self::default();
        for field in producers.into_iter().filter_map(Result::ok) {
            let values = field.values.into_iter().filter_map(Result::ok);
            let names = values.map(|value| value.name.to_owned());
            match field.name {
                "language" => making.languages.extend(names),
                "processed-by" | "sdk" => making.tools.extend(names),
                _ => {}
            }
        }
        making
    }
}

/// Every component holds pieces that others wrote: the adapter of WASI is Rust, and an interpreter is C. So what an author writes in an
/// interpreted language goes first, and Rust, which is nearly always there, last.
fn language(makings: &[Making]) -> Option<&'static str> {
    let speaks = |name: &str| makings.iter().any(|it| it.languages.contains(name));
    let made_by = |name: &str| {
        let mut tools = makings.iter().flat_map(|it| &it.tools);
        tools.any(|tool| tool.contains(name))
    };
    if speaks("Python") || made_by("componentize-py") {
        return Some("Python");
    }
    if speaks("JavaScript") || made_by("componentize-js") || made_by("componentize-qjs") {
        return Some("JavaScript");
    }
    if speaks("Go") {
        return Some("Go");
    }
    let is_c = |name: &String| name.starts_with('C');
    let only_c = |it: &Making| !it.languages.is_empty() && it.languages.iter().all(is_c);
    if makings.iter().any(only_c) {
        return Some("C");
    }
    speaks("Rust").then_some("Rust")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn making(languages: &[&str], tools: &[&str]) -> Making {
        let own = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Making {
            languages: own(languages),
            tools: own(tools),
        }
    }

    #[test]
    fn the_author_s_language_is_told_from_that_of_the_pieces_around_it() {
        let adapter = || making(&["Rust"], &["rustc"]);
        let cases = [
            (
                vec![making(&["C11", "Rust"], &["rustc"]), adapter()],
                "Rust",
            ),
            (vec![making(&["C11", "C99"], &["clang"]), adapter()], "C"),
            (vec![making(&["Go"], &["Go cmd/compile"]), adapter()], "Go"),
            (
                vec![
                    making(&["C11", "C_plus_plus_14", "Rust"], &["clang"]),
                    making(&["JavaScript"], &["wit-component"]),
                ],
                "JavaScript",
            ),
            (
                vec![making(&["C11"], &[]), making(&[], &["componentize-py"])],
                "Python",
            ),
        ];
        for (makings, expected) in cases {
            assert_eq!(language(&makings), Some(expected), "{makings:?}");
        }
        assert_eq!(language(&[]), None);
    }

    #[test]
    fn what_is_no_component_has_no_parts() {
        for bytes in [
            &b""[..],
            b"\0asm",
            b"\0asm\x0d\0\x01\0\x0a\xff\xff\xff\xff\x0f",
        ] {
            assert_eq!(Anatomy::of(bytes), Anatomy::default());
        }
    }
}
