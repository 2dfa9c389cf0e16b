//! `abide config check`.

use std::path::PathBuf;

use anyhow::Result;
use clap::builder::Resettable;
use clap::{Args, Command, FromArgMatches};

use crate::config::{ConfigFile, Settings};
use crate::outcome::Outcome;
use crate::terminal::print_line;

const HELP: &str = "\
Unknown keys, values of the wrong type or out of range, settings that contradict each other, and files that are named but not there are
told with line and column. The exit code is 1 then. Nothing of the environment is looked at.

Example:
  abide config check /etc/abide/abide-server.toml";

/// Says what is wrong with a configuration file.
#[derive(Args)]
#[command(after_help = HELP)]
pub(crate) struct Check {
    /// The file.
    file: PathBuf,
}

impl Check {
    pub(crate) fn run(self) -> Result<Outcome> {
        let path = self.file.display();
        let file = match ConfigFile::read(&self.file) {
            Ok(file) => file,
            Err(error) => {
                eprintln!("{error}");
                return Ok(Outcome::Failed);
            }
        };
        let mut problems: Vec<_> = file
            .missing_files()
            .into_iter()
            .map(|(name, missing)| format!("{path}: {name}: there is no file {missing}"))
            .collect();
        problems.extend(contradiction(&file).map(|what| format!("{path}: {what}")));
        for problem in &problems {
            eprintln!("{problem}");
        }
        if !problems.is_empty() {
            return Ok(Outcome::Failed);
        }
        print_line(&format!("{path} is right"))?;
        Ok(Outcome::Done)
    }
}

/// What is wrong with the file's settings together.
fn contradiction(file: &ConfigFile) -> Option<String> {
    let alone = Settings::augment_args(Command::new("check"))
        .mut_args(|arg| arg.env(Resettable::Reset))
        // It may come from elsewhere.
        .mut_arg("data", |arg| arg.required(false).default_value("."));
    let settings = file
        .as_defaults(alone)
        .try_get_matches_from(["check"])
        .and_then(|matches| Settings::from_arg_matches(&matches));
    match settings {
        Ok(settings) => settings.contradiction(),
        Err(error) => Some(error.to_string()),
    }
}
