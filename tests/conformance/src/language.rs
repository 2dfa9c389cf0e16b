//! What there is to test, and where its component is.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde::Deserialize;

/// Names the folder with the components.
pub const GUESTS: &str = "ABIDE_CONFORMANCE_GUESTS";

/// Names the languages to test, with commas between them; all of them if it is not set.
pub const SELECTED: &str = "CONFORMANCE_LANGUAGES";

/// Names the scenarios to play, with commas between them; all of them if it is not set. For somebody who writes a guest.
pub const SCENARIOS: &str = "CONFORMANCE_SCENARIOS";

/// One language, or one of its engines.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Language {
    /// What people call it.
    pub title: String,
    /// Whether its guest is there to show that the contract needs no SDK: it has some scenarios, and no table.
    #[serde(default)]
    pub sample: bool,
    /// The scenarios that it cannot have, and why.
    #[serde(default)]
    pub without: BTreeMap<String, String>,
}

/// All languages by name, as `languages.toml` has them.
pub fn all() -> Result<BTreeMap<String, Language>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("languages.toml");
    let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    toml::from_str(&text).with_context(|| path.display().to_string())
}

/// Whether this language is to be tested now.
pub fn is_selected(name: &str) -> bool {
    is_chosen(SELECTED, name)
}

/// Whether this scenario is to be played now.
pub fn is_played(scenario: &str) -> bool {
    is_chosen(SCENARIOS, scenario)
}

fn is_chosen(variable: &str, name: &str) -> bool {
    match std::env::var(variable) {
        Ok(chosen) => chosen.split(',').any(|one| one.trim() == name),
        Err(_) => true,
    }
}

/// Where the language's component is.
pub fn component(name: &str) -> Result<PathBuf> {
    let folder = match std::env::var_os(GUESTS) {
        Some(folder) => PathBuf::from(folder),
        None => abide_e2e::repository().join("target").join("conformance"),
    };
    let path = folder.join(format!("{name}.wasm"));
    if !path.is_file() {
        bail!(
            "there is no {}: `cargo xtask test` builds the guests; by hand, `abide build tests/conformance/guests/{name}` and {GUESTS} does, and {SELECTED} \
             chooses languages",
            path.display()
        );
    }
    Ok(path)
}
