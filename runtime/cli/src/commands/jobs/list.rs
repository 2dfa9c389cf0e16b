//! `abide jobs list`.

use anyhow::Result;
use chrono::Utc;
use clap::Args;

use crate::cli::{Output, Server};
use crate::client::model::Job;
use crate::commands::list::Listed;
use crate::outcome::Outcome;
use crate::render::table::{Cell, table};
use crate::render::time;
use crate::terminal::{Look, one_line, print, print_json};

/// Lists what was asked for many runs at once, newest first.
#[derive(Args)]
pub(crate) struct List {
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
        let listed = Listed::gather(&client, &["api", "v1", "jobs"], &[], self.limit).await?;
        if self.output.json {
            print_json(&listed.json()?)?;
            return Ok(Outcome::Done);
        }
        let jobs: Vec<Job> = listed.items(&client)?;
        if jobs.is_empty() {
            eprintln!("no jobs: `abide replay` and `abide runs cancel` start some");
            return Ok(Outcome::Done);
        }
        let now = Utc::now();
        let row = |job: &Job| {
            [
                Cell::plain(&job.job_id),
                Cell::plain(&job.action),
                Cell::plain(job.state.to_string()),
                Cell::plain(job.done.to_string()),
                Cell::plain(time::relative(job.created_at, now)),
                Cell::dim(one_line(&job.filter.to_string())),
            ]
        };
        let rows: Vec<_> = jobs.iter().map(row).collect();
        let head = ["JOB", "ACTION", "STATE", "DONE", "CREATED", "RUNS"];
        print(&table(Look::stdout(), head, &rows))?;
        if listed.is_cut() {
            eprintln!("there are more: --limit shows them");
        }
        Ok(Outcome::Done)
    }
}
