//! `abide runs show`.

use anyhow::Result;
use chrono::Utc;
use clap::Args;

use crate::cli::{Output, Server};
use crate::client::model::Run;
use crate::outcome::Outcome;
use crate::render::waterfall::{waterfall, waterfall_with_timings};
use crate::terminal::{Look, print, print_json};

/// Shows one run: its steps as a waterfall with attempts, durations, results and errors, and what it waits for.
#[derive(Args)]
#[command(
    after_help = "In the bars, █ is work, ░ is waiting and · is the pause before another attempt.\nResults are shortened; --json has all of them."
)]
pub(crate) struct Show {
    /// The run's id; `abide runs list` shows them.
    #[arg(value_name = "RUN")]
    id: String,
    /// Also where the time of the run and of each step went: queue, replay, guest, host, sync.
    #[arg(long, conflicts_with = "json")]
    timings: bool,
    #[command(flatten)]
    server: Server,
    #[command(flatten)]
    output: Output,
}

impl Show {
    pub(crate) async fn run(self) -> Result<Outcome> {
        let client = self.server.client()?;
        let text = client.get(&["api", "v1", "runs", &self.id], &[]).await?;
        if self.output.json {
            print_json(&text)?;
        } else {
            let run: Run = client.parse(&text)?;
            let drawn = if self.timings {
                waterfall_with_timings
            } else {
                waterfall
            };
            print(&drawn(Look::stdout(), &run, Utc::now()))?;
        }
        Ok(Outcome::Done)
    }
}
