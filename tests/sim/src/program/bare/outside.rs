//! Everything between runs: events, signals, children, the outside service, time.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use abide_core::Json;
use abide_core::event::{Event, EventSource, NewEvent};
use abide_core::expr::{Expr, Scope, match_key};
use abide_core::failure::{Failure, Origin};
use abide_core::ids::{EventId, IdGenerator};
use abide_core::journal::{OpNumber, Outcome, WORKFLOW_OP};
use abide_core::machine::{Arrival, Change, Progress, Send};
use abide_core::operation::Fetch;
use abide_core::state::Registration;
use parking_lot::Mutex;

use super::instance::Service;
use super::run::Run;
use super::{Journal, Told, Treatment};
use crate::program::{Call, End, Program, Report, Reported, SPARE_ATTEMPTS, STARTS};
use crate::rng::Rng;

const START_MS: u64 = 1_700_000_000_000;

/// After this many turns something goes round in circles.
const TURNS: u32 = 200_000;

/// How many attempts of a run are spoilt by throwing it out, and how many at one step by the outside service: together fewer than a step can spare.
const MOST_SPOILT: u32 = SPARE_ATTEMPTS / 2 - 1;

/// What the outside service noted, and how often it failed for each step.
#[derive(Default)]
struct Ledger {
    calls: BTreeMap<String, Vec<Call>>,
    failed: BTreeMap<String, u32>,
}

pub(super) struct World {
    rng: Rng,
    treatment: Treatment,
    now_ms: u64,
    ids: IdGenerator,
    runs: Vec<Run>,
    events: Vec<Event>,
    signals: BTreeMap<String, VecDeque<Json>>,
    /// What the world is to send, by its time.
    to_send: Vec<(u64, usize)>,
    ledger: Arc<Mutex<Ledger>>,
    service: Service,
    restarts: u32,
}

impl World {
    pub(super) fn new(mut rng: Rng, treatment: Treatment) -> Self {
        let ledger: Arc<Mutex<Ledger>> = Arc::default();
        let service: Service = Arc::new({
            let (ledger, rng) = (ledger.clone(), Mutex::new(rng.fork()));
            move |report| note(&mut ledger.lock(), &mut rng.lock(), report, treatment)
        });
        Self {
            ids: IdGenerator::new(rng.draw()),
            rng,
            treatment,
            now_ms: START_MS,
            runs: Vec::new(),
            events: Vec::new(),
            signals: BTreeMap::new(),
            to_send: Vec::new(),
            ledger,
            service,
            restarts: 0,
        }
    }

    /// Runs a program and everything that it starts to the end.
    pub(super) fn tell(mut self, program: &Program) -> Result<Told, String> {
        let data = serde_json::to_string(program).map_err(|error| error.to_string())?;
        self.accept(NewEvent {
            name: program.function.event(),
            data: Some(data.into()),
            ..NewEvent::default()
        });
        let outside = program.outside.iter().enumerate();
        self.to_send = outside
            .map(|(at, outside)| (START_MS + outside.after_ms, at))
            .collect();
        let mut turns = 0;
        while self.runs.iter().any(|run| run.end.is_none()) || !self.to_send.is_empty() {
            turns += 1;
            if turns > TURNS {
                return Err("it goes round in circles".into());
            }
            self.turn(program)?;
        }
        for run in &self.runs {
            if !matches!(run.end, Some(End::Cancelled)) {
                let key = &run.program.key;
                run.replays()
                    .map_err(|problem| format!("`{key}`: {problem}"))?;
            }
        }
        let first = self.runs.first().map(|run| Journal {
            info: run.info.clone(),
            cues: run.cues.clone(),
            entries: run.entries.clone(),
        });
        let mut ledger = self.ledger.lock();
        let runs = self.runs.iter_mut().map(|run| {
            let calls = ledger.calls.remove(&run.info.run.to_string());
            let end = run.end.take().unwrap_or(End::Cancelled);
            (run.program.clone(), end, calls.unwrap_or_default())
        });
        Ok(Told {
            runs: runs.collect(),
            restarts: self.restarts,
            first: first.ok_or("no run was started")?,
            entries: self.runs.iter().map(|run| run.entries.len()).sum(),
        })
    }

    fn turn(&mut self, program: &Program) -> Result<(), String> {
        let going: Vec<usize> = (0..self.runs.len())
            .filter(|at| self.runs[*at].can_go_on(self.now_ms))
            .collect();
        let steady = self.treatment.steady;
        let chosen = if steady {
            going.first()
        } else {
            self.rng.choice(&going)
        };
        let Some(at) = chosen.copied() else {
            return self.let_time_pass(program);
        };
        let more = if steady { 0 } else { self.rng.within(0..3) };
        let twins = 1 + usize::try_from(more).unwrap_or(0);
        let service = self.service.clone();
        let key = self.runs[at].program.key.clone();
        self.runs[at]
            .turn(self.now_ms, &service, twins)
            .map_err(|problem| format!("`{key}`: {problem}"))?;
        if self.rng.chance(self.treatment.restarts) {
            // What it did since its last progress is forgotten.
            self.throw_out(at);
        }
        let now = if steady {
            self.runs[at].wants_durability()
        } else {
            self.rng.chance(70)
        };
        if now || !self.runs[at].can_go_on(self.now_ms) {
            self.take_progress(at);
            if self.rng.chance(self.treatment.restarts) {
                self.throw_out(at);
            }
        }
        Ok(())
    }

    /// Throws a run out of memory, unless that has spoilt too many of its attempts already.
    fn throw_out(&mut self, at: usize) {
        if self.runs[at].spoilt < MOST_SPOILT {
            self.restarts += u32::from(self.runs[at].throw_out());
        }
    }

    fn take_progress(&mut self, at: usize) {
        let Some(progress) = self.runs[at].take_progress() else {
            return;
        };
        self.apply(at, progress);
        if let Some(end) = &self.runs[at].end {
            let outcome = match end {
                End::Output(value) => Outcome::Done(value.to_string().into()),
                End::Failed { .. } | End::Platform | End::Cancelled => {
                    Outcome::Failed(Failure::permanent(Origin::Invoke, "it failed"))
                }
            };
            if let Some((parent, op)) = self.runs[at].parent
                && self.runs[parent].registrations.contains_key(&op)
            {
                self.arrive(parent, op, outcome);
            }
        }
    }

    /// In the order of the operations: what is sent before a wait comes before it.
    fn apply(&mut self, at: usize, progress: Progress) {
        let mut sends = progress.sends.into_iter().peekable();
        let mut changes = progress.changes.into_iter().peekable();
        loop {
            let (send, change) = (sends.peek().map(|s| s.0), changes.peek().map(|c| c.0));
            match (send, change) {
                (None, None) => return,
                (Some(send), change) if change.is_none_or(|change| send < change) => {
                    if let Some((_, send)) = sends.next() {
                        self.send(send);
                    }
                }
                _ => {
                    if let Some((op, change)) = changes.next() {
                        self.change(at, op, change);
                    }
                }
            }
        }
    }

    fn send(&mut self, send: Send) {
        match send {
            Send::Events(events) => {
                for (id, event) in events {
                    let event = event.accept(id, self.now_ms, EventSource::Api);
                    self.record(event);
                }
            }
            Send::Signal(signal) => {
                self.signal(signal.signal, signal.data.unwrap_or_else(|| "null".into()));
            }
        }
    }

    fn accept(&mut self, event: NewEvent) {
        let id = EventId(self.ids.next(self.now_ms));
        let event = event.accept(id, self.now_ms, EventSource::Api);
        self.record(event);
    }

    fn record(&mut self, event: Event) {
        for at in 0..self.runs.len() {
            let waits: Vec<OpNumber> = self.runs[at]
                .registrations
                .iter()
                .filter(|(_, registration)| {
                    registration.due_ms().is_none_or(|due| due > self.now_ms)
                        && accepts(&self.runs[at], registration, &event)
                })
                .map(|(op, _)| *op)
                .collect();
            for op in waits {
                self.arrive(at, op, Outcome::Done(event.to_json()));
            }
        }
        let duplicate = event.external_id.is_some()
            && self
                .events
                .iter()
                .any(|earlier| earlier.external_id == event.external_id);
        if event.name.starts_with(STARTS) && !duplicate {
            self.begin(&event, None);
        }
        self.events.push(event);
    }

    fn begin(&mut self, event: &Event, parent: Option<(usize, OpNumber)>) {
        if let Ok(program) = serde_json::from_str::<Program>(&event.data) {
            let number = self.runs.len();
            let version = self.treatment.version;
            let run = Run::new(program, number, event, parent, version);
            self.runs.push(run);
        }
    }

    fn signal(&mut self, name: String, data: Json) {
        for at in 0..self.runs.len() {
            let waits = self.runs[at]
                .registrations
                .iter()
                .find(|(_, registration)| {
                    let Registration::Signal {
                        name: awaited,
                        due_ms,
                        ..
                    } = registration
                    else {
                        return false;
                    };
                    *awaited == name && *due_ms > self.now_ms
                });
            if let Some((op, _)) = waits {
                let op = *op;
                return self.arrive(at, op, Outcome::Done(data));
            }
        }
        self.signals.entry(name).or_default().push_back(data);
    }

    fn arrive(&mut self, at: usize, op: OpNumber, outcome: Outcome) {
        let arrival = Arrival::Outcome {
            outcome,
            attempts: 0,
        };
        self.runs[at].arrive(op, arrival);
    }

    fn change(&mut self, at: usize, op: OpNumber, change: Change) {
        let before = self.runs[at].registrations.remove(&op);
        self.runs[at].arrivals.remove(&op);
        let registration = match change {
            Change::Register { registration, .. } => registration,
            Change::Unregister => {
                if let Some(Registration::Invoke { due_ms, .. }) = before
                    && due_ms > self.now_ms
                {
                    self.withdraw((at, op));
                }
                return;
            }
        };
        let found = match &registration {
            Registration::Event { since_ms, .. } => since_ms.and_then(|since_ms| {
                let mut past = self.events.iter();
                let run = &self.runs[at];
                past.find(|event| {
                    event.received_ms >= since_ms && accepts(run, &registration, event)
                })
                .map(|event| Outcome::Done(event.to_json()))
            }),
            Registration::Signal { name, .. } => {
                let kept = self.signals.get_mut(name).and_then(VecDeque::pop_front);
                kept.map(Outcome::Done)
            }
            Registration::Invoke { invoke, .. } => {
                let event = NewEvent {
                    name: "inngest/function.invoked".into(),
                    data: invoke.data.clone(),
                    ..NewEvent::default()
                };
                let id = EventId(self.ids.next(self.now_ms));
                let event = event.accept(id, self.now_ms, EventSource::Api);
                self.begin(&event, Some((at, op)));
                None
            }
            Registration::Fetch { fetch, .. } => Some(fetched(fetch)),
            _ => None,
        };
        match found {
            Some(outcome) => self.arrive(at, op, outcome),
            None => {
                self.runs[at].registrations.insert(op, registration);
            }
        }
    }

    /// A run that was invoked is given up by the one that invoked it, and with it those that it invoked.
    fn withdraw(&mut self, parent: (usize, OpNumber)) {
        let invoked = |run: &Run| run.parent == Some(parent) && run.end.is_none();
        let Some(at) = self.runs.iter().position(invoked) else {
            return;
        };
        self.runs[at].end = Some(End::Cancelled);
        self.runs[at].throw_out();
        let inner = std::mem::take(&mut self.runs[at].registrations);
        for (op, registration) in inner {
            if matches!(registration, Registration::Invoke { .. }) {
                self.withdraw((at, op));
            }
        }
    }

    /// Nothing can happen now: time passes until something can.
    fn let_time_pass(&mut self, program: &Program) -> Result<(), String> {
        let live = self.runs.iter().filter(|run| run.end.is_none());
        let due = live.flat_map(|run| run.registrations.values().filter_map(Registration::due_ms));
        let sends = self.to_send.iter().map(|(at_ms, _)| *at_ms);
        let Some(next_ms) = due.chain(sends).min() else {
            return Err("nothing can happen any more, and something has not ended".into());
        };
        self.now_ms = self.now_ms.max(next_ms);
        let now_ms = self.now_ms;
        let (sent, later) = std::mem::take(&mut self.to_send)
            .into_iter()
            .partition(|(at_ms, _)| *at_ms <= now_ms);
        self.to_send = later;
        let sent: Vec<(u64, usize)> = sent;
        for (_, at) in sent {
            let outside = &program.outside[at];
            if outside.signal {
                let name = outside.signal_name(&program.key);
                self.signal(name, outside.value.to_string().into());
            } else {
                self.accept(NewEvent {
                    name: outside.event_name(),
                    data: Some(outside.event_data(&program.key).to_string().into()),
                    ..NewEvent::default()
                });
            }
        }
        for at in 0..self.runs.len() {
            if self.runs[at].end.is_some() {
                continue;
            }
            let due: Vec<(OpNumber, Arrival)> = self.runs[at]
                .registrations
                .iter()
                .filter(|(op, registration)| {
                    **op != WORKFLOW_OP && registration.due_ms().is_some_and(|due| due <= now_ms)
                })
                .map(|(op, registration)| (*op, when_due(registration)))
                .collect();
            for (op, arrival) in due {
                self.runs[at].arrive(op, arrival);
            }
        }
        Ok(())
    }
}

/// What time makes of something that is watched.
fn when_due(registration: &Registration) -> Arrival {
    let outcome = match registration {
        Registration::Retry { .. } => return Arrival::Due,
        Registration::Sleep { .. } => Outcome::Done("null".into()),
        Registration::Invoke { .. } => {
            Outcome::Failed(Failure::permanent(Origin::Timeout, "it takes too long"))
        }
        _ => Outcome::Empty,
    };
    Arrival::Outcome {
        outcome,
        attempts: 0,
    }
}

fn accepts(run: &Run, registration: &Registration, event: &Event) -> bool {
    let Registration::Event {
        name,
        match_path,
        if_expr,
        ..
    } = registration
    else {
        return false;
    };
    if *name != *event.name {
        return false;
    }
    let scope = |json: &Json| Scope::parse(json).unwrap_or_default();
    let arrived = scope(&event.to_json());
    let matched = match_path
        .as_ref()
        .is_none_or(|(path, value)| match_key(&arrived, path) == *value);
    let holds = if_expr.as_ref().is_none_or(|source| {
        let holds = Expr::compile(source).ok();
        holds.is_some_and(|it| it.matches(&scope(&run.info.event), Some(&arrived)) == Ok(true))
    });
    matched && holds
}

/// What the outside service answers to a `fetch`, as the host records it.
fn fetched(fetch: &Fetch) -> Outcome {
    let asked: serde_json::Value =
        serde_json::from_slice(fetch.body.as_deref().unwrap_or_default()).unwrap_or_default();
    let status = asked["status"].as_u64().unwrap_or(200);
    if status >= 500 {
        return Outcome::Failed(Failure::platform(Origin::Network, "it answers 500"));
    }
    let body = serde_json::json!({"value": asked["value"]}).to_string();
    let response = serde_json::json!({"body": body, "headers": {}, "status": status});
    Outcome::Done(response.to_string().into())
}

/// The outside service takes a report.
fn note(
    ledger: &mut Ledger,
    rng: &mut Rng,
    report: Report,
    treatment: Treatment,
) -> Result<Reported, String> {
    let failed = ledger.failed.entry(report.step_key.clone()).or_default();
    if *failed < MOST_SPOILT && rng.chance(treatment.failures) {
        *failed += 1;
        return Err("it does not answer".into());
    }
    let calls = ledger.calls.entry(report.run_id).or_default();
    calls.push(Call {
        step: report.step,
        step_key: report.step_key,
        attempt: report.attempt,
    });
    Ok(Reported {
        value: report.value,
    })
}
