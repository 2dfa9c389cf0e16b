//! `abide functions invoke`.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Result;
use clap::Args;
use serde::Deserialize;
use tokio::time::Instant;

use crate::cli::{Output, Server, duration};
use crate::commands::selection::function_name;
use crate::commands::send::{Following, Ids, data_from};
use crate::outcome::Outcome;
use crate::terminal::{print_json, print_line};

const EXAMPLES: &str = "\
Examples:
  abide functions invoke shop/pay --data '{\"order\":42}'
  abide functions invoke shop/pay --data @order.json --wait

The function's triggers have no say, nor have controls that drop or collect events (rate limit, debounce, batch…); limits on what goes on
at once have. The function sees an event `inngest/function.invoked` with this data.
With --wait, the exit code is 0 only when the run has Completed.
With --json it prints {\"run_id\",\"event_id\",\"function_id\"}; with --wait too, what `abide send --wait --json` prints.";

/// Starts one run of a function, whatever its triggers say; with --wait, follows it, step by step.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Invoke {
    /// The function, as app/function.
    #[arg(value_name = "FUNCTION", value_parser = function_name)]
    id: String,
    /// The data of the event that the function sees, a JSON object: as text, from a file (@FILE) or from stdin (-).
    #[arg(long, value_name = "JSON|@FILE|-", allow_hyphen_values = true)]
    data: Option<String>,
    /// Follow the run until it has ended.
    #[arg(long)]
    wait: bool,
    /// How long to follow, such as 90s or 5m. The run itself goes on after that.
    #[arg(long, value_name = "TIME", default_value = "60s", requires = "wait", value_parser = duration)]
    timeout: Duration,
    #[command(flatten)]
    server: Server,
    #[command(flatten)]
    output: Output,
}

/// What an invocation started.
#[derive(Deserialize)]
#[allow(clippy::struct_field_names, reason = "as the API names them")]
struct Invoked {
    run_id: String,
    event_id: String,
    function_id: String,
}

impl Invoke {
    pub(crate) async fn run(self) -> Result<Outcome> {
        let deadline = Instant::now() + self.timeout;
        let (app, function) = self.id.split_once('/').unwrap_or_default();
        let data = self.data.as_deref().map(data_from).transpose()?;
        let client = self.server.client()?;
        let path = ["functions", app, function, "invoke"];
        let body: BTreeMap<_, _> = data.map(|data| ("data", data)).into_iter().collect();
        let text = client.act(&path, &body).await?;
        let invoked: Invoked = client.parse(&text)?;
        let told = format!("invoked {} as {}", invoked.function_id, invoked.run_id);
        if self.wait {
            let following = Following {
                server: &self.server,
                json: self.output.json,
                timeout: self.timeout,
                deadline,
            };
            let ids = Ids::EventId(invoked.event_id);
            let runs = following.to_the_end(&client, &ids, &told).await?;
            return Ok(runs.map_or(Outcome::Failed, |runs| following.outcome(&runs)));
        }
        if self.output.json {
            print_json(&text)?;
        } else {
            print_line(&told)?;
            let more = self
                .server
                .command(&format!("runs watch {}", invoked.run_id));
            eprintln!("watch it: {more}");
        }
        Ok(Outcome::Done)
    }
}
