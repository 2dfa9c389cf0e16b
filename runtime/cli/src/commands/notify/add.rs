//! `abide notify add`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Result;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::{Args, Subcommand, ValueEnum, ValueHint};
use serde_json::{Map, Value, json};

use super::model::Notification;
use crate::cli::{Output, Server, duration};
use crate::commands::read_text;
use crate::outcome::{Outcome, Usage};
use crate::terminal::{print_json, print_line};

#[derive(Subcommand)]
pub(crate) enum Add {
    Webhook(Box<Webhook>),
    Command(Box<Command>),
}

/// Of what.
#[derive(Args)]
struct What {
    /// Tell of runs that failed for good.
    #[arg(long)]
    run_failed: bool,
    /// Tell when so many of a hundred runs of a function that ended lately failed, and when that is over.
    #[arg(long, value_name = "PERCENT", value_parser = percent)]
    failure_rate: Option<f64>,
    /// How far back the failure rate counts: 10s to 24h.
    #[arg(long, value_name = "TIME", default_value = "10m", value_parser = duration)]
    window: Duration,
    /// Of how many ended runs at least the failure rate says anything.
    #[arg(long, value_name = "COUNT", default_value_t = 10)]
    least_runs: u64,
    /// Tell when a run has waited so long for its start, and when that is over.
    #[arg(long, value_name = "TIME", value_parser = duration)]
    backlog_age: Option<Duration>,
    /// Only of this function; `APP/*` is all of an app. Repeatable; without it, of all.
    #[arg(long = "function", value_name = "APP/FUNCTION")]
    functions: Vec<String>,
    /// The least time between two messages for the same reason: what happens meanwhile is told together.
    #[arg(long, value_name = "TIME", default_value = "1m", value_parser = duration)]
    min_interval: Duration,
    /// Tell nothing yet.
    #[arg(long)]
    paused: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// The whole message, signed as Standard Webhooks has it.
    Standard,
    /// `{"text": …}`, as Slack, Mattermost and others take it.
    Slack,
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
        let url = match self.address.strip_prefix('@') {
            Some(path) => read_text(Path::new(path))?,
            None if self.address == "-" => read_text(Path::new("-"))?,
            None => self.address.clone(),
        };
        let mut fields = self.what.fields(&self.name)?;
        let format = self.format.to_possible_value();
        let format = format.as_ref().map(clap::builder::PossibleValue::get_name);
        fields.insert(
            "target".into(),
            json!({"kind": "webhook", "url": url.trim(), "format": format}),
        );
        let made = match (&self.secret_file, self.format) {
            (Some(path), Format::Standard) => {
                fields.insert("secret".into(), json!(read_text(path)?.trim()));
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
        let mut fields = self.what.fields(&self.name)?;
        fields.insert(
            "target".into(),
            json!({"kind": "command", "program": self.program, "arguments": self.arguments}),
        );
        add(&self.server, self.output, &fields, None).await
    }
}

impl What {
    /// The request's fields but the target.
    fn fields(&self, name: &str) -> Result<Map<String, Value>> {
        let mut rules = Vec::new();
        if self.run_failed {
            rules.push(json!({"on": "run_failed"}));
        }
        if let Some(percent) = self.failure_rate {
            rules.push(json!({
                "on": "failure_rate", "percent": percent,
                "window_s": self.window.as_secs(), "least_runs": self.least_runs,
            }));
        }
        if let Some(age) = self.backlog_age {
            rules.push(json!({"on": "backlog_age", "over_s": age.as_secs()}));
        }
        if rules.is_empty() {
            return Err(Usage(
                "say of what it tells: --run-failed, --failure-rate PERCENT or --backlog-age TIME, one or several"
                    .into(),
            )
            .into());
        }
        let mut fields = Map::new();
        fields.insert("name".into(), json!(name));
        fields.insert("rules".into(), json!(rules));
        if !self.functions.is_empty() {
            fields.insert("functions".into(), json!(self.functions));
        }
        let seconds = self.min_interval.as_secs();
        fields.insert("min_interval_s".into(), json!(seconds));
        if self.paused {
            fields.insert("enabled".into(), json!(false));
        }
        Ok(fields)
    }
}

async fn add(
    server: &Server,
    output: Output,
    fields: &Map<String, Value>,
    secret: Option<&str>,
) -> Result<Outcome> {
    let client = server.client()?;
    let text = client.act(&["notifications"], fields).await?;
    if output.json {
        let Some(secret) = secret else {
            print_json(&text)?;
            return Ok(Outcome::Done);
        };
        let mut made: Map<String, Value> = client.parse(&text)?;
        made.insert("secret".into(), json!(secret));
        print_json(&Value::Object(made).to_string())?;
        return Ok(Outcome::Done);
    }
    let made: Notification = client.parse(&text)?;
    print_line(&format!(
        "{} tells {} of {}",
        made.name,
        made.target.words(),
        made.rules_in_words()
    ))?;
    if let Some(secret) = secret {
        print_line(&format!("its secret, shown this once: {secret}"))?;
    }
    let trial = format!("notify test {}", made.name);
    eprintln!("try it out: {}", server.command(&trial));
    Ok(Outcome::Done)
}

/// In the form of Standard Webhooks.
fn new_secret() -> String {
    let key: [u8; 32] = rand::random();
    format!("whsec_{}", STANDARD.encode(key))
}

fn percent(text: &str) -> Result<f64, String> {
    let number = text.strip_suffix('%').unwrap_or(text).trim();
    let number = number.parse().ok();
    number
        .filter(|percent| *percent > 0.0 && *percent <= 100.0)
        .ok_or_else(|| "write how many of a hundred, like 20 or 20%".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percents_are_more_than_none_and_at_most_all() {
        assert_eq!((percent("20"), percent("0.5%")), (Ok(20.0), Ok(0.5)));
        for wrong in ["", "0", "101", "-1", "many", "NaN"] {
            assert!(
                percent(wrong).is_err_and(|says| says.contains("20%")),
                "{wrong}"
            );
        }
    }

    #[test]
    fn a_secret_is_new_each_time() {
        let one = new_secret();
        assert!(one.starts_with("whsec_") && one != new_secret(), "{one}");
    }
}
