//! `abide events list`.

use anyhow::Result;
use chrono::Utc;
use clap::Args;

use crate::cli::{Output, Server};
use crate::client::model::Event;
use crate::commands::list::Listed;
use crate::outcome::Outcome;
use crate::render::table::{Cell, table};
use crate::render::time;
use crate::terminal::{Look, one_line, print, print_json};

/// Lists events, newest first.
#[derive(Args)]
pub(crate) struct List {
    /// Only events with this name.
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// How many.
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
    #[command(flatten)]
    server: Server,
    #[command(flatten)]
    output: Output,
}

impl List {
    pub(crate) async fn run(self) -> Result<Outcome> {
        let client = self.server.client()?;
        let query: Vec<_> = self
            .name
            .iter()
            .map(|name| ("name", name.as_str()))
            .collect();
        let listed = Listed::gather(&client, &["api", "v1", "events"], &query, self.limit).await?;
        if self.output.json {
            print_json(&listed.json()?)?;
            return Ok(Outcome::Done);
        }
        let events: Vec<Event> = listed.items(&client)?;
        if events.is_empty() {
            eprintln!("no {}events", if query.is_empty() { "" } else { "such " });
            return Ok(Outcome::Done);
        }
        print(&lines(Look::stdout(), &events))?;
        if listed.is_cut() {
            eprintln!("there are more: --limit shows them");
        }
        Ok(Outcome::Done)
    }
}

fn lines(look: Look, events: &[Event]) -> String {
    let now = Utc::now();
    let rows: Vec<_> = events
        .iter()
        .map(|event| {
            [
                Cell::plain(&event.event_id),
                Cell::plain(one_line(&event.name)),
                Cell::plain(
                    event
                        .received_at
                        .map(|at| time::relative(at, now))
                        .unwrap_or_default(),
                ),
                Cell::dim(
                    event
                        .data
                        .as_ref()
                        .map(|data| one_line(data.get()))
                        .unwrap_or_default(),
                ),
            ]
        })
        .collect();
    table(look, ["EVENT", "NAME", "RECEIVED", "DATA"], &rows)
}
