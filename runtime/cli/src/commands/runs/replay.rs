//! `abide runs replay`.

use anyhow::Result;
use clap::Args;
use serde_json::value::RawValue;

use crate::cli::{Output, Server};
use crate::client::model::Run;
use crate::commands::json_from;
use crate::outcome::Outcome;
use crate::terminal::{print_json, print_line};

const EXAMPLES: &str = "\
Examples:
  abide runs replay 01J8Z6QW3C9G5V2N7T4R0K1M8X
  abide runs replay 01J8Z6QW3C9G5V2N7T4R0K1M8X --from-step charge
  abide runs replay 01J8Z6QW3C9G5V2N7T4R0K1M8X --from-step charge --input '{\"amount\":12}'
`abide replay` replays many.";

/// Does a run that ended again, as a new run of the code that is deployed now.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Replay {
    /// The run's id; `abide runs list --status failed` shows those that failed.
    #[arg(value_name = "RUN")]
    id: String,
    /// Keep the results of everything before this step, and begin with it. `abide runs show` names the steps.
    #[arg(long, value_name = "STEP")]
    from_step: Option<String>,
    /// Give that step this input in place of its own: JSON as text, from a file (@FILE) or from stdin (-).
    #[arg(
        long,
        value_name = "JSON|@FILE|-",
        requires = "from_step",
        allow_hyphen_values = true
    )]
    input: Option<String>,
    #[command(flatten)]
    server: Server,
    #[command(flatten)]
    output: Output,
}

#[derive(serde::Serialize)]
struct Body {
    #[serde(skip_serializing_if = "Option::is_none")]
    from_step: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    input: Option<Box<RawValue>>,
}

impl Replay {
    pub(crate) async fn run(self) -> Result<Outcome> {
        let input = self.input.as_deref();
        let body = Body {
            from_step: self.from_step,
            input: input.map(|text| json_from("--input", text)).transpose()?,
        };
        let client = self.server.client()?;
        let text = client.act(&["runs", &self.id, "replay"], &body).await?;
        if self.output.json {
            print_json(&text)?;
            return Ok(Outcome::Done);
        }
        let run: Run = client.parse(&text)?;
        print_line(&format!("replays {} as {}", self.id, run.run_id))?;
        let more = self.server.command(&format!("runs show {}", run.run_id));
        eprintln!("what becomes of it: {more}");
        Ok(Outcome::Done)
    }
}
