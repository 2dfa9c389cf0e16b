//! The tree of commands. Each command's arguments, help and work are in a file of its own.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Once;

use anyhow::{Context, Result};
use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};
use reqwest::Url;

use crate::client::Client;
use crate::commands;
use crate::config;
use crate::dev::invocation;
use crate::outcome::{Outcome, Usage};

/// What to do first; `name` is how the user calls the binary.
fn guide(name: &str) -> String {
    format!(
        "\
Start here:
  {name} dev
      build and serve the apps in examples/, rebuild them on change
  {name} send --event examples/welcome-drip/event.json --wait
      in a second terminal: send an event, watch the runs that it starts
  {name} runs list
      what ran, newest first
  {name} runs show RUN
      one run, step by step

Start an app of your own:
  {name} new my-app
  {name} dev my-app

Exit codes: 0 done, 1 failed, 2 wrong usage, 3 server not reachable."
    )
}

/// Durable functions as WebAssembly components: events start them, every step is recorded, and they survive crashes, restarts and waits of months.
#[derive(Parser)]
#[command(
    name = "abide",
    version,
    subcommand_required = true,
    arg_required_else_help = true
)]
#[command(disable_help_subcommand = true, max_term_width = 110)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

impl Cli {
    /// Reads the arguments of the process; ends it when they are wrong, or ask for help. A configuration file is
    /// read here, because what it says are defaults of arguments.
    pub(crate) fn of_process() -> Result<Self> {
        let command = Self::command().after_help(guide(&invocation::name()));
        let command = config::apply(command).map_err(|error| Usage(error.to_string()))?;
        let parsed = Self::from_arg_matches(&command.get_matches());
        Ok(parsed.unwrap_or_else(|error| error.exit()))
    }
}

#[derive(Subcommand)]
pub(crate) enum Command {
    Dev(commands::dev::Dev),
    Serve(commands::serve::Serve),
    /// Shows the settings of a server, and checks configuration files.
    #[command(subcommand)]
    Config(commands::config::Config),
    New(commands::new::New),
    Build(commands::build::Build),
    Tools(commands::tools::Tools),
    Deploy(commands::deploy::Deploy),
    Send(commands::send::Send),
    /// Lists runs, shows one step by step, watches it, follows its logs, cancels, pauses, resumes and replays it.
    #[command(subcommand)]
    Runs(commands::runs::Runs),
    Top(commands::top::Top),
    Replay(commands::replay::Replay),
    /// Lists, shows, watches and stops what is done to many runs at once.
    #[command(subcommand)]
    Jobs(commands::jobs::Jobs),
    /// Lists events and the runs that they started.
    #[command(subcommand)]
    Events(commands::events::Events),
    /// Lists, sets and removes the schemas by which events are checked.
    #[command(subcommand)]
    Schemas(commands::schemas::Schemas),
    /// Lists the functions that are deployed, shows one in full, pauses and resumes it.
    #[command(subcommand)]
    Functions(commands::functions::Functions),
    /// Lists the apps that are deployed.
    #[command(subcommand)]
    Apps(commands::apps::Apps),
    Backup(commands::backup::Backup),
    Restore(commands::restore::Restore),
    /// Prints one run as a document that `abide import` takes.
    #[command(subcommand)]
    Export(commands::export::Export),
    Import(commands::import::Import),
    Doctor(commands::doctor::Doctor),
    /// Makes, lists and revokes keys.
    #[command(subcommand)]
    Keys(commands::keys::Keys),
    /// Makes, lists and removes environments.
    #[command(subcommand)]
    Environments(commands::environments::Environments),
    Audit(commands::audit::Audit),
    /// Checks and counts what a data directory holds, and gives the disk space of what was deleted back.
    #[command(subcommand)]
    Store(commands::store::Store),
    /// Lets third parties send events: adds, lists, tries out and removes webhooks.
    #[command(subcommand)]
    Webhooks(commands::webhooks::Webhooks),
    /// Tells operators when runs fail, fail too often, or wait too long: adds, lists, tries out and removes notifications.
    #[command(subcommand)]
    Notify(commands::notify::Notify),
    /// Explains schedules.
    #[command(subcommand)]
    Cron(commands::cron::Cron),
    Completions(commands::completions::Completions),
    Man(commands::man::Pages),
    Health(commands::health::Health),
}

impl Command {
    /// Does it.
    pub(crate) async fn run(self) -> Result<Outcome> {
        match self {
            Self::Dev(command) => command.run().await,
            Self::Serve(command) => command.run().await,
            Self::Config(command) => command.run(),
            Self::New(command) => command.run(),
            Self::Build(command) => command.run().await,
            Self::Tools(command) => command.run().await,
            Self::Deploy(command) => command.run().await,
            Self::Send(command) => command.run().await,
            Self::Runs(command) => command.run().await,
            Self::Top(command) => command.run().await,
            Self::Replay(command) => command.run().await,
            Self::Jobs(command) => command.run().await,
            Self::Schemas(command) => command.run().await,
            Self::Events(command) => command.run().await,
            Self::Functions(command) => command.run().await,
            Self::Apps(command) => command.run().await,
            Self::Backup(command) => command.run().await,
            Self::Restore(command) => command.run(),
            Self::Export(command) => command.run().await,
            Self::Import(command) => command.run().await,
            Self::Doctor(command) => command.run().await,
            Self::Keys(command) => command.run().await,
            Self::Environments(command) => command.run().await,
            Self::Audit(command) => command.run().await,
            Self::Store(command) => command.run(),
            Self::Webhooks(command) => command.run().await,
            Self::Notify(command) => command.run().await,
            Self::Cron(command) => command.run(),
            Self::Completions(command) => command.run(),
            Self::Man(command) => command.run(),
            Self::Health(command) => command.run().await,
        }
    }
}

/// Which server.
#[derive(Args, Clone, Debug)]
pub(crate) struct Server {
    /// The server to talk to.
    #[arg(long, env = "ABIDE_URL", value_name = "URL", default_value = "http://127.0.0.1:8288", value_parser = server_url)]
    #[arg(hide_env_values = true)]
    pub(crate) url: Url,
    /// The environment, where the key is for all of them or none is asked for; `default` unless given.
    #[arg(
        long,
        env = "ABIDE_ENVIRONMENT",
        value_name = "NAME",
        hide_env_values = true
    )]
    pub(crate) environment: Option<String>,
    /// A file that holds the API key; without it, the variable `ABIDE_API_KEY` does.
    #[arg(long, env = "ABIDE_KEY_FILE", value_name = "FILE", hide_env_values = true, value_hint = clap::ValueHint::FilePath)]
    pub(crate) key_file: Option<PathBuf>,
    /// Trust this certificate authority too (PEM): for a server whose certificate is of no public one.
    #[arg(long, env = "ABIDE_CA_CERT", value_name = "FILE", hide_env_values = true, value_hint = clap::ValueHint::FilePath)]
    pub(crate) ca_cert: Option<PathBuf>,
}

/// The key that a file holds.
fn key_in(file: &Path) -> Result<String> {
    let key = std::fs::read_to_string(file)
        .with_context(|| format!("cannot read the key from {}", file.display()))?;
    anyhow::ensure!(
        !key.trim().is_empty(),
        "{} holds no key: it is empty",
        file.display()
    );
    Ok(key)
}

/// Where a server is unless the user says.
const USUAL_URL: &str = "http://127.0.0.1:8288/";

impl Server {
    /// Whether the user said which server it is.
    pub(crate) fn is_named(&self) -> bool {
        std::env::var_os("ABIDE_URL").is_some() || self.url.as_str() != USUAL_URL
    }

    /// A client of the server, with the user's key.
    pub(crate) fn client(&self) -> Result<Client> {
        let key = match &self.key_file {
            Some(file) => Some(key_in(file)?),
            None => std::env::var("ABIDE_API_KEY").ok(),
        };
        let key = key.as_deref().map(str::trim).filter(|key| !key.is_empty());
        if key.is_some() && in_the_clear(&self.url) {
            static TOLD: Once = Once::new();
            TOLD.call_once(|| {
                eprintln!(
                    "warning: the key goes to {} unencrypted, and whoever is on the way can read it and use it; use an https:// address (abide serve --tls-cert), or a tunnel to the server's own machine",
                    self.url.origin().ascii_serialization()
                );
            });
        }
        Client::with(
            &self.url,
            key,
            self.environment.as_deref(),
            self.ca_cert.as_deref(),
        )
    }

    /// A command that asks the same server, as the user may type it.
    pub(crate) fn command(&self, command: &str) -> String {
        let told = std::env::var_os("ABIDE_URL").is_some() || self.url.as_str() == USUAL_URL;
        let url = if told {
            String::new()
        } else {
            format!(" --url {}", self.url)
        };
        let environment = match &self.environment {
            Some(name) if std::env::var_os("ABIDE_ENVIRONMENT").is_none() => {
                format!(" --environment {name}")
            }
            Some(_) | None => String::new(),
        };
        format!("{} {command}{url}{environment}", invocation::name())
    }
}

/// For people or for programs.
#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct Output {
    /// Print JSON, for programs.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Whether what is sent there can be read on the way: it goes without TLS, and not to this machine.
fn in_the_clear(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']').parse();
    let is_here = match address {
        Ok(IpAddr::V4(address)) => address.is_loopback(),
        Ok(IpAddr::V6(address)) => address.to_canonical().is_loopback(),
        Err(_) => host == "localhost" || host.ends_with(".localhost"),
    };
    url.scheme() == "http" && !is_here
}

fn server_url(text: &str) -> Result<Url, String> {
    let url = Url::parse(text)
        .map_err(|error| format!("{error}; a server's URL looks like http://127.0.0.1:8288"))?;
    match url.scheme() {
        "http" | "https" if url.has_host() => Ok(url),
        _ => Err(
            "it must begin with http:// or https://, for example http://127.0.0.1:8288".to_owned(),
        ),
    }
}

/// `60s`, `2m`, `1h 30m`; a bare number means seconds.
pub(crate) fn duration(text: &str) -> Result<std::time::Duration, String> {
    if let Ok(seconds) = text.parse() {
        return Ok(std::time::Duration::from_secs(seconds));
    }
    humantime::parse_duration(text)
        .map_err(|error| format!("{error}; write it like 60s, 2m or 1h 30m"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tree_of_commands_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_file_without_a_key_is_named() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("admin.key");
        let why = || key_in(&file).expect_err("no key").to_string();
        assert!(why().contains("cannot read the key from"));
        std::fs::write(&file, "\n").expect("a file");
        assert!(why().ends_with("admin.key holds no key: it is empty"));
        std::fs::write(&file, "abide_sk_1\n").expect("a file");
        assert_eq!(key_in(&file).expect("a key"), "abide_sk_1\n");
    }

    #[test]
    fn what_leaves_this_machine_without_tls_is_in_the_clear() {
        for (url, expected) in [
            ("http://127.0.0.1:8288", false),
            ("http://127.8.9.1", false),
            ("http://[::1]:8288", false),
            ("http://[::ffff:127.0.0.1]", false),
            ("http://localhost:8288", false),
            ("https://abide.example", false),
            ("http://abide.example", true),
            ("http://10.0.0.7:8288", true),
            ("http://[2001:db8::1]:8288", true),
            ("http://127.0.0.1.example", true),
        ] {
            assert_eq!(in_the_clear(&url.parse().unwrap()), expected, "{url}");
        }
    }

    #[test]
    fn durations_and_urls_are_checked() {
        assert_eq!(duration("90").unwrap().as_secs(), 90);
        assert_eq!(duration("1m 30s").unwrap().as_secs(), 90);
        assert!(duration("soon").unwrap_err().contains("60s"));
        assert!(server_url("127.0.0.1:8288").is_err());
        assert!(server_url("http://localhost:1").is_ok());
    }
}
