//! `abide send`.

mod following;
mod sending;

use std::fmt::Write;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use clap::Args;
use serde_json::value::{RawValue, to_raw_value};
use tokio::time::Instant;

use crate::cli::{Output, Server, duration};
use crate::client::Client;
use crate::client::model::{Event, Function, Page, Run, Trigger};
use crate::commands::{json_from, read_text};
use crate::outcome::{Outcome, Usage};
use crate::terminal::{print_json, print_line, visible};
pub(crate) use following::Following;
use following::report;
pub(crate) use sending::Ids;
use sending::{Sending, Whole, read_events};

const EXAMPLES: &str = "\
Examples:
  abide send user/signed.up --data '{\"user_id\":\"u-1\"}'
  abide send user/signed.up --data @signup.json --id signup-u-1
  abide send --event examples/payment/event.json --wait
  abide send --event examples/notifications/event.json --wait     # an array: all of them in one request

With --wait, the exit code is 0 only when every run that the events started has Completed; 1 when one Failed, was Cancelled or Skipped, when
time was up, and when no function was started at all.
With --json it prints {\"event_id\":…,\"runs\":[{\"run_id\",\"function_id\",\"status\",\"output\",\"error\"}]}; for an array \"event_ids\", a list,
in place of \"event_id\".";

/// The key under which events are sent; a development server takes any.
const EVENT_KEY: &str = "abide-cli";
/// Events whose names are suggested.
const SUGGESTED: usize = 8;
/// Events that one command follows: each takes a connection.
const FOLLOWED: usize = 100;

/// Sends an event, or several at once; with --wait, follows the runs that they start, step by step.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Send {
    /// The event's name, such as user/signed.up.
    #[arg(
        value_name = "NAME",
        required_unless_present = "event",
        conflicts_with = "event"
    )]
    name: Option<String>,
    /// Its data, a JSON object: as text, from a file (@FILE) or from stdin (-).
    #[arg(
        long,
        value_name = "JSON|@FILE|-",
        conflicts_with = "event",
        allow_hyphen_values = true
    )]
    data: Option<String>,
    /// A whole event, or an array of them, from a JSON file or from stdin (-).
    #[arg(long, value_name = "FILE")]
    event: Option<PathBuf>,
    /// An id of your own: within 24 hours, events with the same id start a function only once.
    #[arg(long, value_name = "ID")]
    id: Option<String>,
    /// Follow what the event starts until all of it has ended.
    #[arg(long)]
    wait: bool,
    /// How long to follow, such as 90s or 5m. The runs themselves go on after that.
    #[arg(long, value_name = "TIME", default_value = "60s", requires = "wait", value_parser = duration)]
    timeout: Duration,
    #[command(flatten)]
    server: Server,
    #[command(flatten)]
    output: Output,
}

impl Send {
    pub(crate) async fn run(self) -> Result<Outcome> {
        let deadline = Instant::now() + self.timeout;
        let sending = self.whole_events()?;
        let client = self.server.client()?;
        let mut ids = client.send_events(EVENT_KEY, sending.as_json()?).await?;
        if ids.len() != sending.events().len() {
            anyhow::bail!(
                "the server accepted {} events, but gave {} ids",
                sending.events().len(),
                ids.len()
            );
        }
        let ids = match &sending {
            Sending::One(_) => Ids::EventId(ids.remove(0)),
            Sending::Several(_) => Ids::EventIds(ids),
        };
        if self.wait {
            return self.follow(&client, &sending, &ids, deadline).await;
        }
        if self.output.json {
            let runs = self.started(&client, &ids).await?;
            print_json(&report(&ids, &runs)?)?;
        } else {
            print_line(&sending.told(&ids))?;
            for id in ids.list().iter().take(SUGGESTED) {
                let more = self.server.command(&format!("events show {id}"));
                eprintln!("what it started: {more}");
            }
        }
        Ok(Outcome::Done)
    }

    /// The runs that the events have started so far; those of the first ones, if there are very many.
    async fn started(&self, client: &Client, ids: &Ids) -> Result<Vec<Run>> {
        let mut runs: Vec<Run> = Vec::new();
        for id in ids.list().iter().take(FOLLOWED) {
            let text = client.get(&["api", "v1", "events", id], &[]).await?;
            runs.extend(client.parse::<Event>(&text)?.runs);
        }
        runs.sort_by(|a, b| a.run_id.cmp(&b.run_id));
        runs.dedup_by(|a, b| a.run_id == b.run_id);
        Ok(runs)
    }

    /// What the arguments say.
    fn whole_events(&self) -> Result<Sending> {
        if let Some(path) = &self.event {
            let mut sending = read_events(&path.display().to_string(), &read_text(path)?)?;
            match &mut sending {
                Sending::Several(events) if self.wait && events.len() > FOLLOWED => {
                    return Err(Usage(format!(
                        "{} holds {} events; at most {FOLLOWED} are followed at once: send them without --wait",
                        path.display(), events.len()
                    )).into());
                }
                Sending::Several(_) if self.id.is_some() => {
                    return Err(Usage(format!(
                        "--id names one event, and {} holds an array: give each its \"id\" there",
                        path.display()
                    ))
                    .into());
                }
                Sending::One(event) => self.name_it(event)?,
                Sending::Several(_) => {}
            }
            return Ok(sending);
        }
        let mut event = Whole::new();
        if let Some(name) = &self.name {
            event.insert("name".to_owned(), to_raw_value(name)?);
        }
        if let Some(data) = &self.data {
            event.insert("data".to_owned(), data_from(data)?);
        }
        self.name_it(&mut event)?;
        Ok(Sending::One(event))
    }

    /// Gives it the id of the arguments.
    fn name_it(&self, event: &mut Whole) -> Result<()> {
        if let Some(id) = &self.id {
            event.insert("id".to_owned(), to_raw_value(id)?);
        }
        Ok(())
    }

    async fn follow(
        &self,
        client: &Client,
        sending: &Sending,
        ids: &Ids,
        deadline: Instant,
    ) -> Result<Outcome> {
        let following = Following {
            server: &self.server,
            json: self.output.json,
            timeout: self.timeout,
            deadline,
        };
        let Some(runs) = following
            .to_the_end(client, ids, &sending.told(ids))
            .await?
        else {
            return Ok(Outcome::Failed);
        };
        if runs.is_empty() {
            let why = nothing_started(client, &sending.names()).await;
            eprintln!("{}", visible(&why));
            return Ok(Outcome::Failed);
        }
        Ok(following.outcome(&runs))
    }
}

/// Says so, and what would start something.
async fn nothing_started(client: &Client, sent: &[String]) -> String {
    let mut text = format!(
        "the event is accepted, but it started no function: none that is deployed is triggered by `{}`",
        sent.join("`, `")
    );
    let functions = client.get(&["api", "v1", "functions"], &[]).await.ok();
    let functions = functions
        .and_then(|text| client.parse::<Page<Function>>(&text).ok())
        .map(|page| page.data)
        .unwrap_or_default();
    let mut names: Vec<_> = functions
        .iter()
        .flat_map(|function| &function.triggers)
        .filter_map(Trigger::event)
        .collect();
    names.sort_unstable();
    names.dedup();
    if functions.is_empty() {
        text.push_str(". Nothing is deployed: `abide dev` or `abide deploy` does that");
    } else if sent.iter().any(|name| names.contains(&name.as_str())) {
        text.push_str(
            ", or its condition is not met, or an event with the same id started it already",
        );
    } else {
        let more = if names.len() > SUGGESTED { ", …" } else { "" };
        let _ = write!(
            text,
            ". These are: {}{more}",
            names[..names.len().min(SUGGESTED)].join(", ")
        );
    }
    text
}

/// The value of `--data`.
pub(crate) fn data_from(argument: &str) -> Result<Box<RawValue>> {
    let data = json_from("--data", argument)?;
    if !data.get().starts_with('{') {
        return Err(Usage(format!(
            "--data must be a JSON object, not {}",
            crate::terminal::shorten(data.get(), 40)
        ))
        .into());
    }
    Ok(data)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_is_a_json_object_or_the_users_mistake() {
        assert_eq!(data_from(" {\"b\": 1.50} ").unwrap().get(), "{\"b\": 1.50}");
        for wrong in ["{", "[1]", "3", "\"x\"", "@/does/not/exist"] {
            assert!(data_from(wrong).unwrap_err().is::<Usage>(), "{wrong}");
        }
    }
}
