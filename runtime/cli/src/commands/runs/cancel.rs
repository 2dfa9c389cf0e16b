//! `abide runs cancel`.

use std::io::{BufRead, IsTerminal};

use anyhow::{Context, Result};
use clap::Args;
use serde_json::json;

use crate::cli::{Output, Server};
use crate::client::Client;
use crate::client::model::Run;
use crate::commands::jobs::follow;
use crate::commands::selection::Selection;
use crate::outcome::{Outcome, Usage};
use crate::terminal::{print_json, print_line};

const EXAMPLES: &str = "\
Examples:
  abide runs cancel 01J8Z6QW3C9G5V2N7T4R0K1M8X --reason 'the order was withdrawn'
  abide runs cancel --function shop/remind --since 7d --dry-run
  abide runs cancel --function shop/remind --if \"event.data.region == 'eu'\" --yes";

/// Cancels runs: those that are named, or all that filters select. Nothing after the steps that execute now will run.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Cancel {
    /// The runs' ids; `abide runs list` shows them.
    #[arg(
        value_name = "RUN",
        conflicts_with_all = ["function", "app", "status", "since", "until", "condition", "dry_run", "yes"]
    )]
    ids: Vec<String>,
    /// Why: it is kept as the runs' error.
    #[arg(
        long,
        value_name = "TEXT",
        default_value = "cancelled with `abide runs cancel`"
    )]
    reason: String,
    #[command(flatten)]
    selection: Selection,
    /// Only say how many runs it would be.
    #[arg(long)]
    dry_run: bool,
    /// Do not ask.
    #[arg(long, short)]
    yes: bool,
    #[command(flatten)]
    server: Server,
    #[command(flatten)]
    output: Output,
}

impl Cancel {
    pub(crate) async fn run(self) -> Result<Outcome> {
        if self.ids.is_empty() && self.selection.is_empty() {
            let problem =
                "name runs, or select them with --function, --status, --since, --until or --if";
            return Err(Usage(problem.to_owned()).into());
        }
        let client = self.server.client()?;
        if self.ids.is_empty() {
            return self.many(&client).await;
        }
        let mut failed = false;
        for id in &self.ids {
            match client
                .act(&["runs", id, "cancel"], &json!({ "reason": self.reason }))
                .await
            {
                Ok(text) if self.output.json => print_json(&text)?,
                Ok(text) => {
                    let run: Run = client.parse(&text)?;
                    print_line(&format!("cancelled {} of {}", run.run_id, run.function_id))?;
                }
                // One that has ended does not save the others.
                Err(error) if self.ids.len() > 1 && error.is_refusal() => {
                    eprintln!("{error}");
                    failed = true;
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(if failed {
            Outcome::Failed
        } else {
            Outcome::Done
        })
    }

    async fn many(&self, client: &Client) -> Result<Outcome> {
        let job =
            json!({ "action": "cancel", "filter": self.selection.filter(), "reason": self.reason });
        let count = follow::count(client, &job).await?;
        if self.dry_run {
            return follow::tell_count(&count, "cancelled", self.output);
        }
        if count.matching == 0 && count.complete {
            return follow::tell_count(&count, "cancelled", self.output);
        }
        if !self.yes && !confirmed(&format!("Cancel {count}?"))? {
            eprintln!("nothing was cancelled");
            return Ok(Outcome::Failed);
        }
        follow::start_and_watch(client, &self.server, &job, Some(&count), self.output).await
    }
}

/// Asks; where nobody can answer, `--yes` has to.
fn confirmed(question: &str) -> Result<bool> {
    if !std::io::stdin().is_terminal() {
        let problem = format!("{question} Add --yes to do it without being asked");
        return Err(Usage(problem).into());
    }
    eprint!("{question} [y/N] ");
    let mut answer = String::new();
    std::io::stdin()
        .lock()
        .read_line(&mut answer)
        .context("cannot read the answer")?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}
