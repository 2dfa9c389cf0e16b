//! `timeouts`: runs that are cancelled because they do not start, or do not end, in time.
//!
//! When a run starts is the queue's affair: the model takes it from what happened. It knows when a run is late, and that time has its effect
//! only when timers have their turn.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::stage::{Stage, at_once};
use crate::engine::Input;
use crate::event::NewEvent;
use crate::function::FunctionConfig;
use crate::function::options::{EventTrigger, Timeouts, Trigger};
use crate::ids::RunId;
use crate::machine::Position;
use crate::state::{RunEnd, RunStatus};

const START_MS: u64 = 5_000;
const FINISH_MS: u64 = 8_000;

fn function(timeouts: Timeouts, limit: Option<u32>) -> FunctionConfig {
    FunctionConfig {
        id: "f".into(),
        triggers: vec![Trigger::Event(EventTrigger {
            event: "start".into(),
            if_expr: None,
        })],
        timeouts,
        concurrency: at_once(limit),
        ..FunctionConfig::default()
    }
}

#[derive(Debug, Clone)]
enum Op {
    /// Events of one request, each with this much of the future in its `ts`.
    Send(Vec<u64>),
    End(usize),
    Park(usize),
    Evict(usize),
    Cancel(usize),
    Pause(usize),
    Resume(usize),
    Pass(u64),
    Jump(u64),
    Dispatch,
    Sync,
    Crash(usize, u64),
}

#[derive(Debug, Clone)]
enum Happened {
    /// At, and `ts`.
    Created(u64, u64),
    Started(RunId, u64),
    Ended(RunId),
    Cancelled(RunId),
    Paused(RunId, u64),
    Resumed(RunId, u64),
    /// Timers had their turn.
    Ticked(u64),
}

/// A run in the model.
#[derive(Debug, Clone)]
struct Modelled {
    queued: u64,
    started: Option<u64>,
    paused: Option<u64>,
    /// How long it was paused since it was created, and since it was started.
    held: (u64, u64),
    status: Option<RunStatus>,
    /// Which timeout ended it.
    by: Option<&'static str>,
}

fn model<'a>(
    log: impl Iterator<Item = &'a Happened>,
    ids: &[RunId],
    timeouts: Timeouts,
) -> Vec<(Option<RunStatus>, Option<&'static str>)> {
    let mut runs: Vec<Modelled> = Vec::new();
    for happened in log {
        let place = |id: &RunId| ids.iter().position(|known| known == id).expect("a run");
        match happened {
            Happened::Created(at, ts) => runs.push(Modelled {
                queued: (*at).max(*ts),
                started: None,
                paused: None,
                held: (0, 0),
                status: None,
                by: None,
            }),
            Happened::Started(run, at) => {
                let run = &mut runs[place(run)];
                // After a pause or a crash it is not the first time.
                run.started.get_or_insert(*at);
            }
            Happened::Ended(run) => runs[place(run)].status = Some(RunStatus::Completed),
            Happened::Cancelled(run) => runs[place(run)].status = Some(RunStatus::Cancelled),
            Happened::Paused(run, at) => runs[place(run)].paused = Some(*at),
            Happened::Resumed(run, at) => {
                let run = &mut runs[place(run)];
                if let Some(since) = run.paused.take() {
                    run.held.0 += at - since;
                    if run.started.is_some() {
                        run.held.1 += at - since;
                    }
                }
            }
            Happened::Ticked(at) => {
                for run in &mut runs {
                    if run.status.is_some() || run.paused.is_some() {
                        continue;
                    }
                    let (from, held, after, by) = match run.started {
                        None => (run.queued, run.held.0, timeouts.start_ms, "start"),
                        Some(started) => (started, run.held.1, timeouts.finish_ms, "finish"),
                    };
                    if after.is_some_and(|after| from + after + held <= *at) {
                        run.status = Some(RunStatus::Cancelled);
                        run.by = Some(by);
                    }
                }
            }
        }
    }
    runs.iter().map(|run| (run.status, run.by)).collect()
}

struct Case {
    stage: Stage<Happened>,
    timeouts: Timeouts,
}

impl Case {
    fn tick(&mut self) {
        while self
            .stage
            .engine
            .next_due_ms()
            .is_some_and(|due| due <= self.stage.now_ms)
        {
            self.stage.step(Input::Tick);
            self.stage.note(Happened::Ticked(self.stage.now_ms));
        }
    }

    fn dispatch(&mut self) {
        while self.stage.engine.wants_dispatch() {
            self.stage.step(Input::Dispatch);
            for run in std::mem::take(&mut self.stage.begun) {
                self.stage.note(Happened::Started(run, self.stage.now_ms));
            }
        }
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

    fn apply(&mut self, op: Op) {
        let now_ms = self.stage.now_ms;
        match op {
            Op::Send(ahead) => {
                let events = ahead.iter().map(|ahead| NewEvent {
                    name: "start".into(),
                    ts: Some(now_ms + ahead),
                    ..NewEvent::default()
                });
                self.stage.send(events.collect());
                for ahead in ahead {
                    self.stage.note(Happened::Created(now_ms, now_ms + ahead));
                }
            }
            Op::End(which) => {
                if let Some(run) = self.executing(which) {
                    let end = Position::Ended(RunEnd::Output("1".into()));
                    self.stage.report(run, Vec::new(), Vec::new(), end);
                    self.stage.note(Happened::Ended(run));
                }
            }
            Op::Park(which) => {
                if let Some(run) = self.executing(which) {
                    let position = Position::Parked { sleeping: false };
                    self.stage.report(run, Vec::new(), Vec::new(), position);
                }
            }
            Op::Evict(which) => {
                if let Some(run) = self.executing(which) {
                    self.stage.evict(run);
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
                    self.stage.note(Happened::Cancelled(run));
                }
            }
            Op::Pause(which) => {
                let fits = |status: RunStatus| !status.is_final() && status != RunStatus::Paused;
                if let Some(run) = self.one_of(which, fits) {
                    let reason = "by hand".into();
                    self.stage.step(Input::PauseRun {
                        run,
                        reason,
                        reply: 0,
                    });
                    self.stage.note(Happened::Paused(run, now_ms));
                }
            }
            Op::Resume(which) => {
                if let Some(run) = self.one_of(which, |status| status == RunStatus::Paused) {
                    self.stage.step(Input::ResumeRun { run, reply: 0 });
                    self.stage.note(Happened::Resumed(run, now_ms));
                }
            }
            Op::Pass(ms) => {
                self.tick();
                let until = now_ms + ms;
                while let Some(due) = self.stage.engine.next_due_ms().filter(|due| *due <= until) {
                    self.stage.now_ms = self.stage.now_ms.max(due);
                    self.tick();
                }
                self.stage.now_ms = until;
            }
            Op::Jump(ms) => {
                self.stage.now_ms += ms;
                self.tick();
            }
            Op::Dispatch => self.dispatch(),
            Op::Sync => self.stage.sync(),
            Op::Crash(steps, down_ms) => self.stage.crash(steps, down_ms + 1),
        }
    }

    fn check(&self) -> Result<(), TestCaseError> {
        let runs: BTreeMap<_, _> = self.stage.state.runs.iter().collect();
        let ids: Vec<_> = runs.keys().map(|id| **id).collect();
        let expected = model(self.stage.log(), &ids, self.timeouts);
        let seen: Vec<_> = runs
            .values()
            .map(|run| {
                let by = match &run.end {
                    Some(RunEnd::Failure(failure))
                        if failure.message.contains("timeouts.start") =>
                    {
                        Some("start")
                    }
                    Some(RunEnd::Failure(failure))
                        if failure.message.contains("timeouts.finish") =>
                    {
                        Some("finish")
                    }
                    _ => None,
                };
                (Some(run.status).filter(|status| status.is_final()), by)
            })
            .collect();
        prop_assert_eq!(seen, expected, "at {}", self.stage.at());
        self.stage.check_ended();
        Ok(())
    }

    /// When timers had their turn, nobody is late.
    fn check_nobody_is_late(&self) -> Result<(), TestCaseError> {
        let ids: Vec<_> = self.stage.state.runs.keys().copied().collect();
        let log: Vec<_> = self.stage.log().cloned().collect();
        let now = Happened::Ticked(self.stage.now_ms);
        prop_assert_eq!(
            model(log.iter(), &ids, self.timeouts),
            model(log.iter().chain([&now]), &ids, self.timeouts)
        );
        Ok(())
    }
}

fn op() -> impl Strategy<Value = Op> {
    let which = || 0..64_usize;
    let ahead = prop_oneof![3 => Just(0), 1 => 1..3 * START_MS];
    prop_oneof![
        4 => prop::collection::vec(ahead, 1..4).prop_map(Op::Send),
        2 => which().prop_map(Op::End),
        1 => which().prop_map(Op::Park),
        1 => which().prop_map(Op::Evict),
        1 => which().prop_map(Op::Cancel),
        2 => which().prop_map(Op::Pause),
        2 => which().prop_map(Op::Resume),
        5 => (1..START_MS).prop_map(Op::Pass),
        1 => Just(Op::Pass(START_MS)),
        1 => Just(Op::Pass(FINISH_MS)),
        1 => (1..2 * FINISH_MS).prop_map(Op::Jump),
        4 => Just(Op::Dispatch),
        1 => Just(Op::Sync),
        1 => (0..6_usize, 0..START_MS).prop_map(|(steps, down_ms)| Op::Crash(steps, down_ms)),
    ]
}

proptest! {
    #![proptest_config(super::config())]

    #[test]
    fn model_timeouts(
        start_ms in prop::option::weighted(0.8, Just(START_MS)),
        finish_ms in prop::option::weighted(0.8, Just(FINISH_MS)),
        room in 1..3_usize,
        limit in prop::option::of(1..3_u32),
        ops in prop::collection::vec(op(), 1..30),
    ) {
        let timeouts = Timeouts { start_ms, finish_ms };
        let mut stage = Stage::new(room);
        stage.deploy(vec![function(timeouts, limit)]);
        stage.sync();
        let mut case = Case { stage, timeouts };
        for op in ops {
            let waits = matches!(op, Op::Pass(_) | Op::Jump(_));
            case.apply(op);
            case.check()?;
            if waits {
                case.check_nobody_is_late()?;
            }
        }
    }
}
