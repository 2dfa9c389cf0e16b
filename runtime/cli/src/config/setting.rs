//! One setting, as the definition has it: its names, its kind, its default, what it is for.

use std::any::TypeId;

use clap::builder::Resettable;
use clap::error::{ContextKind, ContextValue, Error};
use clap::{Arg, ArgAction, Args, Command, ValueHint};

use super::Settings;

/// What a value looks like in TOML.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `true` or `false`.
    Switch,
    /// A whole number.
    Number,
    /// An array of strings.
    List,
    /// A string. Whole numbers are taken too: `keep_runs = 30`.
    Text,
}

impl Kind {
    /// In words, for whoever wrote something else.
    pub(super) fn expected(self) -> &'static str {
        match self {
            Self::Switch => "`true` or `false`, without quotes",
            Self::Number => "a whole number, without quotes",
            Self::List => "an array of strings, like [\"a\", \"b\"]",
            Self::Text => "a string, in quotes",
        }
    }
}

/// One setting.
pub(crate) struct Setting(Arg);

/// All settings, in the order of their definition.
pub(crate) fn all() -> Vec<Setting> {
    let command = Settings::augment_args(Command::new("settings"));
    command.get_arguments().cloned().map(Setting).collect()
}

impl Setting {
    /// The key in the file.
    pub(crate) fn name(&self) -> &str {
        self.0.get_id().as_str()
    }

    /// The variable of the environment.
    pub(crate) fn variable(&self) -> String {
        let variable = self.0.get_env().unwrap_or_default();
        variable.to_string_lossy().into_owned()
    }

    /// What it is for.
    pub(crate) fn help(&self) -> String {
        let help = self.0.get_help();
        help.map(ToString::to_string).unwrap_or_default()
    }

    /// What a value looks like.
    pub(crate) fn kind(&self) -> Kind {
        let parsed = self.0.get_value_parser().type_id();
        let is_number = [
            TypeId::of::<u16>(),
            TypeId::of::<u32>(),
            TypeId::of::<u64>(),
            TypeId::of::<usize>(),
        ]
        .iter()
        .any(|number| parsed == *number);
        if matches!(self.0.get_action(), ArgAction::Append) {
            Kind::List
        } else if parsed == TypeId::of::<bool>() {
            Kind::Switch
        } else if is_number {
            Kind::Number
        } else {
            Kind::Text
        }
    }

    /// The value that is in force unless somebody says otherwise.
    pub(crate) fn default(&self) -> Option<String> {
        let value = self.0.get_default_values().first()?;
        Some(value.to_string_lossy().into_owned())
    }

    /// The words that it takes, if it takes only some.
    pub(crate) fn possible(&self) -> Vec<String> {
        if self.kind() == Kind::Switch {
            return Vec::new();
        }
        let values = self.0.get_possible_values();
        values
            .iter()
            .map(|value| value.get_name().to_owned())
            .collect()
    }

    /// What stands for a value in help.
    pub(crate) fn placeholder(&self) -> String {
        let names = self.0.get_value_names().unwrap_or_default();
        names.first().map(ToString::to_string).unwrap_or_default()
    }

    /// Whether the value names a file that must be there.
    pub(crate) fn names_a_file(&self) -> bool {
        self.0.get_value_hint() == ValueHint::FilePath
    }

    /// Judges one value as the flag would be judged.
    pub(crate) fn check(&self, value: &str) -> Result<(), String> {
        let alone = self.0.clone().required(false).env(Resettable::Reset);
        let command = Command::new("setting").no_binary_name(true).arg(alone);
        let flag = format!("--{}={value}", self.name().replace('_', "-"));
        match command.try_get_matches_from([flag]) {
            Ok(_) => Ok(()),
            Err(error) => Err(reason(&error)),
        }
    }
}

/// What the parser of a value says about it, without the words about flags around it.
fn reason(error: &Error) -> String {
    if let Some(ContextValue::Strings(valid)) = error.get(ContextKind::ValidValue)
        && !valid.is_empty()
    {
        return format!("it must be one of {}", valid.join(", "));
    }
    match std::error::Error::source(error) {
        Some(source) => source.to_string(),
        None => error.kind().to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flag_variable_and_key_have_the_same_name() {
        for setting in all() {
            let name = setting.name();
            assert_eq!(setting.0.get_long(), Some(&*name.replace('_', "-")));
            assert_eq!(setting.variable(), format!("ABIDE_{}", name.to_uppercase()));
            assert!(!setting.help().is_empty(), "{name}");
        }
    }

    #[test]
    fn defaults_are_values_that_would_be_taken() {
        for setting in all() {
            if let Some(default) = setting.default() {
                assert_eq!(setting.check(&default), Ok(()), "{}", setting.name());
            }
        }
    }
}
