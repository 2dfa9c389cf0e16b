//! A node whose bodies and requests take time: engine, maps, machines, and as many twins as bodies want.
//!
//! A step's id says what it does: a letter, then how many milliseconds that takes. `b` is a body, `f` one that fails at first and is tried again
//! [`RETRY_MS`] later, `x` one that always fails, `q` a request of the host, `s` a sleep, `w` a wait for the event `tick`. Two more do something
//! else: `i` invokes the function `f2` with that much time, `e` sends the event `tick`. At every instant everything that ended is taken in first, and all code goes on as far as it
//! can; only then the engine hands out what is free. So a model can say in rounds what must happen.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::super::script::{Instance, Program};
use super::super::state::State;
use super::super::wait;
use super::super::world::{START_MS, guest_error};
use crate::engine::{Effect, Engine, EngineConfig, Input, Output, Request, ValidEvents};
use crate::event::NewEvent;
use crate::failure::RetryAdvice;
use crate::function::FunctionConfig;
use crate::ids::{Digest, FunctionId, IdGenerator, RunId};
use crate::journal::OpNumber;
use crate::limits::Limits;
use crate::machine::{Arrival, Machine, Phase, RunInfo, Ticket, TwinCursor};
use crate::operation::{Fetch, Invoke, Operation, RunOptions};
use crate::schema::Schemas;
use crate::state::{App, Deployed, Read, Run};

/// How long after its failure a body is tried again.
pub(super) const RETRY_MS: u64 = 2_000;

struct Twin {
    instance: Instance,
    cursor: TwinCursor,
    /// The body that executes here: ticket, attempt, when it ends.
    body: Option<(Ticket, u32, u64)>,
}

struct Execution {
    token: u64,
    machine: Machine,
    workflow: Instance,
    twins: Vec<Twin>,
}

pub(super) struct Floor {
    pub engine: Engine,
    pub state: State,
    pub now_ms: u64,
    config: EngineConfig,
    ids: IdGenerator,
    programs: BTreeMap<String, Program>,
    executions: BTreeMap<RunId, Execution>,
    requests: BTreeMap<(RunId, OpNumber), (u32, u64)>,
    starts: u64,
    /// Whatever rests leaves memory at once.
    pub evicting: bool,
    /// Executions do nothing.
    pub idle: bool,
    /// The process dies after so many more inputs.
    pub dies_after: Option<usize>,
}

/// A step that does what its id says.
pub(super) fn step(id: &str) -> (String, Operation) {
    let operation = match id.split_at(1) {
        ("b" | "f" | "x", _) => Operation::Run(RunOptions::default()),
        ("q", ms) => Operation::Fetch(Fetch {
            method: "GET".into(),
            url: format!("https://example.com/{ms}"),
            headers: Vec::new(),
            body: None,
            timeout_ms: None,
            retries: None,
            backoff: None,
        }),
        ("s", ms) => Operation::Sleep(ms.parse().expect("milliseconds")),
        ("w", ms) => Operation::WaitForEvent(wait("tick", ms.parse().expect("milliseconds"))),
        ("i", ms) => Operation::Invoke(Invoke {
            function: "f2".into(),
            data: None,
            timeout_ms: Some(ms.parse().expect("milliseconds")),
        }),
        ("e", _) => Operation::SendEvents(vec![NewEvent {
            name: "tick".into(),
            ..NewEvent::default()
        }]),
        (other, _) => panic!("no such step: {other}"),
    };
    (id.to_owned(), operation)
}

fn duration(id: &str) -> u64 {
    id[1..].parse().expect("milliseconds")
}

impl Floor {
    pub(super) fn new(config: EngineConfig) -> Self {
        let mut floor = Self {
            engine: Engine::new(config.clone(), 1),
            state: State::default(),
            now_ms: START_MS,
            config,
            ids: IdGenerator::new(99),
            programs: BTreeMap::new(),
            executions: BTreeMap::new(),
            requests: BTreeMap::new(),
            starts: 1,
            evicting: false,
            idle: false,
            dies_after: None,
        };
        floor.input(Input::Recover);
        floor
    }

    pub(super) fn deploy(&mut self, app: &str, functions: Vec<(FunctionConfig, Program)>) {
        let configs = functions.iter().map(|(config, _)| config.clone());
        let app = App {
            id: app.into(),
            current: Deployed {
                digest: Digest([1; 32]),
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
            self.programs
                .insert(format!("{}/{}", app.id, config.id), program);
        }
        self.input(Input::Deploy {
            app: Box::new(app),
            reply: 0,
        });
        self.settle();
    }

    pub(super) fn input(&mut self, input: Input) {
        let mut out = Output::default();
        self.engine
            .step(input, self.now_ms, &self.state, &mut out)
            .expect("maps can always be read");
        for write in out.writes {
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
                if let Some(execution) = self.executions.get_mut(&run)
                    && execution.token == token
                {
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
            } => {
                let Request::Fetch(fetch) = request else {
                    panic!("no step asks for {request:?}");
                };
                let (_, ms) = fetch.url.rsplit_once('/').expect("our own");
                let ends_ms = self.now_ms + ms.parse::<u64>().expect("milliseconds");
                self.requests.insert((run.id, op), (attempt, ends_ms));
            }
            Effect::DropRequest { run, op } => {
                self.requests.remove(&(run, op));
            }
            Effect::Answer { .. } | Effect::Notice(_) | Effect::Suspect(_) | Effect::Schemas(_) => {
            }
        }
    }

    fn execute(&mut self, run: &Run, token: u64, arrivals: Vec<(OpNumber, Arrival)>) {
        let event = self.state.events.get(&run.event).expect("it is recorded");
        let info = Arc::new(RunInfo {
            run: run.id,
            function: run.function.clone(),
            digest: run.digest,
            policy: run.policy,
            limits: Limits::default(),
            event: event.to_json(),
            gated: run.is_gated(),
            input: run.input.as_deref().cloned(),
            schemas: Arc::default(),
            logged: run.logged.unwrap_or_default(),
        });
        let entries = self.state.journal(run.id).expect("maps can always be read");
        let mut machine = Machine::load(info, entries, self.now_ms).expect("our own journal");
        for (op, arrival) in arrivals {
            machine.arrive(op, arrival, self.now_ms);
        }
        let execution = Execution {
            token,
            machine,
            workflow: Instance::default(),
            twins: Vec::new(),
        };
        let earlier = self.executions.insert(run.id, execution);
        assert!(earlier.is_none(), "{} executes twice at once", run.id);
    }

    /// The executions that began since the last call: their runs and tokens.
    pub(super) fn take_begun(&mut self) -> Vec<(RunId, u64)> {
        let begun = std::mem::take(&mut self.executions).into_iter();
        begun
            .map(|(run, execution)| (run, execution.token))
            .collect()
    }

    /// Lets everything happen that happens at this instant.
    pub(super) fn settle(&mut self) {
        for round in 0.. {
            assert!(round < 1_000, "the instant has no end");
            for tick in 0.. {
                let due_ms = self.engine.next_due_ms();
                if due_ms.is_none_or(|due_ms| due_ms > self.now_ms) {
                    break;
                }
                assert!(tick < 1_000, "timers are due without end");
                self.input(Input::Tick);
            }
            let mut moved = self.finish_requests();
            for run in self.executions.keys().copied().collect::<Vec<_>>() {
                moved |= self.drive(run);
                moved |= self.dies();
            }
            if moved {
                continue;
            }
            if self.engine.wants_dispatch() {
                self.input(Input::Dispatch);
                self.dies();
                continue;
            }
            if !(self.evicting && self.evict()) {
                return;
            }
        }
    }

    fn dies(&mut self) -> bool {
        match self.dies_after {
            Some(0) => {
                self.dies_after = None;
                self.crash();
                true
            }
            Some(left) => {
                self.dies_after = Some(left - 1);
                false
            }
            None => false,
        }
    }

    /// Drops the instances of everything that rests.
    pub(super) fn evict(&mut self) -> bool {
        let resting = self.executions.iter();
        let resting = resting.filter(|(_, execution)| execution.machine.phase() == Phase::Parked);
        let resting: Vec<_> = resting
            .map(|(run, execution)| (*run, execution.token))
            .collect();
        for (run, token) in &resting {
            self.executions.remove(run);
            self.input(Input::Released {
                run: *run,
                token: *token,
            });
        }
        !resting.is_empty()
    }

    fn finish_requests(&mut self) -> bool {
        let now_ms = self.now_ms;
        let ended = self
            .requests
            .extract_if(.., |_, (_, ends_ms)| *ends_ms <= now_ms);
        let ended: Vec<_> = ended.collect();
        for ((run, op), (attempt, _)) in &ended {
            self.input(Input::RequestDone {
                run: *run,
                op: *op,
                attempt: *attempt,
                result: Ok("1".into()),
            });
        }
        !ended.is_empty()
    }

    /// Drives one execution until it can't go on; `false` if it had nothing to report.
    fn drive(&mut self, run: RunId) -> bool {
        if self.idle {
            return false;
        }
        let Some(mut execution) = self.executions.remove(&run) else {
            return false;
        };
        let program = self.programs[&execution.machine.info().function.to_string()].clone();
        let ids = program.groups.concat();
        execution.finish_bodies(&ids, self.now_ms);
        let machine = &mut execution.machine;
        execution
            .workflow
            .drive(&program, machine, self.now_ms, &mut self.ids);
        if machine.phase() == Phase::Running {
            execution.take_bodies(&program, &ids, self.now_ms);
        }
        let progress = execution.machine.take_progress();
        let token = execution.token;
        let over = !matches!(execution.machine.phase(), Phase::Parked | Phase::Running);
        let moved = progress.is_some() || over;
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
        moved
    }

    /// The next instant at which something happens by itself.
    pub(super) fn next_ms(&self) -> Option<u64> {
        let bodies = self
            .executions
            .values()
            .flat_map(|execution| &execution.twins);
        let bodies = bodies.filter_map(|twin| Some(twin.body?.2));
        let requests = self.requests.values().map(|(_, ends_ms)| *ends_ms);
        bodies
            .chain(requests)
            .chain(self.engine.next_due_ms())
            .min()
    }

    /// The process dies and is started again on what the store holds.
    pub(super) fn crash(&mut self) {
        self.executions.clear();
        self.requests.clear();
        self.starts += 1;
        self.engine = Engine::new(self.config.clone(), self.starts);
        self.state.forgive_death();
        self.input(Input::Recover);
    }

    pub(super) fn send(&mut self, name: &str, data: String) {
        self.send_all(vec![NewEvent {
            name: name.into(),
            data: Some(data.into()),
            ..NewEvent::default()
        }]);
    }

    /// Sends events in one request.
    pub(super) fn send_all(&mut self, events: Vec<NewEvent>) {
        let events = ValidEvents::check(events, &Limits::default(), &Schemas::default())
            .expect("valid events");
        self.input(Input::Events {
            events,
            seed: None,
            reply: 0,
        });
    }

    /// The steps that execute now: bodies and requests.
    pub(super) fn executing(&self) -> BTreeSet<(RunId, OpNumber)> {
        let executions = self.executions.iter();
        let bodies = executions.flat_map(|(run, execution)| {
            let twins = execution.twins.iter().filter(|twin| twin.body.is_some());
            twins.filter_map(|twin| Some((*run, twin.cursor.executing()?)))
        });
        bodies.chain(self.requests.keys().copied()).collect()
    }

    /// Executions that are there, with their tokens.
    pub(super) fn executions(&self) -> Vec<(RunId, u64)> {
        let executions = self.executions.iter();
        executions
            .map(|(run, execution)| (*run, execution.token))
            .collect()
    }

    /// An execution is lost.
    pub(super) fn forget(&mut self, run: RunId) {
        self.executions.remove(&run);
    }

    /// Runs that wait in lanes.
    pub(super) fn queued(&self) -> BTreeSet<RunId> {
        self.state
            .queued
            .iter()
            .map(|(_, place)| place.run)
            .collect()
    }

    /// Has a function's queued runs wait, or go on.
    pub(super) fn set_paused(&mut self, function: FunctionId, paused: bool) {
        self.input(if paused {
            Input::PauseFunction { function, reply: 0 }
        } else {
            Input::ResumeFunction { function, reply: 0 }
        });
    }
}

impl Execution {
    fn finish_bodies(&mut self, ids: &[(String, Operation)], now_ms: u64) {
        let machine = &mut self.machine;
        self.twins.retain_mut(|twin| {
            let Some((ticket, attempt, ends_ms)) = twin.body else {
                return true;
            };
            if ends_ms > now_ms {
                return true;
            }
            twin.body = None;
            let id = &ids[ticket as usize].0;
            let outcome = match id.as_bytes()[0] {
                b'f' if attempt == 0 => Err(guest_error(RetryAdvice::After(RETRY_MS))),
                b'x' => Err(guest_error(RetryAdvice::NonRetriable)),
                _ => Ok("1".into()),
            };
            let fails = outcome.is_err();
            let finished = machine.twin_finish(&mut twin.cursor, ticket, outcome, now_ms);
            finished.is_ok() && !fails
        });
    }

    fn take_bodies(&mut self, program: &Program, ids: &[(String, Operation)], now_ms: u64) {
        let mut fresh = 0;
        while self.machine.bodies_waiting() > 0 {
            let idle = self.twins.iter().position(|twin| twin.body.is_none());
            let index = idle.unwrap_or_else(|| {
                fresh += 1;
                self.twins.push(Twin {
                    instance: Instance::default(),
                    cursor: self.machine.twin(),
                    body: None,
                });
                self.twins.len() - 1
            });
            let twin = &mut self.twins[index];
            let Twin {
                instance, cursor, ..
            } = twin;
            match instance.drive_to_body(program, &mut self.machine, cursor, now_ms) {
                Ok(Some((ticket, execution))) => {
                    let ends_ms = now_ms + duration(&ids[ticket as usize].0);
                    twin.body = Some((ticket, execution.attempt, ends_ms));
                }
                Ok(None) | Err(_) => {
                    assert!(idle.is_some(), "a fresh twin takes no body");
                    self.twins.remove(index);
                }
            }
            assert!(fresh < 100, "twins without end");
        }
    }
}
