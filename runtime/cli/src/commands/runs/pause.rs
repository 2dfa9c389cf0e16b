//! `abide runs pause` and `abide runs resume`.

use anyhow::Result;
use clap::Args;
use serde_json::json;

use crate::cli::{Output, Server};
use crate::client::Client;
use crate::client::model::Run;
use crate::outcome::Outcome;
use crate::terminal::{print_json, print_line};

/// Pauses a run: it keeps everything, what it waits for is still noted, and it goes on when it is resumed.
#[derive(Args)]
pub(crate) struct Pause {
    /// The run's id; `abide runs list` shows them.
    #[arg(value_name = "RUN")]
    id: String,
    /// Why: `abide runs show` tells it.
    #[arg(
        long,
        value_name = "TEXT",
        default_value = "paused with `abide runs pause`"
    )]
    reason: String,
    #[command(flatten)]
    server: Server,
    #[command(flatten)]
    output: Output,
}

/// Lets a paused run go on.
#[derive(Args)]
pub(crate) struct Resume {
    /// The run's id; `abide runs list --status paused` shows them.
    #[arg(value_name = "RUN")]
    id: String,
    #[command(flatten)]
    server: Server,
    #[command(flatten)]
    output: Output,
}

impl Pause {
    pub(crate) async fn run(self) -> Result<Outcome> {
        let client = self.server.client()?;
        let body = json!({ "reason": self.reason });
        let text = client.act(&["runs", &self.id, "pause"], &body).await?;
        tell(&client, &text, "paused", self.output)
    }
}

impl Resume {
    pub(crate) async fn run(self) -> Result<Outcome> {
        let client = self.server.client()?;
        let text = client
            .act(&["runs", &self.id, "resume"], &json!({}))
            .await?;
        tell(&client, &text, "resumed", self.output)
    }
}

fn tell(client: &Client, text: &str, done: &str, output: Output) -> Result<Outcome> {
    if output.json {
        print_json(text)?;
    } else {
        let run: Run = client.parse(text)?;
        print_line(&format!("{done} {} of {}", run.run_id, run.function_id))?;
    }
    Ok(Outcome::Done)
}
