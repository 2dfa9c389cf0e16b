//! The engine over maps, without code to execute: runs end when a case says so. Steps can be forgotten as a crash forgets them.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::book::{Came, Happened, Seen, State};
use super::{Op, Sent};
use crate::DAY_MS;
use crate::engine::tests::state::State as Store;
use crate::engine::tests::world::START_MS;
use crate::engine::{Effect, Engine, EngineConfig, Input, Output, ValidEvents};
use crate::event::NewEvent;
use crate::function::FunctionConfig;
use crate::ids::{Digest, EventId, RunId};
use crate::journal::{Entry, WORKFLOW_OP};
use crate::limits::Limits;
use crate::machine::{Position, Progress};
use crate::schema::Schemas;
use crate::state::{
    App, Control, ControlKind, Deployed, Read, Registration, Run, RunEnd, RunStatus, WaitKey, Write,
};

/// The most bytes of a batch, small enough to be reached.
pub(super) const BATCH_BYTES: u64 = 1_000;

/// What models count their milliseconds from: some time before the case begins, because `ts` may lie before that.
const EPOCH_MS: u64 = START_MS - 10 * DAY_MS;

pub(super) struct Driver {
    config: FunctionConfig,
    engine: Engine,
    store: Store,
    now_ms: u64,
    starts: u64,
    sent: usize,
    /// The writes of every step, in groups that are forgotten together, each with what happened by it.
    groups: Vec<(Vec<Write>, Option<Happened>)>,
    /// Groups that are on disk for good.
    synced: usize,
    executing: BTreeMap<RunId, u64>,
}

impl Driver {
    pub(super) fn new(config: FunctionConfig) -> Self {
        let mut driver = Self {
            engine: Self::engine(1),
            store: Store::default(),
            now_ms: START_MS,
            starts: 1,
            sent: 0,
            groups: Vec::new(),
            synced: 0,
            executing: BTreeMap::new(),
            config: config.clone(),
        };
        let app = Box::new(App {
            id: "app".into(),
            current: Deployed {
                digest: Digest([1; 32]),
                at_ms: START_MS,
                bytes: 0,
                functions: vec![config],
                schemas: Vec::new(),
            },
            variables: BTreeMap::new(),
            allow_net: Vec::new(),
            deployments: 0,
        });
        driver.begin(None);
        driver.step(Input::Recover);
        driver.step(Input::Deploy { app, reply: 0 });
        driver.synced = driver.groups.len();
        driver
    }

    fn engine(seed: u64) -> Engine {
        let limits = Limits {
            batch_bytes: BATCH_BYTES,
            ..Limits::default()
        };
        let config = EngineConfig {
            limits,
            timers_per_step: 2,
            ..EngineConfig::default()
        };
        Engine::new(config, seed)
    }

    /// Everything that happened and was not forgotten.
    pub(super) fn log(&self) -> Vec<Happened> {
        let happened = self.groups.iter().filter_map(|(_, it)| it.clone());
        happened.collect()
    }

    pub(super) fn clock(&self) -> u64 {
        self.now_ms - EPOCH_MS
    }

    pub(super) fn apply(&mut self, op: Op) {
        match op {
            Op::Send(after_ms, events) => {
                self.now_ms += after_ms;
                self.send(events);
            }
            Op::Pass(ms) => {
                self.now_ms += ms;
                self.begin(Some(Happened::Ticked(self.clock())));
                while self
                    .engine
                    .next_due_ms()
                    .is_some_and(|due| due <= self.now_ms)
                {
                    self.step(Input::Tick);
                }
            }
            Op::End(index) => {
                let runs: Vec<_> = self
                    .executing
                    .iter()
                    .map(|(run, token)| (*run, *token))
                    .collect();
                if !runs.is_empty() {
                    self.end(runs[index % runs.len()]);
                }
            }
            Op::Cancel(index) => {
                let alive = self
                    .store
                    .runs
                    .values()
                    .filter(|run| !run.status.is_final());
                let alive: Vec<_> = alive.map(|run| (run.id, run.event)).collect();
                if !alive.is_empty() {
                    let (run, event) = alive[index % alive.len()];
                    self.begin(Some(Happened::Cancelled(self.number(event))));
                    let reason = "by hand".into();
                    self.step(Input::Cancel {
                        run,
                        reason,
                        reply: 0,
                    });
                }
            }
            Op::Sync => self.synced = self.groups.len(),
            Op::Crash(lost) => self.crash(lost),
        }
        self.begin(None);
        while self.engine.wants_dispatch() {
            self.step(Input::Dispatch);
        }
    }

    fn begin(&mut self, happened: Option<Happened>) {
        self.groups.push((Vec::new(), happened));
    }

    fn step(&mut self, input: Input) {
        let mut out = Output::default();
        self.engine
            .step(input, self.now_ms, &self.store, &mut out)
            .expect("maps can always be read");
        for write in out.writes {
            self.store.apply(write.clone());
            let (writes, _) = self.groups.last_mut().expect("a group was begun");
            writes.push(write);
        }
        for effect in out.now.into_iter().chain(out.durable) {
            match effect {
                Effect::Execute { run, token, .. } => {
                    let event = &self.store.events[&run.event];
                    assert!(event.ts <= self.now_ms, "a run begins before its time");
                    self.executing.insert(run.id, token);
                }
                Effect::Stop { run, .. } => {
                    self.executing.remove(&run);
                }
                Effect::Deliver { .. }
                | Effect::Request { .. }
                | Effect::DropRequest { .. }
                | Effect::Answer { .. }
                | Effect::Suspect(_)
                | Effect::Schemas(_)
                | Effect::Notice(_) => {}
            }
        }
    }

    fn send(&mut self, events: Vec<Sent>) {
        let at = self.clock();
        let mut came = Vec::new();
        let mut new = Vec::new();
        for event in events {
            let (came_one, new_one) = self.event(at, &event);
            came.push(came_one);
            new.push(new_one);
        }
        self.begin(Some(Happened::Sent(came)));
        let events =
            ValidEvents::check(new, &Limits::default(), &Schemas::default()).expect("valid events");
        self.step(Input::Events {
            events,
            seed: None,
            reply: 0,
        });
    }

    fn event(&mut self, at: u64, event: &Sent) -> (Came, NewEvent) {
        let n = self.sent;
        self.sent += 1;
        let mut data =
            serde_json::json!({ "n": n, "urgent": event.urgent, "pad": "x".repeat(event.pad) });
        match event.user {
            super::User::Number(number) => data["user"] = number.into(),
            super::User::False => data["user"] = false.into(),
            super::User::Missing => {}
        }
        data["ahead"] = event.ahead.map_or("much".into(), Into::into);
        let ts_ms = event.ts.map(|ts| self.now_ms.saturating_add_signed(ts));
        let new = NewEvent {
            id: event.id.map(|id| format!("id-{id}")),
            name: "start/f".into(),
            data: Some(data.to_string().into()),
            ts: ts_ms,
            ..NewEvent::default()
        };
        let came = Came {
            n,
            at,
            user: event.user,
            id: event.id,
            ts: ts_ms.unwrap_or(self.now_ms) - EPOCH_MS,
            urgent: event.urgent,
            ahead: event.ahead,
            bytes: u64::try_from(new.size_bytes()).expect("small"),
        };
        (came, new)
    }

    fn end(&mut self, (id, token): (RunId, u64)) {
        let run = &self.store.runs[&id];
        let happened = Happened::Ended(self.number(run.event));
        let progress = Box::new(Progress {
            first: run.entries,
            entries: vec![Entry::Logged { lines: 0 }],
            changes: Vec::new(),
            sends: Vec::new(),
            spans: Vec::new(),
            logs: Vec::new(),
            logged: crate::state::Logged::default(),
            wants: Vec::new(),
            releases: Vec::new(),
            position: Position::Ended(RunEnd::Output("null".into())),
        });
        self.begin(Some(happened));
        self.step(Input::Progress {
            run: id,
            token,
            progress,
        });
        self.step(Input::Released { run: id, token });
        self.executing.remove(&id);
    }

    /// The process dies, forgets groups that are not on disk for good, and starts again a moment later.
    fn crash(&mut self, lost: usize) {
        let kept = self.groups.len().saturating_sub(lost).max(self.synced);
        self.groups.truncate(kept);
        self.synced = kept;
        self.store = Store::default();
        for (writes, _) in &self.groups {
            for write in writes {
                self.store.apply(write.clone());
            }
        }
        self.executing.clear();
        self.starts += 1;
        self.now_ms += 1;
        self.engine = Self::engine(self.starts);
        self.begin(None);
        self.store.forgive_death();
        self.step(Input::Recover);
    }

    fn number(&self, event: EventId) -> usize {
        let data: serde_json::Value =
            serde_json::from_str(&self.store.events[&event].data).expect("our own data");
        usize::try_from(data["n"].as_u64().expect("a number")).expect("small")
    }

    fn events_of(&self, run: &Run) -> Vec<EventId> {
        match run.event_count {
            1 => vec![run.event],
            _ => self.store.run_events(run.id).expect("maps"),
        }
    }

    /// What can be seen of all runs.
    pub(super) fn seen(&self) -> Vec<Seen> {
        let mut seen: Vec<_> = self
            .store
            .runs
            .values()
            .map(|run| self.seen_of(run))
            .collect();
        seen.sort();
        seen
    }

    fn seen_of(&self, run: &Run) -> Seen {
        let state = match run.status {
            RunStatus::Skipped => State::Skipped,
            RunStatus::Completed => State::Ended,
            RunStatus::Cancelled => State::Cancelled,
            RunStatus::Queued | RunStatus::Running => State::Live,
            RunStatus::Sleeping => {
                let key = WaitKey {
                    run: run.id,
                    op: WORKFLOW_OP,
                };
                match &self.store.registrations[&key] {
                    Registration::Start { due_ms } => State::AsleepUntil(*due_ms - EPOCH_MS),
                    other => panic!("a run sleeps for {other:?}"),
                }
            }
            other => panic!("no run is {other:?} here"),
        };
        Seen {
            event: self.number(run.event),
            events: self
                .events_of(run)
                .into_iter()
                .map(|id| self.number(id))
                .collect(),
            batch: run.batch,
            created_at: run.queued_ms - EPOCH_MS,
            state,
            order: run
                .queue
                .as_ref()
                .map(|queue| queue.order_ms.cast_signed() - EPOCH_MS.cast_signed()),
        }
    }

    /// What holds after every step, whatever the control.
    pub(super) fn check_invariants(&self) -> Result<(), TestCaseError> {
        let mut started_by: BTreeMap<EventId, RunId> = BTreeMap::new();
        for run in self.store.runs.values() {
            let events = self.events_of(run);
            prop_assert_eq!(events.len(), run.event_count as usize);
            for event in &events {
                let earlier = started_by.insert(*event, run.id);
                prop_assert_eq!(
                    earlier,
                    None,
                    "an event both starts a run and is dropped, or starts two"
                );
                prop_assert!(
                    self.store.links.contains(&(*event, run.id)),
                    "an event is not linked to its run"
                );
            }
            if run.status == RunStatus::Skipped {
                prop_assert!(!self.store.ready.contains(&run.id) && run.started_ms.is_none());
                prop_assert_eq!(run.ended_ms, Some(run.queued_ms));
                prop_assert!(self.store.registrations(run.id).expect("maps").is_empty());
            }
            self.check_merged(run, &events)?;
        }
        self.check_links()?;
        self.check_records()
    }

    fn check_merged(&self, run: &Run, events: &[EventId]) -> Result<(), TestCaseError> {
        let events: Vec<_> = events.iter().map(|id| &self.store.events[id]).collect();
        if let Some(option) = &self.config.batch_events
            && run.batch
        {
            prop_assert!(
                events.len() <= option.max_size as usize,
                "a batch is too large"
            );
            let bytes: usize = events.iter().map(|event| event.data.len()).sum();
            prop_assert!(
                bytes as u64 <= BATCH_BYTES || events.len() == 1,
                "a batch has too many bytes"
            );
            let first = events[0].received_ms;
            let old = events
                .iter()
                .any(|it| it.received_ms >= first + option.timeout_ms);
            prop_assert!(!old, "an event came to a batch that was too old");
        } else if self.config.debounce.is_some() {
            let newest = events.iter().map(|event| event.ts).max();
            prop_assert_eq!(
                newest,
                Some(self.store.events[&run.event].ts),
                "not the newest event"
            );
            if let (Some(option), false) = (&self.config.debounce, run.status == RunStatus::Skipped)
            {
                let last = events
                    .iter()
                    .map(|event| event.received_ms)
                    .max()
                    .unwrap_or(0);
                let early = run.queued_ms < last + option.period_ms && option.timeout_ms.is_none();
                prop_assert!(!early, "a debounce was not quiet for long enough");
            }
        }
        Ok(())
    }

    /// Every link leads to a run, or to one that collects events.
    fn check_links(&self) -> Result<(), TestCaseError> {
        for (event, run) in &self.store.links {
            let key = WaitKey {
                run: *run,
                op: WORKFLOW_OP,
            };
            let collects = match self.store.registrations.get(&key) {
                Some(Registration::Debounce(pending)) => {
                    pending.events.iter().any(|(_, id)| id == event)
                }
                Some(Registration::Batch(_)) => {
                    self.store.run_events(*run).expect("maps").contains(event)
                }
                Some(_) | None => false,
            };
            let has = self
                .store
                .runs
                .get(run)
                .is_some_and(|run| self.events_of(run).contains(event));
            prop_assert!(collects != has, "a link leads nowhere, or twice");
        }
        Ok(())
    }

    /// What controls remember is so.
    fn check_records(&self) -> Result<(), TestCaseError> {
        let mut pending = 0;
        for (key, control) in &self.store.controls {
            match control {
                Control::Pending(run) => {
                    pending += 1;
                    let wait = WaitKey {
                        run: *run,
                        op: WORKFLOW_OP,
                    };
                    let collects = self.store.registrations.get(&wait);
                    let fits = match key.kind {
                        ControlKind::Debounce => {
                            matches!(collects, Some(Registration::Debounce(it)) if it.key == key.key)
                        }
                        ControlKind::Batch => {
                            matches!(collects, Some(Registration::Batch(it)) if it.key == key.key)
                        }
                        other => panic!("{other:?} collects nothing"),
                    };
                    prop_assert!(fits, "{:?} collects nothing", key);
                }
                Control::Live(run) => {
                    let status = self.store.runs.get(run).map(|run| run.status);
                    prop_assert!(
                        status.is_some_and(|status| !status.is_final()),
                        "no live run"
                    );
                }
                Control::Window { count, .. } => prop_assert!(*count > 0),
                Control::Started { .. }
                | Control::Throttle { .. }
                | Control::Ticked { .. }
                | Control::Paused { .. }
                | Control::Process { .. }
                | Control::Suspect { .. }
                | Control::Delivered { .. }
                | Control::Answered { .. } => {}
            }
        }
        let collecting = self
            .store
            .registrations
            .values()
            .filter(|it| matches!(it, Registration::Debounce(_) | Registration::Batch(_)));
        prop_assert_eq!(
            collecting.count(),
            pending,
            "something collects that no record names"
        );
        self.check_singleton()
    }

    fn check_singleton(&self) -> Result<(), TestCaseError> {
        let Some(option) = &self.config.singleton else {
            return Ok(());
        };
        let mut alive: BTreeMap<String, usize> = BTreeMap::new();
        for run in self
            .store
            .runs
            .values()
            .filter(|run| !run.status.is_final())
        {
            let data: serde_json::Value =
                serde_json::from_str(&self.store.events[&run.event].data).expect("our own data");
            let key = match option.key {
                Some(_) => data["user"].to_string(),
                None => String::new(),
            };
            *alive.entry(key).or_default() += 1;
        }
        prop_assert!(
            alive.values().all(|count| *count == 1),
            "two live runs of a singleton: {:?}",
            alive
        );
        Ok(())
    }
}
