//! `abide functions show`.

use std::fmt::Write;

use anyhow::Result;
use chrono::{TimeDelta, Utc};
use clap::Args;

use crate::cli::{Output, Server};
use crate::client::model::{Function, RunTotals, Time};
use crate::dev::banner::triggers;
use crate::outcome::{Outcome, Usage};
use crate::render::time;
use crate::terminal::{Look, one_line, print, print_json};

/// Shows one function: what starts it and when, all of its configuration with the defaults, whether it is paused, and warnings.
#[derive(Args)]
pub(crate) struct Show {
    /// The function, as app/function.
    #[arg(value_name = "FUNCTION")]
    id: String,
    #[command(flatten)]
    server: Server,
    #[command(flatten)]
    output: Output,
}

impl Show {
    pub(crate) async fn run(self) -> Result<Outcome> {
        let Some((app, function)) = self.id.split_once('/') else {
            let problem = format!(
                "`{}` is no function: write it as app/function; `abide functions list` shows them",
                self.id
            );
            return Err(Usage(problem).into());
        };
        let client = self.server.client()?;
        let text = client
            .get(&["api", "v1", "functions", app, function], &[])
            .await?;
        if self.output.json {
            print_json(&text)?;
        } else {
            print(&lines(Look::stdout(), &client.parse(&text)?, Utc::now()))?;
        }
        Ok(Outcome::Done)
    }
}

/// The width of the names of options; longer ones push their values to the right.
const OPTION_WIDTH: usize = 24;

fn lines(look: Look, function: &Function, now: Time) -> String {
    let mut out = String::new();
    let _ = writeln!(out, "{}", look.bold(&function.id));
    let mut line = |name: &str, value: &str| {
        let _ = writeln!(out, "  {} {value}", look.dim(format!("{name:<9}")));
    };
    let when = |at: Time| format!("{} ({})", time::moment(at), time::relative(at, now));
    if let Some(name) = &function.name {
        line("name", &one_line(name));
    }
    if let Some(at) = function.paused_at {
        let text = format!("since {}: no run starts", when(at));
        line("paused", &look.odd(text));
    }
    line("starts", &one_line(&triggers(function)));
    for schedule in &function.schedules {
        let next: Vec<_> = schedule.next.iter().map(|at| when(*at)).collect();
        let what = match schedule.fires.as_str() {
            "" => &schedule.cron,
            words => words,
        };
        line("fires", &one_line(what));
        for tick in &next {
            line("", tick);
        }
    }
    if let Some(queued) = function.queued.as_ref().filter(|queued| queued.runs > 0) {
        let least = if queued.at_least { "at least " } else { "" };
        let runs = if queued.runs == 1 { "run" } else { "runs" };
        line("queued", &format!("{least}{} {runs}", queued.runs));
    }
    if let Some(totals) = &function.totals {
        line("last hour", &told(&totals.hour));
        line("last day", &told(&totals.day));
    }
    if let Some(version) = &function.version {
        line("version", &version.chars().take(12).collect::<String>());
    }
    if let Some(at) = function.deployed_at {
        line("deployed", &when(at));
    }
    if !function.options.is_empty() {
        let _ = writeln!(out, "\n{}", look.bold("configuration"));
    }
    for option in &function.options {
        let name = look.dim(format!("{:<OPTION_WIDTH$}", option.option));
        let value = one_line(&option.value);
        let value = if option.is_default {
            look.dim(format!("{value} (default)"))
        } else {
            value
        };
        let _ = writeln!(out, "  {name} {value}");
    }
    if !function.warnings.is_empty() {
        let _ = writeln!(out, "\n{}", look.bold("warnings"));
    }
    for warning in &function.warnings {
        let times = match warning.count {
            0 | 1 => String::new(),
            many => format!("{many} times, last "),
        };
        let text = format!(
            "{}: {} ({times}{})",
            warning.option,
            one_line(&warning.problem),
            time::relative(warning.last_at, now)
        );
        let _ = writeln!(out, "  {}", look.odd(text));
    }
    out
}

/// What its runs did within some time.
fn told(totals: &RunTotals) -> String {
    let counts = [
        (totals.started, "started"),
        (totals.completed, "completed"),
        (totals.failed, "failed"),
        (totals.cancelled, "cancelled"),
        (totals.skipped, "skipped"),
    ];
    let counts = counts.iter().filter(|(count, _)| *count > 0);
    let counts: Vec<_> = counts
        .map(|(count, what)| format!("{count} {what}"))
        .collect();
    if counts.is_empty() {
        return "nothing".to_owned();
    }
    let took = [
        (totals.duration_p50_ms, "p50"),
        (totals.duration_p95_ms, "p95"),
        (totals.duration_p99_ms, "p99"),
    ];
    let took = took
        .iter()
        .filter_map(|(ms, what)| Some(format!(" · {what} {}", in_words((*ms)?))));
    counts.join(", ") + &took.collect::<String>()
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "a duration in milliseconds"
)]
fn in_words(ms: f64) -> String {
    time::duration(TimeDelta::milliseconds(ms as i64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_is_told_with_everything_that_is_known_of_it() {
        let function: Function = serde_json::from_str(
            r#"{"id":"shop/report","name":"Report","triggers":[{"cron":"0 6 * * *"}],"version":"0123456789abcdef",
                "deployed_at":"2026-03-01T00:00:00.000Z","paused_at":"2026-03-01T11:00:00.000Z",
                "options":[{"option":"retries","value":"4","is_default":true},{"option":"singleton","value":"mode skip","is_default":false}],
                "schedules":[{"cron":"0 6 * * *","fires":"at 06:00","next":["2026-03-02T06:00:00.000Z"]}],
                "queued":{"runs":10000,"at_least":true},
                "totals":{"hour":{"started":0,"completed":0,"failed":0,"cancelled":0,"skipped":0},
                    "day":{"started":120,"completed":117,"failed":2,"cancelled":0,"skipped":1,"duration_p50_ms":80.4,"duration_p95_ms":1250.0,"duration_p99_ms":null}},
                "warnings":[{"option":"priority","problem":"not a number; 0 is taken","count":3,"first_at":"2026-03-01T11:00:00Z","last_at":"2026-03-01T11:59:00Z"}]}"#,
        )
        .unwrap();
        let now = "2026-03-01T12:00:00Z".parse().unwrap();
        insta::assert_snapshot!(lines(Look::plain(80), &function, now), @r"
        shop/report
          name      Report
          paused    since 2026-03-01 11:00:00.000 UTC (1h 00m ago): no run starts
          starts    on the schedule 0 6 * * *
          fires     at 06:00
                    2026-03-02 06:00:00.000 UTC (in 18h 00m)
          queued    at least 10000 runs
          last hour nothing
          last day  120 started, 117 completed, 2 failed, 1 skipped · p50 80ms · p95 1.25s
          version   0123456789ab
          deployed  2026-03-01 00:00:00.000 UTC (12h 00m ago)

        configuration
          retries                  4 (default)
          singleton                mode skip

        warnings
          priority: not a number; 0 is taken (3 times, last 1m 00s ago)
        ");
    }
}
