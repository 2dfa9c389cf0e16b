//! `abide runs cancel`.

use anyhow::Result;
use clap::Args;

use crate::cli::{Output, Server};
use crate::client::Client;
use crate::client::model::Run;
use crate::outcome::Outcome;
use crate::terminal::print_line;

/// Cancels a run: nothing after the step that executes now will run.
#[derive(Args)]
pub(crate) struct Cancel {
    /// The run's id; `abide runs list` shows them.
    #[arg(value_name = "RUN")]
    id: String,
    /// Why: it is kept as the run's error.
    #[arg(
        long,
        value_name = "TEXT",
        default_value = "cancelled with `abide runs cancel`"
    )]
    reason: String,
    #[command(flatten)]
    server: Server,
    #[command(flatten)]
    output: Output,
}

impl Cancel {
    pub(crate) async fn run(self) -> Result<Outcome> {
        let client = Client::new(&self.server.url)?;
        let text = client.cancel(&self.id, &self.reason).await?;
        if self.output.json {
            print_line(&text)?;
        } else {
            let run: Run = client.parse(&text)?;
            print_line(&format!("cancelled {} of {}", run.run_id, run.function_id))?;
        }
        Ok(Outcome::Done)
    }
}
