//! `abide audit`.

use anyhow::Result;
use clap::Args;
use serde::Deserialize;

use crate::cli::{Output, Server};
use crate::commands::list::Listed;
use crate::outcome::Outcome;
use crate::render::table::{Cell, table};
use crate::terminal::{Look, one_line, print, print_json};

/// Lists who changed what, newest first.
#[derive(Args)]
pub(crate) struct Audit {
    /// How many lines.
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
    /// What was changed of the server itself: environments. Otherwise, what was changed in the environment.
    #[arg(long = "of-server")]
    of_server: bool,
    #[command(flatten)]
    server: Server,
    #[command(flatten)]
    output: Output,
}

#[derive(Deserialize)]
struct Line {
    at: String,
    who: String,
    action: String,
    subject: String,
    outcome: String,
}

impl Audit {
    pub(crate) async fn run(self) -> Result<Outcome> {
        let client = self.server.client()?;
        let query: &[_] = if self.of_server {
            &[("scope", "server")]
        } else {
            &[]
        };
        let path = ["api", "v1", "audit"];
        let listed = Listed::gather(&client, &path, query, self.limit).await?;
        if self.output.json {
            print_json(&listed.json()?)?;
            return Ok(Outcome::Done);
        }
        let lines: Vec<Line> = listed.items(&client)?;
        if lines.is_empty() {
            eprintln!("nothing was changed yet");
            return Ok(Outcome::Done);
        }
        let row = |line: &Line| {
            [
                Cell::dim(one_line(&line.at)),
                Cell::plain(one_line(&line.who)),
                Cell::plain(one_line(&line.action)),
                Cell::plain(one_line(&line.subject)),
                Cell::plain(one_line(&line.outcome)),
            ]
        };
        let rows: Vec<_> = lines.iter().map(row).collect();
        let head = ["AT", "WHO", "ACTION", "SUBJECT", "OUTCOME"];
        print(&table(Look::stdout(), head, &rows))?;
        if listed.is_cut() {
            eprintln!("there are older lines; --limit shows more");
        }
        Ok(Outcome::Done)
    }
}
