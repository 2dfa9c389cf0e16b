//! Paused runs and paused functions: nothing starts, nothing is lost.
//!
//! The model knows of each run whether it may execute, and everything that has come for it. After each thing that happens timers and the
//! queue have their turn, so that whoever may execute does.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::stage::Stage;
use crate::engine::Input;
use crate::event::NewEvent;
use crate::function::FunctionConfig;
use crate::function::options::{EventTrigger, Trigger};
use crate::ids::{FunctionId, RunId};
use crate::journal::{OpNumber, Outcome, WORKFLOW_OP};
use crate::machine::{Arrival, Change, Position};
use crate::state::{ControlKind, Registration, RunEnd, RunStatus};

#[derive(Debug, Clone)]
enum Op {
    /// Starts runs, each with this much of the future in its event's `ts`.
    Send(Vec<u64>),
    /// The event that runs wait for.
    Event,
    PauseRun(usize),
    ResumeRun(usize),
    PauseFunction,
    ResumeFunction,
    /// An execution waits for the event, or sleeps, for this long.
    Wait(usize, u64),
    Sleep(usize, u64),
    /// The code fails, and is tried again after this time.
    Retry(usize, u64),
    /// An execution has taken in what it was told, and goes on, or rests.
    Take(usize, bool),
    End(usize),
    Cancel(usize),
    Evict(usize),
    Late(usize),
    Pass(u64),
    Jump(u64),
    Sync,
    Crash(usize, u64),
}

#[derive(Debug, Clone)]
enum Happened {
    Created(u64),
    Event(u64),
    Paused(RunId),
    Resumed(RunId, u64),
    FunctionPaused,
    FunctionResumed,
    Waits(RunId, OpNumber, u64, bool),
    Retries(RunId, u64),
    Took(RunId, Vec<OpNumber>, bool),
    Ended(RunId),
    Evicted(RunId),
    Crashed,
    /// Timers and the queue had their turn.
    Settled(u64),
}

/// What came of a wait: the event of this time, or nothing.
type Came = Option<u64>;

#[allow(clippy::struct_excessive_bools, reason = "a model is plain")]
#[derive(Debug, Default, Clone)]
struct Modelled {
    ts: u64,
    /// Whether an execution ever reported: then it has begun for good.
    begun: bool,
    /// Whether it waits, as it said.
    rests: bool,
    paused: bool,
    ended: bool,
    executes: bool,
    retry: Option<u64>,
    /// What it waits for: until when, and whether an event would do.
    waits: BTreeMap<OpNumber, (u64, bool)>,
    came: BTreeMap<OpNumber, Came>,
}

fn model<'a>(log: impl Iterator<Item = &'a Happened>, ids: &[RunId]) -> (Vec<Modelled>, bool) {
    let mut runs: Vec<Modelled> = Vec::new();
    let mut function_paused = false;
    for happened in log {
        let place = |id: &RunId| ids.iter().position(|known| known == id).expect("a run");
        match happened {
            Happened::Created(ts) => runs.push(Modelled {
                ts: *ts,
                ..Modelled::default()
            }),
            Happened::Event(at) => {
                for run in runs.iter_mut().filter(|run| !run.ended) {
                    let accept = |(_, (due, event)): &(&OpNumber, &(u64, bool))| *event && at < due;
                    let accepting: Vec<_> = run.waits.iter().filter(accept).collect();
                    let ops: Vec<_> = accepting.into_iter().map(|(op, _)| *op).collect();
                    for op in ops {
                        run.waits.remove(&op);
                        run.came.insert(op, Some(*at));
                    }
                }
            }
            Happened::Paused(run) => {
                let run = &mut runs[place(run)];
                run.paused = true;
                run.executes = false;
            }
            Happened::Resumed(run, at) => {
                let run = &mut runs[place(run)];
                run.paused = false;
                let later = run.retry.is_some_and(|due| due > *at);
                run.rests &= later;
            }
            Happened::FunctionPaused => function_paused = true,
            Happened::FunctionResumed => function_paused = false,
            Happened::Waits(run, op, due, event) => {
                let run = &mut runs[place(run)];
                (run.begun, run.rests, run.retry) = (true, true, None);
                run.executes = true;
                run.waits.insert(*op, (*due, *event));
            }
            Happened::Retries(run, due) => {
                let run = &mut runs[place(run)];
                (run.begun, run.rests, run.retry) = (true, true, Some(*due));
                run.executes = false;
            }
            Happened::Took(run, ops, rests) => {
                let run = &mut runs[place(run)];
                (run.begun, run.rests, run.retry) = (true, *rests, None);
                run.executes = true;
                for op in ops {
                    run.came.remove(op);
                }
            }
            Happened::Ended(run) => {
                let run = &mut runs[place(run)];
                (run.ended, run.executes) = (true, false);
            }
            Happened::Evicted(run) => runs[place(run)].executes = false,
            Happened::Crashed => runs.iter_mut().for_each(|run| run.executes = false),
            Happened::Settled(at) => {
                for run in runs.iter_mut().filter(|run| !run.ended) {
                    let over = run.waits.extract_if(.., |_, (due, _)| *due <= *at);
                    run.came
                        .extend(over.map(|(op, _)| (op, None)).collect::<Vec<_>>());
                    let may = !run.paused
                        && run.ts <= *at
                        && (run.begun || !function_paused)
                        && run.retry.is_none_or(|due| due <= *at);
                    let wants =
                        !run.rests || !run.begun || !run.came.is_empty() || run.retry.is_some();
                    run.executes |= may && wants;
                }
            }
        }
    }
    (runs, function_paused)
}

struct Case {
    stage: Stage<Happened>,
}

impl Case {
    fn settle(&mut self) {
        self.stage.tick();
        self.stage.dispatch();
        self.stage.note(Happened::Settled(self.stage.now_ms));
    }

    fn one_of(&self, which: usize, fits: impl Fn(RunStatus) -> bool) -> Option<RunId> {
        let runs = self.stage.state.runs.values();
        let fit: Vec<_> = runs.filter(|run| fits(run.status)).collect();
        fit.get(which % fit.len().max(1)).map(|run| run.id)
    }

    fn executing(&self, which: usize) -> Option<RunId> {
        let executing: Vec<_> = self.stage.executing.keys().collect();
        let run = executing.get(which % executing.len().max(1));
        run.copied().copied()
    }

    /// The timer that brought about this attempt is done with at its first report.
    fn with_retry(
        &self,
        run: RunId,
        mut changes: Vec<(OpNumber, Change)>,
    ) -> Vec<(OpNumber, Change)> {
        let mut watched = self.stage.state.registrations.keys();
        if watched.any(|key| key.run == run && key.op == WORKFLOW_OP) {
            changes.push((WORKFLOW_OP, Change::Unregister));
        }
        changes
    }

    fn watch(&mut self, run: RunId, registration: Registration) {
        let event = matches!(registration, Registration::Event { .. });
        let due = registration.due_ms().expect("it has a time");
        let op = self.stage.state.runs[&run].entries;
        let change = Change::Register {
            registration,
            replaces: false,
        };
        let changes = self.with_retry(run, vec![(op, change)]);
        let position = Position::Parked { sleeping: !event };
        self.stage.report(run, changes, Vec::new(), position);
        self.stage.note(Happened::Waits(run, op, due, event));
    }

    #[allow(clippy::too_many_lines, reason = "one arm an operation")]
    fn apply(&mut self, op: Op) {
        let now_ms = self.stage.now_ms;
        let function = FunctionId::new("app", "f");
        match op {
            Op::Send(ahead) => {
                let events = ahead.iter().map(|ahead| NewEvent {
                    name: "start".into(),
                    ts: Some(now_ms + ahead),
                    ..NewEvent::default()
                });
                self.stage.send(events.collect());
                for ahead in ahead {
                    self.stage.note(Happened::Created(now_ms + ahead));
                }
            }
            Op::Event => {
                self.stage.send(vec![NewEvent {
                    name: "w".into(),
                    ..NewEvent::default()
                }]);
                self.stage.note(Happened::Event(now_ms));
            }
            Op::PauseRun(which) => {
                let fits = |status: RunStatus| !status.is_final() && status != RunStatus::Paused;
                if let Some(run) = self.one_of(which, fits) {
                    let reason = "to look at it".into();
                    self.stage.step(Input::PauseRun {
                        run,
                        reason,
                        reply: 0,
                    });
                    self.stage.note(Happened::Paused(run));
                }
            }
            Op::ResumeRun(which) => {
                if let Some(run) = self.one_of(which, |status| status == RunStatus::Paused) {
                    self.stage.step(Input::ResumeRun { run, reply: 0 });
                    self.stage.note(Happened::Resumed(run, now_ms));
                }
            }
            Op::PauseFunction => {
                self.stage.step(Input::PauseFunction { function, reply: 0 });
                self.stage.note(Happened::FunctionPaused);
            }
            Op::ResumeFunction => {
                self.stage
                    .step(Input::ResumeFunction { function, reply: 0 });
                self.stage.note(Happened::FunctionResumed);
            }
            Op::Wait(which, ms) => {
                if let Some(run) = self.executing(which) {
                    let registration = Registration::Event {
                        name: "w".into(),
                        match_path: None,
                        if_expr: None,
                        since_ms: None,
                        due_ms: now_ms + ms,
                    };
                    self.watch(run, registration);
                }
            }
            Op::Sleep(which, ms) => {
                if let Some(run) = self.executing(which) {
                    let due_ms = now_ms + ms;
                    self.watch(run, Registration::Sleep { due_ms });
                }
            }
            Op::Retry(which, ms) => {
                if let Some(run) = self.executing(which) {
                    let due_ms = now_ms + ms;
                    let change = Change::Register {
                        registration: Registration::Retry { due_ms },
                        replaces: self
                            .stage
                            .state
                            .registrations
                            .keys()
                            .any(|key| key.run == run && key.op == WORKFLOW_OP),
                    };
                    let changes = vec![(WORKFLOW_OP, change)];
                    self.stage
                        .report(run, changes, Vec::new(), Position::RetryLater);
                    self.stage.note(Happened::Retries(run, due_ms));
                }
            }
            Op::Take(which, rests) => {
                if let Some(run) = self.executing(which) {
                    let told = self.stage.told.get_mut(&run).map(std::mem::take);
                    let told = told.unwrap_or_default().into_iter();
                    let ops: BTreeSet<_> = told
                        .filter(|(_, arrival)| matches!(arrival, Arrival::Outcome { .. }))
                        .map(|(op, _)| op)
                        .collect();
                    let drop = ops.iter().map(|op| (*op, Change::Unregister));
                    let changes = self.with_retry(run, drop.collect());
                    let position = if rests {
                        Position::Parked { sleeping: false }
                    } else {
                        Position::Running
                    };
                    self.stage.report(run, changes, Vec::new(), position);
                    let ops = ops.into_iter().collect();
                    self.stage.note(Happened::Took(run, ops, rests));
                }
            }
            Op::End(which) => {
                if let Some(run) = self.executing(which) {
                    let state = &self.stage.state;
                    let watched = state.registrations.keys().chain(state.arrivals.keys());
                    let watched = watched.filter(|key| key.run == run);
                    let drop = watched.map(|key| (key.op, Change::Unregister)).collect();
                    let end = Position::Ended(RunEnd::Output("1".into()));
                    self.stage.report(run, drop, Vec::new(), end);
                    self.stage.note(Happened::Ended(run));
                }
            }
            Op::Cancel(which) => {
                if let Some(run) = self.one_of(which, |status| !status.is_final()) {
                    let reason = "by hand".into();
                    self.stage.step(Input::Cancel {
                        run,
                        reason,
                        reply: 0,
                    });
                    self.stage.note(Happened::Ended(run));
                }
            }
            Op::Evict(which) => {
                if let Some(run) = self.executing(which) {
                    self.stage.evict(run);
                    self.stage.note(Happened::Evicted(run));
                }
            }
            Op::Late(which) => self.stage.report_late(which),
            Op::Pass(ms) => self.stage.advance(ms),
            Op::Jump(ms) => self.stage.now_ms += ms,
            Op::Sync => self.stage.sync(),
            Op::Crash(steps, down_ms) => {
                self.stage.crash(steps, down_ms + 1);
                self.stage.note(Happened::Crashed);
            }
        }
        self.settle();
    }

    fn check(&self) -> Result<(), TestCaseError> {
        let state = &self.stage.state;
        let ids: Vec<_> = state.runs.keys().copied().collect();
        let (expected, function_paused) = model(self.stage.log(), &ids);
        prop_assert_eq!(ids.len(), expected.len());
        let controls = state.controls.keys();
        let paused = controls.filter(|key| key.kind == ControlKind::Pause);
        prop_assert_eq!(paused.count(), usize::from(function_paused));
        for (run, expected) in state.runs.values().zip(expected) {
            prop_assert_eq!(run.status.is_final(), expected.ended, "{:?}", run);
            if expected.ended {
                continue;
            }
            prop_assert_eq!(
                run.status == RunStatus::Paused,
                expected.paused,
                "{:?}",
                run
            );
            let executes = self.stage.executing.contains_key(&run.id);
            if run.status == RunStatus::Running && !expected.begun && function_paused {
                // It started from a lane, which is on record, and may execute again although it never reported.
                continue;
            }
            prop_assert_eq!(executes, expected.executes, "{:?} {:?}", run, expected);
            if !executes {
                continue;
            }
            let told = &self.stage.told[&run.id];
            for (op, came) in &expected.came {
                let outcomes = told.iter().filter(|(told, _)| told == op);
                for (_, arrival) in outcomes.clone() {
                    let Arrival::Outcome { outcome, .. } = arrival else {
                        continue;
                    };
                    let right = match (outcome, came) {
                        (Outcome::Done(json), Some(at)) => json.contains(&format!("\"ts\":{at}")),
                        (Outcome::Done(json), None) => &**json == "null",
                        (Outcome::Empty, None) => true,
                        _ => false,
                    };
                    prop_assert!(
                        right,
                        "{:?} was told {:?}, and {:?} came",
                        op,
                        outcome,
                        came
                    );
                }
                prop_assert!(outcomes.count() > 0, "{:?} was not told of {}", run, op);
            }
        }
        self.stage.check_ended();
        Ok(())
    }
}

fn op() -> impl Strategy<Value = Op> {
    let which = || 0..64_usize;
    let time = || prop_oneof![3 => 1..10_000_u64, 1 => Just(5_000)];
    let ahead = prop_oneof![3 => Just(0), 1 => 1..10_000_u64];
    prop_oneof![
        3 => prop::collection::vec(ahead, 1..4).prop_map(Op::Send),
        2 => Just(Op::Event),
        3 => which().prop_map(Op::PauseRun),
        3 => which().prop_map(Op::ResumeRun),
        1 => Just(Op::PauseFunction),
        1 => Just(Op::ResumeFunction),
        3 => (which(), time()).prop_map(|(which, ms)| Op::Wait(which, ms)),
        2 => (which(), time()).prop_map(|(which, ms)| Op::Sleep(which, ms)),
        1 => (which(), time()).prop_map(|(which, ms)| Op::Retry(which, ms)),
        2 => (which(), any::<bool>()).prop_map(|(which, rests)| Op::Take(which, rests)),
        1 => which().prop_map(Op::End),
        1 => which().prop_map(Op::Cancel),
        2 => which().prop_map(Op::Evict),
        1 => (0..3_usize).prop_map(Op::Late),
        3 => time().prop_map(Op::Pass),
        1 => time().prop_map(Op::Jump),
        1 => Just(Op::Sync),
        2 => (0..6_usize, time()).prop_map(|(steps, ms)| Op::Crash(steps, ms)),
    ]
}

/// Does it all, and compares after each.
fn compare(ops: Vec<Op>) -> Result<(), TestCaseError> {
    let mut stage = Stage::new(64);
    let config = FunctionConfig {
        id: "f".into(),
        triggers: vec![Trigger::Event(EventTrigger {
            event: "start".into(),
            if_expr: None,
        })],
        ..FunctionConfig::default()
    };
    stage.deploy(vec![config]);
    stage.sync();
    let mut case = Case { stage };
    for op in ops {
        case.apply(op);
        case.check()?;
    }
    Ok(())
}

proptest! {
    #![proptest_config(super::config())]

    #[test]
    fn model_pause(ops in prop::collection::vec(op(), 1..40)) {
        compare(ops)?;
    }
}

#[test]
fn a_run_that_executes_before_the_first_look_at_what_was_ready_holds_up_no_lane() {
    let ops = vec![
        Op::Send(vec![0]),
        Op::PauseFunction,
        Op::Send(vec![0]),
        Op::ResumeFunction,
    ];
    compare(ops).expect("as the model says");
}
