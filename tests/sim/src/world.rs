//! The scheduler: one generator decides at every point what goes next, when time passes, what fails and when the power is cut.
//!
//! A world goes through several lives of one node on one disk. When no more is to go wrong, it goes on until nothing is left to do, and the checks
//! look at what came of it. The same seed makes the same world: nothing here may ask the machine for the time, for randomness or for threads.

mod asking;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use abide_core::ids::RunId;
use abide_core::state::{Read as _, Run, RunStatus};
use abide_store::{Fault, MemoryDisk};
use anyhow::{Context, Result, bail, ensure};
use parking_lot::Mutex;

use self::asking::{Asked, Said};
use crate::ledger::Ledger;
use crate::life::{Life, Machine};
use crate::orders::{Progress, Request, Tell};
use crate::plan::{BEGINNING_MS, Plan};
use crate::rng::Rng;
use crate::service::{Call, Fate};
use crate::trace::Trace;

/// The app's id.
pub const APP: &str = "sim";

/// More steps than any world needs: one that takes more goes round in circles.
const MOST_STEPS: u64 = 400_000;

/// How often the world may spoil an attempt at one step by what its service does. Together with crashes and jumps of the clock it must stay below
/// [`SPARE_ATTEMPTS`](crate::program::SPARE_ATTEMPTS).
const MOST_SPOILT: u32 = 3;

/// How often time passes by a leap although something is under way.
const MOST_LEAPS: u32 = 2;

/// When something should have come to its end at the latest: programs wait for 300 days where they must not time out.
const LATEST_MS: u64 = BEGINNING_MS + 250 * 24 * 3_600_000;

/// Numbers for the summary.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Runs that came to their ends.
    pub runs: u64,
    /// Calls of bodies that the outside saw.
    pub calls: u64,
    /// Steps of the scheduler.
    pub steps: u64,
    /// Lives that ended by a crash.
    pub crashes: u64,
    /// Faults of the disk, calls that went wrong, leaps of the clock.
    pub faults: u64,
}

impl std::ops::AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.runs += other.runs;
        self.calls += other.calls;
        self.steps += other.steps;
        self.crashes += other.crashes;
        self.faults += other.faults;
    }
}

/// See the [module](self).
pub struct World<'a> {
    machine: &'a Machine,
    pub(crate) plan: Plan,
    rng: Rng,
    /// What happened.
    pub trace: Trace,
    pub(crate) disk: MemoryDisk,
    life: Option<Life>,
    now_ms: u64,
    crashes_left: u32,
    /// Steps until the next crash.
    fuse: u64,
    /// The disk failed: the process ends after so many more steps.
    dying: Option<u64>,
    pub(crate) requests: Vec<Request>,
    tells: Vec<Tell>,
    asked: BTreeMap<u64, Asked>,
    questions: u64,
    said: Arc<Mutex<Vec<(u64, Said)>>>,
    deployed: bool,
    version: usize,
    pub(crate) ledger: Ledger,
    spoilt: BTreeMap<String, u32>,
    leaps: u32,
    pub(crate) cancelled: BTreeSet<RunId>,
    /// The numbers so far.
    pub counts: Counts,
}

impl<'a> World<'a> {
    /// The world of this seed, before anything happened.
    pub fn new(machine: &'a Machine, seed: u64, trace: Trace) -> Self {
        let mut rng = Rng::new(seed);
        let plan = Plan::draw(&mut rng);
        let requests = (0..plan.requests)
            .map(|number| Request::draw(number, &plan, BEGINNING_MS, &mut rng))
            .collect();
        let fuse = rng.within(0..plan.life_steps);
        Self {
            machine,
            crashes_left: plan.crashes,
            plan,
            rng,
            trace,
            disk: MemoryDisk::new(),
            life: None,
            now_ms: BEGINNING_MS,
            fuse,
            dying: None,
            requests,
            tells: Vec::new(),
            asked: BTreeMap::new(),
            questions: 0,
            said: Arc::default(),
            deployed: false,
            version: 0,
            ledger: Ledger::default(),
            spoilt: BTreeMap::new(),
            leaps: 0,
            cancelled: BTreeSet::new(),
            counts: Counts::default(),
        }
    }

    /// Lives through everything. An error is a broken promise.
    pub fn live(&mut self) -> Result<()> {
        self.begin()?;
        loop {
            ensure!(
                self.trace.steps() < MOST_STEPS,
                "nothing comes to an end: {MOST_STEPS} steps"
            );
            if self.is_time_to_die() {
                self.crash()?;
                continue;
            }
            if !self.step()? && !self.idle()? {
                break;
            }
        }
        self.replay_all()?;
        self.end_life();
        crate::checks::all(self)?;
        self.counts.calls = self.ledger.count();
        self.counts.steps = self.trace.steps();
        Ok(())
    }

    /// Replays every run that was executed from its journal: it must do again what is recorded.
    fn replay_all(&mut self) -> Result<()> {
        for run in self.runs()? {
            if run.started_ms.is_none() {
                continue;
            }
            let (node, said) = (self.life()?.node.clone(), Arc::new(Mutex::new(None)));
            let answer = said.clone();
            self.life()?.tasks.spawn(Box::pin(async move {
                *answer.lock() = Some(node.check_replay(run.id).await);
            }));
            while said.lock().is_none() {
                let life = self.life.as_mut().context("the node is off")?;
                let moved = life.poll(0).is_some() || life.steps.has_turn();
                ensure!(moved, "the replay of {} comes to no end", run.id);
                life.steps.turn(usize::MAX)?;
                life.steps.commit()?;
            }
            let replayed = said.lock().take();
            match replayed {
                Some(Ok(None)) => {}
                Some(Ok(Some(divergence))) => {
                    bail!("the run {} does not replay: {divergence}", run.id)
                }
                Some(Err(error)) => bail!("the run {} cannot be replayed: {error}", run.id),
                None => bail!("the replay of {} says nothing", run.id),
            }
        }
        Ok(())
    }

    pub(crate) fn life(&self) -> Result<&Life> {
        self.life.as_ref().context("the node is off")
    }

    fn begin(&mut self) -> Result<()> {
        let random = self.rng.fork();
        self.trace.note("begin", self.now_ms);
        let life = Life::begin(self.machine, &self.disk, &self.plan, self.now_ms, random)?;
        self.life = Some(life);
        if !self.deployed {
            self.deploy()?;
        }
        Ok(())
    }

    /// Ends the world where it stands.
    pub fn end(mut self) {
        self.end_life();
    }

    fn end_life(&mut self) {
        if let Some(life) = self.life.take() {
            life.end();
        }
    }

    // Dying.

    fn is_time_to_die(&mut self) -> bool {
        if let Some(steps) = &mut self.dying {
            *steps = steps.saturating_sub(1);
            return *steps == 0;
        }
        if self.crashes_left == 0 || !self.deployed {
            return false;
        }
        self.fuse = self.fuse.saturating_sub(1);
        if self.fuse > 0 {
            return false;
        }
        let fault = match self.rng.within(0..5) {
            0 => Fault::Lost,
            1 => Fault::WrittenWithoutAnswer,
            2 => Fault::Refused,
            _ => return true,
        };
        // The next commit fails; the process has some steps more, and commits nothing further.
        self.counts.faults += 1;
        self.trace.tell("fault", &format_args!("{fault:?}"));
        self.disk.fail_next_commit(fault);
        self.dying = Some(1 + self.rng.within(0..40));
        false
    }

    fn crash(&mut self) -> Result<()> {
        self.trace.note("crash", u64::from(self.crashes_left));
        self.counts.crashes += 1;
        self.crashes_left = self.crashes_left.saturating_sub(1);
        self.dying = None;
        self.disk.forget_faults();
        self.end_life();
        self.asked.clear();
        self.said.lock().clear();
        for progress in self.all_progress() {
            if *progress == Progress::Sent {
                *progress = Progress::Open;
            }
        }
        // The machine is off for a while; its clock may come back with another time.
        let off = [
            0,
            1,
            self.rng.within(0..10_000),
            self.rng.within(0..86_400_000),
        ];
        self.now_ms += self.rng.choice(&off).copied().unwrap_or(0);
        if self.rng.chance(10) {
            self.now_ms -= self.rng.within(0..60_000).min(self.now_ms - BEGINNING_MS);
        }
        self.fuse = 1 + self.rng.within(0..self.plan.life_steps);
        self.begin()
    }

    fn all_progress(&mut self) -> impl Iterator<Item = &mut Progress> {
        let requests = self.requests.iter_mut().map(|it| &mut it.progress);
        requests.chain(self.tells.iter_mut().map(|it| &mut it.progress))
    }

    // One step.

    /// Takes one step; `false` if there is none to take.
    fn step(&mut self) -> Result<bool> {
        if self.rng.within(0..1_000) < self.plan.impatience {
            self.leap()?;
        }
        if self.rng.within(0..1_000) < self.plan.operator {
            self.operate()?;
        }
        let weights = self.plan.weights;
        let life = self.life.as_mut().context("the node is off")?;
        let ready = life.tasks.ready() as u64;
        let calls = life.service.waiting() as u64;
        let turn = if life.steps.has_turn() {
            weights.turn
        } else {
            0
        };
        let commit = if life.steps.has_group() {
            weights.commit
        } else {
            0
        };
        let send = u64::from(self.deployed && self.next_to_send().is_some());
        let life = self.life.as_mut().context("the node is off")?;
        let (tasks, answers) = (ready * weights.task, calls * weights.answer);
        let total = tasks + turn + commit + answers;
        if total == 0 {
            return Ok(false);
        }
        let drawn = self.rng.within(0..total + send);
        let (turns, commits) = (tasks + turn, tasks + turn + commit);
        let place = |from: u64, weight: u64| usize::try_from((drawn - from) / weight).unwrap_or(0);
        if drawn < tasks {
            let task = life.poll(place(0, weights.task));
            self.trace.note("poll", task.unwrap_or(u64::MAX));
        } else if drawn < turns {
            let done = life.steps.turn(self.plan.inputs_in_turn);
            self.trace.note("turn", u64::from(done.is_ok()));
            self.note_failure(done.is_err());
        } else if drawn < commits {
            let done = life.steps.commit();
            self.trace.note("commit", u64::from(done.is_ok()));
            self.note_failure(done.is_err());
        } else if drawn < total {
            let call = life.service.answer(place(commits, weights.answer));
            self.trace.note("answer", call.unwrap_or(u64::MAX));
        } else if let Some(asked) = self.next_to_send() {
            self.ask(asked)?;
        }
        self.life()?.go_on_below();
        self.take_calls()?;
        self.take_answers()?;
        self.take_notices()?;
        Ok(true)
    }

    /// The store failed: the process is about to end, sooner or later.
    fn note_failure(&mut self, failed: bool) {
        if failed && self.dying.is_none() {
            self.dying = Some(1 + self.rng.within(0..20));
        }
    }

    // The outside.

    fn take_calls(&mut self) -> Result<()> {
        for (number, call) in self.life()?.service.arrived() {
            self.trace.tell("call", &call.text);
            let fate = self.fate(&call);
            if fate != Fate::Refused
                && let Some(report) = &call.report
                && let Err(rule) = self.ledger.take(report)
            {
                bail!("{rule}");
            }
            if fate == Fate::Answered {
                self.life()?.service.keep(number, call);
            } else {
                self.trace.tell("bad", &format_args!("{fate:?}"));
                self.counts.faults += 1;
                call.end(fate);
            }
        }
        Ok(())
    }

    fn fate(&mut self, call: &Call) -> Fate {
        if !self.rng.chance(self.plan.bad_calls) {
            return Fate::Answered;
        }
        let step = match &call.report {
            Some(report) => report.step_key.clone(),
            None => call.text.clone(),
        };
        let spoilt = self.spoilt.entry(step).or_default();
        if *spoilt >= MOST_SPOILT {
            return Fate::Answered;
        }
        *spoilt += 1;
        if self.rng.chance(50) {
            Fate::LostAfter
        } else {
            Fate::Refused
        }
    }

    // Time.

    /// Lets time pass although something is under way.
    fn leap(&mut self) -> Result<()> {
        let small = self.rng.chance(80) || self.leaps >= MOST_LEAPS;
        let ms = if small {
            self.rng.within(0..5)
        } else {
            self.leaps += 1;
            self.counts.faults += 1;
            self.rng.within(0..3_600_000)
        };
        self.pass(ms)
    }

    fn pass(&mut self, ms: u64) -> Result<()> {
        self.now_ms += ms;
        self.trace.note("pass", ms);
        self.life()?.pass(ms);
        Ok(())
    }

    // Nothing moves by itself.

    /// Sees to it that something happens; `false` when everything is over.
    fn idle(&mut self) -> Result<bool> {
        if let Some(asked) = self.next_to_send()
            && (self.rng.chance(70) || !self.deployed)
        {
            self.ask(asked)?;
            return Ok(true);
        }
        if !self.asked.is_empty() {
            // Somebody waits for an answer that cannot come: the disk failed under it.
            ensure!(
                self.dying.is_some() || self.life()?.node.health().failure.is_some(),
                "nobody answers {:?}",
                self.asked
            );
        }
        if self.dying.is_some() {
            self.dying = Some(1);
            return Ok(true);
        }
        if self.crashes_left > 0 && self.rng.chance(20) {
            self.crash()?;
            return Ok(true);
        }
        match self.next_due_ms()? {
            Some(due_ms) if due_ms <= LATEST_MS => {
                let late = [0, 0, 1, self.rng.within(0..5_000)];
                let late = self.rng.choice(&late).copied().unwrap_or(0);
                let ms = due_ms.saturating_sub(self.now_ms) + late;
                self.pass(ms)?;
                Ok(true)
            }
            Some(_) | None => match self.next_to_send() {
                Some(asked) => {
                    self.ask(asked)?;
                    Ok(true)
                }
                None => self.is_anything_left(),
            },
        }
    }

    fn next_due_ms(&self) -> Result<Option<u64>> {
        let life = self.life()?;
        let timer = life.tasks.next_timer_ms().map(|ms| self.now_ms + ms);
        let tells = self.tells.iter().filter(|it| it.progress == Progress::Open);
        let requests = self.requests.iter();
        let requests = requests.filter(|it| it.progress == Progress::Open);
        let due = life.steps.next_due_ms().into_iter();
        let due = due.chain(timer);
        let due = due.chain(tells.map(|it| it.due_ms));
        let due = due.chain(requests.map(|it| it.from_ms));
        // What is due already wants something else than time.
        Ok(due.filter(|due_ms| *due_ms > self.now_ms).min())
    }

    /// Whether a run is left that could go on if somebody let it. One that is stuck breaks the promise.
    fn is_anything_left(&mut self) -> Result<bool> {
        let mut paused = Vec::new();
        let mut stuck = Vec::new();
        for run in self.runs()? {
            if run.status == RunStatus::Paused {
                paused.push(run.id);
            } else if !run.status.is_final() {
                stuck.push(format!(
                    "{} of {} is {:?}",
                    run.id, run.function, run.status
                ));
            }
        }
        for run in &paused {
            self.ask(Asked::Resume(*run))?;
        }
        if paused.is_empty() && !stuck.is_empty() {
            bail!("nothing is left to happen, and runs have not ended: {stuck:?}");
        }
        Ok(!paused.is_empty())
    }

    /// All runs, the oldest first.
    pub(crate) fn runs(&self) -> Result<Vec<Run>> {
        Ok(self.life()?.view().runs_after(None, usize::MAX)?)
    }
}
