//! A node in miniature: engine, maps, scripted runs, a clock that stands still until it is moved.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::script::{Instance, Program};
use super::state::State;
use crate::Json;
use crate::engine::{
    Answer, Effect, Engine, EngineConfig, Input, Notice, Output, Request, ValidEvents,
};
use crate::event::{EventIdSeed, NewEvent};
use crate::failure::{Failure, Origin, RetryAdvice};
use crate::function::options::EventTrigger;
use crate::function::{FunctionConfig, Trigger};
use crate::ids::{Digest, IdGenerator, RunId};
use crate::journal::{Entry, OpNumber};
use crate::limits::Limits;
use crate::machine::{Arrival, Machine, Phase, RunInfo, TwinCursor};
use crate::schema::Schemas;
use crate::state::{App, Control, Deployed, Read, Run, RunEnd, RunStatus, Write};

pub(super) const START_MS: u64 = 1_700_000_000_000;

struct Execution {
    token: u64,
    machine: Machine,
    workflow: Instance,
    twin: Option<(Instance, TwinCursor)>,
}

type Body = Box<dyn FnMut(&str, u32) -> Result<Json, Failure>>;

pub(super) struct World {
    pub engine: Engine,
    pub state: State,
    pub now_ms: u64,
    pub schemas: Arc<Schemas>,
    ids: IdGenerator,
    programs: BTreeMap<String, Program>,
    executions: BTreeMap<RunId, Execution>,
    pub answers: Vec<Answer>,
    pub notices: Vec<Notice>,
    /// How often a control's record was written, other than the process's own.
    pub control_writes: usize,
    pub requests: Vec<(RunId, OpNumber, u32, Request)>,
    /// Every body that executed: run, step, attempt.
    pub executed: Vec<(RunId, String, u32)>,
    body: Body,
    starts: u64,
    /// Executions report after every body, not only when they come to rest.
    pub(super) chatty: bool,
    /// The process dies after so many more reports.
    pub(super) dies_after: Option<usize>,
    /// Deaths count, and those of these functions kill the process: by their code, or by the first body that reaches outside.
    pub(super) deadly: Option<Deadly>,
}

/// What kills the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Deadly {
    /// Nothing any more.
    Nothing,
    /// The bodies of `deadly`, and the code of `deadly-code`.
    Functions,
}

/// A guest's own error.
pub(super) fn guest_error(retry: RetryAdvice) -> Failure {
    Failure {
        retry,
        ..Failure::platform(Origin::Guest, "it went wrong")
    }
}

/// A function without options that the event `start/ID` starts.
pub(super) fn started_by_event(id: &str) -> FunctionConfig {
    FunctionConfig {
        id: id.into(),
        triggers: vec![Trigger::Event(EventTrigger {
            event: format!("start/{id}"),
            if_expr: None,
        })],
        ..FunctionConfig::default()
    }
}

impl World {
    /// A world in which these functions are deployed as the app `app`; each is started by the event `start/FUNCTION`.
    pub(super) fn new(functions: &[(&str, Program)]) -> Self {
        let mut world = Self {
            engine: Engine::new(EngineConfig::default(), 1),
            state: State::default(),
            now_ms: START_MS,
            schemas: Arc::default(),
            ids: IdGenerator::new(99),
            programs: BTreeMap::new(),
            executions: BTreeMap::new(),
            answers: Vec::new(),
            notices: Vec::new(),
            control_writes: 0,
            requests: Vec::new(),
            executed: Vec::new(),
            body: Box::new(|step, _| Ok(format!("\"{}\"", &step[27..31]).into())),
            starts: 1,
            chatty: false,
            dies_after: None,
            deadly: None,
        };
        world.input(Input::Recover);
        world.deploy(functions, 1);
        world
    }

    pub(super) fn deploy(&mut self, functions: &[(&str, Program)], version: u8) {
        let configured = functions
            .iter()
            .map(|(id, program)| (started_by_event(id), program.clone()));
        self.deploy_configured(configured.collect(), version);
    }

    /// Deploys functions with options of their own as the app `app`.
    pub(super) fn deploy_configured(
        &mut self,
        functions: Vec<(FunctionConfig, Program)>,
        version: u8,
    ) {
        let configs = functions.iter().map(|(config, _)| config.clone());
        let app = App {
            id: "app".into(),
            current: Deployed {
                digest: Digest([version; 32]),
                at_ms: self.now_ms,
                bytes: 0,
                functions: configs.collect(),
                schemas: Vec::new(),
            },
            variables: BTreeMap::new(),
            allow_net: Vec::new(),
            deployments: 0,
        };
        for (config, program) in functions {
            self.programs.insert(config.id, program);
        }
        self.input(Input::Deploy {
            app: Box::new(app),
            reply: 0,
        });
    }

    pub(super) fn bodies(
        &mut self,
        body: impl FnMut(&str, u32) -> Result<Json, Failure> + 'static,
    ) {
        self.body = Box::new(body);
    }

    pub(super) fn input(&mut self, input: Input) {
        let mut out = Output::default();
        self.engine
            .step(input, self.now_ms, &self.state, &mut out)
            .expect("maps can always be read");
        for write in out.writes {
            if let Write::PutControl { control, .. } = &write
                && !matches!(control, Control::Process { .. })
            {
                self.control_writes += 1;
            }
            self.state.apply(write);
        }
        for effect in out.now.into_iter().chain(out.durable) {
            self.effect(effect);
        }
    }

    fn effect(&mut self, effect: Effect) {
        match effect {
            Effect::Execute {
                run,
                token,
                arrivals,
            } => self.execute(&run, token, arrivals),
            Effect::Deliver {
                run,
                token,
                op,
                arrival,
            } => {
                let execution = self
                    .executions
                    .get_mut(&run)
                    .filter(|found| found.token == token);
                if let Some(execution) = execution {
                    execution.machine.arrive(op, arrival, self.now_ms);
                }
            }
            Effect::Stop { run, .. } => {
                self.executions.remove(&run);
            }
            Effect::Request {
                run,
                op,
                attempt,
                request,
            } => self.requests.push((run.id, op, attempt, request)),
            Effect::DropRequest { run, op } => {
                self.requests.retain(|(r, o, ..)| (*r, *o) != (run, op));
            }
            Effect::Answer { answer, .. } => self.answers.push(answer),
            Effect::Suspect(run) => self.input(Input::SuspectRecorded(run)),
            Effect::Schemas(schemas) => self.schemas = schemas,
            Effect::Notice(notice) => self.notices.push(notice),
        }
    }

    fn info(&self, run: &Run) -> Arc<RunInfo> {
        let event = self.state.events.get(&run.event);
        Arc::new(RunInfo {
            run: run.id,
            function: run.function.clone(),
            digest: run.digest,
            policy: run.policy,
            limits: Limits::default(),
            event: event.expect("an event is recorded with its run").to_json(),
            gated: run.is_gated(),
            input: run.input.as_deref().cloned(),
            schemas: self.schemas.clone(),
            logged: run.logged.unwrap_or_default(),
        })
    }

    fn execute(&mut self, run: &Run, token: u64, arrivals: Vec<(OpNumber, Arrival)>) {
        let entries = self.state.journal(run.id).expect("maps can always be read");
        let mut machine =
            Machine::load(self.info(run), entries, self.now_ms).expect("a journal that we wrote");
        for (op, arrival) in arrivals {
            machine.arrive(op, arrival, self.now_ms);
        }
        let execution = Execution {
            token,
            machine,
            workflow: Instance::default(),
            twin: None,
        };
        self.executions.insert(run.id, execution);
    }

    /// Lets everything happen that can happen at this time.
    pub(super) fn settle(&mut self) {
        loop {
            while self
                .engine
                .next_due_ms()
                .is_some_and(|due| due <= self.now_ms)
            {
                self.input(Input::Tick);
            }
            if self.engine.wants_dispatch() {
                self.input(Input::Dispatch);
            }
            let runs: Vec<_> = self.executions.keys().copied().collect();
            let moved = runs.into_iter().filter(|run| self.drive(*run)).count();
            let due = self
                .engine
                .next_due_ms()
                .is_some_and(|due| due <= self.now_ms);
            if moved == 0 && !due && !self.engine.wants_dispatch() {
                return;
            }
        }
    }

    /// Drives one execution until it reports; `false` if it had nothing to do.
    fn drive(&mut self, run: RunId) -> bool {
        let Some(mut execution) = self.executions.remove(&run) else {
            return false;
        };
        let function = execution.machine.info().function.function.to_string();
        let program = self.programs[&function].clone();
        let machine = &mut execution.machine;
        let deadly = self.deadly == Some(Deadly::Functions);
        if deadly && function == "deadly-code" {
            self.crash();
            return true;
        }
        loop {
            execution
                .workflow
                .drive(&program, machine, self.now_ms, &mut self.ids);
            if machine.phase() != Phase::Running {
                break;
            }
            let (twin, cursor) = execution
                .twin
                .get_or_insert_with(|| (Instance::default(), machine.twin()));
            if deadly && function == "deadly" {
                let body = twin.drive_to_body(&program, machine, cursor, self.now_ms);
                let (_, body) = body.expect("the same code").expect("a body");
                self.executed.push((run, body.step_key, body.attempt));
                machine.body_reaches_out(cursor);
                let progress = machine.take_progress().expect("it reaches outside");
                let token = execution.token;
                let progress = Box::new(progress);
                self.input(Input::Progress {
                    run,
                    token,
                    progress,
                });
                self.crash();
                return true;
            }
            let executed = &mut self.executed;
            let body = &mut self.body;
            let mut bodies = |step: &str, attempt: u32| {
                executed.push((run, step.to_owned(), attempt));
                body(step, attempt)
            };
            if !twin.drive_twin(&program, machine, cursor, self.now_ms, &mut bodies) {
                execution.twin = None;
            }
            if self.chatty && machine.phase() == Phase::Running {
                break;
            }
        }
        let progress = machine.take_progress();
        let token = execution.token;
        let over = !matches!(machine.phase(), Phase::Parked | Phase::Running);
        let moved = progress.is_some() || machine.phase() == Phase::Running;
        if !over {
            self.executions.insert(run, execution);
        }
        if let Some(progress) = progress {
            self.input(Input::Progress {
                run,
                token,
                progress: Box::new(progress),
            });
        }
        if over {
            self.input(Input::Released { run, token });
        }
        if let Some(left) = self.dies_after.as_mut() {
            *left = left.saturating_sub(1);
            if *left == 0 {
                self.dies_after = None;
                self.crash();
            }
        }
        moved || over
    }

    /// Moves the clock, stopping at every timer on the way.
    pub(super) fn advance(&mut self, ms: u64) {
        let until = self.now_ms + ms;
        self.settle();
        while let Some(due) = self.engine.next_due_ms().filter(|due| *due <= until) {
            self.now_ms = self.now_ms.max(due);
            self.settle();
        }
        self.now_ms = until;
        self.settle();
    }

    /// Drops all instances that wait.
    pub(super) fn evict(&mut self) {
        for (run, execution) in std::mem::take(&mut self.executions) {
            let token = execution.token;
            self.input(Input::Released { run, token });
        }
    }

    /// The process dies and is started again.
    pub(super) fn crash(&mut self) {
        self.executions.clear();
        self.requests.clear();
        self.starts += 1;
        self.engine = Engine::new(EngineConfig::default(), self.starts);
        if self.deadly.is_none() {
            self.state.forgive_death();
        }
        self.input(Input::Recover);
    }

    /// How often the process was started.
    pub(super) fn starts(&self) -> u64 {
        self.starts
    }

    /// Gives instances to whatever is ready, and lets none of it do anything.
    pub(super) fn dispatch_only(&mut self) {
        while self.engine.wants_dispatch() {
            self.input(Input::Dispatch);
        }
    }

    /// Runs with instances.
    pub(super) fn executing(&self) -> Vec<RunId> {
        self.executions.keys().copied().collect()
    }

    pub(super) fn send(&mut self, events: Vec<NewEvent>, seed: Option<EventIdSeed>) {
        let events =
            ValidEvents::check(events, &Limits::default(), &self.schemas).expect("valid events");
        self.input(Input::Events {
            events,
            seed,
            reply: 0,
        });
    }

    /// Sends one event and lets everything happen.
    pub(super) fn event(&mut self, name: &str, data: &str) {
        self.send(
            vec![NewEvent {
                name: name.into(),
                data: Some(data.into()),
                ..NewEvent::default()
            }],
            None,
        );
        self.settle();
    }

    /// The runs, oldest first.
    pub(super) fn runs(&self) -> Vec<&Run> {
        self.state.runs.values().collect()
    }

    pub(super) fn status(&self) -> Vec<RunStatus> {
        self.runs().iter().map(|run| run.status).collect()
    }

    /// The only run's output.
    pub(super) fn output(&self) -> String {
        match &self.runs()[0].end {
            Some(RunEnd::Output(json)) => json.to_string(),
            other => panic!("the run has no output but {other:?}"),
        }
    }

    pub(super) fn journal(&self) -> &[Entry] {
        &self.state.journals[&self.runs()[0].id]
    }

    /// What must hold when nothing is left to do.
    pub(super) fn check_quiet(&self) {
        assert_eq!(
            self.engine.executing(),
            0,
            "a run that rests counts as executing"
        );
        for run in self.runs() {
            if run.status.is_final() {
                assert!(
                    !self.state.ready.contains(&run.id),
                    "an ended run is listed as ready"
                );
                let left: Vec<_> = self.state.registrations(run.id).expect("maps");
                assert!(
                    left.is_empty(),
                    "an ended run is still watched for: {left:?}"
                );
                let left = self.state.arrivals(run.id).expect("maps");
                assert!(left.is_empty(), "an ended run still has arrivals: {left:?}");
                let info = self.info(run);
                let entries = self.state.journal(run.id).expect("maps");
                let machine =
                    Machine::load(info, entries, self.now_ms).expect("a journal that we wrote");
                if !matches!(run.status, RunStatus::Cancelled | RunStatus::Skipped) {
                    assert_eq!(
                        machine.phase(),
                        Phase::Over,
                        "the journal does not say that the run ended"
                    );
                }
            }
        }
    }

    /// Every run from this one on that its code ended replays from its journal, bit for bit, without a body: it comes to the same end.
    pub(super) fn check_replays(&self, from: RunId) {
        for run in self.runs().into_iter().filter(|run| run.id >= from) {
            let mut entries = self.state.journal(run.id).expect("maps");
            let end = entries.pop();
            let Some(Entry::WorkflowReturned { at_ms, .. } | Entry::WorkflowFailed { at_ms, .. }) =
                end
            else {
                continue;
            };
            let count = entries.len();
            let mut machine =
                Machine::load(self.info(run), entries, at_ms).expect("a journal that we wrote");
            let program = &self.programs[&*run.function.function];
            let mut ids = IdGenerator::new(0);
            Instance::default().drive(program, &mut machine, at_ms, &mut ids);
            let progress = machine.take_progress().expect("it ends again");
            assert_eq!(progress.first as usize, count);
            let again: Vec<_> = progress.entries.into_iter().map(Some).collect();
            assert_eq!(again, [end], "another end of {}", run.id);
        }
    }
}
