//! The languages that apps are written in, and which of them a folder holds.
//!
//! It looks at names of files and at what manifests say; it must not run anything.

use std::fmt;
use std::path::Path;

use clap::ValueEnum;
use serde::Deserialize;

/// A language that apps are built from.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, ValueEnum, Deserialize,
)]
#[serde(rename_all = "lowercase")]
#[value(rename_all = "lower")]
pub(crate) enum Language {
    /// Rust, built by cargo.
    #[default]
    Rust,
    /// TypeScript.
    #[value(alias = "ts")]
    TypeScript,
    /// JavaScript.
    #[value(alias = "js")]
    JavaScript,
    /// Python.
    #[value(alias = "py")]
    Python,
    /// C.
    C,
    /// Go.
    #[value(alias = "golang")]
    Go,
}

/// What runs JavaScript within a component.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, ValueEnum, Deserialize)]
#[serde(rename_all = "lowercase")]
#[value(rename_all = "lower")]
pub(crate) enum Engine {
    /// Everything that the web offers; the default.
    StarlingMonkey,
    /// Small, and quick to start.
    QuickJs,
}

impl Engine {
    /// As the manifest and the build script write it.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::StarlingMonkey => "starlingmonkey",
            Self::QuickJs => "quickjs",
        }
    }
}

impl Language {
    /// As the manifest and `--lang` write it.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Rust => "rust",
            Self::TypeScript => "typescript",
            Self::JavaScript => "javascript",
            Self::Python => "python",
            Self::C => "c",
            Self::Go => "go",
        }
    }

    /// Whether it is run by an engine that `[build] engine` chooses.
    pub(crate) fn has_engines(self) -> bool {
        matches!(self, Self::TypeScript | Self::JavaScript)
    }

    /// The file that an author opens first in a new app.
    pub(crate) fn first_file(self) -> &'static str {
        match self {
            Self::Rust => "src/lib.rs",
            Self::TypeScript => "src/index.ts",
            Self::JavaScript => "src/index.js",
            Self::Python => "app.py",
            Self::C => "src/app.c",
            Self::Go => "app.go",
        }
    }

    /// The language of a folder, as far as its files tell.
    pub(crate) fn of_folder(folder: &Path) -> Option<Self> {
        let has = |name: &str| folder.join(name).is_file();
        if has("Cargo.toml") {
            return Some(Self::Rust);
        }
        if has("package.json") {
            let typed = has("tsconfig.json") || has("src/index.ts") || has("index.ts");
            return Some(if typed {
                Self::TypeScript
            } else {
                Self::JavaScript
            });
        }
        if has("pyproject.toml") || has("app.py") || has("src/app.py") {
            return Some(Self::Python);
        }
        if has("go.mod") {
            return Some(Self::Go);
        }
        let in_c = holds_c(folder) || holds_c(&folder.join("src"));
        in_c.then_some(Self::C)
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Rust => "Rust",
            Self::TypeScript => "TypeScript",
            Self::JavaScript => "JavaScript",
            Self::Python => "Python",
            Self::C => "C",
            Self::Go => "Go",
        })
    }
}

fn holds_c(folder: &Path) -> bool {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return false;
    };
    entries
        .flatten()
        .any(|entry| entry.path().extension().is_some_and(|kind| kind == "c"))
}

/// Whether a folder without an `abide.toml` is an app: its manifest or its first file asks for the SDK of its language.
pub(crate) fn asks_for_sdk(folder: &Path, language: Language) -> bool {
    let says = |file: &str, words: &[&str]| {
        let text = std::fs::read_to_string(folder.join(file)).unwrap_or_default();
        words.iter().any(|word| text.contains(word))
    };
    match language {
        // A crate may ask for it without being an app: its manifest says more, see `discovery`.
        Language::Rust => false,
        Language::TypeScript | Language::JavaScript => {
            says("package.json", &["\"@abide/sdk\"", "\"inngest\""])
        }
        Language::Python => {
            let imports = ["import abide", "from abide "];
            says("app.py", &imports) || says("src/app.py", &imports)
        }
        Language::Go => says("go.mod", &["abide"]),
        Language::C => says("src/app.c", &["abide.h"]) || says("app.c", &["abide.h"]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(files: &[&str]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for file in files {
            let path = root.path().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        }
        root
    }

    #[test]
    fn the_files_tell_the_language() {
        let cases: [(&[&str], Option<Language>); 9] = [
            (&["Cargo.toml", "package.json"], Some(Language::Rust)),
            (
                &["package.json", "tsconfig.json"],
                Some(Language::TypeScript),
            ),
            (
                &["package.json", "src/index.ts"],
                Some(Language::TypeScript),
            ),
            (
                &["package.json", "src/index.js"],
                Some(Language::JavaScript),
            ),
            (&["pyproject.toml"], Some(Language::Python)),
            (&["src/app.py"], Some(Language::Python)),
            (&["go.mod", "helper.c"], Some(Language::Go)),
            (&["src/app.c"], Some(Language::C)),
            (&["README.md", "app.h"], None),
        ];
        for (files, language) in cases {
            let folder = folder(files);
            assert_eq!(Language::of_folder(folder.path()), language, "{files:?}");
        }
    }

    #[test]
    fn a_project_that_does_not_ask_for_the_sdk_is_no_app() {
        let folder = folder(&["package.json"]);
        let asks = || asks_for_sdk(folder.path(), Language::JavaScript);
        assert!(!asks());
        let text = "{\"dependencies\": {\"inngest\": \"^3\"}}";
        std::fs::write(folder.path().join("package.json"), text).unwrap();
        assert!(asks());
    }
}
