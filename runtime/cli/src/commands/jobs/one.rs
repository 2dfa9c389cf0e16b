//! `abide jobs show`, `watch` and `stop`.

use std::fmt::Write;

use anyhow::Result;
use chrono::Utc;
use clap::Args;
use serde_json::json;

use crate::cli::{Output, Server};
use crate::client::Client;
use crate::client::model::{Job, JobState};
use crate::outcome::Outcome;
use crate::render::time;
use crate::terminal::{Look, one_line, print, print_json};

use super::follow;

/// Shows one job: what it does, to which runs, and how far it is.
#[derive(Args)]
pub(crate) struct Show {
    #[command(flatten)]
    job: Named,
}

/// Follows a job until it is over. Ctrl-C stops following, not the job.
#[derive(Args)]
pub(crate) struct Watch {
    #[command(flatten)]
    job: Named,
}

/// Stops a job where it is. What it has done stays done.
#[derive(Args)]
pub(crate) struct Stop {
    #[command(flatten)]
    job: Named,
}

#[derive(Args)]
struct Named {
    /// The job's id; `abide jobs list` shows them.
    #[arg(value_name = "JOB")]
    id: String,
    #[command(flatten)]
    server: Server,
    #[command(flatten)]
    output: Output,
}

impl Show {
    pub(crate) async fn run(self) -> Result<Outcome> {
        let client = self.job.server.client()?;
        let text = client
            .get(&["api", "v1", "jobs", &self.job.id], &[])
            .await?;
        self.job.tell(&client, &text)
    }
}

impl Watch {
    pub(crate) async fn run(self) -> Result<Outcome> {
        let Named { id, server, output } = self.job;
        let client = server.client()?;
        // A job that does not exist is told at once.
        client.get(&["api", "v1", "jobs", &id], &[]).await?;
        follow::watch(&client, &server, &id, None, output).await
    }
}

impl Stop {
    pub(crate) async fn run(self) -> Result<Outcome> {
        let client = self.job.server.client()?;
        let text = client
            .act(&["jobs", &self.job.id, "stop"], &json!({}))
            .await?;
        self.job.tell(&client, &text)
    }
}

impl Named {
    fn tell(&self, client: &Client, text: &str) -> Result<Outcome> {
        if self.output.json {
            print_json(text)?;
        } else {
            print(&lines(Look::stdout(), &client.parse(text)?))?;
        }
        Ok(Outcome::Done)
    }
}

/// A job in words.
pub(super) fn lines(look: Look, job: &Job) -> String {
    let mut out = String::new();
    let state = match job.state {
        JobState::Running => look.live("running"),
        JobState::Finished => look.good("finished"),
        JobState::Stopped | JobState::Unknown => look.odd(job.state),
    };
    let _ = writeln!(out, "{}  {state}", look.bold(job.doing()));
    let mut line = |name: &str, value: &str| {
        let _ = writeln!(out, "  {} {value}", look.dim(format!("{name:<9}")));
    };
    line("job", &job.job_id);
    line("runs", &one_line(&job.filter.to_string()));
    if let Some(reason) = &job.reason {
        line("reason", &one_line(reason));
    }
    if let Some(rate) = job.rate_per_second {
        line("pace", &format!("{rate} a second"));
    }
    line(
        "done",
        &format!("{} of {} looked at", job.done, job.examined),
    );
    let now = Utc::now();
    line(
        "created",
        &format!(
            "{} ({})",
            time::moment(job.created_at),
            time::relative(job.created_at, now)
        ),
    );
    if let Some(ended) = job.ended_at {
        line("took", &time::duration(ended - job.created_at));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_is_told_in_words() {
        let job: Job = serde_json::from_str(
            r#"{"job_id":"01J","action":"replay","reason":null,"rate_per_second":10.0,"state":"finished",
                "filter":{"function":"shop/pay","app":null,"status":["Failed"],"since":"2026-01-01T00:00:00.000Z","until":null,"if":"event.data.a > 1"},
                "created_at":"2026-03-01T12:00:00.000Z","ended_at":"2026-03-01T12:00:09.000Z","examined":40,"done":12}"#,
        )
        .unwrap();
        let text = lines(Look::plain(80), &job);
        for says in [
            "replaying  finished",
            "of shop/pay, Failed, since 2026-01-01 00:00:00.000 UTC, if event.data.a > 1",
            "10 a second",
            "12 of 40 looked at",
            "9.00s",
        ] {
            assert!(text.contains(says), "{says:?} in {text}");
        }
    }
}
