//! `abide webhooks show`.

use anyhow::Result;
use clap::Args;

use super::model::Webhook;
use crate::cli::{Output, Server};
use crate::outcome::Outcome;
use crate::terminal::{Look, one_line, print_line};

/// Shows a webhook. Its secret is never shown.
#[derive(Args)]
pub(crate) struct Show {
    /// The webhook.
    #[arg(value_name = "NAME")]
    name: String,
    #[command(flatten)]
    server: Server,
    #[command(flatten)]
    output: Output,
}

impl Show {
    pub(super) async fn run(self) -> Result<Outcome> {
        let client = self.server.client()?;
        let path = ["api", "v1", "webhooks", &self.name];
        let text = client.get(&path, &[]).await?;
        if self.output.json {
            print_line(&text)?;
            return Ok(Outcome::Done);
        }
        let webhook: Webhook = client.parse(&text)?;
        let look = Look::stdout();
        let state = match webhook.state() {
            "" => String::new(),
            state => format!("  {}", look.odd(state)),
        };
        print_line(&format!("{}{state}", look.bold(&webhook.name)))?;
        let until = webhook.previous_secret_until;
        let until = until.map(|time| format!("good until {}", time.to_rfc3339()));
        let lines = [
            ("url", Some(format!("{}{}", client.base(), webhook.path))),
            ("provider", Some(webhook.provider)),
            ("scheme", webhook.scheme.map(|scheme| scheme.to_string())),
            ("event name", webhook.event_name),
            (
                "data",
                webhook.data.or_else(|| Some("the whole body".into())),
            ),
            ("id", webhook.id),
            ("if", webhook.condition),
            ("challenge", webhook.challenge),
            ("secret before", until),
        ];
        for (name, value) in lines {
            if let Some(value) = value {
                let name = format!("{name:<14}");
                print_line(&format!("  {}{}", look.dim(name), one_line(&value)))?;
            }
        }
        Ok(Outcome::Done)
    }
}
