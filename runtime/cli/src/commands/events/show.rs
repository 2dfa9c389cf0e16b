//! `abide events show`.

use std::fmt::Write;

use anyhow::Result;
use chrono::Utc;
use clap::Args;

use crate::cli::{Output, Server};
use crate::client::model::Event;
use crate::commands::runs::table_of_runs;
use crate::outcome::Outcome;
use crate::render::time;
use crate::terminal::{Look, one_line, print, print_json};

/// Shows one event and the runs that it started.
#[derive(Args)]
pub(crate) struct Show {
    /// The event's id, as `abide send` and `abide events list` show it.
    #[arg(value_name = "EVENT")]
    id: String,
    #[command(flatten)]
    server: Server,
    #[command(flatten)]
    output: Output,
}

impl Show {
    pub(crate) async fn run(self) -> Result<Outcome> {
        let client = self.server.client()?;
        let text = client.get(&["api", "v1", "events", &self.id], &[]).await?;
        if self.output.json {
            print_json(&text)?;
        } else {
            print(&lines(Look::stdout(), &client.parse(&text)?))?;
        }
        Ok(Outcome::Done)
    }
}

fn lines(look: Look, event: &Event) -> String {
    let mut out = String::new();
    let _ = writeln!(out, "{}", look.bold(one_line(&event.name)));
    let mut line = |name: &str, value: &str| {
        let _ = writeln!(out, "  {} {value}", look.dim(format!("{name:<9}")));
    };
    line("event", &event.event_id);
    if let Some(id) = &event.external_id {
        line("sent as", &one_line(id));
    }
    if let Some(at) = event.received_at {
        line(
            "received",
            &format!("{} ({})", time::moment(at), time::relative(at, Utc::now())),
        );
    }
    if let Some(data) = &event.data {
        line("data", &one_line(data.get()));
    }
    out.push('\n');
    for pending in &event.pending {
        let _ = writeln!(
            out,
            "it waits in the {} of {} ({} events so far), due {}",
            one_line(&pending.control),
            pending.function_id,
            pending.events,
            time::moment(pending.due_at)
        );
    }
    if event.runs.is_empty() && event.pending.is_empty() {
        out.push_str("it started no function\n");
    } else if !event.runs.is_empty() {
        out.push_str(&table_of_runs(look, &event.runs));
    }
    out
}
