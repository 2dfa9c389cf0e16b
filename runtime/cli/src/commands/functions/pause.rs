//! `abide functions pause` and `abide functions resume`.

use anyhow::Result;
use clap::Args;
use serde_json::json;

use crate::cli::{Output, Server};
use crate::client::model::Function;
use crate::commands::selection::function_name;
use crate::outcome::Outcome;
use crate::terminal::{print_json, print_line};

/// Pauses a function: none of its runs starts until it is resumed. Events queue, and runs that have started go on.
#[derive(Args)]
pub(crate) struct Pause {
    #[command(flatten)]
    function: Named,
}

/// Lets the runs of a paused function start again, those that queued meanwhile first.
#[derive(Args)]
pub(crate) struct Resume {
    #[command(flatten)]
    function: Named,
}

#[derive(Args)]
struct Named {
    /// The function, as app/function.
    #[arg(value_name = "FUNCTION", value_parser = function_name)]
    id: String,
    #[command(flatten)]
    server: Server,
    #[command(flatten)]
    output: Output,
}

impl Pause {
    pub(crate) async fn run(self) -> Result<Outcome> {
        self.function.act("pause", "paused").await
    }
}

impl Resume {
    pub(crate) async fn run(self) -> Result<Outcome> {
        self.function.act("resume", "resumed").await
    }
}

impl Named {
    async fn act(&self, action: &str, done: &str) -> Result<Outcome> {
        let (app, function) = self.id.split_once('/').unwrap_or_default();
        let client = self.server.client()?;
        let text = client
            .act(&["functions", app, function, action], &json!({}))
            .await?;
        if self.output.json {
            print_json(&text)?;
        } else {
            let function: Function = client.parse(&text)?;
            print_line(&format!("{done} {}", function.id))?;
        }
        Ok(Outcome::Done)
    }
}
