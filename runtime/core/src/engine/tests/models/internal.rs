//! Internal events: what is told when runs end, who is started by it, and that it comes to an end.
//!
//! The model knows who listens, and follows each end of a run to whatever it starts.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::stage::Stage;
use crate::HOUR_MS;
use crate::engine::Input;
use crate::event::NewEvent;
use crate::failure::{Failure, Origin};
use crate::function::FunctionConfig;
use crate::function::options::{EventTrigger, Trigger};
use crate::ids::RunId;
use crate::journal::OpNumber;
use crate::machine::{Change, Position};
use crate::operation::Invoke;
use crate::state::{Registration, RunEnd, RunStatus};

/// Functions that listen, in the order of their ids: what their triggers name, and whether success is asked for.
const LISTENERS: [(&str, &str, bool); 8] = [
    ("a", "inngest/function.failed", false),
    ("b", "abide/function.finished", true),
    ("c", "inngest/*", false),
    ("e", "inngest/function.cancelled", false),
    ("g", "abide/function.failed", false),
    ("h", "inngest/function.invoked", false),
    ("i", "abide/function.invoked", false),
    ("j", "abide/function.*", false),
];

/// The function that is the failure handler of `f`, and the place of its id among the others.
const HANDLER: &str = "d";

const NAMES: [&str; 8] = [
    "inngest/function.finished",
    "abide/function.finished",
    "inngest/function.failed",
    "abide/function.failed",
    "inngest/function.cancelled",
    "abide/function.cancelled",
    "inngest/function.invoked",
    "abide/function.invoked",
];

/// Which listeners are deployed, and whether the handler is.
type Deployed = (BTreeSet<usize>, bool);

fn functions((listeners, handler): &Deployed) -> Vec<FunctionConfig> {
    let with = |id: &str, trigger| FunctionConfig {
        id: id.into(),
        triggers: vec![trigger],
        ..FunctionConfig::default()
    };
    let on = |event: &str, if_expr: Option<&str>| {
        Trigger::Event(EventTrigger {
            event: event.into(),
            if_expr: if_expr.map(str::to_owned),
        })
    };
    let mut functions = vec![with("f", on("start", None))];
    for which in listeners {
        let (id, name, succeeded) = LISTENERS[*which];
        let condition = succeeded.then_some("event.data.result != null");
        functions.push(with(id, on(name, condition)));
    }
    if *handler {
        functions.push(with(HANDLER, Trigger::FailureOf("f".into())));
    }
    functions
}

#[derive(Debug, Clone)]
enum Op {
    Send(usize),
    End(usize, bool),
    Cancel(usize),
    Wait(usize, usize),
    Invoke(usize),
    Deploy(Deployed),
    Dispatch,
    Sync,
    Crash(usize),
}

#[derive(Debug, Clone)]
enum Happened {
    Sent(usize),
    Ended(RunId, bool),
    Cancelled(RunId),
    Waited(RunId, &'static str),
    Invoked(RunId),
    Deployed(Deployed),
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Seen {
    function: String,
    event: String,
    /// Whose end the event tells.
    about: Option<RunId>,
    quiet: bool,
    status: Option<RunStatus>,
    /// What it waits for.
    waits: BTreeSet<String>,
}

struct Modelled {
    id: RunId,
    parent: Option<RunId>,
    seen: Seen,
}

/// An event on its way: its name, whose end it tells and whether that was a success, and whether the failure handler hears of it.
type Told = (&'static str, Option<RunId>, bool, bool);

struct Model<'a> {
    ids: &'a [RunId],
    runs: Vec<Modelled>,
    deployed: Deployed,
    /// How often each event was recorded.
    recorded: BTreeMap<(String, Option<RunId>), usize>,
    /// What was waited for when the step began.
    awaited: BTreeSet<String>,
    told: Vec<Told>,
}

fn matches(pattern: &str, name: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(prefix) => name.starts_with(prefix),
        None => pattern == name,
    }
}

impl Model<'_> {
    fn start(&mut self, function: &str, event: &str, about: Option<RunId>, quiet: bool) {
        let id = self.ids.get(self.runs.len()).copied();
        let seen = Seen {
            function: function.into(),
            event: event.into(),
            about,
            quiet,
            status: None,
            waits: BTreeSet::new(),
        };
        self.runs.push(Modelled {
            id: id.unwrap_or(RunId(0)),
            parent: None,
            seen,
        });
    }

    fn place(&self, id: RunId) -> usize {
        let place = self.runs.iter().position(|run| run.id == id);
        place.expect("a run")
    }

    fn somebody_listens(&self, name: &str) -> bool {
        let triggers = self.deployed.0.iter();
        self.awaited.contains(name)
            || triggers
                .into_iter()
                .any(|which| matches(LISTENERS[*which].1, name))
    }

    fn end(&mut self, which: usize, status: RunStatus) {
        let run = &mut self.runs[which];
        run.seen.status = Some(status);
        run.seen.waits.clear();
        let (id, quiet, is_f) = (run.id, run.seen.quiet, run.seen.function == "f");
        let succeeded = status == RunStatus::Completed;
        let names: &[&'static str] = match status {
            _ if quiet => &[],
            RunStatus::Completed => &NAMES[..2],
            RunStatus::Failed => &NAMES[..4],
            _ => &NAMES[4..6],
        };
        for name in names {
            if name.ends_with("failed") || self.somebody_listens(name) {
                let handled = is_f && *name == "inngest/function.failed";
                self.told.push((name, Some(id), succeeded, handled));
            }
        }
        if status == RunStatus::Cancelled {
            let children = self.runs.iter().enumerate();
            let children: Vec<_> = children
                .filter(|(_, run)| run.parent == Some(id) && run.seen.status.is_none())
                .map(|(which, _)| which)
                .collect();
            // The last to be given up is the first to go.
            for child in children.into_iter().rev() {
                self.end(child, status);
            }
        }
    }

    fn deliver(&mut self) {
        for (name, about, succeeded, handled) in std::mem::take(&mut self.told) {
            *self.recorded.entry((name.into(), about)).or_default() += 1;
            for run in &mut self.runs {
                run.seen.waits.remove(name);
            }
            let deployed = self.deployed.0.iter().map(|which| LISTENERS[*which]);
            let mut started: Vec<_> = deployed
                .filter(|(_, pattern, success)| matches(pattern, name) && (succeeded || !success))
                .map(|(id, ..)| id)
                .collect();
            if handled && self.deployed.1 {
                started.push(HANDLER);
            }
            started.sort_unstable();
            for function in started {
                self.start(function, name, about, true);
            }
        }
    }

    fn apply(&mut self, happened: &Happened) {
        let waits = self.runs.iter().flat_map(|run| run.seen.waits.clone());
        self.awaited = waits.collect();
        match happened {
            Happened::Sent(count) => {
                for _ in 0..*count {
                    self.start("f", "start", None, false);
                }
            }
            Happened::Ended(run, well) => {
                let which = self.place(*run);
                let status = if *well {
                    RunStatus::Completed
                } else {
                    RunStatus::Failed
                };
                self.end(which, status);
            }
            Happened::Cancelled(run) => {
                let which = self.place(*run);
                self.end(which, RunStatus::Cancelled);
            }
            Happened::Waited(run, name) => {
                let which = self.place(*run);
                self.runs[which].seen.waits.insert((*name).into());
            }
            Happened::Invoked(run) => {
                let quiet = self.runs[self.place(*run)].seen.quiet;
                self.start("f", "inngest/function.invoked", None, quiet);
                self.runs.last_mut().expect("it was made").parent = Some(*run);
                for name in NAMES[6..].iter().filter(|_| !quiet) {
                    if self.somebody_listens(name) {
                        self.told.push((name, None, false, false));
                    }
                }
            }
            Happened::Deployed(deployed) => self.deployed = deployed.clone(),
        }
        self.deliver();
    }
}

struct Case {
    stage: Stage<Happened>,
}

impl Case {
    fn executing(&self, which: usize) -> Option<RunId> {
        let executing: Vec<_> = self.stage.executing.keys().collect();
        let run = executing.get(which % executing.len().max(1));
        run.copied().copied()
    }

    #[allow(clippy::too_many_lines, reason = "one arm an operation")]
    fn apply(&mut self, op: Op) {
        match op {
            Op::Send(count) => {
                let event = NewEvent {
                    name: "start".into(),
                    ..NewEvent::default()
                };
                self.stage.send(vec![event; count]);
                self.stage.note(Happened::Sent(count));
            }
            Op::End(which, well) => {
                let Some(run) = self.executing(which) else {
                    return;
                };
                let state = &self.stage.state;
                let invokes = |registration: &Registration| {
                    matches!(registration, Registration::Invoke { .. })
                };
                let mut watched = state.registrations.iter();
                if watched.any(|(key, it)| key.run == run && invokes(it)) {
                    return;
                }
                // As its code does when it ends.
                let watched = state.registrations.keys().chain(state.arrivals.keys());
                let watched = watched.filter(|key| key.run == run);
                let drop = watched.map(|key| (key.op, Change::Unregister)).collect();
                let end = if well {
                    RunEnd::Output("7".into())
                } else {
                    RunEnd::Failure(Failure::permanent(Origin::Guest, "it went wrong"))
                };
                self.stage
                    .report(run, drop, Vec::new(), Position::Ended(end));
                self.stage.note(Happened::Ended(run, well));
            }
            Op::Cancel(which) => {
                let runs = self.stage.state.runs.values();
                let alive: Vec<_> = runs.filter(|run| !run.status.is_final()).collect();
                if let Some(run) = alive.get(which % alive.len().max(1)).map(|run| run.id) {
                    let reason = "by hand".into();
                    self.stage.step(Input::Cancel {
                        run,
                        reason,
                        reply: 0,
                    });
                    self.stage.note(Happened::Cancelled(run));
                }
            }
            Op::Wait(which, name) => {
                let Some(run) = self.executing(which) else {
                    return;
                };
                let name = NAMES[name];
                let state = &self.stage.state;
                let mut waits = state.registrations.iter();
                if waits.any(|(key, it)| {
                    key.run == run && it.awaited().is_some_and(|(awaited, _)| awaited == name)
                }) {
                    return;
                }
                let registration = Registration::Event {
                    name: name.into(),
                    match_path: None,
                    if_expr: None,
                    since_ms: None,
                    due_ms: self.stage.now_ms + 1_000 * HOUR_MS,
                };
                self.register(run, registration);
                self.stage.note(Happened::Waited(run, name));
            }
            Op::Invoke(which) => {
                let Some(run) = self.executing(which) else {
                    return;
                };
                let invoke = Invoke {
                    function: "f".into(),
                    data: None,
                    timeout_ms: None,
                };
                self.register(
                    run,
                    Registration::Invoke {
                        invoke: Box::new(invoke),
                        due_ms: self.stage.now_ms + 1_000 * HOUR_MS,
                        child: None,
                    },
                );
                self.stage.note(Happened::Invoked(run));
            }
            Op::Deploy(deployed) => {
                self.stage.deploy(functions(&deployed));
                self.stage.note(Happened::Deployed(deployed));
            }
            Op::Dispatch => self.stage.dispatch(),
            Op::Sync => self.stage.sync(),
            Op::Crash(steps) => self.stage.crash(steps, 1),
        }
    }

    fn register(&mut self, run: RunId, registration: Registration) {
        let op: OpNumber = self.stage.state.runs[&run].entries;
        let change = Change::Register {
            registration,
            replaces: false,
        };
        let position = Position::Parked { sleeping: false };
        self.stage
            .report(run, vec![(op, change)], Vec::new(), position);
    }

    fn check(&self) -> Result<(), TestCaseError> {
        let state = &self.stage.state;
        let ids: Vec<_> = state.runs.keys().copied().collect();
        let mut model = Model {
            ids: &ids,
            runs: Vec::new(),
            deployed: (BTreeSet::new(), false),
            recorded: BTreeMap::new(),
            awaited: BTreeSet::new(),
            told: Vec::new(),
        };
        self.stage.log().for_each(|happened| model.apply(happened));
        let about = |data: &str| {
            let data: serde_json::Value = serde_json::from_str(data).expect("JSON");
            let run = data["run_id"].as_str()?;
            Some((run.parse::<RunId>().expect("a run's id"), data))
        };
        let seen: Vec<_> = state
            .runs
            .values()
            .map(|run| {
                let event = &state.events[&run.event];
                let waits = state.registrations.iter();
                let waits = waits.filter(|(key, _)| key.run == run.id);
                Seen {
                    function: run.function.function.to_string(),
                    event: event.name.to_string(),
                    about: about(&event.data).map(|(run, _)| run),
                    quiet: run.quiet,
                    status: Some(run.status).filter(|status| status.is_final()),
                    waits: waits
                        .filter_map(|(_, it)| it.awaited().map(|(name, _)| name.to_owned()))
                        .collect(),
                }
            })
            .collect();
        let expected: Vec<_> = model.runs.into_iter().map(|run| run.seen).collect();
        prop_assert_eq!(seen, expected);
        let mut recorded: BTreeMap<_, usize> = BTreeMap::new();
        for event in state.events.values() {
            let Some((run, data)) = about(&event.data) else {
                continue;
            };
            *recorded
                .entry((event.name.to_string(), Some(run)))
                .or_default() += 1;
            let told = &state.runs[&run];
            prop_assert_eq!(&data["function_id"], &told.function.to_string());
            prop_assert_eq!(data["event"].get("name"), data["events"][0].get("name"));
            let well = told.status == RunStatus::Completed;
            prop_assert_eq!(data.get("result").is_some(), well);
            prop_assert_eq!(data["error"].get("message").is_some(), !well);
        }
        let mut expected = model.recorded;
        expected.retain(|(_, about), _| about.is_some());
        prop_assert_eq!(recorded, expected);
        self.stage.check_ended();
        Ok(())
    }
}

fn op() -> impl Strategy<Value = Op> {
    let which = || 0..64_usize;
    prop_oneof![
        3 => (1..3_usize).prop_map(Op::Send),
        5 => (which(), any::<bool>()).prop_map(|(which, well)| Op::End(which, well)),
        2 => which().prop_map(Op::Cancel),
        2 => (which(), 0..NAMES.len()).prop_map(|(which, name)| Op::Wait(which, name)),
        2 => which().prop_map(Op::Invoke),
        1 => deployed().prop_map(Op::Deploy),
        5 => Just(Op::Dispatch),
        1 => Just(Op::Sync),
        1 => (0..5_usize).prop_map(Op::Crash),
    ]
}

fn deployed() -> impl Strategy<Value = Deployed> {
    let listeners = prop::collection::btree_set(0..LISTENERS.len(), 0..5);
    (listeners, any::<bool>())
}

proptest! {
    #![proptest_config(super::config())]

    #[test]
    fn model_internal(first in deployed(), ops in prop::collection::vec(op(), 1..40)) {
        let mut case = Case { stage: Stage::new(16) };
        case.apply(Op::Deploy(first));
        case.apply(Op::Sync);
        for op in ops {
            case.apply(op);
            case.check()?;
        }
    }
}
