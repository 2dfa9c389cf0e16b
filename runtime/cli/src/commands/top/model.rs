//! What `abide top` knows: the latest runs and those that are under way, and the figures that follow from them. No I/O, no clock.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};

use super::hour::Hour;
use crate::client::model::{Function, Run, RunTotals, Status};
use crate::terminal::one_line;

/// Runs that are remembered. Beyond it the oldest that ended are forgotten.
const MOST_RUNS: usize = 20_000;

/// A run, as far as it is shown.
#[derive(Debug, Clone)]
pub(super) struct Known {
    pub(super) id: String,
    pub(super) function: String,
    pub(super) status: Status,
    pub(super) queued: Option<DateTime<Utc>>,
    pub(super) began: Option<DateTime<Utc>>,
    pub(super) ended: Option<DateTime<Utc>>,
    /// What went wrong, or what it waits for.
    pub(super) note: String,
}

impl Known {
    /// How long it has taken so far.
    pub(super) fn took(&self, now: DateTime<Utc>) -> Option<TimeDelta> {
        Some(self.ended.unwrap_or(now) - self.began?)
    }
}

impl From<Run> for Known {
    fn from(run: Run) -> Self {
        let note = match (&run.error, &run.waiting_for) {
            (Some(error), _) => error.to_string(),
            (None, Some(waiting)) => waiting.clone(),
            (None, None) => String::new(),
        };
        Self {
            id: run.run_id,
            function: run.function_id,
            status: run.status,
            queued: run.queued_at,
            began: run.started_at.or(run.queued_at),
            ended: run.ended_at,
            note: one_line(&note),
        }
    }
}

/// A function that is deployed.
#[derive(Debug, Clone, Default)]
pub(super) struct Deployed {
    pub(super) id: String,
    pub(super) paused: bool,
    /// What its runs did in the last hour, as the server counts them.
    pub(super) hour: Option<RunTotals>,
}

impl From<Function> for Deployed {
    fn from(function: Function) -> Self {
        Self {
            id: function.id,
            paused: function.paused_at.is_some(),
            hour: function.totals.map(|totals| totals.hour),
        }
    }
}

/// What the server says of itself.
#[derive(Debug, Clone, Default, serde::Deserialize)]
#[serde(default)]
pub(super) struct Health {
    pub(super) status: String,
    pub(super) version: String,
    pub(super) uptime_ms: i64,
    pub(super) executing: u64,
    pub(super) resident: u64,
    pub(super) queued: u64,
}

/// See the [module](self).
#[derive(Debug, Default)]
pub(super) struct Model {
    /// By id: that is the order in which they were created.
    runs: BTreeMap<String, Known>,
    /// Functions that are deployed, by name.
    functions: BTreeMap<String, Deployed>,
    pub(super) health: Health,
    /// Whether there are more runs under way than are known.
    pub(super) more: bool,
    /// The last hour, where the server tells it.
    pub(super) hour: Option<Hour>,
    /// Why the server cannot be asked right now.
    pub(super) lost: Option<String>,
}

/// Runs by where they stand.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) queued: usize,
    pub(super) running: usize,
    pub(super) sleeping: usize,
    pub(super) waiting: usize,
    pub(super) paused: usize,
}

/// What happened within the last minute.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Minute {
    pub(super) started: usize,
    pub(super) completed: usize,
    pub(super) failed: usize,
    pub(super) cancelled: usize,
}

/// A function's figures.
#[derive(Debug, Clone, Default)]
pub(super) struct Figures {
    pub(super) id: String,
    pub(super) paused: bool,
    pub(super) counts: Counts,
    pub(super) minute: Minute,
    /// Of the runs that ended within the last hour, in percent.
    pub(super) failed: Option<f64>,
    pub(super) p50: Option<TimeDelta>,
    pub(super) p95: Option<TimeDelta>,
    /// When one of its runs was created last.
    pub(super) latest: Option<DateTime<Utc>>,
}

impl Figures {
    /// Runs that have not ended.
    pub(super) fn under_way(&self) -> usize {
        let Counts {
            queued,
            running,
            sleeping,
            waiting,
            paused,
        } = self.counts;
        queued + running + sleeping + waiting + paused
    }
}

impl Counts {
    fn add(&mut self, status: Status) {
        match status {
            Status::Queued => self.queued += 1,
            Status::Running => self.running += 1,
            Status::Sleeping => self.sleeping += 1,
            Status::Waiting => self.waiting += 1,
            Status::Paused => self.paused += 1,
            Status::Completed
            | Status::Failed
            | Status::Cancelled
            | Status::Skipped
            | Status::Unknown => {}
        }
    }
}

impl Minute {
    fn add(&mut self, run: &Known, now: DateTime<Utc>) {
        let within =
            |at: Option<DateTime<Utc>>| at.is_some_and(|at| now - at < TimeDelta::minutes(1));
        if within(run.queued) && run.status != Status::Skipped {
            self.started += 1;
        }
        if within(run.ended) {
            match run.status {
                Status::Completed => self.completed += 1,
                Status::Failed => self.failed += 1,
                Status::Cancelled => self.cancelled += 1,
                Status::Queued
                | Status::Running
                | Status::Sleeping
                | Status::Waiting
                | Status::Paused
                | Status::Skipped
                | Status::Unknown => {}
            }
        }
    }
}

impl Model {
    /// A run stands so now.
    pub(super) fn take(&mut self, run: Run) {
        let run = Known::from(run);
        self.runs.insert(run.id.clone(), run);
        if self.runs.len() > MOST_RUNS + MOST_RUNS / 10 {
            let over = self.runs.len() - MOST_RUNS;
            let ended = self.runs.values().filter(|run| run.status.is_over());
            let oldest: BTreeSet<String> = ended.take(over).map(|run| run.id.clone()).collect();
            self.runs.retain(|id, _| !oldest.contains(id));
        }
    }

    /// Everything is read anew: what was known may have changed without a word.
    pub(super) fn begin_anew(&mut self) {
        self.runs.clear();
        self.more = false;
    }

    /// These functions are deployed.
    pub(super) fn deployed(&mut self, functions: Vec<Deployed>) {
        let functions = functions.into_iter();
        self.functions = functions.map(|it| (it.id.clone(), it)).collect();
    }

    /// The runs, newest first, of functions whose name has this in it.
    pub(super) fn runs<'a>(&'a self, filter: &'a str) -> impl Iterator<Item = &'a Known> {
        let runs = self.runs.values().rev();
        runs.filter(move |run| run.function.contains(filter))
    }

    /// Where the runs stand, and what the last minute brought.
    pub(super) fn totals(&self, filter: &str, now: DateTime<Utc>) -> (Counts, Minute) {
        let (mut counts, mut minute) = (Counts::default(), Minute::default());
        for run in self.runs(filter) {
            counts.add(run.status);
            minute.add(run, now);
        }
        (counts, minute)
    }

    /// The figures of each function, by name.
    pub(super) fn figures(&self, filter: &str, now: DateTime<Utc>) -> Vec<Figures> {
        let mut all: BTreeMap<&str, (Figures, Vec<TimeDelta>, usize)> = BTreeMap::new();
        for (id, deployed) in &self.functions {
            if id.contains(filter) {
                all.entry(id).or_default().0.paused = deployed.paused;
            }
        }
        for run in self.runs(filter) {
            let (figures, durations, failed) = all.entry(&run.function).or_default();
            figures.counts.add(run.status);
            figures.minute.add(run, now);
            figures.latest = figures.latest.max(run.queued);
            let recent = run.ended.is_some_and(|at| now - at < TimeDelta::hours(1));
            if recent && matches!(run.status, Status::Completed | Status::Failed) {
                durations.extend(run.took(now));
                *failed += usize::from(run.status == Status::Failed);
            }
        }
        let finish =
            |(id, (mut figures, mut durations, failed)): (&str, (Figures, Vec<_>, usize))| {
                id.clone_into(&mut figures.id);
                durations.sort_unstable();
                figures.p50 = percentile(&durations, 50);
                figures.p95 = percentile(&durations, 95);
                figures.failed = percent(failed as u64, durations.len() as u64);
                let deployed = self.functions.get(&figures.id);
                let hour = deployed.and_then(|it| it.hour.as_ref());
                // A server that was started a moment ago has counted fewer than are known here.
                if let Some(hour) = hour.filter(|hour| ended(hour) >= durations.len() as u64) {
                    figures.p50 = hour.duration_p50_ms.map(millis);
                    figures.p95 = hour.duration_p95_ms.map(millis);
                    figures.failed = percent(hour.failed, ended(hour));
                }
                figures
            };
        all.into_iter().map(finish).collect()
    }
}

fn ended(totals: &RunTotals) -> u64 {
    totals.completed.saturating_add(totals.failed)
}

/// How many in a hundred; nothing of none.
#[expect(clippy::cast_precision_loss, reason = "what is shown has four digits")]
fn percent(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 * 100.0 / whole as f64)
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "a duration in milliseconds"
)]
fn millis(ms: f64) -> TimeDelta {
    TimeDelta::milliseconds(ms as i64)
}

/// The smallest duration that so many percent of them do not exceed.
fn percentile(sorted: &[TimeDelta], percent: usize) -> Option<TimeDelta> {
    let rank = (sorted.len() * percent).div_ceil(100);
    sorted.get(rank.saturating_sub(1)).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_the_nearest_rank() {
        let of = |n: i64| (1..=n).map(TimeDelta::seconds).collect::<Vec<_>>();
        assert_eq!(percentile(&of(100), 95), Some(TimeDelta::seconds(95)));
        assert_eq!(percentile(&of(1), 50), Some(TimeDelta::seconds(1)));
        assert_eq!(percentile(&of(4), 50), Some(TimeDelta::seconds(2)));
        assert_eq!(percentile(&[], 95), None);
    }

    #[test]
    fn what_the_server_counted_goes_before_what_is_known_here_unless_it_is_less() {
        let run = |n: usize| {
            let json = format!(
                r#"{{"run_id":"{n:08}","function_id":"a/b","status":"Completed","started_at":"2026-03-01T11:59:58Z","ended_at":"2026-03-01T12:00:00Z"}}"#
            );
            serde_json::from_str::<Run>(&json).expect("a run")
        };
        let now = "2026-03-01T12:00:01Z".parse().expect("a time");
        let mut model = Model::default();
        model.take(run(1));
        let counted = |completed| Deployed {
            id: "a/b".into(),
            hour: Some(RunTotals {
                completed,
                failed: completed,
                duration_p50_ms: Some(80.5),
                ..RunTotals::default()
            }),
            ..Deployed::default()
        };
        model.deployed(vec![counted(0)]);
        let figures = &model.figures("", now)[0];
        assert_eq!(figures.p50, Some(TimeDelta::seconds(2)));
        model.deployed(vec![counted(50)]);
        let figures = &model.figures("", now)[0];
        assert_eq!(figures.p50, Some(TimeDelta::milliseconds(80)));
        assert_eq!(
            figures.failed.map(|it| it.to_string()).as_deref(),
            Some("50")
        );
    }

    #[test]
    fn the_oldest_runs_that_ended_are_forgotten_and_none_that_is_under_way() {
        let mut model = Model::default();
        let run = |n: usize, status: &str| {
            let json = format!(r#"{{"run_id":"{n:08}","function_id":"a/b","status":"{status}"}}"#);
            serde_json::from_str::<Run>(&json).expect("a run")
        };
        model.take(run(0, "Sleeping"));
        for n in 1..=MOST_RUNS + MOST_RUNS / 10 {
            model.take(run(n, "Completed"));
        }
        assert_eq!(model.runs.len(), MOST_RUNS);
        assert!(model.runs.contains_key("00000000") && !model.runs.contains_key("00000001"));
    }
}
