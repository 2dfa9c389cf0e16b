//! Jobs: one thing done to many runs, in portions, at a pace, across restarts.
//!
//! | a job is   | and then                                         | becomes    |
//! |------------|--------------------------------------------------|------------|
//! | `Running`  | it is its turn: a portion of runs is looked at    | `Running`  |
//! | `Running`  | no run is left that was created before it         | `Finished` |
//! | `Running`  | an operator stops it                              | `Stopped`  |
//!
//! What a portion does and how far the job has come are written by one step: whatever a crash forgets, no run is left out and none is done
//! twice. A portion has a step of its own, so that what it reads is what is there. Jobs take turns with each other and with timers.
//!
//! Invariants:
//! - A run that was created after the job is none of its business.
//! - Two runs of a paced job lie at least its interval apart, as far as a clock of milliseconds can tell; time that was lost is not made up for.

use std::collections::BTreeMap;

use super::{Answer, Context, Engine, ReplyId};
use crate::DAY_MS;
use crate::expr::Expr;
use crate::ids::RunId;
use crate::state::{Job, JobAction, JobState, Read, ReadError, Run, RunFilter, RunStatus, Write};

/// Runs that a portion of a paced job reads, at least.
const LEAST_PORTION: usize = 8;

/// Jobs that can go on at once: each takes its turns.
const MAX_RUNNING: usize = 64;

/// The longest time between two runs of a job.
const MAX_INTERVAL_US: u64 = DAY_MS * 1_000;

/// Which runs an action is for: the filter, compiled, and what the action itself asks of a run.
#[derive(Debug, Clone)]
pub struct Selection {
    filter: RunFilter,
    condition: Option<Expr>,
    replays: bool,
}

/// A portion of the runs that a selection was asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counted {
    /// Runs that were looked at.
    pub examined: u64,
    /// Those among them that are selected.
    pub selected: u64,
    /// The last of them, after which to go on; `None` when no run is left.
    pub last: Option<RunId>,
}

impl Selection {
    /// Checks what an operator can get wrong; a refusal is a sentence.
    pub fn new(action: &JobAction, filter: RunFilter) -> Result<Self, String> {
        let replays = matches!(action, JobAction::Replay);
        let possible = |status: &RunStatus| status.is_final() == replays;
        if !filter.statuses.is_empty() && !filter.statuses.iter().any(possible) {
            let names: Vec<_> = filter
                .statuses
                .iter()
                .map(|status| status.as_str())
                .collect();
            let names = names.join(", ");
            return Err(if replays {
                format!(
                    "status: only runs that have ended can be replayed, and {names} is no end; cancel them first"
                )
            } else {
                format!(
                    "status: only runs that have not ended can be cancelled, and {names} is an end"
                )
            });
        }
        if let (Some(since), Some(until)) = (filter.since_ms, filter.until_ms)
            && since >= until
        {
            return Err("since, until: no time lies between them".into());
        }
        let source = filter.if_expr.as_deref();
        let condition = source.map(RunFilter::condition).transpose();
        let condition = condition.map_err(|fault| format!("if: {fault}"))?;
        Ok(Self {
            filter,
            condition,
            replays,
        })
    }

    /// Whether the action is for this run.
    pub fn selects(&self, run: &Run, read: &dyn Read) -> Result<bool, ReadError> {
        if run.status.is_final() != self.replays || !self.filter.admits(run) {
            return Ok(false);
        }
        let Some(condition) = &self.condition else {
            // Without its event no run can be replayed.
            return Ok(!self.replays || read.has_event(run.event)?);
        };
        let event = read.event(run.event)?;
        Ok(event.is_some_and(|event| RunFilter::condition_holds(condition, &event, run)))
    }

    /// How many runs there are that the action is for, among the next `limit` after `after`: what a job would do now.
    pub fn count(
        &self,
        after: Option<RunId>,
        limit: usize,
        read: &dyn Read,
    ) -> Result<Counted, ReadError> {
        let page = read.runs_after(after, limit)?;
        let mut selected = 0;
        for run in &page {
            selected += u64::from(self.selects(run, read)?);
        }
        let whole = page.len() < limit;
        Ok(Counted {
            examined: page.len() as u64,
            selected,
            last: page.last().map(|run| run.id).filter(|_| !whole),
        })
    }
}

/// The jobs that go on.
#[derive(Debug, Default)]
pub(super) struct Jobs {
    running: BTreeMap<RunId, Running>,
    /// The job that had its turn last.
    last: Option<RunId>,
    /// Whether the last turn was a job's.
    had_turn: bool,
}

#[derive(Debug)]
struct Running {
    job: Job,
    selection: Selection,
    /// Runs to read for the next portion: few while the pace holds it up.
    portion: usize,
}

impl Jobs {
    /// The jobs that a former process left unfinished.
    pub(super) fn recovered(jobs: Vec<Job>) -> Self {
        let mut recovered = Self::default();
        for job in jobs {
            if job.state == JobState::Running
                && let Ok(selection) = Selection::new(&job.action, job.filter.clone())
            {
                recovered.add(job, selection);
            }
        }
        recovered
    }

    fn add(&mut self, job: Job, selection: Selection) {
        let running = Running {
            job,
            selection,
            portion: usize::MAX,
        };
        self.running.insert(running.job.id, running);
    }

    /// The job that was created last.
    pub(super) fn newest(&self) -> Option<RunId> {
        self.running.keys().next_back().copied()
    }

    /// When the next portion is due.
    pub(super) fn due_ms(&self) -> Option<u64> {
        self.running
            .values()
            .map(|running| due_ms(&running.job))
            .min()
    }

    /// Whether a job has its turn now, rather than timers that are due too.
    pub(super) fn take_turn(&mut self, now_ms: u64, timers_due_ms: Option<u64>) -> bool {
        if self.due_ms().is_none_or(|due| due > now_ms) {
            return false;
        }
        let timers = timers_due_ms.is_some_and(|due| due <= now_ms);
        self.had_turn = !(timers && self.had_turn);
        self.had_turn
    }

    /// Takes out the job whose turn it is.
    fn next(&mut self, now_ms: u64) -> Option<Running> {
        let due = |(_, running): &(&RunId, &Running)| due_ms(&running.job) <= now_ms;
        let after = self
            .last
            .map_or(RunId(0), |last| RunId(last.0.saturating_add(1)));
        let mut later = self.running.range(after..).filter(due);
        let found = later.next().or_else(|| self.running.iter().find(due));
        let id = *found?.0;
        self.last = Some(id);
        self.running.remove(&id)
    }
}

/// The first millisecond in which the job's next run may be done.
fn due_ms(job: &Job) -> u64 {
    match job.interval_us {
        // Several within a millisecond.
        Some(interval) if interval < 1_000 => job.next_us / 1_000,
        Some(_) | None => job.next_us.div_ceil(1_000),
    }
}

/// Whether the pace allows a run now; then it counts.
fn keep_pace(job: &mut Job, now_ms: u64) -> bool {
    let Some(interval) = job.interval_us else {
        return true;
    };
    if due_ms(job) > now_ms {
        return false;
    }
    let clock_us = now_ms.saturating_mul(1_000);
    // Where every run waits for a millisecond to come, less than one late is the clock's doing. More is not made up for.
    let clocks = if interval < 1_000 { 0 } else { 999 };
    let late = clock_us.saturating_sub(job.next_us) > clocks;
    let from = if late { clock_us } else { job.next_us };
    job.next_us = from.saturating_add(interval);
    true
}

impl Engine {
    pub(super) fn start_job(
        &mut self,
        action: JobAction,
        filter: RunFilter,
        interval_us: Option<u64>,
        reply: ReplyId,
        cx: &mut Context<'_>,
    ) {
        let interval_us = interval_us.filter(|interval| *interval > 0);
        let answer = match self.new_job(action, filter, interval_us, cx.now_ms) {
            Ok((job, selection)) => {
                let job = Box::new(job);
                cx.out.write(Write::PutJob(job.clone()));
                self.jobs.add((*job).clone(), selection);
                Answer::Job(job)
            }
            Err(reason) => Answer::Refused(reason),
        };
        cx.out.answer(reply, answer);
    }

    fn new_job(
        &mut self,
        action: JobAction,
        filter: RunFilter,
        interval_us: Option<u64>,
        now_ms: u64,
    ) -> Result<(Job, Selection), String> {
        if self.jobs.running.len() >= MAX_RUNNING {
            return Err(format!(
                "{MAX_RUNNING} jobs go on already, which is the limit; wait for one to finish, or stop one"
            ));
        }
        if interval_us.is_some_and(|interval| interval > MAX_INTERVAL_US) {
            return Err("rate: must be at least one run a day".into());
        }
        let selection = Selection::new(&action, filter.clone())?;
        let job = Job {
            id: RunId(self.ids.next(now_ms)),
            action,
            filter,
            interval_us,
            created_ms: now_ms,
            state: JobState::Running,
            cursor: None,
            examined: 0,
            done: 0,
            next_us: now_ms.saturating_mul(1_000),
            ended_ms: None,
        };
        Ok((job, selection))
    }

    pub(super) fn stop_job(
        &mut self,
        id: RunId,
        reply: ReplyId,
        cx: &mut Context<'_>,
    ) -> Result<(), ReadError> {
        let answer = if let Some(Running { mut job, .. }) = self.jobs.running.remove(&id) {
            job.state = JobState::Stopped;
            job.ended_ms = Some(cx.now_ms);
            cx.out.write(Write::PutJob(Box::new(job.clone())));
            Answer::Job(Box::new(job))
        } else {
            // One that is over stays as it is.
            let found = cx.read.jobs()?.into_iter().find(|job| job.id == id);
            found.map_or(Answer::NoSuchJob, |job| Answer::Job(Box::new(job)))
        };
        cx.out.answer(reply, answer);
        Ok(())
    }

    /// One portion of the job whose turn it is.
    pub(super) fn work_on_jobs(&mut self, cx: &mut Context<'_>) -> Result<(), ReadError> {
        let Some(mut running) = self.jobs.next(cx.now_ms) else {
            return Ok(());
        };
        let portion = running.portion.min(self.config.runs_per_portion);
        let page = cx.read.runs_after(running.job.cursor, portion)?;
        let mut over = page.len() < portion;
        let mut held_up = false;
        for run in page {
            if run.id >= running.job.id {
                over = true;
                break;
            }
            let concerned = run.queued_ms <= running.job.created_ms
                && !self.step.ended.contains(&run.id)
                && running.selection.selects(&run, cx.read)?;
            if concerned {
                if !keep_pace(&mut running.job, cx.now_ms) {
                    held_up = true;
                    break;
                }
                let done = self.do_to(&running.job.action, run.id, cx)?;
                running.job.done += u64::from(done);
            }
            running.job.cursor = Some(run.id);
            running.job.examined += 1;
        }
        if over && !held_up {
            running.job.state = JobState::Finished;
            running.job.ended_ms = Some(cx.now_ms);
        }
        running.portion = if held_up {
            LEAST_PORTION
        } else {
            running.portion.saturating_mul(2)
        };
        cx.out.write(Write::PutJob(Box::new(running.job.clone())));
        if running.job.state == JobState::Running {
            self.jobs.running.insert(running.job.id, running);
        }
        Ok(())
    }

    /// Whether it could be done.
    fn do_to(
        &mut self,
        action: &JobAction,
        id: RunId,
        cx: &mut Context<'_>,
    ) -> Result<bool, ReadError> {
        let Some(run) = self.find(id, cx)? else {
            return Ok(false);
        };
        match action {
            JobAction::Cancel { .. } if run.status.is_final() => Ok(false),
            JobAction::Cancel { reason } => {
                self.cancel_run(run, reason, cx)?;
                self.cancel_withdrawn(cx)?;
                Ok(true)
            }
            JobAction::Replay => Ok(self.replay_run(&run, None, cx)?.is_ok()),
        }
    }
}
