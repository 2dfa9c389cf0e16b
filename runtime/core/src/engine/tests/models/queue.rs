//! Random histories of the queue, in which the engine and its [model](super::turns) must do the same at every instant.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::super::script::Program;
use super::super::state::State;
use super::super::world::started_by_event;
use super::floor::{Floor, step};
use super::turns::{Function, Model};
use crate::engine::{EngineConfig, Input};
use crate::function::FunctionConfig;
use crate::function::options::{Concurrency, ConcurrencyScope, ConcurrencyUnit, Throttle};
use crate::ids::{FunctionId, RunId};
use crate::state::RunStatus;

/// What happens to the node.
#[derive(Debug, Clone)]
enum Op {
    Send {
        function: usize,
        key: u32,
        priority: i64,
    },
    Pass(u64),
    Crash,
    /// From here on nothing is durable, until a crash, which forgets it.
    Save,
    Cancel(usize),
    Pause(usize),
    Resume(usize),
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        10 => (0..3_usize, 0..3_u32, -3..4_i64)
            .prop_map(|(function, key, priority)| Op::Send { function, key, priority }),
        6 => (0..6_000_u64).prop_map(Op::Pass),
        1 => Just(Op::Crash),
        1 => Just(Op::Save),
        1 => (0..9_usize).prop_map(Op::Cancel),
        1 => (0..3_usize).prop_map(Op::Pause),
        1 => (0..3_usize).prop_map(Op::Resume),
    ]
}

fn concurrency() -> impl Strategy<Value = Concurrency> {
    let scope = prop_oneof![
        3 => Just(ConcurrencyScope::Fn),
        1 => Just(ConcurrencyScope::Env),
        1 => Just(ConcurrencyScope::Account),
    ];
    let per = prop_oneof![2 => Just(ConcurrencyUnit::Step), 1 => Just(ConcurrencyUnit::Run)];
    (1..4_u32, any::<bool>(), scope, per).prop_map(|(limit, keyed, scope, per)| Concurrency {
        limit,
        key: (keyed || scope != ConcurrencyScope::Fn).then(|| "event.data.k".to_owned()),
        scope,
        per,
    })
}

fn throttle() -> impl Strategy<Value = Throttle> {
    let period = prop_oneof![Just(1_000_u64), Just(5_000), Just(7_001)];
    (1..4_u32, period, 0..3_u32, any::<bool>()).prop_map(|(limit, period_ms, burst, keyed)| {
        Throttle {
            limit,
            period_ms,
            burst,
            key: keyed.then(|| "event.data.k".to_owned()),
        }
    })
}

fn groups() -> impl Strategy<Value = Vec<Vec<String>>> {
    let letter = prop_oneof![5 => Just('b'), 1 => Just('f'), 1 => Just('q'), 1 => Just('s')];
    let step =
        (letter, 1..5_u32).prop_map(|(letter, seconds)| format!("{letter}{}", seconds * 1_000));
    prop::collection::vec(prop::collection::vec(step, 1..4), 1..4)
}

/// What functions may be like.
#[derive(Debug, Clone, Copy)]
struct Shape {
    concurrency: usize,
    throttles: bool,
    priorities: bool,
}

fn functions(shape: Shape) -> impl Strategy<Value = Vec<Function>> {
    let limits = prop::collection::vec(concurrency(), 0..=shape.concurrency);
    let throttle = prop::option::of(throttle());
    let function = (limits, throttle, any::<bool>(), groups()).prop_map(
        move |(concurrency, throttle, priority, groups)| {
            let mut config = started_by_event("f");
            config.concurrency = concurrency;
            config.throttle = throttle.filter(|_| shape.throttles);
            config.priority = (priority && shape.priorities).then(|| "event.data.p".to_owned());
            Function { config, groups }
        },
    );
    prop::collection::vec(function, 3).prop_map(|mut functions| {
        for (number, function) in functions.iter_mut().enumerate() {
            let id = format!("f{number}");
            let concurrency = std::mem::take(&mut function.config.concurrency);
            let (throttle, priority) = (
                function.config.throttle.take(),
                function.config.priority.take(),
            );
            function.config = started_by_event(&id);
            function.config.concurrency = concurrency;
            (function.config.throttle, function.config.priority) = (throttle, priority);
        }
        functions
    })
}

/// Both of them.
struct Both {
    floor: Floor,
    model: Model,
    saved: Option<(State, Model)>,
    known: BTreeSet<RunId>,
}

impl Both {
    fn new(functions: Vec<Function>, evicting: bool) -> Self {
        let mut floor = Floor::new(EngineConfig::default());
        floor.evicting = evicting;
        floor.deploy("app", programs(&functions));
        Self {
            floor,
            model: Model::new(functions, evicting),
            saved: None,
            known: BTreeSet::new(),
        }
    }

    fn apply(&mut self, op: &Op) {
        let name = |function: usize| FunctionId::new("app", format!("f{function}").as_str());
        match *op {
            Op::Send {
                function,
                key,
                priority,
            } => {
                let data = format!(r#"{{"k":{key},"p":{priority}}}"#);
                self.floor.send(&format!("start/f{function}"), data);
                let created = self.floor.state.runs.keys().copied();
                let created: Vec<_> = created.filter(|run| !self.known.contains(run)).collect();
                assert_eq!(created.len(), 1, "an event starts one run");
                self.known.extend(&created);
                self.model.create(created[0], function, key, priority);
            }
            Op::Pass(ms) => return self.pass(ms),
            Op::Crash => {
                if let Some((state, model)) = self.saved.take() {
                    self.floor.state = state;
                    let now_ms = self.model.now_ms;
                    self.model = model;
                    self.model.now_ms = now_ms;
                }
                self.floor.crash();
                self.model.crash();
            }
            Op::Save => self.saved = Some((self.floor.state.clone(), self.model.clone())),
            Op::Cancel(nth) => {
                if let Some(run) = self.model.cancel(nth) {
                    self.floor.input(Input::Cancel {
                        run,
                        reason: "by hand".into(),
                        reply: 0,
                    });
                }
            }
            Op::Pause(function) => {
                if self.model.paused.insert(function) {
                    self.floor.set_paused(name(function), true);
                }
            }
            Op::Resume(function) => {
                if self.model.paused.remove(&function) {
                    self.floor.set_paused(name(function), false);
                }
            }
        }
        self.settle();
    }

    fn settle(&mut self) {
        self.floor.settle();
        self.model.settle();
        self.compare();
    }

    fn pass(&mut self, ms: u64) {
        let until = self.model.now_ms + ms;
        for instant in 0.. {
            assert!(instant < 10_000, "time does not pass");
            let next = [self.floor.next_ms(), self.model.next_ms()];
            let next = next.into_iter().flatten().min().unwrap_or(until).min(until);
            self.model.now_ms = next.max(self.model.now_ms);
            self.floor.now_ms = self.model.now_ms;
            self.settle();
            if self.model.now_ms == until {
                return;
            }
        }
    }

    fn compare(&self) {
        assert_eq!(
            self.floor.executing(),
            self.model.executing(),
            "what executes"
        );
        let state = &self.floor.state;
        let over = state.runs.values().filter(|run| run.status.is_final());
        assert_eq!(
            over.map(|run| run.id).collect::<BTreeSet<_>>(),
            self.model.over(),
            "what ended"
        );
        let queued = state
            .runs
            .values()
            .filter(|run| run.status == RunStatus::Queued);
        assert_eq!(
            queued.map(|run| run.id).collect::<BTreeSet<_>>(),
            self.model.queued(),
            "what is queued"
        );
        let in_lanes = state.runs.values().filter(|run| run.is_in_lane());
        assert_eq!(
            in_lanes.map(|run| run.id).collect::<BTreeSet<_>>(),
            self.floor.queued(),
            "rows of lanes"
        );
        self.model.check();
    }

    /// Everything ends, and nothing is left of it.
    fn finish(&mut self) {
        for function in 0..3 {
            self.apply(&Op::Resume(function));
        }
        self.pass(3_600_000);
        let all: BTreeSet<_> = self.floor.state.runs.keys().copied().collect();
        assert_eq!(self.model.over(), all, "something hangs");
        let state = &self.floor.state;
        assert!(state.queued.is_empty() && state.holders.is_empty() && state.ready.is_empty());
        self.floor.input(Input::Tick);
        assert!(
            self.floor.engine.queues.is_idle(),
            "something is held: {:?}",
            self.floor.engine
        );
    }
}

/// The same functions in two apps, and room for few executions: whatever the order, limits hold and everything ends.
struct Crowd {
    floor: Floor,
    room: usize,
}

fn programs(functions: &[Function]) -> Vec<(FunctionConfig, Program)> {
    let deployed = functions.iter().map(|function| {
        let groups = function.groups.iter();
        let groups = groups.map(|group| group.iter().map(|id| step(id)).collect());
        let program = Program {
            groups: groups.collect(),
            ..Program::default()
        };
        (function.config.clone(), program)
    });
    deployed.collect()
}

impl Crowd {
    fn new(functions: &[Function], room: usize) -> Self {
        let mut floor = Floor::new(EngineConfig {
            max_executing: room,
            ..EngineConfig::default()
        });
        floor.deploy("a", programs(functions));
        floor.deploy("b", programs(functions));
        Self { floor, room }
    }

    fn nth(&self, nth: usize, which: impl Fn(RunStatus) -> bool) -> Option<RunId> {
        let runs = self
            .floor
            .state
            .runs
            .values()
            .filter(|run| which(run.status));
        let found: Vec<_> = runs.map(|run| run.id).collect();
        found.get(nth % found.len().max(1)).copied()
    }

    fn apply(&mut self, op: &Op, twist: bool) {
        let app = if twist { "a" } else { "b" };
        let name = |function: usize| FunctionId::new(app, format!("f{function}").as_str());
        let reason = || "by hand".to_owned();
        match *op {
            Op::Send { function, key, .. } => {
                let data = format!(r#"{{"k":{key},"p":0}}"#);
                self.floor.send(&format!("start/f{function}"), data);
            }
            Op::Pass(ms) => return self.pass(ms),
            // In the midst of what happens next, or now.
            Op::Crash if twist => self.floor.dies_after = Some(self.floor.state.runs.len() % 7),
            Op::Crash => self.floor.crash(),
            // Here it is a run that is paused, or goes on.
            Op::Save if twist => {
                if let Some(run) = self.nth(3, |status| !status.is_final()) {
                    self.floor.input(Input::PauseRun {
                        run,
                        reason: reason(),
                        reply: 0,
                    });
                }
            }
            Op::Save => self.resume(0),
            Op::Cancel(nth) => {
                if let Some(run) = self.nth(nth, |status| !status.is_final()) {
                    self.floor.input(Input::Cancel {
                        run,
                        reason: reason(),
                        reply: 0,
                    });
                }
            }
            Op::Pause(function) => self.floor.set_paused(name(function), true),
            Op::Resume(function) => self.floor.set_paused(name(function), false),
        }
        self.settle();
    }

    fn resume(&mut self, nth: usize) {
        if let Some(run) = self.nth(nth, |status| status == RunStatus::Paused) {
            self.floor.input(Input::ResumeRun { run, reply: 0 });
            self.settle();
        }
    }

    fn pass(&mut self, ms: u64) {
        let until = self.floor.now_ms + ms;
        while let Some(next) = self.floor.next_ms().filter(|next| *next <= until) {
            self.floor.now_ms = next.max(self.floor.now_ms);
            self.settle();
        }
        self.floor.now_ms = until;
        self.settle();
    }

    fn settle(&mut self) {
        self.floor.settle();
        let executing = self.floor.executing();
        let mut held: BTreeMap<&str, (usize, u32)> = BTreeMap::new();
        for run in self
            .floor
            .state
            .runs
            .values()
            .filter(|run| !run.status.is_final())
        {
            let steps = executing.iter().filter(|(of, _)| *of == run.id).count();
            let mut names = BTreeSet::new();
            for counter in run.queue.iter().flat_map(|queue| &queue.counters) {
                let begun = usize::from(run.started_ms.is_some());
                let (count, limit) = held.entry(&counter.name).or_default();
                if names.insert(&counter.name) {
                    *count += if counter.is_of_runs() { begun } else { steps };
                }
                if begun == 1 {
                    *limit = (*limit).max(counter.limit);
                }
            }
        }
        for (name, (count, limit)) in held {
            assert!(count <= limit as usize, "{name}: {count} of {limit}");
        }
    }

    fn finish(&mut self) {
        for function in 0..3 {
            self.apply(&Op::Resume(function), true);
            self.apply(&Op::Resume(function), false);
        }
        while self.nth(0, |status| status == RunStatus::Paused).is_some() {
            self.resume(0);
        }
        self.pass(3 * 3_600_000);
        let hangs = self
            .floor
            .state
            .runs
            .values()
            .find(|run| !run.status.is_final());
        assert_eq!(hangs, None, "a run hangs in a room for {}", self.room);
        self.floor.input(Input::Tick);
        let state = &self.floor.state;
        assert!(state.queued.is_empty() && state.holders.is_empty() && state.ready.is_empty());
        assert!(self.floor.engine.queues.is_idle(), "something is held");
    }
}

/// One history, to its end.
fn history(functions: Vec<Function>, evicting: bool, ops: &[Op]) {
    let mut both = Both::new(functions, evicting);
    for op in ops {
        both.apply(op);
    }
    both.finish();
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    prop::collection::vec(op(), 1..40)
}

proptest! {
    #![proptest_config(super::config())]

    #[test]
    fn model_queue(
        functions in functions(Shape { concurrency: 2, throttles: true, priorities: true }),
        evicting in any::<bool>(),
        ops in ops(),
    ) {
        history(functions, evicting, &ops);
    }

    #[test]
    fn model_concurrency(
        functions in functions(Shape { concurrency: 2, throttles: false, priorities: false }),
        evicting in any::<bool>(),
        ops in ops(),
    ) {
        history(functions, evicting, &ops);
    }

    #[test]
    fn model_throttle(
        functions in functions(Shape { concurrency: 0, throttles: true, priorities: false }),
        evicting in any::<bool>(),
        ops in ops(),
    ) {
        history(functions, evicting, &ops);
    }

    #[test]
    fn model_two_apps_with_little_room(
        functions in functions(Shape { concurrency: 2, throttles: true, priorities: true }),
        max_executing in 1..4_usize,
        evicting in any::<bool>(),
        ops in prop::collection::vec((op(), any::<bool>()), 1..40),
    ) {
        let mut crowd = Crowd::new(&functions, max_executing);
        crowd.floor.evicting = evicting;
        for (op, twist) in &ops {
            crowd.apply(op, *twist);
        }
        crowd.finish();
    }
}
