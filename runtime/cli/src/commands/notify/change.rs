//! `abide notify change`.

use std::path::PathBuf;

use anyhow::Result;
use clap::{Args, ValueHint};
use serde_json::{Map, Value, json};

use super::model::{Notification, Target};
use super::what::{Format, What, new_secret, secret_in, tell, webhook};
use crate::cli::{Output, Server};
use crate::outcome::{Outcome, Usage};

/// Changes a notification: what is given takes the place of what was, the rest stays. What waits to be told is told.
#[derive(Args)]
#[command(after_help = "\
Examples:
  abide notify change on-call --min-interval 15m
  abide notify change on-call --address https://alerts.example.org/abide
  abide notify change on-call --run-failed --backlog-age 10m --function 'shop/*' --function billing/charge
  abide notify change on-call --new-secret

--run-failed, --failure-rate and --backlog-age take the place of all that were given before, and so does --function.")]
pub(crate) struct Change {
    /// The notification.
    #[arg(value_name = "NAME")]
    name: String,
    /// The new address of a webhook, or @FILE or - to read it from a file or stdin, where it holds a secret.
    #[arg(long, value_name = "URL|@FILE|-", value_hint = ValueHint::Url, conflicts_with_all = ["program", "arguments"])]
    address: Option<String>,
    /// What is sent to the new address; as before unless given.
    #[arg(long, value_enum, requires = "address")]
    format: Option<Format>,
    /// The file that holds the new secret (`whsec_` and base64) of a webhook of the format `standard`; - for stdin.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    secret_file: Option<PathBuf>,
    /// Make a new secret, and print it once.
    #[arg(long, conflicts_with = "secret_file")]
    new_secret: bool,
    /// The whole path of the new program, for a command.
    #[arg(long, value_name = "PROGRAM")]
    program: Option<String>,
    /// The program's new arguments, after `--`.
    #[arg(value_name = "ARGUMENT", last = true)]
    arguments: Vec<String>,
    #[command(flatten)]
    what: What,
    #[command(flatten)]
    server: Server,
    #[command(flatten)]
    output: Output,
}

impl Change {
    pub(super) async fn run(self) -> Result<Outcome> {
        self.check()?;
        let client = self.server.client()?;
        let path = ["api", "v1", "notifications", &self.name];
        let current: Notification = client.parse(&client.get(&path, &[]).await?)?;
        let mut fields = self.fields(&current)?;
        // A webhook that is signed from now on needs a secret; one that was keeps its own.
        let begins = matches!(fields.get("target"), Some(target) if target["format"] == "standard")
            && !matches!(current.target, Target::Webhook { signed: true, .. });
        let made = (self.new_secret || begins && self.secret_file.is_none()).then(new_secret);
        if let Some(secret) = &made {
            fields.insert("secret".into(), json!(secret));
        }
        let json = Value::Object(fields).to_string();
        let text = client
            .put(&["notifications", &self.name], &[], json)
            .await?;
        tell((&self.server, &client), self.output, &text, made.as_deref())
    }

    /// Refuses to change nothing.
    fn check(&self) -> Result<()> {
        let target = self.address.is_some() || self.program.is_some() || !self.arguments.is_empty();
        let secret = self.new_secret || self.secret_file.is_some();
        if target || secret || !self.what.is_nothing() {
            return Ok(());
        }
        Err(Usage("say what changes: --address, --program, --secret-file, --new-secret, --run-failed, --failure-rate, --backlog-age, --function or --min-interval".into()).into())
    }

    /// The request's fields: what is given, or else what is.
    fn fields(&self, current: &Notification) -> Result<Map<String, Value>> {
        let rules = match self.what.rules() {
            none if none.is_empty() => current.rules.clone(),
            rules => rules,
        };
        let functions = self.what.functions().unwrap_or(&current.functions);
        let seconds = self.what.min_interval_s().unwrap_or(current.min_interval_s);
        let mut fields = Map::new();
        fields.insert("rules".into(), json!(rules));
        fields.insert("functions".into(), json!(functions));
        fields.insert("min_interval_s".into(), json!(seconds));
        if let Some(target) = self.target(&current.target)? {
            fields.insert("target".into(), target);
        }
        if let Some(path) = &self.secret_file {
            fields.insert("secret".into(), json!(secret_in(path)?));
        }
        Ok(fields)
    }

    /// The new target, if it is another one: the server alone knows the whole address of that which is.
    fn target(&self, current: &Target) -> Result<Option<Value>> {
        if let Some(address) = &self.address {
            let format = match (self.format, current) {
                (Some(format), _) => format.name(),
                (None, Target::Webhook { format, .. }) => format,
                (None, Target::Command { .. }) => Format::Standard.name(),
            };
            return Ok(Some(webhook(address, format)?));
        }
        if self.program.is_none() && self.arguments.is_empty() {
            return Ok(None);
        }
        let program = match (&self.program, current) {
            (Some(program), _) | (None, Target::Command { program, .. }) => program,
            (None, Target::Webhook { .. }) => {
                let problem = "a webhook has no arguments; --program makes it a command";
                return Err(Usage(problem.into()).into());
            }
        };
        let arguments = match current {
            Target::Command { arguments, .. } if self.arguments.is_empty() => arguments,
            Target::Command { .. } | Target::Webhook { .. } => &self.arguments,
        };
        Ok(Some(
            json!({"kind": "command", "program": program, "arguments": arguments}),
        ))
    }
}
