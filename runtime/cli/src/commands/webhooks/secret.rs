//! `abide webhooks rotate-secret`.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use clap::{Args, ValueHint};
use serde_json::json;

use super::model::Webhook;
use crate::cli::{Output, Server, duration};
use crate::commands::read_text;
use crate::outcome::Outcome;
use crate::terminal::{print_json, print_line};

/// Replaces a webhook's secret. For a time both are good, so that it can be changed at the provider too.
#[derive(Args)]
pub(crate) struct RotateSecret {
    /// The webhook.
    #[arg(value_name = "NAME")]
    name: String,
    /// The file that holds the new secret; - for stdin.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    secret_file: PathBuf,
    /// How long the secret before stays good; 0s if it is known to others.
    #[arg(long, value_name = "DURATION", default_value = "24h", value_parser = duration)]
    overlap: Duration,
    #[command(flatten)]
    server: Server,
    #[command(flatten)]
    output: Output,
}

impl RotateSecret {
    pub(super) async fn run(self) -> Result<Outcome> {
        let secret = read_text(&self.secret_file)?;
        let body = json!({ "secret": secret.trim(), "overlap_s": self.overlap.as_secs() });
        let client = self.server.client()?;
        let path = ["webhooks", &self.name, "secret"];
        let text = client.act(&path, &body).await?;
        if self.output.json {
            print_json(&text)?;
            return Ok(Outcome::Done);
        }
        let webhook: Webhook = client.parse(&text)?;
        let until = webhook.previous_secret_until.map_or_else(
            || "the one before is good no more".to_owned(),
            |until| format!("the one before is good until {}", until.to_rfc3339()),
        );
        print_line(&format!("{} has a new secret; {until}", webhook.name))?;
        Ok(Outcome::Done)
    }
}
