//! Runs that events start, told step by step until all have ended; and the report of how they did.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;

use anyhow::Result;
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;
use tokio::time::Instant;

use super::sending::Ids;
use crate::cli::Server;
use crate::client::Client;
use crate::client::model::{Failure, Json, Run, Status};
use crate::follow::{Followed, Seen, follow};
use crate::outcome::Outcome;
use crate::render::progress::Progress;
use crate::terminal::{Look, print_json, print_line};

/// What `--json` prints.
#[derive(Serialize)]
struct Report<'a> {
    #[serde(flatten)]
    ids: &'a Ids,
    runs: Vec<RunReport<'a>>,
}

#[derive(Serialize)]
struct RunReport<'a> {
    run_id: &'a str,
    function_id: &'a str,
    status: Status,
    output: &'a Json,
    error: &'a Option<Failure>,
}

/// How to follow.
pub(crate) struct Following<'a> {
    pub(crate) server: &'a Server,
    /// Print nothing but the report.
    pub(crate) json: bool,
    /// How long `deadline` is from the start.
    pub(crate) timeout: Duration,
    pub(crate) deadline: Instant,
}

impl Following<'_> {
    /// Tells what these events start, after the line `first`, until all of it has ended; nothing, if time was up, which is told.
    pub(crate) async fn to_the_end(
        &self,
        client: &Client,
        ids: &Ids,
        first: &str,
    ) -> Result<Option<Vec<Run>>> {
        let mut shown = Shown::new(Look::stdout(), self.json);
        shown.line(first);
        let followed = follow(client, ids.list(), self.deadline, |seen| shown.see(&seen)).await;
        shown.end();
        let (runs, timed_out) = match followed? {
            Followed::Ended(runs) => (runs, false),
            Followed::TimedOut(runs) => (runs, true),
        };
        if self.json {
            print_json(&report(ids, &runs)?)?;
        }
        if timed_out {
            eprintln!("{}", timed_out_text(self.server, self.timeout, &runs));
            return Ok(None);
        }
        Ok(Some(runs))
    }

    /// Whether all of them completed; what to look at, if not.
    pub(crate) fn outcome(&self, runs: &[Run]) -> Outcome {
        let failed: Vec<_> = runs
            .iter()
            .filter(|run| run.status != Status::Completed)
            .collect();
        if failed.is_empty() {
            return Outcome::Done;
        }
        if !self.json {
            for run in failed {
                let more = self.server.command(&format!("runs show {}", run.run_id));
                eprintln!("more: {more}");
            }
        }
        Outcome::Failed
    }
}

/// How runs did, as JSON.
pub(super) fn report(ids: &Ids, runs: &[Run]) -> Result<String> {
    let runs = runs.iter().map(|run| RunReport {
        run_id: &run.run_id,
        function_id: &run.function_id,
        status: run.status,
        output: &run.output,
        error: &run.error,
    });
    Ok(serde_json::to_string(&Report {
        ids,
        runs: runs.collect(),
    })?)
}

fn timed_out_text(server: &Server, timeout: Duration, runs: &[Run]) -> String {
    let open: Vec<_> = runs.iter().filter(|run| !run.status.is_over()).collect();
    let mut text = format!(
        "stopped waiting after {}: {} of {} runs not ended. They go on; wait longer with --timeout, or look:",
        humantime::format_duration(timeout),
        open.len(),
        runs.len()
    );
    for run in open {
        let now = match &run.waiting_for {
            Some(waiting) => waiting.clone(),
            None => run.status.to_string(),
        };
        let command = server.command(&format!("runs show {}", run.run_id));
        let _ = write!(text, "\n  {command}   {} ({now})", run.function_id);
    }
    text
}

/// The story on stdout, and on a terminal a line below it that moves.
struct Shown {
    progress: Progress,
    moving: Option<ProgressBar>,
    silent: bool,
    /// What goes on now, by run.
    current: BTreeMap<String, String>,
}

impl Shown {
    fn new(look: Look, silent: bool) -> Self {
        let moving = (look.terminal && !silent).then(|| {
            let bar = ProgressBar::new_spinner();
            if let Ok(style) = ProgressStyle::with_template("{spinner:.cyan} {wide_msg:.dim}") {
                bar.set_style(style);
            }
            bar.enable_steady_tick(Duration::from_millis(100));
            bar
        });
        Self {
            progress: Progress::new(look),
            moving,
            silent,
            current: BTreeMap::new(),
        }
    }

    fn line(&self, line: &str) {
        if self.silent {
            return;
        }
        // That stdout is closed is noticed by the last line, if at all.
        let print = || drop(print_line(line));
        match &self.moving {
            Some(bar) => bar.suspend(print),
            None => print(),
        }
    }

    fn see(&mut self, seen: &Seen<'_>) {
        match seen {
            Seen::Run(run) => {
                for line in self.progress.observe(run) {
                    self.line(&line);
                }
                self.current.remove(&run.run_id);
                if !run.status.is_over() {
                    self.current
                        .insert(run.run_id.clone(), Progress::current(run));
                }
                if let Some(bar) = &self.moving {
                    bar.set_message(
                        self.current
                            .values()
                            .cloned()
                            .collect::<Vec<_>>()
                            .join(" · "),
                    );
                }
            }
            Seen::Lost(why) => {
                self.aside(&format!(
                    "lost the server ({why}); trying again until time is up"
                ));
            }
            Seen::Back => self.aside("the server is back"),
        }
    }

    fn aside(&self, text: &str) {
        let say = || eprintln!("{text}");
        match &self.moving {
            Some(bar) => bar.suspend(say),
            None => say(),
        }
    }

    fn end(&self) {
        if let Some(bar) = &self.moving {
            bar.finish_and_clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_report_has_exactly_the_promised_form() {
        let run: Run = serde_json::from_str(
            r#"{"run_id":"01R","function_id":"a/b","function_version":"x","event_id":"01E","event_ids":["01E"],"status":"Completed",
                "queued_at":"2026-03-01T12:00:00.000Z","output":{"z":1,"a":1.50},"error":null,"steps":[]}"#,
        )
        .unwrap();
        let expected = r#"{"event_id":"01E","runs":[{"run_id":"01R","function_id":"a/b","status":"Completed","output":{"z":1,"a":1.50},"error":null}]}"#;
        assert_eq!(
            report(&Ids::EventId("01E".to_owned()), &[run]).unwrap(),
            expected
        );
        let several = Ids::EventIds(vec!["01E".to_owned(), "01F".to_owned()]);
        let expected = r#"{"event_ids":["01E","01F"],"runs":[]}"#;
        assert_eq!(report(&several, &[]).unwrap(), expected);
    }

    #[test]
    fn running_out_of_time_says_what_is_still_open() {
        let run = |id: &str, status: &str| -> Run {
            serde_json::from_str(&format!(
                r#"{{"run_id":"{id}","function_id":"a/b","status":"{status}","waiting_for":"sleeps until tomorrow"}}"#
            ))
            .unwrap()
        };
        let server = Server {
            url: "http://127.0.0.1:9000".parse().unwrap(),
            environment: None,
            key_file: None,
            ca_cert: None,
        };
        let text = timed_out_text(
            &server,
            Duration::from_mins(1),
            &[run("01A", "Completed"), run("01B", "Sleeping")],
        );
        assert!(
            text.contains("after 1m: 1 of 2 runs")
                && text.contains("runs show 01B")
                && text.contains("sleeps until tomorrow"),
            "{text}"
        );
        assert!(!text.contains("01A"), "{text}");
    }
}
