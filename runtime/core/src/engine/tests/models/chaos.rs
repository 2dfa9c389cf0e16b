//! Everything at once: functions with many options each, and whatever can happen to them in any order. No model says what must come of it;
//! what must hold whatever happens is asked after every step, and in the end everything must have ended and nothing may be left of it.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::super::state::State;
use super::floor::Floor;
use super::setting::{FUNCTIONS, Setting, setting};
use crate::MINUTE_MS;
use crate::engine::{EngineConfig, FromStep, Input};
use crate::event::NewEvent;
use crate::failure::{Failure, Origin};
use crate::ids::{EventId, FunctionId, RunId};
use crate::journal::{Entry, step_key};
use crate::state::{Control, JobAction, JobState, Read, Registration, Run, RunFilter, RunStatus};

/// What happens.
#[derive(Debug, Clone)]
enum Op {
    Send(Vec<Sent>),
    Pass(u64),
    Save,
    /// The process dies; everything since the last `Save` is forgotten, if there was one. The clock goes back so far.
    Crash(u64),
    Evict,
    Cancel(usize),
    PauseRun(usize),
    ResumeRun(usize),
    PauseFunction(usize),
    ResumeFunction(usize),
    /// Another version; without one function perhaps.
    Deploy(usize, Option<usize>),
    Replay(usize, Option<usize>),
    CancelAll(usize, Option<u64>),
    ReplayAll(usize, Option<u64>),
    /// An execution is lost for a reason of the platform.
    Break(usize),
    /// Something comes from an execution that is no more.
    Late(usize),
}

#[derive(Debug, Clone)]
struct Sent {
    name: &'static str,
    key: u32,
    priority: i64,
    id: Option<u8>,
    ts: Option<i64>,
}

fn sent() -> impl Strategy<Value = Sent> {
    let name = prop_oneof![
        3 => Just("start/f0"),
        3 => Just("start/f1"),
        2 => Just("start/f2"),
        1 => Just("all"),
        1 => Just("stop"),
        1 => Just("tick"),
    ];
    let id = prop::option::weighted(0.2, 0..3_u8);
    let ts = prop::option::weighted(0.2, -2_000..8_000_i64);
    (name, 0..2_u32, -3..4_i64, id, ts).prop_map(|(name, key, priority, id, ts)| Sent {
        name,
        key,
        priority,
        id,
        ts,
    })
}

fn op() -> impl Strategy<Value = Op> {
    let rate = || prop::option::of(prop_oneof![Just(1_000_u64), Just(700_000)]);
    prop_oneof![
        12 => prop::collection::vec(sent(), 1..4).prop_map(Op::Send),
        8 => (0..6_000_u64).prop_map(Op::Pass),
        1 => Just(Op::Save),
        2 => prop_oneof![3 => Just(0_u64), 1 => 0..5_000_u64].prop_map(Op::Crash),
        1 => Just(Op::Evict),
        2 => (0..9_usize).prop_map(Op::Cancel),
        2 => (0..9_usize).prop_map(Op::PauseRun),
        2 => (0..9_usize).prop_map(Op::ResumeRun),
        1 => (0..=FUNCTIONS).prop_map(Op::PauseFunction),
        2 => (0..=FUNCTIONS).prop_map(Op::ResumeFunction),
        2 => (0..2_usize, prop::option::weighted(0.3, 0..2_usize))
            .prop_map(|(version, without)| Op::Deploy(version, without)),
        1 => (0..9_usize, prop::option::of(0..4_usize)).prop_map(|(run, step)| Op::Replay(run, step)),
        1 => (0..FUNCTIONS, rate()).prop_map(|(function, rate)| Op::CancelAll(function, rate)),
        1 => (0..FUNCTIONS, rate()).prop_map(|(function, rate)| Op::ReplayAll(function, rate)),
        1 => (0..9_usize).prop_map(Op::Break),
        1 => (0..9_usize).prop_map(Op::Late),
    ]
}

struct Chaos {
    floor: Floor,
    setting: Setting,
    saved: Option<State>,
    /// Executions that are no more.
    stopped: Vec<(RunId, u64)>,
    /// Functions that some version left out.
    deployed_without: BTreeSet<usize>,
    version: usize,
    versions_seen: BTreeSet<usize>,
}

fn function(number: usize) -> FunctionId {
    FunctionId::new("app", format!("f{number}").as_str())
}

impl Chaos {
    fn new(setting: Setting) -> Self {
        let config = EngineConfig {
            max_executing: setting.room,
            timers_per_step: 3,
            runs_per_portion: 2,
            ..EngineConfig::default()
        };
        let mut floor = Floor::new(config);
        floor.evicting = setting.evicting;
        let mut chaos = Self {
            floor,
            setting,
            saved: None,
            stopped: Vec::new(),
            deployed_without: BTreeSet::new(),
            version: 0,
            versions_seen: BTreeSet::new(),
        };
        chaos.deploy(0, None);
        chaos
    }

    fn deploy(&mut self, version: usize, without: Option<usize>) {
        self.version = version;
        self.versions_seen.insert(version);
        self.deployed_without.extend(without);
        let configs = self.setting.versions[version].iter().cloned();
        let functions = configs
            .zip(self.setting.programs.iter().cloned())
            .enumerate();
        let functions: Vec<_> = functions
            .filter(|(number, _)| Some(*number) != without)
            .map(|(_, function)| function)
            .collect();
        for (config, _) in &functions {
            config.validate().expect("options that are allowed");
        }
        self.floor.deploy("app", functions);
    }

    fn nth(&self, nth: usize, which: impl Fn(&Run) -> bool) -> Option<RunId> {
        let runs = self.floor.state.runs.values().filter(|run| which(run));
        let runs: Vec<_> = runs.map(|run| run.id).collect();
        (!runs.is_empty()).then(|| runs[nth % runs.len()])
    }

    fn apply(&mut self, op: &Op) {
        let alive = |run: &Run| !run.status.is_final();
        let reason = || "by hand".to_owned();
        match op.clone() {
            Op::Send(events) => {
                let now_ms = self.floor.now_ms;
                let events = events.into_iter().map(|sent| NewEvent {
                    id: sent.id.map(|id| format!("id{id}")),
                    name: sent.name.into(),
                    data: Some(format!(r#"{{"k":{},"p":{}}}"#, sent.key, sent.priority).into()),
                    ts: sent.ts.map(|ts| now_ms.saturating_add_signed(ts)),
                    ..NewEvent::default()
                });
                self.floor.send_all(events.collect());
            }
            Op::Pass(ms) => return self.pass(ms),
            Op::Save => self.saved = Some(self.floor.state.clone()),
            Op::Crash(back_ms) => {
                if let Some(state) = self.saved.take() {
                    self.floor.state = state;
                }
                self.stopped.clear();
                self.floor.now_ms -= back_ms;
                self.floor.crash();
            }
            Op::Evict => {
                self.floor.evict();
            }
            Op::Cancel(nth) => {
                if let Some(run) = self.nth(nth, alive) {
                    self.floor.input(Input::Cancel {
                        run,
                        reason: reason(),
                        reply: 0,
                    });
                }
            }
            Op::Deploy(version, without) => self.deploy(version, without),
            other => self.operate(&other),
        }
        self.settle();
    }

    /// What operators and the platform itself do.
    fn operate(&mut self, op: &Op) {
        let alive = |run: &Run| !run.status.is_final();
        let reason = || "by hand".to_owned();
        match *op {
            Op::PauseRun(nth) => {
                if let Some(run) = self.nth(nth, alive) {
                    self.floor.input(Input::PauseRun {
                        run,
                        reason: reason(),
                        reply: 0,
                    });
                }
            }
            Op::ResumeRun(nth) => {
                let paused = |run: &Run| run.status == RunStatus::Paused;
                if let Some(run) = self.nth(nth, paused) {
                    self.floor.input(Input::ResumeRun { run, reply: 0 });
                }
            }
            Op::PauseFunction(number) => {
                self.floor.input(Input::PauseFunction {
                    function: function(number),
                    reply: 0,
                });
            }
            Op::ResumeFunction(number) => {
                self.floor.input(Input::ResumeFunction {
                    function: function(number),
                    reply: 0,
                });
            }
            Op::Replay(nth, step) => {
                if let Some(run) = self.nth(nth, |run| run.status.is_final()) {
                    let from_step = step.and_then(|step| self.step_of(run, step));
                    self.floor.input(Input::Replay {
                        run,
                        from_step,
                        reply: 0,
                    });
                }
            }
            Op::CancelAll(number, interval_us) => {
                self.job(JobAction::Cancel { reason: reason() }, number, interval_us);
            }
            Op::ReplayAll(number, interval_us) => self.job(JobAction::Replay, number, interval_us),
            Op::Break(nth) => {
                let executions = self.floor.executions();
                if !executions.is_empty() {
                    let (run, token) = executions[nth % executions.len()];
                    self.floor.forget(run);
                    self.stopped.push((run, token));
                    let failure = Failure::permanent(Origin::Limit, "it broke");
                    self.floor.input(Input::Broken {
                        run,
                        token,
                        failure,
                    });
                }
            }
            Op::Late(nth) => {
                if !self.stopped.is_empty() {
                    let (run, token) = self.stopped[nth % self.stopped.len()];
                    let failure = Failure::permanent(Origin::Limit, "it broke long ago");
                    self.floor.input(Input::Broken {
                        run,
                        token,
                        failure,
                    });
                    self.floor.input(Input::Released { run, token });
                }
            }
            Op::Send(_)
            | Op::Pass(_)
            | Op::Save
            | Op::Crash(_)
            | Op::Evict
            | Op::Cancel(_)
            | Op::Deploy(..) => {}
        }
    }

    fn step_of(&self, run: RunId, nth: usize) -> Option<FromStep> {
        let journal = self.floor.state.journal(run).expect("maps");
        let steps = journal.iter().filter_map(|entry| match entry {
            Entry::OperationStarted { id, occurrence, .. } => Some(step_key(id, *occurrence)),
            _ => None,
        });
        let step = steps.collect::<Vec<_>>().get(nth)?.clone();
        Some(FromStep { step, input: None })
    }

    fn job(&mut self, action: JobAction, number: usize, interval_us: Option<u64>) {
        let filter = RunFilter {
            function: Some(function(number)),
            ..RunFilter::default()
        };
        self.floor.input(Input::StartJob {
            action,
            filter,
            interval_us,
            reply: 0,
        });
    }

    fn settle(&mut self) {
        let before: BTreeSet<_> = self.floor.executions().into_iter().collect();
        self.floor.settle();
        let after: BTreeSet<_> = self.floor.executions().into_iter().collect();
        self.stopped.extend(before.difference(&after));
        self.check();
    }

    fn pass(&mut self, ms: u64) {
        let until = self.floor.now_ms + ms;
        for instant in 0.. {
            assert!(
                instant < 20_000,
                "time does not pass: {:?}",
                self.floor.engine
            );
            let next = self.floor.next_ms().unwrap_or(until).min(until);
            self.floor.now_ms = next.max(self.floor.now_ms);
            self.settle();
            if self.floor.now_ms == until {
                return;
            }
        }
    }

    /// What holds whatever happened.
    fn check(&self) {
        let state = &self.floor.state;
        let mut queued = BTreeSet::new();
        let mut ready = BTreeSet::new();
        let mut holders = BTreeSet::new();
        for run in state.runs.values() {
            if run.is_in_lane() {
                queued.extend(run.lane());
            }
            if run.is_listed_ready() {
                ready.insert(run.id);
            }
            let begun = run.status == RunStatus::Running || run.started_ms.is_some();
            if begun && !run.status.is_final() {
                let counters = run.queue.iter().flat_map(|queue| &queue.counters);
                let of_runs = counters.filter(|counter| counter.is_of_runs());
                holders.extend(of_runs.map(|counter| (counter.name.to_string(), run.id)));
            }
        }
        assert_eq!(state.queued, queued, "rows of lanes");
        assert_eq!(state.ready, ready, "rows of runs that are to execute");
        assert_eq!(state.holders, holders, "holders");
        for (key, registration) in &state.registrations {
            let collects = matches!(
                registration,
                Registration::Debounce(_) | Registration::Batch(_)
            );
            let alive = state.runs.get(&key.run).map(|run| !run.status.is_final());
            assert_eq!(
                alive,
                (!collects).then_some(true),
                "{key:?}: {registration:?}"
            );
        }
        for key in state.arrivals.keys() {
            assert!(
                !state.runs[&key.run].status.is_final(),
                "an ended run has arrivals"
            );
        }
        self.check_controls();
        self.check_limits();
        self.check_singletons();
    }

    fn check_controls(&self) {
        let state = &self.floor.state;
        let mut collecting = BTreeSet::new();
        for (key, control) in &state.controls {
            match control {
                Control::Live(run) => {
                    assert!(
                        !state.runs[run].status.is_final(),
                        "{key:?} names a run that ended"
                    );
                }
                Control::Pending(run) => {
                    collecting.insert(*run);
                }
                _ => {}
            }
        }
        let registered = state.registrations.iter().filter(|(_, registration)| {
            matches!(
                registration,
                Registration::Debounce(_) | Registration::Batch(_)
            )
        });
        let registered: BTreeSet<_> = registered.map(|(key, _)| key.run).collect();
        assert_eq!(collecting, registered, "what collects");
    }

    /// No limit that held all the time is exceeded.
    fn check_limits(&self) {
        let state = &self.floor.state;
        let mut counts: BTreeMap<&str, (u32, u32)> = BTreeMap::new();
        let executing = self.floor.executing();
        let executing = executing.iter().map(|(run, _)| (&state.runs[run], false));
        let holding = state
            .holders
            .iter()
            .map(|(_, run)| run)
            .collect::<BTreeSet<_>>();
        let holding = holding.into_iter().map(|run| (&state.runs[run], true));
        for (run, of_runs) in executing.chain(holding) {
            let counters = run.queue.iter().flat_map(|queue| &queue.counters);
            let names: BTreeSet<_> = counters
                .clone()
                .filter(|counter| counter.is_of_runs() == of_runs)
                .map(|counter| &*counter.name)
                .collect();
            for name in names {
                let pinned = counters.clone().filter(|counter| &*counter.name == name);
                let pinned = pinned.map(|counter| counter.limit).max().unwrap_or(0);
                let options = self
                    .versions_seen
                    .iter()
                    .flat_map(|version| &self.setting.versions[*version]);
                let options =
                    options.flat_map(|config| config.concurrency.iter().map(|option| option.limit));
                let most = options.max().unwrap_or(0).max(pinned);
                let (count, limit) = counts.entry(name).or_default();
                *count += 1;
                *limit = most.max(*limit);
            }
        }
        for (name, (count, limit)) in counts {
            assert!(count <= limit, "{name}: {count} of {limit}");
        }
    }

    fn check_singletons(&self) {
        if self.versions_seen.len() > 1 || !self.deployed_without.is_empty() {
            return;
        }
        let state = &self.floor.state;
        let mut alive = BTreeSet::new();
        for run in state.runs.values() {
            let number: usize = run.function.function[1..].parse().expect("our own");
            let singleton = &self.setting.versions[self.version][number].singleton;
            let Some(singleton) = singleton else { continue };
            if run.status.is_final() || run.parent.is_some() || run.original.is_some() {
                continue;
            }
            let data: serde_json::Value =
                serde_json::from_str(&state.events[&run.event].data).expect("JSON");
            let key = singleton.key.as_ref().map(|_| data["k"].to_string());
            assert!(alive.insert((number, key)), "two live runs of f{number}");
        }
    }

    /// Nobody does anything more: everything ends, and nothing is left.
    fn finish(&mut self) {
        for number in 0..=FUNCTIONS {
            self.apply(&Op::ResumeFunction(number));
        }
        for _ in 0..3 {
            while let Some(run) = self.nth(0, |run| run.status == RunStatus::Paused) {
                self.floor.input(Input::ResumeRun { run, reply: 0 });
                self.settle();
            }
            self.pass(10 * MINUTE_MS);
        }
        let state = &self.floor.state;
        for run in state.runs.values() {
            assert!(
                run.status.is_final(),
                "it hangs: {run:?} {:?}",
                state.journals.get(&run.id)
            );
        }
        assert!(state.registrations.is_empty() && state.arrivals.is_empty());
        assert!(state.ready.is_empty() && state.queued.is_empty() && state.holders.is_empty());
        for control in state.controls.values() {
            assert!(!matches!(control, Control::Live(_) | Control::Pending(_)));
        }
        for job in state.jobs.values() {
            assert_eq!(job.state, JobState::Finished, "{job:?}");
        }
        self.check_events();
        self.floor.input(Input::Tick);
        let engine = &self.floor.engine;
        assert_eq!(
            (engine.executing(), engine.resident(), engine.queued()),
            (0, 0, 0)
        );
        assert!(
            engine.fresh.is_empty() && engine.is_ready.is_empty() && engine.requests.is_empty()
        );
        assert!(engine.queues.is_idle(), "something is held: {engine:?}");
    }

    /// Every event started what it had to start, or it is seen why not.
    fn check_events(&self) {
        let state = &self.floor.state;
        let started: BTreeSet<(EventId, &FunctionId)> = state
            .links
            .iter()
            .filter_map(|(event, run)| Some((*event, &state.runs.get(run)?.function)))
            .collect();
        for (_, run) in &state.links {
            assert!(state.runs.contains_key(run), "a link leads nowhere");
        }
        for event in state.events.values() {
            let numbers: &[usize] = match &*event.name {
                "start/f0" => &[0],
                "start/f1" => &[1],
                "start/f2" => &[2],
                "all" => &[0, 1],
                _ => &[],
            };
            for number in numbers {
                let may_be_lost =
                    event.external_id.is_some() || self.deployed_without.contains(number);
                assert!(
                    may_be_lost || started.contains(&(event.id, &function(*number))),
                    "{event:?} has not started f{number}"
                );
            }
        }
        for run in state.runs.values() {
            if run.event_count > 1 {
                assert_eq!(
                    state.run_events(run.id).expect("maps").len(),
                    run.event_count as usize
                );
            }
        }
    }
}

/// One history, to its end; what there was then.
fn history(setting: &Setting, ops: &[Op]) -> Vec<Run> {
    let mut chaos = Chaos::new(setting.clone());
    for op in ops {
        chaos.apply(op);
    }
    chaos.finish();
    chaos.floor.state.runs.into_values().collect()
}

proptest! {
    #![proptest_config(super::config())]

    #[test]
    fn model_chaos_leaves_nothing_behind(setting in setting(), ops in prop::collection::vec(op(), 1..30)) {
        history(&setting, &ops);
    }

    #[test]
    fn model_chaos_is_the_same_twice(setting in setting(), ops in prop::collection::vec(op(), 1..15)) {
        prop_assert_eq!(history(&setting, &ops), history(&setting, &ops));
    }
}
