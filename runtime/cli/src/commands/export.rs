//! `abide export …`.

use anyhow::Result;
use clap::{Args, Subcommand};

use crate::cli::Server;
use crate::commands::backup::{bytes_bar, grow};
use crate::outcome::Outcome;
use crate::terminal::print_json;

const HELP: &str = "\
The document holds the run's record, the events that started it, its journal, its log lines and the digest of its component. What went
through the run is in it: treat it like the data itself.

Examples:
  abide export run 01J8Z6QW3C9G5V2N7T4R0K1M8X > run.json
  abide export run 01J8Z6QW3C9G5V2N7T4R0K1M8X --with-component > run.json
  abide import run.json --check --url http://127.0.0.1:9000";

#[derive(Subcommand)]
pub(crate) enum Export {
    Run(Run),
}

impl Export {
    pub(crate) async fn run(self) -> Result<Outcome> {
        match self {
            Self::Run(command) => command.run().await,
        }
    }
}

/// Prints everything that is known of a run as one JSON document.
#[derive(Args)]
#[command(after_help = HELP)]
pub(crate) struct Run {
    /// The run's id; `abide runs list` shows it.
    #[arg(value_name = "RUN")]
    id: String,
    /// Include the component that the run is pinned to, so that its journal can be replayed elsewhere.
    #[arg(long)]
    with_component: bool,
    #[command(flatten)]
    server: Server,
}

impl Run {
    async fn run(self) -> Result<Outcome> {
        let client = self.server.client()?;
        let component = if self.with_component { "true" } else { "false" };
        let path = ["api", "v1", "runs", &self.id, "export"];
        let bar = bytes_bar("exporting", 0);
        let answer = client
            .download(&path, &[("component", component)], |bytes| {
                grow(&bar, bytes);
            })
            .await;
        bar.finish_and_clear();
        let text = answer?;
        print_json(&text)?;
        Ok(Outcome::Done)
    }
}
