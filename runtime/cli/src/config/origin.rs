//! Which values are in force, and who set them.

use clap::ArgMatches;
use clap::parser::ValueSource;

use super::file::ConfigFile;
use super::setting::{self, Setting};

/// Who set a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// A flag of this command.
    Flag,
    /// A variable of the environment.
    Environment,
    /// The configuration file.
    File,
    /// Nobody: it is the default, or there is no value.
    Default,
}

impl Origin {
    /// In a word.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Flag => "flag",
            Self::Environment => "environment",
            Self::File => "file",
            Self::Default => "default",
        }
    }
}

/// Every setting with the values in force and their origin.
pub(crate) fn effective(
    matches: &ArgMatches,
    file: &ConfigFile,
) -> Vec<(Setting, Vec<String>, Origin)> {
    let in_force = |setting: Setting| {
        let name = setting.name();
        let values = matches.get_raw(name).into_iter().flatten();
        let values = values.map(|value| value.to_string_lossy().into_owned());
        let origin = match matches.value_source(name) {
            Some(ValueSource::CommandLine) => Origin::Flag,
            Some(ValueSource::EnvVariable) => Origin::Environment,
            _ if file.sets(name) => Origin::File,
            _ => Origin::Default,
        };
        (values.collect(), origin, setting)
    };
    setting::all()
        .into_iter()
        .map(in_force)
        .map(|(values, origin, setting)| (setting, values, origin))
        .collect()
}
