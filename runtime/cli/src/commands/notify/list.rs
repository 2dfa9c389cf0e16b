//! `abide notify list`.

use anyhow::Result;
use chrono::Utc;
use clap::Args;

use super::model::Notification;
use crate::cli::{Output, Server};
use crate::commands::list::Whole;
use crate::outcome::Outcome;
use crate::render::table::Cell;
use crate::render::time::relative;

/// Lists the notifications, and how their targets are.
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
        let now = Utc::now();
        let row = |it: &Notification| {
            let delivered = it.delivered_at.map(|at| relative(at, now));
            [
                Cell::plain(&it.name),
                Cell::plain(it.target.words()),
                Cell::painted(it.state(), |look, text| look.odd(text)),
                Cell::dim(delivered.unwrap_or_default()),
                Cell::plain(it.rules_in_words()),
            ]
        };
        let head = ["NOTIFICATION", "TELLS", "STATE", "DELIVERED", "OF"];
        let whole = Whole {
            kind: "notifications",
            query: &[],
            none: "no notifications: `abide notify add` makes one",
        };
        whole.show(&client, &self.output, head, row).await
    }
}
