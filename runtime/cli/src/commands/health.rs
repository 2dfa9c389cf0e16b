//! `abide health`.

use anyhow::Result;
use clap::Args;

use crate::cli::{Output, Server};
use crate::outcome::Outcome;
use crate::terminal::print_line;

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
        let text = client.get(&["ready"], &[]).await?;
        if self.output.json {
            print_line(&text)?;
        } else {
            let health: serde_json::Value = client.parse(&text)?;
            let status = health["status"].as_str().unwrap_or("unknown");
            print_line(&format!("{}: {status}", client.base()))?;
        }
        Ok(Outcome::Done)
    }
}
