//! The settings of `abide serve`: one definition gives the flags, the variables `ABIDE_…`, and the keys of the configuration file.
//!
//! [`Settings`] is that definition. A setting `tls_cert` is the flag `--tls-cert`, the variable `ABIDE_TLS_CERT` and the key
//! `tls_cert`; a flag goes before the variable, the variable before the file, the file before the default. What the file says becomes
//! the defaults of the flags (`apply`), so that one parser checks all three, in the same words.
//!
//! # Invariants
//! - A setting that is not in [`Settings`] cannot be set; one that is there can be set in all three ways.
//! - A file with one mistake is refused whole.

mod file;
mod in_force;
mod origin;
mod serving;
mod setting;
mod text;

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::builder::BoolishValueParser;
use clap::{Args, Command, ValueHint};

pub(crate) use crate::commands::keep::Keep;
pub(crate) use file::{ConfigError, ConfigFile};
pub(crate) use in_force::InForce;
pub(crate) use origin::{Origin, effective};
pub(crate) use serving::Serving;
pub(crate) use setting::{Kind, Setting};
pub(crate) use text::default_file;

use crate::logging::LogFormat;

/// Which configuration file.
#[derive(Args, Clone, Debug)]
pub(crate) struct Config {
    /// A configuration file (TOML). Flags and variables go before what it says; `abide config show --default` prints one.
    #[arg(
        long,
        value_name = "FILE",
        env = "ABIDE_CONFIG",
        hide_env_values = true,
        value_hint = ValueHint::FilePath
    )]
    pub(crate) config: Option<PathBuf>,
}

/// Everything that an operator can set.
#[derive(Args, Clone, Debug)]
pub(crate) struct Settings {
    /// Where everything is kept. One process at a time uses it.
    #[arg(
        long,
        value_name = "DIR",
        env = "ABIDE_DATA",
        hide_env_values = true,
        value_hint = ValueHint::DirPath
    )]
    pub(crate) data: PathBuf,
    /// Where to listen; port 0 takes any that is free.
    #[arg(
        long,
        value_name = "ADDR:PORT",
        env = "ABIDE_LISTEN",
        hide_env_values = true,
        default_value = "127.0.0.1:8288",
        value_parser = address
    )]
    pub(crate) listen: SocketAddr,
    /// A file that holds the admin key. Without it, and without the variable `ABIDE_ADMIN_KEY`, the first start makes an admin key and prints
    /// it once.
    #[arg(
        long,
        value_name = "FILE",
        env = "ABIDE_ADMIN_KEY_FILE",
        hide_env_values = true,
        value_hint = ValueHint::FilePath
    )]
    pub(crate) admin_key_file: Option<PathBuf>,
    /// Ask nobody for a key: whoever reaches the port may do everything.
    #[arg(
        long,
        value_name = "true|false",
        env = "ABIDE_INSECURE",
        hide_env_values = true,
        num_args = 0..=1,
        require_equals = true,
        default_value = "false",
        default_missing_value = "true",
        value_parser = BoolishValueParser::new()
    )]
    pub(crate) insecure: bool,
    /// A private address that every app's step bodies may reach; by default they reach public ones only. Repeatable.
    #[arg(
        long,
        value_name = "HOST[:PORT]",
        env = "ABIDE_ALLOW_NET",
        hide_env_values = true,
        value_delimiter = ',',
        value_parser = allow_rule
    )]
    pub(crate) allow_net: Vec<String>,
    /// A program that notifications may start on this machine, by its whole path; without it they may start none. Repeatable.
    #[arg(
        long,
        value_name = "PROGRAM",
        env = "ABIDE_NOTIFY_COMMANDS",
        hide_env_values = true,
        value_delimiter = ',',
        value_parser = program
    )]
    pub(crate) notify_commands: Vec<String>,
    /// Replay every run from its journal when it suspends or ends, and name the first difference. Costs a replay each time.
    #[arg(
        long,
        value_name = "true|false",
        env = "ABIDE_CHECK_REPLAY",
        hide_env_values = true,
        num_args = 0..=1,
        require_equals = true,
        default_value = "false",
        default_missing_value = "true",
        value_parser = BoolishValueParser::new()
    )]
    pub(crate) check_replay: bool,
    /// Where machine code of components is kept; without it, with the data. Several servers of one user may share it.
    #[arg(
        long,
        value_name = "DIR",
        env = "ABIDE_CODE_CACHE",
        hide_env_values = true,
        value_hint = ValueHint::DirPath
    )]
    pub(crate) code_cache: Option<PathBuf>,
    /// The most environments, `default` included: each has threads of its own and a cache of 16 MiB.
    #[arg(
        long,
        value_name = "COUNT",
        env = "ABIDE_MAX_ENVIRONMENTS",
        hide_env_values = true,
        default_value = "32",
        value_parser = clap::value_parser!(u32).range(1..=256)
    )]
    pub(crate) max_environments: u32,
    #[command(flatten)]
    pub(crate) serving: Serving,
    #[command(flatten)]
    pub(crate) keep: Keep,
    /// Send traces of runs to this OpenTelemetry collector, by OTLP over HTTP: its address, like `http://127.0.0.1:4318`. Without it the variables
    /// `OTEL_EXPORTER_OTLP_ENDPOINT` and `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT` count; without all of them there are no traces.
    #[arg(
        long,
        value_name = "URL",
        env = "ABIDE_OTLP_ENDPOINT",
        hide_env_values = true
    )]
    pub(crate) otlp_endpoint: Option<String>,
    /// Which log lines are written: `info`, `warn`, `warn,abide_server=debug`.
    #[arg(
        long,
        value_name = "FILTER",
        env = "ABIDE_LOG",
        hide_env_values = true,
        default_value = "info"
    )]
    pub(crate) log: String,
    /// The form of log lines.
    #[arg(
        long,
        value_enum,
        env = "ABIDE_LOG_FORMAT",
        hide_env_values = true,
        default_value_t
    )]
    pub(crate) log_format: LogFormat,
}

fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| {
        "it must be an IP address and a port, like 127.0.0.1:8288, or 0.0.0.0:8288 for all addresses of this machine".to_owned()
    })
}

fn allow_rule(text: &str) -> Result<String, String> {
    let rule = text.parse::<abide_host::AllowRule>();
    rule.map(|_| text.to_owned())
        .map_err(|error| error.to_string())
}

fn program(text: &str) -> Result<String, String> {
    if std::path::Path::new(text).is_absolute() {
        return Ok(text.to_owned());
    }
    Err("it must be the whole path of a program, like /usr/local/bin/page-me".to_owned())
}

impl Settings {
    /// The first thing that is wrong with the settings together, each of which is right by itself.
    pub(crate) fn contradiction(&self) -> Option<String> {
        self.serving.contradiction()
    }
}

/// The commands that take settings.
const READERS: [&[&str]; 2] = [&["serve"], &["config", "show"]];

/// Reads the configuration file that the arguments of this process or its environment name, if they do, and makes it the defaults of
/// the commands that take settings.
pub(crate) fn apply(command: Command) -> Result<Command, ConfigError> {
    // What is wrong with the arguments is told by whoever parses them in earnest; here only `--config` is wanted.
    let Ok(matches) = command.clone().ignore_errors(true).try_get_matches() else {
        return Ok(command);
    };
    for path in READERS {
        let asked = path
            .iter()
            .try_fold(&matches, |matches, name| matches.subcommand_matches(name));
        let file = asked.and_then(|matches| matches.try_get_one::<PathBuf>("config").ok()?);
        if let Some(file) = file {
            return Ok(in_subcommand(command, path, &ConfigFile::read(file)?));
        }
    }
    Ok(command)
}

fn in_subcommand(command: Command, path: &[&str], file: &ConfigFile) -> Command {
    match path {
        [] => file.as_defaults(command),
        [name, rest @ ..] => {
            command.mut_subcommand(*name, |inner| in_subcommand(inner, rest, file))
        }
    }
}
