//! `abide webhooks list`.

use anyhow::Result;
use clap::Args;

use super::model::Webhook;
use crate::cli::{Output, Server};
use crate::commands::list::Whole;
use crate::outcome::Outcome;
use crate::render::table::Cell;
use crate::terminal::one_line;

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
        let row = |webhook: &Webhook| {
            [
                Cell::plain(&webhook.name),
                Cell::plain(&webhook.provider),
                Cell::painted(webhook.state(), |look, text| look.odd(text)),
                Cell::plain(&webhook.path),
                Cell::dim(one_line(webhook.event_name.as_deref().unwrap_or_default())),
            ]
        };
        let head = ["WEBHOOK", "PROVIDER", "STATE", "PATH", "EVENT"];
        let whole = Whole {
            kind: "webhooks",
            query: &[],
            none: "no webhooks: `abide webhooks add` adds one",
        };
        whole.show(&client, &self.output, head, row).await
    }
}
