//! `abide cron …`: schedules, without a server.

use anyhow::Result;
use chrono::{DateTime, SecondsFormat, Utc};
use clap::{Args, Subcommand};

use abide_core::cron::Schedule;

use crate::cli::Output;
use crate::outcome::Outcome;
use crate::render::table::{Cell, table};
use crate::render::time;
use crate::terminal::{Look, print, print_json, print_line};

const EXAMPLES: &str = "\
Examples:
  abide cron next '*/15 9-17 * * MON-FRI'
  abide cron next 'TZ=Europe/Berlin 30 2 * * *' --from 2026-03-28T00:00:00Z
  abide cron next '0 0 29 2 *' --count 3 --json

The fields are minute, hour, day of month, month and day of week; without TZ=Area/City they are in UTC. Quote the schedule, or the shell
replaces its stars by file names. With --json it prints a list of RFC 3339 times in UTC.";

/// Most ticks that can be asked for.
const MOST: u16 = 1_000;

#[derive(Subcommand)]
pub(crate) enum Cron {
    Next(Next),
}

impl Cron {
    pub(crate) fn run(self) -> Result<Outcome> {
        match self {
            Self::Next(command) => command.run(),
        }
    }
}

/// Says in words what a schedule means, and when it fires next.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Next {
    /// The schedule, such as '30 9 * * MON-FRI' or 'TZ=Europe/Berlin 0 3 * * *'.
    #[arg(value_name = "EXPR", value_parser = Schedule::parse)]
    schedule: Schedule,
    /// Look from this moment on instead of from now, such as 2026-01-01T00:00:00Z.
    #[arg(long, value_name = "RFC3339", value_parser = moment)]
    from: Option<u64>,
    /// How many times to show.
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..=i64::from(MOST)))]
    count: u16,
    #[command(flatten)]
    output: Output,
}

impl Next {
    fn run(self) -> Result<Outcome> {
        let now = u64::try_from(Utc::now().timestamp_millis()).unwrap_or_default();
        let from = self.from.unwrap_or(now);
        let after = self.schedule.ticks_after(from);
        let ticks: Vec<u64> = after.take(usize::from(self.count)).collect();
        if self.output.json {
            let times: Vec<_> = ticks
                .iter()
                .filter_map(|ms| utc(*ms))
                .map(rfc3339)
                .collect();
            print_json(&serde_json::to_string(&times)?)?;
            return Ok(Outcome::Done);
        }
        print_line(&self.schedule.describe())?;
        if !ticks.is_empty() {
            print(&times(&self.schedule, from, &ticks, Look::stdout()))?;
        }
        if ticks.len() < usize::from(self.count) {
            eprintln!("no more before the year 2100, where schedules end");
        }
        Ok(Outcome::Done)
    }
}

/// The ticks as a table, after an empty line.
fn times(schedule: &Schedule, from: u64, ticks: &[u64], look: Look) -> String {
    let row = |tick: &u64| {
        let (at, local) = (utc(*tick)?, schedule.local(*tick)?);
        Some([
            Cell::plain(local.format("%a %Y-%m-%d %H:%M %:z").to_string()),
            Cell::dim(rfc3339(at)),
            Cell::plain(time::duration(at - utc(from)?)),
        ])
    };
    let rows: Vec<_> = ticks.iter().filter_map(row).collect();
    format!("\n{}", table(look, ["LOCAL", "UTC", "AWAY"], &rows))
}

fn utc(ms: u64) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp_millis(i64::try_from(ms).ok()?)
}

fn rfc3339(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// Milliseconds since 1970 of an RFC 3339 text.
fn moment(text: &str) -> Result<u64, String> {
    let at = DateTime::parse_from_rfc3339(text)
        .map_err(|error| format!("{error}; write it like 2026-01-01T00:00:00Z"))?;
    u64::try_from(at.timestamp_millis())
        .map_err(|_| "schedules begin with the year 1970".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_shown_in_local_time_in_utc_and_by_their_distance() {
        let schedule = Schedule::parse("TZ=Europe/Berlin 30 2 * * *").unwrap();
        let from = moment("2026-03-28T00:00:00+01:00").unwrap();
        let ticks: Vec<u64> = schedule.ticks_after(from).take(3).collect();
        assert_eq!(
            times(&schedule, from, &ticks, Look::plain(100)),
            "
LOCAL                        UTC                   AWAY
Sat 2026-03-28 02:30 +01:00  2026-03-28T01:30:00Z  2h 30m
Sun 2026-03-29 03:00 +02:00  2026-03-29T01:00:00Z  1d 02h
Mon 2026-03-30 02:30 +02:00  2026-03-30T00:30:00Z  2d 01h
"
        );
    }

    #[test]
    fn moments_are_rfc_3339_since_1970() {
        assert_eq!(moment("1970-01-01T00:00:01Z"), Ok(1_000));
        assert!(
            moment("2026-01-01")
                .unwrap_err()
                .contains("2026-01-01T00:00:00Z")
        );
        assert!(moment("1969-12-31T23:59:59Z").unwrap_err().contains("1970"));
    }
}
