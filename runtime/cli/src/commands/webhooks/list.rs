//! `abide webhooks list`.

use anyhow::Result;
use clap::Args;

use super::model::Webhook;
use crate::cli::{Output, Server};
use crate::client::model::Page;
use crate::outcome::Outcome;
use crate::render::table::{Cell, table};
use crate::terminal::{Look, one_line, print, print_line};

/// Lists the webhooks, and where their providers send.
#[derive(Args)]
pub(crate) struct List {
    #[command(flatten)]
    server: Server,
    #[command(flatten)]
    output: Output,
}

impl List {
    pub(super) async fn run(self) -> Result<Outcome> {
        let client = self.server.client()?;
        let text = client.get(&["api", "v1", "webhooks"], &[]).await?;
        if self.output.json {
            print_line(&text)?;
            return Ok(Outcome::Done);
        }
        let webhooks: Page<Webhook> = client.parse(&text)?;
        if webhooks.data.is_empty() {
            eprintln!("no webhooks: `abide webhooks add` adds one");
            return Ok(Outcome::Done);
        }
        let row = |webhook: &Webhook| {
            [
                Cell::plain(&webhook.name),
                Cell::plain(&webhook.provider),
                Cell::painted(webhook.state(), |look, text| look.odd(text)),
                Cell::plain(&webhook.path),
                Cell::dim(one_line(webhook.event_name.as_deref().unwrap_or_default())),
            ]
        };
        let rows: Vec<_> = webhooks.data.iter().map(row).collect();
        let head = ["WEBHOOK", "PROVIDER", "STATE", "PATH", "EVENT"];
        print(&table(Look::stdout(), head, &rows))?;
        Ok(Outcome::Done)
    }
}
