//! `abide runs logs`.

use std::collections::BTreeMap;

use anyhow::Result;
use clap::Args;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::cli::{Output, Server};
use crate::client::model::{LogLine, Run};
use crate::client::{Client, ClientError};
use crate::outcome::Outcome;
use crate::terminal::{Look, print, print_json, visible};

const EXAMPLES: &str = "\
Examples:
  abide runs logs 01J8Z6QW3C9G5V2N7T4R0K1M8X
  abide runs logs 01J8Z6QW3C9G5V2N7T4R0K1M8X --level warn --step charge
  abide runs logs 01J8Z6QW3C9G5V2N7T4R0K1M8X --follow --json | jq .fields

With --json there is one JSON object a line.";

/// Shows what a run logged, workflow code and steps alike.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Logs {
    /// The run's id; `abide runs list` shows them.
    #[arg(value_name = "RUN")]
    id: String,
    /// Keep on until the run has ended.
    #[arg(short, long)]
    follow: bool,
    /// Only lines that matter at least so much.
    #[arg(short, long, value_name = "LEVEL", value_parser = ["trace", "debug", "info", "warn", "error"], ignore_case = true)]
    level: Option<String>,
    /// Only lines of this step; with '' those of the code between the steps.
    #[arg(short, long, value_name = "STEP")]
    step: Option<String>,
    #[command(flatten)]
    server: Server,
    #[command(flatten)]
    output: Output,
}

#[derive(Deserialize)]
struct Lines {
    data: Vec<Box<RawValue>>,
    #[serde(default)]
    next_after: Option<String>,
}

impl Logs {
    pub(crate) async fn run(self) -> Result<Outcome> {
        let client = self.server.client()?;
        let mut after = None;
        if !self.follow {
            let any = self.new_lines(&client, &mut after).await?;
            if !any && !self.output.json {
                let such = if self.level.is_some() || self.step.is_some() {
                    "no such line"
                } else {
                    "nothing"
                };
                eprintln!("the run has logged {such}");
            }
            return Ok(Outcome::Done);
        }
        // Opened before the first lines are read: nothing falls in between.
        let mut stream = client
            .stream(&["api", "v1", "runs", &self.id, "stream"], &[])
            .await?;
        self.new_lines(&client, &mut after).await?;
        while let Some(message) = stream.next().await? {
            if message.name == "error" {
                anyhow::bail!("the server cannot tell what the run does: {}", message.data);
            }
            self.new_lines(&client, &mut after).await?;
            let over =
                message.name == "run" && client.parse::<Run>(&message.data)?.status.is_over();
            if over || message.name == "end" {
                return Ok(Outcome::Done);
            }
        }
        let why = "it ended the stream; the run goes on when it is back".to_owned();
        Err(ClientError::Unreachable {
            url: client.base().to_owned(),
            why,
        }
        .into())
    }

    /// Prints what is new; whether there was anything.
    async fn new_lines(&self, client: &Client, after: &mut Option<String>) -> Result<bool> {
        let look = Look::stdout();
        let mut any = false;
        loop {
            let query = [
                ("after", after.as_deref()),
                ("level", self.level.as_deref()),
                ("step", self.step.as_deref()),
            ];
            let query: Vec<_> = query
                .into_iter()
                .filter_map(|(name, value)| Some((name, value?)))
                .collect();
            let text = client
                .get(&["api", "v1", "runs", &self.id, "logs"], &query)
                .await?;
            let lines: Lines = client.parse(&text)?;
            for raw in &lines.data {
                any = true;
                if self.output.json {
                    print_json(raw.get())?;
                } else {
                    print(&line(look, &client.parse(raw.get())?))?;
                }
            }
            let more =
                lines.next_after.is_some() && lines.next_after != *after && !lines.data.is_empty();
            if lines.next_after.is_some() {
                *after = lines.next_after;
            }
            if !more {
                return Ok(any);
            }
        }
    }
}

fn line(look: Look, line: &LogLine) -> String {
    let at = look.dim(line.at.format("%H:%M:%S%.3f"));
    let level = line.level.to_uppercase();
    let level = match level.as_str() {
        "ERROR" => look.bad(format!("{level:<5}")),
        "WARN" => look.odd(format!("{level:<5}")),
        "INFO" => look.good(format!("{level:<5}")),
        _ => look.dim(format!("{level:<5}")),
    };
    let step = line
        .step
        .as_ref()
        .map(|step| format!(" {}", look.live(format!("[{}]", visible(step)))))
        .unwrap_or_default();
    // The author's own text may have several lines, but must not play with the terminal.
    let text = visible(line.message.trim_end());
    let fields = line.fields.as_deref().map(fields).unwrap_or_default();
    let fields = fields.iter().fold(String::new(), |told, (name, value)| {
        told + " " + &look.dim(format!("{name}=")) + value
    });
    let cut = match line.cut_bytes {
        0 => String::new(),
        bytes => look.odd(format!(" ({bytes} bytes were cut)")),
    };
    format!("{at} {level}{step} {text}{fields}{cut}\n")
}

/// Names and values: a text without its quotes where it needs none, everything else as JSON.
fn fields(json: &RawValue) -> Vec<(String, String)> {
    let members: BTreeMap<String, Box<RawValue>> =
        serde_json::from_str(json.get()).unwrap_or_default();
    let value = |json: &RawValue| match serde_json::from_str::<String>(json.get()) {
        Ok(text) if !text.is_empty() && !text.contains([' ', '"', '=', '\n', '\t']) => text,
        _ => json.get().to_owned(),
    };
    let one = |text: &str| visible(text).replace(['\n', '\t'], " ");
    let each = members.iter();
    each.map(|(name, json)| (one(name), one(&value(json))))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_when_how_grave_and_where() {
        let of = |json| line(Look::plain(80), &serde_json::from_str(json).unwrap());
        let in_step = r#"{"at":"2026-03-01T12:00:00.123Z","level":"warn","step":"charge\u001b","attempt":0,"message":"busy\u001b[2J"}"#;
        assert_eq!(of(in_step), "12:00:00.123 WARN  [charge␛] busy␛[2J\n");
        let between =
            r#"{"at":"2026-03-01T12:00:00Z","level":"info","step":null,"message":"a\nb\n"}"#;
        assert_eq!(of(between), "12:00:00.000 INFO  a\nb\n");
        let rich = r#"{"at":"2026-03-01T12:00:00Z","level":"info","step":null,"message":"charged","cut_bytes":12,
            "fields":{"order":42,"to":"Ann B.","from":"bank\u001b","items":[1, 2]}}"#;
        assert_eq!(
            of(rich),
            "12:00:00.000 INFO  charged from=bank␛ items=[1, 2] order=42 to=\"Ann B.\" (12 bytes were cut)\n"
        );
    }
}
