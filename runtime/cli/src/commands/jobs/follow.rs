//! Starts a job and follows it with a progress bar. The job goes on without it.
//!
//! The server is asked again and again: a job is one small record. When the server goes away for a while, for example to restart, so
//! does the bar, and then both go on.

use std::fmt;
use std::time::Duration;

use anyhow::Result;
use indicatif::{ProgressBar, ProgressStyle};
use serde::Deserialize;
use serde_json::Value;
use tokio::time::Instant;

use crate::cli::{Output, Server};
use crate::client::model::{Job, JobState};
use crate::client::{Client, ClientError};
use crate::outcome::Outcome;
use crate::terminal::{print, print_json, print_line, style_bar};

use super::one::lines;

/// Between two looks at a job.
const AGAIN: Duration = Duration::from_millis(250);

/// How long a server may be gone before nobody waits for it any more.
const LOST: Duration = Duration::from_secs(60);

/// How many runs a job would be about.
#[derive(Debug, Clone, Copy, Deserialize)]
pub(crate) struct Count {
    pub(crate) matching: u64,
    /// Whether all runs were looked at.
    pub(crate) complete: bool,
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let least = if self.complete { "" } else { "at least " };
        match self.matching {
            1 => write!(f, "{least}1 run"),
            many => write!(f, "{least}{many} runs"),
        }
    }
}

/// Asks how many runs a job would be about.
pub(crate) async fn count(client: &Client, job: &Value) -> Result<Count> {
    let mut body = job.clone();
    if let Value::Object(members) = &mut body {
        members.insert("dry_run".into(), true.into());
    }
    let text = client.act(&["jobs"], &body).await?;
    Ok(client.parse(&text)?)
}

/// Says how many runs it would be, and does nothing.
pub(crate) fn tell_count(count: &Count, done: &str, output: Output) -> Result<Outcome> {
    if output.json {
        let Count { matching, complete } = count;
        print_line(
            &serde_json::json!({ "dry_run": true, "matching": matching, "complete": complete })
                .to_string(),
        )?;
    } else {
        print_line(&format!("{count} would be {done}"))?;
    }
    Ok(Outcome::Done)
}

/// Starts a job and follows it to its end.
pub(crate) async fn start_and_watch(
    client: &Client,
    server: &Server,
    job: &Value,
    count: Option<&Count>,
    output: Output,
) -> Result<Outcome> {
    let text = client.act(&["jobs"], job).await?;
    let job: Job = client.parse(&text)?;
    watch(client, server, &job.job_id, count, output).await
}

/// Follows a job until it is over, or the user has seen enough.
pub(crate) async fn watch(
    client: &Client,
    server: &Server,
    id: &str,
    count: Option<&Count>,
    output: Output,
) -> Result<Outcome> {
    let bar = bar(count
        .filter(|count| count.complete)
        .map(|count| count.matching));
    if bar.is_hidden() && !output.json {
        eprintln!("{}", follow_hint(server, id));
    }
    let watched = tokio::select! {
        text = last_word(client, id, &bar) => Some(text?),
        _ = tokio::signal::ctrl_c() => None,
    };
    bar.finish_and_clear();
    let Some(text) = watched else {
        eprintln!("the job goes on\n{}", follow_hint(server, id));
        return Ok(Outcome::Failed);
    };
    let job: Job = client.parse(&text)?;
    if output.json {
        print_json(&text)?;
    } else {
        print(&lines(crate::terminal::Look::stdout(), &job))?;
    }
    Ok(match job.state {
        JobState::Finished => Outcome::Done,
        JobState::Running | JobState::Stopped | JobState::Unknown => Outcome::Failed,
    })
}

fn follow_hint(server: &Server, id: &str) -> String {
    format!(
        "  watch it: {}\n  stop it:  {}",
        server.command(&format!("jobs watch {id}")),
        server.command(&format!("jobs stop {id}"))
    )
}

/// The job as it stands once it is over.
async fn last_word(client: &Client, id: &str, bar: &ProgressBar) -> Result<String> {
    let mut lost_since = None;
    loop {
        match client.get(&["api", "v1", "jobs", id], &[]).await {
            Ok(text) => {
                if lost_since.take().is_some() {
                    say(bar, "the server is back");
                }
                let job: Job = client.parse(&text)?;
                if job.state != JobState::Running {
                    return Ok(text);
                }
                bar.set_message(job.doing());
                bar.set_position(job.done);
            }
            Err(ClientError::Unreachable { url, why }) => {
                let since = *lost_since.get_or_insert_with(|| {
                    say(bar, "the server is gone; the job goes on when it is back");
                    Instant::now()
                });
                if since.elapsed() > LOST {
                    return Err(ClientError::Unreachable { url, why }.into());
                }
            }
            Err(error) => return Err(error.into()),
        }
        tokio::time::sleep(AGAIN).await;
    }
}

fn say(bar: &ProgressBar, text: &str) {
    if bar.is_hidden() {
        eprintln!("{text}");
    } else {
        bar.println(text);
    }
}

/// A bar on stderr where somebody watches; without a length it only counts.
fn bar(length: Option<u64>) -> ProgressBar {
    let bar = length.map_or_else(ProgressBar::new_spinner, ProgressBar::new);
    if length.is_some() {
        style_bar(&bar, "{pos}/{len}");
    } else if let Ok(style) =
        ProgressStyle::with_template("{spinner:.cyan} {msg} {pos} {elapsed:.dim}")
    {
        bar.set_style(style);
    }
    if !bar.is_hidden() {
        bar.enable_steady_tick(Duration::from_millis(100));
    }
    bar
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_told_with_what_is_not_known() {
        let of = |matching, complete| Count { matching, complete }.to_string();
        assert_eq!(of(1, true), "1 run");
        assert_eq!(of(0, true), "0 runs");
        assert_eq!(of(20_000, false), "at least 20000 runs");
    }
}
