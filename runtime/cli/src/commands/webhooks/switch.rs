//! `abide webhooks remove`, `enable` and `disable`.

use anyhow::Result;
use clap::Args;
use serde_json::json;

use crate::cli::{Output, Server};
use crate::outcome::Outcome;
use crate::terminal::print_line;

/// Removes a webhook, its secret included. The events that it brought stay.
#[derive(Args)]
pub(crate) struct Remove {
    #[command(flatten)]
    webhook: Named,
}

/// Lets a webhook take requests again.
#[derive(Args)]
pub(crate) struct Enable {
    #[command(flatten)]
    webhook: Named,
}

/// Lets a webhook take no requests: they are answered with 503, so that their sender tries again later.
#[derive(Args)]
pub(crate) struct Disable {
    #[command(flatten)]
    webhook: Named,
}

#[derive(Args)]
struct Named {
    /// The webhook.
    #[arg(value_name = "NAME")]
    name: String,
    #[command(flatten)]
    server: Server,
    #[command(flatten)]
    output: Output,
}

impl Remove {
    pub(super) async fn run(self) -> Result<Outcome> {
        let Named { name, server, .. } = &self.webhook;
        let client = server.client()?;
        let text = client.delete(&["webhooks", name], &[]).await?;
        self.webhook.tell("removed", &text)
    }
}

impl Enable {
    pub(super) async fn run(self) -> Result<Outcome> {
        self.webhook.act("enable", "enabled").await
    }
}

impl Disable {
    pub(super) async fn run(self) -> Result<Outcome> {
        self.webhook.act("disable", "disabled").await
    }
}

impl Named {
    async fn act(&self, action: &str, done: &str) -> Result<Outcome> {
        let client = self.server.client()?;
        let path = ["webhooks", &self.name, action];
        let text = client.act(&path, &json!({})).await?;
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
