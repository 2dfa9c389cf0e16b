//! The settings in force as the server shows them to its operators.

use std::path::PathBuf;

use abide_server::http::SettingInForce;
use clap::{ArgMatches, Args, Command, FromArgMatches};

use super::{ConfigFile, effective};

/// Parts of the names of settings whose values are secrets, or may hold some. Those that name a file are none.
const SECRETS: [&str; 5] = ["header", "password", "secret", "token", "key"];

/// The settings in force. It has no arguments of its own, and must come before those that take their values out of what was parsed.
#[derive(Clone, Debug, Default)]
pub(crate) struct InForce(Vec<SettingInForce>);

impl InForce {
    /// For the server.
    pub(crate) fn settings(&self) -> Vec<SettingInForce> {
        self.0.clone()
    }
}

impl Args for InForce {
    fn augment_args(command: Command) -> Command {
        command
    }

    fn augment_args_for_update(command: Command) -> Command {
        command
    }
}

impl FromArgMatches for InForce {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        // It was read before, or there would be nothing parsed.
        let path = matches.get_one::<PathBuf>("config");
        let file = path.and_then(|path| ConfigFile::read(path).ok());
        let settings = effective(matches, &file.unwrap_or_default());
        let shown = settings.into_iter().map(|(setting, values, origin)| {
            let is_secret = may_be_secret(setting.name()) && !values.is_empty();
            SettingInForce {
                name: setting.name().to_owned(),
                value: if is_secret {
                    "(not shown)".to_owned()
                } else {
                    let shown: Vec<_> = values.iter().map(|it| without_secrets(it)).collect();
                    shown.join(", ")
                },
                origin: origin.word(),
            }
        });
        Ok(Self(shown.collect()))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

fn may_be_secret(name: &str) -> bool {
    let is_file = name.ends_with("_file") || name.starts_with("tls_");
    !is_file && SECRETS.iter().any(|part| name.contains(part))
}

/// An address without the user, the password and the query that it may hold; any other value as it is.
fn without_secrets(value: &str) -> String {
    let Some((scheme, rest)) = value.split_once("://") else {
        return value.to_owned();
    };
    let rest = rest.split(['?', '#']).next().unwrap_or_default();
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let host = authority.rsplit('@').next().unwrap_or_default();
    format!("{scheme}://{host}{path}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Settings;

    #[test]
    fn what_may_be_a_secret_is_not_shown() {
        for (name, hidden) in [
            ("otlp_headers", true),
            ("admin_key", true),
            ("admin_key_file", false),
            ("tls_key", false),
            ("listen", false),
        ] {
            assert_eq!(may_be_secret(name), hidden, "{name}");
        }
    }

    #[test]
    fn an_address_is_shown_without_what_may_be_secret_in_it() {
        for (value, shown) in [
            (
                "https://user:pa@ss@collector:4318/otlp?key=k#x",
                "https://collector:4318/otlp",
            ),
            ("http://c?key=k", "http://c"),
            ("http://c/a@b", "http://c/a@b"),
            ("127.0.0.1:8288", "127.0.0.1:8288"),
            ("info,abide=debug", "info,abide=debug"),
        ] {
            assert_eq!(without_secrets(value), shown);
        }
    }

    #[test]
    fn values_are_shown_with_who_set_them() {
        let command = Settings::augment_args(Command::new("serve")).arg(
            clap::Arg::new("config")
                .long("config")
                .value_parser(clap::value_parser!(PathBuf)),
        );
        let matches =
            command.get_matches_from(["serve", "--data", "here", "--listen", "127.0.0.1:1"]);
        let shown = InForce::from_arg_matches(&matches).expect("it reads");
        let of = |name: &str| {
            let found = shown.0.iter().find(|it| it.name == name);
            found.map(|it| (it.value.as_str(), it.origin))
        };
        assert_eq!(of("data"), Some(("here", "flag")));
        assert_eq!(of("listen"), Some(("127.0.0.1:1", "flag")));
        assert!(shown.0.iter().any(|it| it.origin == "default"));
    }
}
