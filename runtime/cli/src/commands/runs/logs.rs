//! `abide runs logs`.

use anyhow::Result;
use clap::Args;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::cli::{Output, Server};
use crate::client::model::{LogLine, Run};
use crate::client::{Client, ClientError};
use crate::outcome::Outcome;
use crate::terminal::{Look, print, print_line};

/// Shows what a run logged, workflow code and steps alike.
#[derive(Args)]
#[command(after_help = "With --json there is one JSON object a line.")]
pub(crate) struct Logs {
    /// The run's id; `abide runs list` shows them.
    #[arg(value_name = "RUN")]
    id: String,
    /// Keep on until the run has ended.
    #[arg(short, long)]
    follow: bool,
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
                eprintln!("the run has logged nothing");
            }
            return Ok(Outcome::Done);
        }
        // Opened before the first lines are read: nothing falls in between.
        let mut stream = client
            .stream(&["api", "v1", "runs", &self.id, "stream"])
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
            let query: Vec<_> = after
                .iter()
                .map(|after| ("after", after.as_str()))
                .collect();
            let text = client
                .get(&["api", "v1", "runs", &self.id, "logs"], &query)
                .await?;
            let lines: Lines = client.parse(&text)?;
            for raw in &lines.data {
                any = true;
                if self.output.json {
                    print_line(raw.get())?;
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
        .map(|step| format!(" {}", look.live(format!("[{step}]"))))
        .unwrap_or_default();
    // The author's own text may have several lines, but must not play with the terminal.
    let text: String = line
        .message
        .chars()
        .filter(|c| !c.is_control() || matches!(c, '\n' | '\t'))
        .collect();
    format!("{at} {level}{step} {}\n", text.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_when_how_grave_and_where() {
        let of = |json| line(Look::plain(80), &serde_json::from_str(json).unwrap());
        let in_step = r#"{"at":"2026-03-01T12:00:00.123Z","level":"warn","step":"charge","attempt":0,"message":"busy\u001b[2J"}"#;
        assert_eq!(of(in_step), "12:00:00.123 WARN  [charge] busy[2J\n");
        let between =
            r#"{"at":"2026-03-01T12:00:00Z","level":"info","step":null,"message":"a\nb\n"}"#;
        assert_eq!(of(between), "12:00:00.000 INFO  a\nb\n");
    }
}
