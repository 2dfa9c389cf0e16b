//! `abide notify add`.

use std::path::PathBuf;

use anyhow::Result;
use clap::{Args, Subcommand, ValueHint};
use serde_json::{Map, Value, json};

use super::what::{Format, What, new_secret, secret_in, tell, webhook};
use crate::cli::{Output, Server};
use crate::outcome::{Outcome, Usage};

#[derive(Subcommand)]
pub(crate) enum Add {
    Webhook(Box<Webhook>),
    Command(Box<Command>),
}

/// Sends a webhook: a POST with the message, signed, and tried again until somebody takes it.
#[derive(Args)]
#[command(after_help = "\
Examples:
  abide notify add webhook on-call https://alerts.example.com/abide --run-failed --function 'shop/*'
  abide notify add webhook slack @slack-url --format slack --failure-rate 20 --window 10m --backlog-age 5m
  abide notify test on-call

Without --secret-file a secret is made and printed, once: whoever takes the webhook verifies it with that.")]
pub(crate) struct Webhook {
    /// The notification's name: kebab-case.
    #[arg(value_name = "NAME")]
    name: String,
    /// The address, or @FILE or - to read it from a file or stdin, where it holds a secret.
    #[arg(value_name = "URL|@FILE|-", value_hint = ValueHint::Url)]
    address: String,
    /// What is sent.
    #[arg(long, value_enum, default_value = "standard")]
    format: Format,
    /// The file that holds the secret (`whsec_` and base64) of the format `standard`; - for stdin.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    secret_file: Option<PathBuf>,
    #[command(flatten)]
    what: What,
    /// Tell nothing yet.
    #[arg(long)]
    paused: bool,
    #[command(flatten)]
    server: Server,
    #[command(flatten)]
    output: Output,
}

/// Starts a command on the server's machine, with the message on its standard input. The server must have been started with it: `--notify-commands`.
#[derive(Args)]
#[command(after_help = "\
Examples:
  abide serve --data data --notify-commands /usr/local/bin/page-me
  abide notify add command pager /usr/local/bin/page-me --run-failed --min-interval 15m -- --team ops

There is no shell between: the program and each argument are what is written here.")]
pub(crate) struct Command {
    /// The notification's name: kebab-case.
    #[arg(value_name = "NAME")]
    name: String,
    /// The whole path of the program on the server's machine.
    #[arg(value_name = "PROGRAM")]
    program: String,
    /// Arguments of the program, after `--`.
    #[arg(value_name = "ARGUMENT", last = true)]
    arguments: Vec<String>,
    #[command(flatten)]
    what: What,
    /// Tell nothing yet.
    #[arg(long)]
    paused: bool,
    #[command(flatten)]
    server: Server,
    #[command(flatten)]
    output: Output,
}

impl Add {
    pub(super) async fn run(self) -> Result<Outcome> {
        match self {
            Self::Webhook(it) => it.run().await,
            Self::Command(it) => it.run().await,
        }
    }
}

impl Webhook {
    async fn run(self) -> Result<Outcome> {
        let target = webhook(&self.address, self.format.name())?;
        let mut fields = fields(&self.name, target, &self.what, self.paused)?;
        let made = match (&self.secret_file, self.format) {
            (Some(path), Format::Standard) => {
                fields.insert("secret".into(), json!(secret_in(path)?));
                None
            }
            (None, Format::Standard) => Some(new_secret()),
            (None, Format::Slack) => None,
            (Some(_), Format::Slack) => {
                return Err(Usage(
                    "--secret-file has no place here: only the format `standard` signs what it sends"
                        .into(),
                )
                .into());
            }
        };
        if let Some(secret) = &made {
            fields.insert("secret".into(), json!(secret));
        }
        add(&self.server, self.output, &fields, made.as_deref()).await
    }
}

impl Command {
    async fn run(self) -> Result<Outcome> {
        let target =
            json!({"kind": "command", "program": self.program, "arguments": self.arguments});
        let fields = fields(&self.name, target, &self.what, self.paused)?;
        add(&self.server, self.output, &fields, None).await
    }
}

/// The request's fields but the secret.
fn fields(name: &str, target: Value, what: &What, paused: bool) -> Result<Map<String, Value>> {
    let rules = what.rules();
    if rules.is_empty() {
        return Err(Usage(
            "say of what it tells: --run-failed, --failure-rate PERCENT or --backlog-age TIME, one or several"
                .into(),
        )
        .into());
    }
    let mut fields = Map::new();
    fields.insert("name".into(), json!(name));
    fields.insert("target".into(), target);
    fields.insert("rules".into(), json!(rules));
    if let Some(functions) = what.functions() {
        fields.insert("functions".into(), json!(functions));
    }
    if let Some(seconds) = what.min_interval_s() {
        fields.insert("min_interval_s".into(), json!(seconds));
    }
    if paused {
        fields.insert("enabled".into(), json!(false));
    }
    Ok(fields)
}

async fn add(
    server: &Server,
    output: Output,
    fields: &Map<String, Value>,
    secret: Option<&str>,
) -> Result<Outcome> {
    let client = server.client()?;
    let text = client.act(&["notifications"], fields).await?;
    tell((server, &client), output, &text, secret)
}
