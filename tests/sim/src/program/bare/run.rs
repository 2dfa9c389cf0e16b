//! One run: its journal, what is watched for it, its instances.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use abide_core::ids::{Digest, FunctionId, IdGenerator, RunId};
use abide_core::journal::{Entry, OpNumber, WORKFLOW_OP};
use abide_core::limits::Limits;
use abide_core::machine::{Arrival, Machine, Phase, Position, Progress, RunInfo, Stop};
use abide_core::retry::RetryPolicy;
use abide_core::state::{Registration, RunEnd};
use parking_lot::Mutex;

use super::instance::{Ended, Instance, Service, Shared};
use crate::program::{End, Program};

/// Something that a run was told from outside, and when: what another execution must be told for it to do the same.
#[derive(Debug, Clone, PartialEq)]
pub struct Cue {
    /// The time.
    pub now_ms: u64,
    /// What arrived, in this order.
    pub arrivals: Vec<(OpNumber, Arrival)>,
}

/// A run, as the store would know it, and its instances, if it is in memory.
pub(super) struct Run {
    pub(super) program: Program,
    pub(super) parent: Option<(usize, OpNumber)>,
    pub(super) info: Arc<RunInfo>,
    pub(super) entries: Vec<Entry>,
    pub(super) registrations: BTreeMap<OpNumber, Registration>,
    /// What has arrived and is not recorded as such.
    pub(super) arrivals: BTreeMap<OpNumber, Arrival>,
    pub(super) end: Option<End>,
    pub(super) cues: Vec<Cue>,
    /// How often it was thrown out while one of its bodies may have called the outside service.
    pub(super) spoilt: u32,
    /// Its code failed, and is to be tried again.
    retry_later: bool,
    live: Option<Live>,
    seed: u64,
    version: u8,
}

struct Live {
    shared: Arc<Mutex<Shared>>,
    workflow: Option<Instance>,
    twins: Vec<Instance>,
    delivered: BTreeSet<OpNumber>,
}

impl Run {
    pub(super) fn new(
        program: Program,
        number: usize,
        event: &abide_core::event::Event,
        parent: Option<(usize, OpNumber)>,
        version: u8,
    ) -> Self {
        let info = RunInfo {
            run: RunId(number as u128 + 1),
            function: FunctionId::new("sim", program.function.id()),
            digest: Digest([0; 32]),
            policy: RetryPolicy {
                max_attempts: program.function.retries() + 1,
                backoff: None,
            },
            limits: Limits::default(),
            event: event.to_json(),
            gated: false,
            input: None,
            logged: abide_core::state::Logged::default(),
            schemas: Arc::default(),
        };
        Self {
            program,
            parent,
            info: Arc::new(info),
            entries: Vec::new(),
            registrations: BTreeMap::new(),
            arrivals: BTreeMap::new(),
            end: None,
            cues: Vec::new(),
            spoilt: 0,
            retry_later: false,
            live: None,
            seed: number as u64 * 1_000_003,
            version,
        }
    }

    /// Throws it out of memory, with what it has not handed on. Says whether it was there.
    pub(super) fn throw_out(&mut self) -> bool {
        let Some(live) = self.live.take() else {
            return false;
        };
        self.spoilt += u32::from(live.twins.iter().any(Instance::is_calling));
        true
    }

    /// Whether it has something to do.
    pub(super) fn can_go_on(&self, now_ms: u64) -> bool {
        let due =
            |registration: &Registration| registration.due_ms().is_some_and(|due| due <= now_ms);
        if self.end.is_some() {
            return false;
        }
        if self.retry_later {
            return self.registrations.get(&WORKFLOW_OP).is_some_and(due);
        }
        match &self.live {
            None => true,
            Some(live) => {
                let new = self.arrivals.keys().any(|op| !live.delivered.contains(op));
                new || live.shared.lock().machine.phase() == Phase::Running
            }
        }
    }

    /// Lets it go on for one turn; `twins` is how many may execute bodies side by side.
    pub(super) fn turn(
        &mut self,
        now_ms: u64,
        service: &Service,
        twins: usize,
    ) -> Result<(), String> {
        if self.retry_later {
            self.retry_later = false;
            self.live = None;
        }
        let fresh = self.load(now_ms)?;
        let Some(live) = &mut self.live else {
            return Ok(());
        };
        live.shared.lock().now_ms = now_ms;
        let mut arrivals = self.arrivals.clone();
        arrivals.retain(|op, _| live.delivered.insert(*op));
        for (op, arrival) in &arrivals {
            let machine = &mut live.shared.lock().machine;
            machine.arrive(*op, arrival.clone(), now_ms);
        }
        if fresh || !arrivals.is_empty() {
            let arrivals = arrivals.into_iter().collect();
            self.cues.push(Cue { now_ms, arrivals });
        }
        live.poll_workflow()?;
        live.poll_twins(&self.program, service, twins)
    }

    /// Brings it into memory; says whether it was not there.
    fn load(&mut self, now_ms: u64) -> Result<bool, String> {
        if self.live.is_some() {
            return Ok(false);
        }
        let machine = Machine::load(self.info.clone(), self.entries.clone(), now_ms)
            .map_err(|error| error.to_string())?;
        self.seed += 1;
        let shared = Arc::new(Mutex::new(Shared {
            machine,
            ids: IdGenerator::new(self.seed),
            now_ms,
            taken: 0,
            wanted: false,
            version: self.version,
        }));
        let none: Service = Arc::new(|_| Err("workflow code calls nobody".into()));
        let workflow = Instance::new(&shared, &self.program, &none, false);
        self.live = Some(Live {
            shared,
            workflow: Some(workflow),
            twins: Vec::new(),
            delivered: BTreeSet::new(),
        });
        Ok(true)
    }

    /// Whether a body waits until what is recorded is durable.
    pub(super) fn wants_durability(&self) -> bool {
        let live = self.live.as_ref();
        live.is_some_and(|live| live.shared.lock().wanted)
    }

    /// What it hands on, which is durable from now on, as far as it is about the run itself.
    pub(super) fn take_progress(&mut self) -> Option<Progress> {
        let live = self.live.as_mut()?;
        let progress = {
            let mut shared = live.shared.lock();
            shared.taken += 1;
            shared.wanted = false;
            shared.machine.take_progress()?
        };
        self.entries.extend(progress.entries.iter().cloned());
        match &progress.position {
            Position::Ended(end) => {
                self.end = Some(match end {
                    RunEnd::Output(json) => {
                        End::Output(serde_json::from_str(json).unwrap_or_default())
                    }
                    RunEnd::Failure(failure) => End::failed(&failure.name, &failure.message),
                    RunEnd::Skipped(_) => End::Cancelled,
                });
                self.live = None;
            }
            Position::RetryLater => {
                self.retry_later = true;
                self.live = None;
            }
            Position::Running
            | Position::Parked { .. }
            | Position::Gated
            | Position::Diverged(_) => {}
        }
        Some(progress)
    }

    /// Something arrives for an operation that is watched.
    pub(super) fn arrive(&mut self, op: OpNumber, arrival: Arrival) {
        self.registrations.remove(&op);
        if let Some(live) = &mut self.live {
            live.delivered.remove(&op);
        }
        self.arrivals.insert(op, arrival);
    }

    /// Whether its journal, without its end, leads native code to that end again.
    pub(super) fn replays(&self) -> Result<(), String> {
        let Some(at) = self
            .entries
            .iter()
            .rposition(|entry| !matches!(entry, Entry::Logged { .. }))
        else {
            return Ok(());
        };
        let mut entries = self.entries.clone();
        let end = entries.remove(at);
        let machine = Machine::load(self.info.clone(), entries, 0).map_err(|e| e.to_string())?;
        let shared = Arc::new(Mutex::new(Shared {
            machine,
            ids: IdGenerator::new(0),
            now_ms: 0,
            taken: 0,
            wanted: false,
            version: self.version,
        }));
        let none: Service = Arc::new(|_| Err("a replay calls nobody".into()));
        let mut workflow = Instance::new(&shared, &self.program, &none, false);
        let came_to = match workflow.poll() {
            Some(Ended::Returned(result)) => result,
            Some(Ended::Stopped(stop)) => return Err(format!("the replay stops: {stop:?}")),
            None => return Err("the replay waits".into()),
        };
        let same = match (&end, &came_to) {
            (Entry::WorkflowReturned { output, .. }, Ok(again)) => output == again,
            (Entry::WorkflowFailed { failure, .. }, Err(again)) => {
                failure.name == again.name && failure.message == again.message
            }
            _ => false,
        };
        if same {
            Ok(())
        } else {
            Err(format!(
                "it ended with {end:?}, and its replay with {came_to:?}"
            ))
        }
    }
}

impl Live {
    fn poll_workflow(&mut self) -> Result<(), String> {
        let Some(instance) = &mut self.workflow else {
            return Ok(());
        };
        let result = match instance.poll() {
            None => return Ok(()),
            Some(Ended::Returned(result)) => result,
            Some(Ended::Stopped(Some(Stop::Failed(failure)))) => Err(failure),
            Some(Ended::Stopped(stop)) => return Err(format!("the workflow stops: {stop:?}")),
        };
        self.workflow = None;
        let mut shared = self.shared.lock();
        let now_ms = shared.now_ms;
        let returned = shared.machine.returned(result, now_ms);
        returned.map_err(|stop| format!("it may not return: {stop:?}"))
    }

    fn poll_twins(
        &mut self,
        program: &Program,
        service: &Service,
        most: usize,
    ) -> Result<(), String> {
        let waiting = self.shared.lock().machine.bodies_waiting();
        if waiting > 0 && self.twins.len() < most {
            let twin = Instance::new(&self.shared, program, service, true);
            self.twins.push(twin);
        }
        let mut kept = Vec::new();
        for mut twin in std::mem::take(&mut self.twins) {
            if twin.is_unwanted() {
                twin.abandon();
                continue;
            }
            match twin.poll() {
                // Another attempt wants another twin.
                None if twin.is_used() => twin.abandon(),
                None => kept.push(twin),
                Some(Ended::Stopped(stop)) => return Err(format!("a twin stops: {stop:?}")),
                Some(Ended::Returned(_)) => return Err("a twin returned".into()),
            }
        }
        self.twins = kept;
        Ok(())
    }
}
