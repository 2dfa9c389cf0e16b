//! `abide health`.

use anyhow::Result;
use clap::Args;

use crate::cli::{Output, Server};
use crate::outcome::Outcome;
use crate::terminal::{one_line, print_json, print_line};

const HELP: &str = "\
The exit code is 0 if it does, 1 if it says that it does not, 3 if it does not answer. No key is needed.

Example:
  abide health --url https://abide.example.com:8288";

/// Asks a server whether it takes work.
#[derive(Args)]
#[command(after_help = HELP)]
pub(crate) struct Health {
    #[command(flatten)]
    server: Server,
    #[command(flatten)]
    output: Output,
}

impl Health {
    pub(crate) async fn run(self) -> Result<Outcome> {
        let client = self.server.client()?;
        let text = client.health("ready").await?;
        let health: serde_json::Value = client.parse(&text)?;
        let status = health["status"].as_str().unwrap_or("unknown");
        if self.output.json {
            print_json(&text)?;
        } else {
            let failure = health["failure"].as_str();
            let why =
                failure.map_or_else(String::new, |failure| format!(": {}", one_line(failure)));
            print_line(&format!("{}: {status}{why}", client.base()))?;
        }
        Ok(match status {
            "ok" => Outcome::Done,
            _ => Outcome::Failed,
        })
    }
}
