//! What is done to a thing of the server that has a name: a webhook, a notification. It must not know which it is.

use anyhow::Result;
use clap::Args;
use serde_json::json;

use crate::cli::{Output, Server};
use crate::outcome::Outcome;
use crate::terminal::print_line;

/// Which one, on which server.
#[derive(Args)]
pub(super) struct Named {
    /// Its name.
    #[arg(value_name = "NAME")]
    name: String,
    #[command(flatten)]
    server: Server,
    #[command(flatten)]
    output: Output,
}

impl Named {
    /// Removes it from those of this kind, which is a part of the API's path.
    pub(super) async fn remove(&self, kind: &str) -> Result<Outcome> {
        let client = self.server.client()?;
        let text = client.delete(&[kind, &self.name], &[]).await?;
        self.tell("removed", &text)
    }

    /// Asks the server for an action on it, and says what is done.
    pub(super) async fn act(&self, kind: &str, action: &str, done: &str) -> Result<Outcome> {
        let client = self.server.client()?;
        let text = client.act(&[kind, &self.name, action], &json!({})).await?;
        self.tell(done, &text)
    }

    fn tell(&self, done: &str, text: &str) -> Result<Outcome> {
        if self.output.json {
            print_line(text)?;
        } else {
            print_line(&format!("{done} {}", self.name))?;
        }
        Ok(Outcome::Done)
    }
}
