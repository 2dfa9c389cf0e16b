//! `abide replay`.

use anyhow::Result;
use clap::Args;
use serde_json::json;

use crate::cli::{Output, Server};
use crate::commands::jobs::follow;
use crate::commands::selection::Selection;
use crate::outcome::{Outcome, Usage};

const EXAMPLES: &str = "\
Examples:
  abide replay --function shop/pay --since 2h --dry-run
  abide replay --function shop/pay --status failed --since 2h --rate 10/s
  abide replay --app shop --since 7d --if \"event.data.region == 'eu'\"

Without --status, runs that failed are replayed. Ctrl-C stops watching, not the job: `abide jobs` shows, watches and stops it.
`abide runs replay` replays one run, also from a step in its middle.";

/// Replays many runs that ended, at a pace, each as a new run of the code that is deployed now.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Replay {
    #[command(flatten)]
    selection: Selection,
    /// At most so many: 10/s, 90/m or 500/h. As fast as possible unless given.
    #[arg(long, value_name = "N/s", value_parser = rate)]
    rate: Option<f64>,
    /// Only say how many runs it would be.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    server: Server,
    #[command(flatten)]
    output: Output,
}

impl Replay {
    pub(crate) async fn run(self) -> Result<Outcome> {
        if self.selection.is_empty() {
            let problem = "select runs with --function, --app, --status, --since, --until or --if; one run is replayed by `abide runs replay`";
            return Err(Usage(problem.to_owned()).into());
        }
        let client = self.server.client()?;
        let mut job = json!({ "action": "replay", "filter": self.selection.filter() });
        if let Some(rate) = self.rate {
            job["rate_per_second"] = rate.into();
        }
        let count = follow::count(&client, &job).await?;
        if self.dry_run || count.matching == 0 && count.complete {
            return follow::tell_count(&count, "replayed", self.output);
        }
        follow::start_and_watch(&client, &self.server, &job, Some(&count), self.output).await
    }
}

/// Runs a second.
fn rate(text: &str) -> Result<f64, String> {
    let (number, unit) = text.split_once('/').unwrap_or((text, "s"));
    let seconds = match unit.trim() {
        "s" | "sec" | "second" => 1.0,
        "m" | "min" | "minute" => 60.0,
        "h" | "hour" => 3_600.0,
        _ => 0.0,
    };
    let number = number.trim().parse::<f64>().unwrap_or_default();
    let rate = number / seconds;
    if rate.is_finite() && rate > 0.0 {
        Ok(rate)
    } else {
        Err("write it like 10/s, 90/m or 500/h".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_runs_a_second() {
        for (text, expected) in [("10/s", 10.0), ("90/m", 1.5), ("5", 5.0), ("36/h", 0.01)] {
            assert!((rate(text).unwrap() - expected).abs() < 1e-9, "{text}");
        }
        for wrong in ["", "fast", "0/s", "-1/s", "5/d", "NaN"] {
            assert!(rate(wrong).unwrap_err().contains("10/s"), "{wrong}");
        }
    }
}
