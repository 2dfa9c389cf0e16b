//! `abide new`.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::dev::invocation::{self, quoted};
use crate::language::Language;
use crate::manifest::check_id;
use crate::outcome::{Outcome, Usage};
use crate::sdk;
use crate::terminal::print_line;

/// Writes a new app: it builds and runs at once, anywhere on the disk.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  abide new my-app\n  abide new my-app --lang typescript\n  abide new my-app --lang python --path ~/work/apps/my-app\n\nThe app gets a copy of the SDK in abide-sdk/. To build it, Rust needs rustup, TypeScript and JavaScript need Node 20 and npm,\nand Python, C and Go need Python 3.10: whatever else there is to install, `abide build` and `abide dev` install themselves."
)]
pub(crate) struct New {
    /// The app's name, in kebab-case.
    #[arg(value_name = "NAME")]
    name: String,
    /// The language.
    #[arg(long, value_enum, value_name = "LANGUAGE", default_value_t)]
    lang: Language,
    /// Where to write it.
    #[arg(
        long,
        value_name = "DIR",
        default_value = "./NAME",
        hide_default_value = false
    )]
    path: PathBuf,
}

impl New {
    pub(crate) fn run(self) -> Result<Outcome> {
        check_name(&self.name)?;
        let folder = if self.path == Path::new("./NAME") {
            PathBuf::from(&self.name)
        } else {
            self.path
        };
        refuse_what_is_there(&folder)?;
        sdk::write_app(&folder, &self.name, self.lang)?;
        let (name, at) = (invocation::name(), quoted(&folder.display().to_string()));
        let event = quoted(&folder.join("event.json").display().to_string());
        let code = quoted(&folder.join(self.lang.first_file()).display().to_string());
        print_line(&format!(
            "wrote {at}\n\nBuild, serve and watch it:\n  {name} dev {at}\nSend its event, in a second terminal:\n  {name} send --event {event} --wait\nThe code to change is in {code}"
        ))?;
        Ok(Outcome::Done)
    }
}

/// Names that a language or its SDK has taken.
const RESERVED: [&str; 13] = [
    "abide",
    "inngest",
    "main",
    "node-modules",
    "site-packages",
    "abide-sdk",
    "abide-sdk-macros",
    "test",
    "core",
    "std",
    "alloc",
    "self",
    "super",
];

/// The name is the app's id and that of a package, in any language.
fn check_name(name: &str) -> Result<()> {
    if let Err(error) = check_id(name) {
        return Err(Usage(error.to_string()).into());
    }
    if !name.starts_with(|c: char| c.is_ascii_lowercase()) {
        return Err(Usage(format!(
            "`{name}` cannot be the name of a package: begin it with a letter"
        ))
        .into());
    }
    if RESERVED.contains(&name) {
        return Err(Usage(format!(
            "`{name}` is taken by a language or by its SDK: choose another name"
        ))
        .into());
    }
    Ok(())
}

/// Nothing of the user's is overwritten.
fn refuse_what_is_there(folder: &Path) -> Result<()> {
    if folder.is_dir() {
        let mut entries = std::fs::read_dir(folder)
            .with_context(|| format!("cannot read {}", folder.display()))?;
        if entries.next().is_none() {
            return Ok(());
        }
        bail!(
            "{} is there already and is not empty: choose another place with --path",
            folder.display()
        );
    }
    if folder.exists() {
        bail!("{} is there already, and is a file", folder.display());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_checked_before_anything_is_written() {
        for wrong in ["My App", "1st", "abide-sdk", "", "test"] {
            assert!(check_name(wrong).unwrap_err().is::<Usage>(), "{wrong}");
        }
        assert!(check_name("my-app2").is_ok());
    }

    #[test]
    fn the_app_has_its_name_and_its_sdk_and_nothing_is_left_to_fill_in() {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path().join("x/my-app");
        let written = sdk::write_app(&at, "my-app", Language::Rust).unwrap();
        for path in [
            "Cargo.toml",
            "src/lib.rs",
            "event.json",
            "abide-sdk/Cargo.toml",
            "abide-sdk/src/lib.rs",
            "abide-sdk/macros/src/lib.rs",
        ] {
            assert!(
                written.contains(&PathBuf::from(path)),
                "{path} in {written:?}"
            );
        }
        assert!(
            !written
                .iter()
                .any(|path| path.components().any(|part| part.as_os_str() == "target"))
        );
        let manifest = std::fs::read_to_string(at.join("Cargo.toml")).unwrap();
        assert!(manifest.contains("name = \"my-app\""), "{manifest}");
        for path in written.iter().filter(|path| !path.starts_with("abide-sdk")) {
            let text = std::fs::read_to_string(at.join(path)).unwrap();
            assert!(!text.contains("{{"), "{}", path.display());
        }
        assert!(refuse_what_is_there(&at).is_err());
        assert!(refuse_what_is_there(&folder.path().join("new")).is_ok());
    }
}
