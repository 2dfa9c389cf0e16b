//! Where a model and the engine meet: an engine over maps, executions that report what the test says, and crashes that forget the last steps.
//!
//! Everything that a step needs to be forgotten is kept until [`Stage::sync`]. What happened is a list of entries, each with the number of the
//! step that made it happen, so that a crash forgets the entries together with the steps.

use std::collections::BTreeMap;

use super::super::state::State;
use super::super::world::START_MS;
use crate::engine::{Effect, Engine, EngineConfig, Input, Output, ValidEvents};
use crate::event::NewEvent;
use crate::function::FunctionConfig;
use crate::function::options::{Concurrency, ConcurrencyScope, ConcurrencyUnit};
use crate::ids::{Digest, RunId};
use crate::journal::{Entry, OpNumber};
use crate::limits::Limits;
use crate::machine::{Arrival, Change, Position, Progress, Send};
use crate::schema::Schemas;
use crate::state::{App, Deployed, RunEnd, RunStatus};

/// See the [module](self). `H` is what a model wants to know of what happened.
pub(super) struct Stage<H> {
    pub(super) engine: Engine,
    pub(super) state: State,
    pub(super) now_ms: u64,
    config: EngineConfig,
    starts: u64,
    /// Whether a crash is to come.
    pub(super) remembers: bool,
    /// States before the steps that may be forgotten.
    history: Vec<State>,
    /// How many steps there were before those.
    settled: usize,
    log: Vec<(usize, H)>,
    /// The last step that may have decided something.
    decided: usize,
    /// Executions, by run.
    pub(super) executing: BTreeMap<RunId, u64>,
    /// Executions that were stopped.
    pub(super) stopped: Vec<(RunId, u64)>,
    /// What executions were told.
    pub(super) told: BTreeMap<RunId, Vec<(OpNumber, Arrival)>>,
    /// Runs whose execution began, in order, since somebody last looked.
    pub(super) begun: Vec<RunId>,
}

impl<H> Stage<H> {
    pub(super) fn new(max_executing: usize) -> Self {
        let config = EngineConfig {
            max_executing,
            ..EngineConfig::default()
        };
        let mut stage = Self {
            engine: Engine::new(config.clone(), 1),
            state: State::default(),
            now_ms: START_MS,
            config,
            starts: 1,
            remembers: true,
            history: Vec::new(),
            settled: 0,
            log: Vec::new(),
            decided: 0,
            executing: BTreeMap::new(),
            stopped: Vec::new(),
            told: BTreeMap::new(),
            begun: Vec::new(),
        };
        stage.step(Input::Recover);
        stage
    }

    /// Milliseconds since the story began.
    pub(super) fn at(&self) -> u64 {
        self.now_ms - START_MS
    }

    /// Notes what the last step, or what was done without one, means to the model.
    pub(super) fn note(&mut self, happened: H) {
        self.log.push((self.decided, happened));
    }

    /// What happened and was not forgotten.
    pub(super) fn log(&self) -> impl Iterator<Item = &H> {
        self.log.iter().map(|(_, happened)| happened)
    }

    pub(super) fn step(&mut self, input: Input) -> Output {
        if self.remembers {
            self.history.push(self.state.clone());
        }
        if !matches!(input, Input::Released { .. }) {
            self.decided = self.settled + self.history.len();
        }
        let mut out = Output::default();
        self.engine
            .step(input, self.now_ms, &self.state, &mut out)
            .expect("maps can always be read");
        for write in std::mem::take(&mut out.writes) {
            self.state.apply(write);
        }
        for effect in out.now.iter().chain(&out.durable) {
            self.effect(effect);
        }
        out
    }

    fn effect(&mut self, effect: &Effect) {
        match effect {
            Effect::Execute {
                run,
                token,
                arrivals,
            } => {
                let status = self.state.runs[&run.id].status;
                assert!(
                    !status.is_final() && status != RunStatus::Paused,
                    "a run executes that is {status:?}"
                );
                let earlier = self.executing.insert(run.id, *token);
                assert_eq!(earlier, None, "a run executes twice");
                self.told.insert(run.id, arrivals.clone());
                self.begun.push(run.id);
            }
            Effect::Deliver {
                run,
                token,
                op,
                arrival,
            } => {
                if self.executing.get(run) == Some(token) {
                    let told = self.told.entry(*run).or_default();
                    told.push((*op, arrival.clone()));
                }
            }
            Effect::Stop { run, token } => {
                if self.executing.get(run) == Some(token) {
                    self.executing.remove(run);
                    self.told.remove(run);
                    self.stopped.push((*run, *token));
                }
            }
            Effect::Request { .. }
            | Effect::DropRequest { .. }
            | Effect::Answer { .. }
            | Effect::Suspect(_)
            | Effect::Schemas(_)
            | Effect::Notice(_) => {}
        }
    }

    pub(super) fn deploy(&mut self, functions: Vec<FunctionConfig>) {
        for function in &functions {
            function.validate().expect("options that are allowed");
        }
        let app = App {
            id: "app".into(),
            current: Deployed {
                digest: Digest([1; 32]),
                at_ms: self.now_ms,
                bytes: 0,
                functions,
                schemas: Vec::new(),
            },
            variables: BTreeMap::new(),
            allow_net: Vec::new(),
            deployments: 0,
        };
        self.step(Input::Deploy {
            app: Box::new(app),
            reply: 0,
        });
    }

    pub(super) fn send(&mut self, events: Vec<NewEvent>) {
        let events = ValidEvents::check(events, &Limits::default(), &Schemas::default())
            .expect("valid events");
        self.step(Input::Events {
            events,
            seed: None,
            reply: 0,
        });
    }

    /// Lets timers fire that are due.
    pub(super) fn tick(&mut self) {
        while self
            .engine
            .next_due_ms()
            .is_some_and(|due| due <= self.now_ms)
        {
            self.step(Input::Tick);
        }
    }

    /// Lets runs execute as far as there is room.
    pub(super) fn dispatch(&mut self) {
        while self.engine.wants_dispatch() {
            self.step(Input::Dispatch);
        }
    }

    /// Moves the clock, stopping at every timer on the way.
    pub(super) fn advance(&mut self, ms: u64) {
        let until = self.now_ms + ms;
        self.tick();
        while let Some(due) = self.engine.next_due_ms().filter(|due| *due <= until) {
            self.now_ms = self.now_ms.max(due);
            self.tick();
        }
        self.now_ms = until;
    }

    /// An execution reports.
    pub(super) fn report(
        &mut self,
        run: RunId,
        changes: Vec<(OpNumber, Change)>,
        sends: Vec<(OpNumber, Send)>,
        position: Position,
    ) {
        let token = self.executing[&run];
        let first = self.state.runs[&run].entries;
        let entry = if first == 0 {
            Entry::AttemptStarted {
                attempt: 0,
                at_ms: self.now_ms,
            }
        } else {
            Entry::Logged { lines: 0 }
        };
        let over = matches!(
            position,
            Position::Ended(_) | Position::RetryLater | Position::Diverged(_)
        );
        let progress = Box::new(Progress {
            first,
            entries: vec![entry],
            changes,
            sends,
            spans: Vec::new(),
            logs: Vec::new(),
            logged: crate::state::Logged::default(),
            position,
            wants: Vec::new(),
            releases: Vec::new(),
        });
        self.step(Input::Progress {
            run,
            token,
            progress,
        });
        if over && self.executing.get(&run) == Some(&token) {
            self.executing.remove(&run);
            self.told.remove(&run);
            self.step(Input::Released { run, token });
        }
    }

    /// An execution reports although it was stopped: nobody must listen.
    pub(super) fn report_late(&mut self, which: usize) {
        let Some((run, token)) = self.stopped.get(which).copied() else {
            return;
        };
        let before = self.state.runs.get(&run).cloned();
        let entries = before.as_ref().map_or(0, |run| run.entries);
        let progress = Box::new(Progress {
            first: entries,
            entries: vec![Entry::Logged { lines: 0 }],
            changes: Vec::new(),
            sends: Vec::new(),
            spans: Vec::new(),
            logs: Vec::new(),
            logged: crate::state::Logged::default(),
            position: Position::Ended(RunEnd::Output("\"late\"".into())),
            wants: Vec::new(),
            releases: Vec::new(),
        });
        self.step(Input::Progress {
            run,
            token,
            progress,
        });
        assert_eq!(
            self.state.runs.get(&run),
            before.as_ref(),
            "a stopped execution was listened to"
        );
    }

    /// The instances of a run that rests are dropped.
    pub(super) fn evict(&mut self, run: RunId) {
        if let Some(token) = self.executing.remove(&run) {
            self.told.remove(&run);
            self.step(Input::Released { run, token });
        }
    }

    /// Everything so far is on disk for good.
    pub(super) fn sync(&mut self) {
        self.settled += self.history.len();
        self.history.clear();
    }

    /// The process dies, and with it its last steps, at most `steps` of them. It starts again after `down_ms`.
    pub(super) fn crash(&mut self, steps: usize, down_ms: u64) {
        let kept = self.history.len().saturating_sub(steps);
        if let Some(state) = self.history.get(kept) {
            self.state = state.clone();
        }
        self.history.truncate(kept);
        let steps = self.settled + kept;
        self.log.retain(|(step, _)| *step <= steps);
        self.executing.clear();
        self.stopped.clear();
        self.told.clear();
        self.begun.clear();
        self.now_ms += down_ms;
        self.starts += 1;
        self.engine = Engine::new(self.config.clone(), self.starts);
        self.state.forgive_death();
        self.step(Input::Recover);
    }

    /// What must hold whenever nothing is on its way: ended runs are watched for no more, and nothing is kept for them.
    pub(super) fn check_ended(&self) {
        for run in self.state.runs.values() {
            let ended = run.status.is_final();
            assert!(
                !(ended && self.executing.contains_key(&run.id)),
                "an ended run executes: {run:?}"
            );
            assert!(
                !(ended && self.state.ready.contains(&run.id)),
                "an ended run is listed as ready"
            );
        }
        let of_ended = |run: RunId| {
            let run = self.state.runs.get(&run);
            run.is_some_and(|run| run.status.is_final())
        };
        for (key, left) in &self.state.registrations {
            assert!(!of_ended(key.run), "an ended run is watched for: {left:?}");
        }
        for (key, left) in &self.state.arrivals {
            assert!(!of_ended(key.run), "an ended run has arrivals: {left:?}");
        }
    }
}

/// So many runs of a function at once, so that they queue in a lane; none: as many as there is room for.
pub(super) fn at_once(limit: Option<u32>) -> Vec<Concurrency> {
    let limit = limit.map(|limit| Concurrency {
        limit,
        key: None,
        scope: ConcurrencyScope::Fn,
        per: ConcurrencyUnit::Run,
    });
    limit.into_iter().collect()
}
