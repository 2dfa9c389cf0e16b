//! `abide runs list`.

use anyhow::Result;
use chrono::Utc;
use clap::Args;

use crate::cli::{Output, Server};
use crate::client::model::Run;
use crate::commands::list::Listed;
use crate::commands::selection::Selection;
use crate::outcome::Outcome;
use crate::render::table::{Cell, table};
use crate::render::{status, time};
use crate::terminal::{Look, one_line, print, print_json};

/// Lists runs, newest first.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  abide runs list --status failed --since 7d\n  abide runs list --function shop/pay --if 'event.data.total > 100' --limit 5\n  abide runs list --json | jq -r '.data[].run_id'"
)]
pub(crate) struct List {
    #[command(flatten)]
    selection: Selection,
    /// Only runs that this event started.
    #[arg(long, value_name = "EVENT")]
    event: Option<String>,
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
        let filters = self.selection.query();
        let filters = filters.iter().map(|(name, value)| (*name, value.as_str()));
        let event = self.event.iter().map(|event| ("event", event.as_str()));
        let query: Vec<_> = filters.chain(event).collect();
        let listed = Listed::gather(&client, &["api", "v1", "runs"], &query, self.limit).await?;
        if self.output.json {
            print_json(&listed.json()?)?;
            return Ok(Outcome::Done);
        }
        let runs: Vec<Run> = listed.items(&client)?;
        if runs.is_empty() {
            let such = if query.is_empty() { "" } else { "such " };
            eprintln!("no {such}runs");
            return Ok(Outcome::Done);
        }
        print(&lines(Look::stdout(), &runs))?;
        if listed.is_cut() {
            eprintln!("there are more: --limit shows them");
        }
        Ok(Outcome::Done)
    }
}

/// Runs as a table.
pub(crate) fn lines(look: Look, runs: &[Run]) -> String {
    let now = Utc::now();
    let rows: Vec<_> = runs
        .iter()
        .map(|run| {
            let took = match (run.started_at.or(run.queued_at), run.ended_at) {
                (Some(started), Some(ended)) => time::duration(ended - started),
                _ => String::new(),
            };
            let came_of_it = match (&run.error, &run.output) {
                (Some(error), _) => one_line(&error.to_string()),
                (None, Some(output)) => one_line(output.get()),
                (None, None) => run.waiting_for.as_deref().map(one_line).unwrap_or_default(),
            };
            [
                Cell::plain(&run.run_id),
                Cell::plain(&run.function_id),
                Cell::painted(run.status.to_string(), |look, text| {
                    let status = serde_json::from_value(text.trim().into());
                    status.map_or_else(
                        |_| text.to_owned(),
                        |status| status::run_words(look, status, text),
                    )
                }),
                Cell::plain(
                    run.queued_at
                        .map(|at| time::relative(at, now))
                        .unwrap_or_default(),
                ),
                Cell::plain(took),
                Cell::dim(came_of_it),
            ]
        })
        .collect();
    table(
        look,
        ["RUN", "FUNCTION", "STATUS", "QUEUED", "TOOK", "RESULT"],
        &rows,
    )
}
