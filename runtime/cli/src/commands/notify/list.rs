//! `abide notify list`.

use anyhow::Result;
use chrono::Utc;
use clap::Args;

use super::model::Notification;
use crate::cli::{Output, Server};
use crate::client::model::Page;
use crate::outcome::Outcome;
use crate::render::table::{Cell, table};
use crate::render::time::relative;
use crate::terminal::{Look, print, print_line};

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
        let text = client.get(&["api", "v1", "notifications"], &[]).await?;
        if self.output.json {
            print_line(&text)?;
            return Ok(Outcome::Done);
        }
        let all: Page<Notification> = client.parse(&text)?;
        if all.data.is_empty() {
            eprintln!("no notifications: `abide notify add` makes one");
            return Ok(Outcome::Done);
        }
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
        let rows: Vec<_> = all.data.iter().map(row).collect();
        let head = ["NOTIFICATION", "TELLS", "STATE", "DELIVERED", "OF"];
        print(&table(Look::stdout(), head, &rows))?;
        Ok(Outcome::Done)
    }
}
