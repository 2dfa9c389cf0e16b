//! `cancelOn`: events that cancel runs.
//!
//! The model walks through everything that happened, event by event: each is held against every run that is alive, then it starts one.

use proptest::prelude::*;

use super::stage::{Stage, at_once};
use crate::HOUR_MS;
use crate::engine::Input;
use crate::event::NewEvent;
use crate::function::FunctionConfig;
use crate::function::options::{CancelOn, EventTrigger, Trigger};
use crate::ids::{EventId, RunId};
use crate::journal::OpNumber;
use crate::machine::{Change, Position, Send};
use crate::operation::Invoke;
use crate::state::{Registration, RunEnd, RunStatus};

/// How long after its creation an event that asks for nothing cancels a run.
const WINDOW_MS: u64 = 10_000;

fn function(same_name: bool, limit: Option<u32>) -> FunctionConfig {
    let on = |event: &str| CancelOn {
        event: event.into(),
        if_expr: None,
        match_path: None,
        all: false,
        timeout_ms: None,
    };
    let mut config = FunctionConfig {
        id: "f".into(),
        triggers: vec![Trigger::Event(EventTrigger {
            event: "start".into(),
            if_expr: None,
        })],
        concurrency: at_once(limit),
        ..FunctionConfig::default()
    };
    config.cancel_on = vec![
        CancelOn {
            match_path: Some("data.k".into()),
            ..on("equal")
        },
        CancelOn {
            if_expr: Some("async.data.k > event.data.k && async.data.strict".into()),
            ..on("greater")
        },
        CancelOn {
            if_expr: Some("async.data.k == event.data.k && async.data.strict".into()),
            ..on("alike")
        },
        CancelOn {
            all: true,
            timeout_ms: Some(WINDOW_MS),
            ..on("soon")
        },
    ];
    if same_name {
        // A run that starts cancels the one before.
        config.cancel_on.push(CancelOn {
            match_path: Some("data.k".into()),
            ..on("start")
        });
    }
    config
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Name {
    Start,
    Equal,
    Greater,
    Alike,
    Soon,
}

impl Name {
    fn text(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Equal => "equal",
            Self::Greater => "greater",
            Self::Alike => "alike",
            Self::Soon => "soon",
        }
    }
}

#[derive(Debug, Clone, Copy)]
struct Sent {
    name: Name,
    /// `data.k`, if it is there.
    k: Option<u8>,
    /// `data.strict`: true, false, or no boolean.
    strict: Option<bool>,
}

impl Sent {
    fn event(self) -> NewEvent {
        let k = self.k.map_or(String::new(), |k| format!("\"k\":{k},"));
        let strict = self.strict.map_or("3".into(), |strict| strict.to_string());
        NewEvent {
            name: self.name.text().into(),
            data: Some(format!("{{{k}\"strict\":{strict}}}").into()),
            ..NewEvent::default()
        }
    }
}

#[derive(Debug, Clone)]
enum Op {
    Send(Vec<Sent>),
    /// A run sends events, and goes on or ends with it.
    SendFrom(usize, Vec<Sent>, bool),
    /// A run invokes the function.
    Invoke(usize, Option<u8>),
    End(usize),
    Cancel(usize),
    Park(usize),
    Evict(usize),
    Late(usize),
    Pass(u64),
    Dispatch,
    Sync,
    Crash(usize),
}

/// What the model goes by. Runs are named by their place among all runs.
#[derive(Debug, Clone)]
enum Happened {
    Sent(u64, Vec<Sent>),
    /// Sent by a run, which ended with it if so.
    SentFrom(RunId, u64, Vec<Sent>, bool),
    Invoked(RunId, u64, Option<u8>),
    Ended(RunId),
    Cancelled(RunId),
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Seen {
    k: Option<u8>,
    status: RunStatus,
    /// The name of the event that cancelled it.
    by: Option<String>,
}

struct Modelled {
    id: RunId,
    at: u64,
    parent: Option<RunId>,
    seen: Seen,
}

/// Whether an event cancels a run that is alive.
fn cancels(run: &Modelled, at: u64, sent: Sent, same_name: bool) -> bool {
    match sent.name {
        Name::Start => same_name && run.seen.k == sent.k,
        Name::Equal => run.seen.k == sent.k,
        // Ordering against a missing value is false; what is no boolean cannot be decided, unless the other side decides.
        Name::Greater => match (sent.k, run.seen.k) {
            (Some(later), Some(k)) => later > k && sent.strict == Some(true),
            _ => false,
        },
        Name::Alike => run.seen.k == sent.k && sent.strict == Some(true),
        Name::Soon => at < run.at + WINDOW_MS,
    }
}

fn end(run: &mut Modelled, status: RunStatus, by: Option<String>) {
    run.seen.status = status;
    run.seen.by = by;
}

/// Whom a cancelled run had invoked is cancelled too.
fn withdraw(runs: &mut [Modelled]) {
    loop {
        let cancelled: Vec<_> = runs
            .iter()
            .filter(|run| run.seen.status == RunStatus::Cancelled)
            .map(|run| Some(run.id))
            .collect();
        let orphan = runs.iter_mut().find(|run| {
            run.parent.is_some() && cancelled.contains(&run.parent) && !run.seen.status.is_final()
        });
        match orphan {
            Some(run) => end(run, RunStatus::Cancelled, None),
            None => return,
        }
    }
}

/// What should be there. `ids` are the runs in the order of their creation.
fn model<'a>(log: impl Iterator<Item = &'a Happened>, ids: &[RunId], same_name: bool) -> Vec<Seen> {
    let mut runs: Vec<Modelled> = Vec::new();
    let create = |runs: &mut Vec<Modelled>, at, k, parent| {
        let id = ids.get(runs.len()).copied().unwrap_or(RunId(0));
        let seen = Seen {
            k,
            status: RunStatus::Queued,
            by: None,
        };
        runs.push(Modelled {
            id,
            at,
            parent,
            seen,
        });
    };
    let place = |runs: &[Modelled], id| runs.iter().position(|run| run.id == id).expect("a run");
    for happened in log {
        let (at, events, from) = match happened {
            Happened::Sent(at, events) => (*at, events.clone(), None),
            Happened::SentFrom(run, at, events, ends) => (*at, events.clone(), Some((*run, *ends))),
            Happened::Invoked(run, at, k) => {
                create(&mut runs, *at, *k, Some(*run));
                continue;
            }
            Happened::Ended(run) => {
                let which = place(&runs, *run);
                end(&mut runs[which], RunStatus::Completed, None);
                continue;
            }
            Happened::Cancelled(run) => {
                let which = place(&runs, *run);
                end(&mut runs[which], RunStatus::Cancelled, None);
                withdraw(&mut runs);
                continue;
            }
        };
        // What a run reports, its end included, comes before what cancels it.
        let mut doomed = None;
        for sent in events {
            let alive: Vec<_> = (0..runs.len())
                .filter(|which| !runs[*which].seen.status.is_final())
                .filter(|which| cancels(&runs[*which], at, sent, same_name))
                .collect();
            for which in alive {
                let by = Some(sent.name.text().to_owned());
                match from {
                    Some((run, _)) if run == runs[which].id => {
                        doomed = doomed.or(by);
                    }
                    _ => end(&mut runs[which], RunStatus::Cancelled, by),
                }
            }
            withdraw(&mut runs);
            if sent.name == Name::Start {
                create(&mut runs, at, sent.k, None);
            }
        }
        if let Some((run, ends)) = from {
            let which = place(&runs, run);
            if ends {
                end(&mut runs[which], RunStatus::Completed, None);
            } else if let Some(by) = doomed {
                end(&mut runs[which], RunStatus::Cancelled, Some(by));
            }
        }
    }
    runs.into_iter().map(|run| run.seen).collect()
}

/// A stage, and what the driver of executions remembers.
struct Case {
    stage: Stage<Happened>,
    same_name: bool,
}

impl Case {
    fn new(same_name: bool, room: usize, limit: Option<u32>) -> Self {
        let mut stage = Stage::new(room);
        stage.deploy(vec![function(same_name, limit)]);
        stage.sync();
        Self { stage, same_name }
    }

    fn executing(&self, which: usize) -> Option<RunId> {
        let count = self.stage.executing.len();
        let mut runs = self.stage.executing.keys();
        (count > 0).then(|| *runs.nth(which % count).expect("it is there"))
    }

    /// One that executes and has invoked nobody.
    fn childless(&self, which: usize) -> Option<RunId> {
        let run = self.executing(which)?;
        let state = &self.stage.state;
        let invokes = state.registrations.iter().any(|(key, registration)| {
            key.run == run && matches!(registration, Registration::Invoke { .. })
        });
        (!invokes).then_some(run)
    }

    /// What its journal would have by now of what had come for it.
    fn taken_in(&self, run: RunId) -> Vec<(OpNumber, Change)> {
        let kept = self.stage.state.arrivals.keys();
        let kept = kept.filter(|key| key.run == run);
        kept.map(|key| (key.op, Change::Unregister)).collect()
    }

    #[allow(clippy::too_many_lines, reason = "one arm an operation")]
    fn apply(&mut self, op: Op) {
        let at = self.stage.at();
        match op {
            Op::Send(events) => {
                self.stage
                    .send(events.iter().map(|sent| sent.event()).collect());
                self.stage.note(Happened::Sent(at, events));
            }
            Op::SendFrom(which, events, ends) => {
                let Some(run) = self.childless(which) else {
                    return;
                };
                let id = 1_000_000 + u128::from(self.stage.state.runs[&run].entries);
                let numbered = (0_u32..).zip(&events);
                let sent = numbered.map(|(n, sent)| {
                    let id = run.0.wrapping_mul(31) + (id << 20) + u128::from(n);
                    (EventId(id), sent.event())
                });
                let sends = vec![(0, Send::Events(sent.collect()))];
                let position = if ends {
                    Position::Ended(RunEnd::Output("1".into()))
                } else {
                    Position::Running
                };
                let drop = if ends { self.taken_in(run) } else { Vec::new() };
                self.stage.report(run, drop, sends, position);
                self.stage.note(Happened::SentFrom(run, at, events, ends));
            }
            Op::Invoke(which, k) => {
                let Some(run) = self.executing(which) else {
                    return;
                };
                let op = self.stage.state.runs[&run].entries;
                let data = k.map_or("{}".into(), |k| format!("{{\"k\":{k}}}"));
                let invoke = Invoke {
                    function: "f".into(),
                    data: Some(data.into()),
                    timeout_ms: None,
                };
                let registration = Registration::Invoke {
                    invoke: Box::new(invoke),
                    due_ms: self.stage.now_ms + 1_000 * HOUR_MS,
                    child: None,
                };
                let change = Change::Register {
                    registration,
                    replaces: false,
                };
                let position = Position::Parked { sleeping: false };
                self.stage
                    .report(run, vec![(op, change)], Vec::new(), position);
                self.stage.note(Happened::Invoked(run, at, k));
            }
            Op::End(which) => {
                if let Some(run) = self.childless(which) {
                    let end = Position::Ended(RunEnd::Output("1".into()));
                    let drop = self.taken_in(run);
                    self.stage.report(run, drop, Vec::new(), end);
                    self.stage.note(Happened::Ended(run));
                }
            }
            Op::Cancel(which) => {
                let runs: Vec<_> = self.stage.state.runs.values().collect();
                let alive: Vec<_> = runs
                    .into_iter()
                    .filter(|run| !run.status.is_final())
                    .map(|run| run.id)
                    .collect();
                if !alive.is_empty() {
                    let run = alive[which % alive.len()];
                    self.stage.step(Input::Cancel {
                        run,
                        reason: "by hand".into(),
                        reply: 0,
                    });
                    self.stage.note(Happened::Cancelled(run));
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
            Op::Late(which) => self.stage.report_late(which),
            Op::Pass(ms) => self.stage.advance(ms),
            Op::Dispatch => self.stage.dispatch(),
            Op::Sync => self.stage.sync(),
            Op::Crash(steps) => self.stage.crash(steps, 1),
        }
    }

    fn check(&self) -> Result<(), TestCaseError> {
        let runs: Vec<_> = self.stage.state.runs.values().collect();
        let ids: Vec<_> = runs.iter().map(|run| run.id).collect();
        let expected = model(self.stage.log(), &ids, self.same_name);
        let seen: Vec<_> = runs
            .iter()
            .map(|run| {
                let event = &self.stage.state.events[&run.event];
                let data: serde_json::Value = serde_json::from_str(&event.data).expect("JSON");
                let by = match &run.end {
                    Some(RunEnd::Failure(failure)) => failure
                        .message
                        .strip_prefix("the event `")
                        .and_then(|rest| rest.split_once('`'))
                        .map(|(name, _)| name.to_owned()),
                    _ => None,
                };
                let alive = !run.status.is_final();
                Seen {
                    k: data.get("k").and_then(|k| u8::try_from(k.as_u64()?).ok()),
                    status: if alive { RunStatus::Queued } else { run.status },
                    by,
                }
            })
            .collect();
        prop_assert_eq!(seen, expected);
        self.stage.check_ended();
        Ok(())
    }
}

fn sent() -> impl Strategy<Value = Sent> {
    let name = prop_oneof![
        4 => Just(Name::Start),
        2 => Just(Name::Equal),
        2 => Just(Name::Greater),
        2 => Just(Name::Alike),
        1 => Just(Name::Soon),
    ];
    let k = prop::option::weighted(0.8, 0..3_u8);
    let strict = prop::option::weighted(0.8, prop::bool::weighted(0.7));
    (name, k, strict).prop_map(|(name, k, strict)| Sent { name, k, strict })
}

fn op() -> impl Strategy<Value = Op> {
    let events = || prop::collection::vec(sent(), 1..5);
    let which = || 0..64_usize;
    prop_oneof![
        5 => events().prop_map(Op::Send),
        3 => (which(), events(), prop::bool::weighted(0.3)).prop_map(|(which, events, ends)| Op::SendFrom(which, events, ends)),
        2 => (which(), prop::option::of(0..3_u8)).prop_map(|(which, k)| Op::Invoke(which, k)),
        2 => which().prop_map(Op::End),
        1 => which().prop_map(Op::Cancel),
        1 => which().prop_map(Op::Park),
        1 => which().prop_map(Op::Evict),
        1 => (0..3_usize).prop_map(Op::Late),
        2 => (1..2 * WINDOW_MS).prop_map(Op::Pass),
        1 => Just(Op::Pass(WINDOW_MS)),
        4 => Just(Op::Dispatch),
        1 => Just(Op::Sync),
        1 => (0..6_usize).prop_map(Op::Crash),
    ]
}

proptest! {
    #![proptest_config(super::config())]

    #[test]
    fn model_cancel_on(
        same_name in any::<bool>(),
        room in 1..4_usize,
        limit in prop::option::of(1..4_u32),
        ops in prop::collection::vec(op(), 1..30),
    ) {
        let mut case = Case::new(same_name, room, limit);
        for op in ops {
            case.apply(op);
            case.check()?;
        }
    }
}
