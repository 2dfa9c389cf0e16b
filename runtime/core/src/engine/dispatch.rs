//! Executions: which runs have instances, and which get them next.

use super::deaths::Verdict;
use super::jobs::Jobs;
use super::timers::arrival_when_due;
use super::{Active, Context, Effect, Engine};
use crate::failure::Failure;
use crate::ids::RunId;
use crate::journal::{OpNumber, WORKFLOW_OP};
use crate::machine::Arrival;
use crate::schema::Schemas;
use crate::state::{ControlKind, ReadError, Run, RunEnd, RunStatus, Write};

/// Runs that are read at once after a start.
const RECOVERY_PAGE: usize = 1_000;

/// Created runs that are remembered until they execute: a bound on memory when very many are queued.
const FRESH_RUNS: usize = 4_096;

/// Turns of one step: other inputs must have theirs.
const TURNS: usize = 1_000;

/// How far the runs that a former process left have been taken up.
#[derive(Debug, Clone, Copy)]
pub(super) enum Recovery {
    /// Those that were executing, after this one.
    Ready(Option<RunId>),
    /// Those for which something had come, after this one.
    Arrivals(Option<RunId>),
}

impl Engine {
    /// Takes up what the store holds. Cheap: runs are read in pages as there is room for them.
    pub(super) fn recover(&mut self, cx: &mut Context<'_>) -> Result<(), ReadError> {
        for app in cx.read.apps()? {
            self.serve(app);
        }
        self.recover_schedules(cx)?;
        self.recover_listeners(cx)?;
        self.use_schemas(&cx.read.schemas()?, &Schemas::default(), cx);
        self.jobs = Jobs::recovered(cx.read.jobs()?);
        if let Some(job) = self.jobs.newest() {
            // Also when the clock went back: new runs are none of its business.
            self.ids.go_past(job.0);
        }
        self.recover_deaths(cx)?;
        self.recovery = Some(Recovery::Ready(None));
        self.requests_on_disk = true;
        let mut after = None;
        loop {
            let page = cx
                .read
                .controls(ControlKind::Pause, after.as_ref(), RECOVERY_PAGE)?;
            let whole = page.len() < RECOVERY_PAGE;
            after = page.last().map(|(key, _)| key.clone());
            for (key, _) in page {
                self.queues.pause(key.function);
            }
            if whole {
                break;
            }
        }
        self.queues.discovery.all();
        let first = cx.read.timers(None, u64::MAX, 1)?;
        self.next_due_ms = first.first().map(|key| key.due_ms);
        Ok(())
    }

    fn load_page(&mut self, recovery: Recovery, cx: &Context<'_>) -> Result<(), ReadError> {
        let page = match recovery {
            Recovery::Ready(after) => cx.read.ready_after(after, RECOVERY_PAGE)?,
            Recovery::Arrivals(after) => cx.read.runs_with_arrivals_after(after, RECOVERY_PAGE)?,
        };
        let last = page.last().copied();
        let whole = page.len() < RECOVERY_PAGE;
        if matches!(recovery, Recovery::Ready(None)) {
            // Some may have begun to execute since the start.
            let waiting = page.iter().filter(|run| !self.active.contains_key(run));
            self.recovered_first = waiting.copied().collect();
        }
        for run in page {
            // Not those that began in this life.
            if !self.active.contains_key(&run) && !self.fresh.contains_key(&run) {
                let listed = matches!(recovery, Recovery::Ready(_));
                self.deaths.found(run, listed);
            }
            self.make_ready_unless_active(run);
        }
        self.recovery = match (recovery, whole) {
            (Recovery::Ready(_), false) => Some(Recovery::Ready(last)),
            (Recovery::Ready(_), true) => Some(Recovery::Arrivals(None)),
            (Recovery::Arrivals(_), false) => Some(Recovery::Arrivals(last)),
            (Recovery::Arrivals(_), true) => None,
        };
        Ok(())
    }

    pub(super) fn make_ready(&mut self, run: RunId) {
        if self.is_ready.insert(run) {
            self.ready.push_back(run);
        }
    }

    /// Remembers a run that was just created, so that it need not be read again.
    pub(super) fn keep_fresh(&mut self, run: Run) {
        if self.fresh.len() < FRESH_RUNS {
            self.fresh.insert(run.id, run);
        } else {
            self.step.created.insert(run.id, run);
        }
    }

    pub(super) fn make_ready_unless_active(&mut self, run: RunId) {
        if !self.active.contains_key(&run) {
            self.make_ready(run);
        }
    }

    /// Gives instances to runs, oldest first, as long as there is room; then requests.
    pub(super) fn dispatch(&mut self, cx: &mut Context<'_>) -> Result<(), ReadError> {
        self.discover(cx)?;
        self.issue_from_disk(cx)?;
        self.let_next_suspect();
        if let Some(recovery @ Recovery::Ready(None)) = self.recovery {
            self.load_page(recovery, cx)?;
        }
        if !self.recovered_first.is_empty() {
            // Runs in flight before a restart say first which slots they need.
            while self.execute_next(cx)? {}
        }
        for _ in 0..TURNS {
            // In turn, so that neither holds up the other.
            let tried = self.try_candidate(cx)?;
            if !self.execute_next(cx)? && !tried {
                break;
            }
        }
        Ok(())
    }

    /// Gives instances to the first of the runs that are ready; `false` if there is none, or no room.
    fn execute_next(&mut self, cx: &mut Context<'_>) -> Result<bool, ReadError> {
        if !self.has_room() {
            return Ok(false);
        }
        if self.ready.is_empty() {
            self.let_next_suspect();
        }
        if self.ready.is_empty() {
            match self.recovery {
                Some(recovery) => self.load_page(recovery, cx)?,
                None => return Ok(false),
            }
        }
        if let Some(run) = self.ready.pop_front() {
            self.is_ready.remove(&run);
            self.execute(run, cx)?;
        }
        Ok(true)
    }

    fn execute(&mut self, id: RunId, cx: &mut Context<'_>) -> Result<(), ReadError> {
        let recovered = self.recovered_first.remove(&id);
        if self.active.contains_key(&id) || self.deaths.must_wait(id) {
            return Ok(());
        }
        let (run, arrivals) = match self.fresh.remove(&id) {
            Some(run) => (run, Vec::new()),
            None => match cx.read.run(id)? {
                Some(run) => match Self::arrivals(&run, cx)? {
                    Some(arrivals) => (run, arrivals),
                    None => return Ok(()),
                },
                None => return Ok(()),
            },
        };
        if run.status.is_final() || run.status == RunStatus::Paused || run.is_in_lane() {
            return Ok(());
        }
        if run.status == RunStatus::Queued && self.function_paused(&run.function) {
            self.hold_back(run, cx);
            return Ok(());
        }
        let verdict = self.judge(&run, cx)?;
        if verdict == Verdict::Held {
            return Ok(());
        }
        let mut arrivals = arrivals;
        if run.is_gated() {
            arrivals.extend(self.grants(id));
            if recovered {
                self.queues.await_word(&run);
            }
        }
        if verdict == Verdict::Later {
            return Ok(());
        }
        self.give_instances(run, arrivals, cx)
    }

    /// Has a run executed.
    pub(super) fn give_instances(
        &mut self,
        run: Run,
        arrivals: Vec<(OpNumber, Arrival)>,
        cx: &mut Context<'_>,
    ) -> Result<(), ReadError> {
        if run.guarded && run.started_ms.is_none() {
            self.guard_from_start(&run, cx)?;
        }
        let token = self.next_token;
        self.next_token += 1;
        self.executing += 1;
        cx.out.now.push(Effect::Execute {
            run: Box::new(run.clone()),
            token,
            arrivals,
        });
        self.active.insert(
            run.id,
            Active {
                token,
                run,
                parked: false,
                gated: false,
            },
        );
        Ok(())
    }

    /// What has come for a run that is not in memory: outcomes that are kept, and registrations whose time has come. `None`
    /// while the next attempt at its code is not due.
    fn arrivals(
        run: &Run,
        cx: &Context<'_>,
    ) -> Result<Option<Vec<(OpNumber, Arrival)>>, ReadError> {
        let mut arrivals: Vec<_> = cx
            .read
            .arrivals(run.id)?
            .into_iter()
            .map(|(op, outcome, attempts, _)| (op, Arrival::Outcome { outcome, attempts }))
            .collect();
        for (op, registration) in cx.read.registrations(run.id)? {
            let due = registration
                .due_ms()
                .is_some_and(|due_ms| due_ms <= cx.now_ms);
            if op == WORKFLOW_OP {
                if !due {
                    return Ok(None);
                }
            } else if due && let Some(arrival) = arrival_when_due(&registration) {
                arrivals.push((op, arrival));
            }
        }
        Ok(Some(arrivals))
    }

    /// An execution is over. If something came for the run that it did not take in, it executes again.
    pub(super) fn released(
        &mut self,
        id: RunId,
        token: u64,
        cx: &mut Context<'_>,
    ) -> Result<(), ReadError> {
        let asked = self.active.get(&id).is_some_and(|active| active.gated);
        let Some(run) = self.retire(id, token) else {
            return Ok(());
        };
        let stopped = run.status.is_final() || run.status == RunStatus::Paused;
        // Steps that wait for slots go on waiting without instances.
        let gated = asked && self.waits_for_slots(id);
        // A slot that was granted while the instances left is kept for the next execution. Given back, it would be asked for
        // again, and where memory is short the run would leave again before it comes, for ever.
        let granted = !stopped && !self.grants(id).is_empty();
        if !gated && !granted && run.is_gated() {
            self.rest_in_queue(id);
        }
        if stopped {
            return Ok(());
        }
        let missed = run.is_listed_ready() && !gated
            || match Self::arrivals(&run, cx)? {
                // A retry that came due stays registered until its body was executed.
                Some(mut arrivals) if gated => {
                    arrivals.retain(|(op, arrival)| {
                        *arrival != Arrival::Due || !self.step_waits(id, *op)
                    });
                    !arrivals.is_empty()
                }
                Some(arrivals) => {
                    !arrivals.is_empty() || cx.read.registration(id, WORKFLOW_OP)?.is_some()
                }
                None => false,
            };
        if missed {
            self.make_ready(id);
        }
        Ok(())
    }

    /// Forgets an execution, if the token is the current one.
    pub(super) fn retire(&mut self, id: RunId, token: u64) -> Option<Run> {
        if self.active.get(&id)?.token != token {
            return None;
        }
        let active = self.active.remove(&id)?;
        if !active.parked {
            self.executing -= 1;
        }
        Some(active.run)
    }

    /// An execution cannot go on for reasons of the platform: the run is paused and keeps everything.
    pub(super) fn broken(
        &mut self,
        id: RunId,
        token: u64,
        failure: Failure,
        cx: &mut Context<'_>,
    ) -> Result<(), ReadError> {
        // One that has ended stays as it ended: its output was told already.
        match self.retire(id, token) {
            Some(run) if !run.status.is_final() => self.pause(run, failure, cx),
            Some(_) | None => Ok(()),
        }
    }

    pub(super) fn pause(
        &mut self,
        mut run: Run,
        failure: Failure,
        cx: &mut Context<'_>,
    ) -> Result<(), ReadError> {
        self.acquit(run.id);
        self.pause_in_queue(&run, cx)?;
        if run.guarded {
            self.hold_timeouts(run.id, cx)?;
        }
        if run.is_listed_ready() {
            cx.out.write(Write::DeleteReady(run.id));
        }
        run.status = RunStatus::Paused;
        run.end = Some(RunEnd::Failure(failure));
        cx.out.put_run(&run);
        Ok(())
    }
}
