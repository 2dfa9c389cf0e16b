//! Signals: each reaches one waiting run, and those that nobody waits for queue until they expire.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::stage::Stage;
use crate::engine::Input;
use crate::event::NewEvent;
use crate::function::FunctionConfig;
use crate::function::options::{EventTrigger, Trigger};
use crate::ids::RunId;
use crate::journal::{OpNumber, Outcome};
use crate::machine::{Arrival, Change, Position, Send};
use crate::operation::SendSignal;
use crate::state::Registration;

const NAMES: [&str; 2] = ["go", "stop"];

/// A name, and how long the signal is kept.
type Sent = (usize, u64);

#[derive(Debug, Clone)]
enum Op {
    Send(Sent),
    /// A run sends some at once, and then perhaps waits for one for so long.
    SendFrom(usize, Vec<Sent>, Option<(usize, u64, bool)>),
    Pass(u64),
    Jump(u64),
    Sync,
    Crash(usize),
}

#[derive(Debug, Clone)]
enum Happened {
    /// At this time signals with these numbers were sent.
    Sent(u64, Vec<(Sent, u32)>),
    Waits(u64, RunId, OpNumber, usize, u64, bool),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Came {
    Signal(u32),
    Nothing,
    Conflict,
}

fn model<'a>(
    log: impl Iterator<Item = &'a Happened>,
    now_ms: u64,
) -> BTreeMap<(RunId, OpNumber), Came> {
    let mut came = BTreeMap::new();
    let mut kept: Vec<(usize, u64, u32)> = Vec::new();
    let mut waiting: Vec<(usize, u64, (RunId, OpNumber))> = Vec::new();
    for happened in log {
        match happened {
            Happened::Sent(at, signals) => {
                for ((name, ttl), number) in signals {
                    let waits = |(of, due, _): &(usize, u64, _)| of == name && due > at;
                    match waiting.iter().position(waits) {
                        Some(place) => {
                            let (.., who) = waiting.remove(place);
                            came.insert(who, Came::Signal(*number));
                        }
                        None if *ttl > 0 => kept.push((*name, at + ttl, *number)),
                        None => {}
                    }
                }
            }
            Happened::Waits(at, run, op, name, due, replace) => {
                let who = (*run, *op);
                let alive = |(of, until, _): &(usize, u64, u32)| of == name && until > at;
                if let Some(place) = kept.iter().position(alive) {
                    let (.., number) = kept.remove(place);
                    came.insert(who, Came::Signal(number));
                    continue;
                }
                let waits = |(of, due, _): &(usize, u64, _)| of == name && due > at;
                if let Some(place) = waiting.iter().position(waits) {
                    if !replace {
                        came.insert(who, Came::Conflict);
                        continue;
                    }
                    let (.., earlier) = waiting.remove(place);
                    came.insert(earlier, Came::Conflict);
                }
                waiting.push((*name, *due, who));
            }
        }
    }
    for (_, due, who) in waiting {
        if due <= now_ms {
            came.insert(who, Came::Nothing);
        }
    }
    came
}

struct Case {
    stage: Stage<Happened>,
    sent: u32,
}

impl Case {
    fn numbered(&mut self, sent: Sent) -> (SendSignal, (Sent, u32)) {
        self.sent += 1;
        let signal = SendSignal {
            signal: NAMES[sent.0].into(),
            data: Some(self.sent.to_string().into()),
            ttl_ms: Some(sent.1),
        };
        (signal, (sent, self.sent))
    }

    fn apply(&mut self, op: Op) {
        let now_ms = self.stage.now_ms;
        match op {
            Op::Send(sent) => {
                let (signal, sent) = self.numbered(sent);
                self.stage.step(Input::Signal { signal, reply: 0 });
                self.stage.note(Happened::Sent(now_ms, vec![sent]));
            }
            Op::SendFrom(which, signals, wait) => {
                let runs: Vec<_> = self.stage.executing.keys().copied().collect();
                // After a crash those that rest do so without instances.
                let Some(run) = runs.get(which % runs.len().max(1)).copied() else {
                    return;
                };
                let op = 100 * self.stage.state.runs[&run].entries;
                let (sends, noted): (Vec<_>, Vec<_>) =
                    signals.into_iter().map(|sent| self.numbered(sent)).unzip();
                let sends = (op..).zip(sends.into_iter().map(Send::Signal)).collect();
                let op = op + 99;
                let change = wait.map(|(name, ms, replace)| Change::Register {
                    registration: Registration::Signal {
                        name: NAMES[name].into(),
                        replace,
                        due_ms: now_ms + ms,
                    },
                    replaces: false,
                });
                let changes = change.into_iter().map(|change| (op, change)).collect();
                self.stage
                    .report(run, changes, sends, Position::Parked { sleeping: false });
                self.stage.note(Happened::Sent(now_ms, noted));
                if let Some((name, ms, replace)) = wait {
                    let due = now_ms + ms;
                    self.stage
                        .note(Happened::Waits(now_ms, run, op, name, due, replace));
                }
            }
            Op::Pass(ms) => self.stage.advance(ms),
            Op::Jump(ms) => self.stage.now_ms += ms,
            Op::Sync => self.stage.sync(),
            Op::Crash(steps) => {
                self.stage.crash(steps, 1);
                self.stage.tick();
                self.stage.dispatch();
            }
        }
    }

    /// What came for whom, as it is told and as it is kept.
    fn check(&mut self) -> Result<(), TestCaseError> {
        let now_ms = self.stage.now_ms;
        let expected = model(self.stage.log(), now_ms);
        let kept = self.stage.state.arrivals.iter();
        let mut seen: BTreeMap<_, _> = kept
            .map(|(key, (outcome, ..))| ((key.run, key.op), outcome.clone()))
            .collect();
        // A wait whose time is over is still watched until its run has heard of it.
        for (key, registration) in &self.stage.state.registrations {
            if registration.due_ms().is_some_and(|due| due <= now_ms) {
                seen.insert((key.run, key.op), Outcome::Empty);
            }
        }
        let seen: BTreeMap<_, _> = seen
            .into_iter()
            .map(|(who, outcome)| {
                let came = match outcome {
                    Outcome::Done(json) => Came::Signal(json.parse().expect("its number")),
                    Outcome::Empty => Came::Nothing,
                    Outcome::Failed(_) => Came::Conflict,
                };
                (who, came)
            })
            .collect();
        prop_assert_eq!(&seen, &expected);
        for (run, told) in &self.stage.told {
            for (op, arrival) in told {
                let Arrival::Outcome { outcome, .. } = arrival else {
                    continue;
                };
                let right = match (&expected[&(*run, *op)], outcome) {
                    (Came::Signal(number), Outcome::Done(json)) => **json == *number.to_string(),
                    (Came::Nothing, Outcome::Empty) | (Came::Conflict, Outcome::Failed(_)) => true,
                    _ => false,
                };
                prop_assert!(right, "{run:?} was told {outcome:?}");
            }
        }
        Ok(())
    }
}

fn op() -> impl Strategy<Value = Op> {
    let sent = || {
        (
            0..NAMES.len(),
            prop_oneof![1 => Just(0), 4 => 1..10_000_u64],
        )
    };
    let wait = (0..NAMES.len(), 1..10_000_u64, any::<bool>());
    let from = (
        0..3_usize,
        prop::collection::vec(sent(), 0..4),
        prop::option::weighted(0.8, wait),
    );
    prop_oneof![
        4 => sent().prop_map(Op::Send),
        6 => from.prop_map(|(which, sent, wait)| Op::SendFrom(which, sent, wait)),
        3 => (1..6_000_u64).prop_map(Op::Pass),
        2 => (1..6_000_u64).prop_map(Op::Jump),
        1 => Just(Op::Sync),
        1 => (0..5_usize).prop_map(Op::Crash),
    ]
}

proptest! {
    #![proptest_config(super::config())]

    #[test]
    fn model_signals(ops in prop::collection::vec(op(), 1..40)) {
        let mut stage = Stage::new(8);
        stage.deploy(vec![FunctionConfig {
            id: "f".into(),
            triggers: vec![Trigger::Event(EventTrigger {
                event: "start".into(),
                if_expr: None,
            })],
            ..FunctionConfig::default()
        }]);
        let event = NewEvent {
            name: "start".into(),
            ..NewEvent::default()
        };
        stage.send(vec![event; 3]);
        stage.dispatch();
        // So that each is known to have begun.
        for run in stage.executing.keys().copied().collect::<Vec<_>>() {
            stage.report(run, Vec::new(), Vec::new(), Position::Running);
        }
        stage.sync();
        let mut case = Case { stage, sent: 0 };
        for op in ops {
            case.apply(op);
            case.check()?;
        }
    }
}
