//! One node's hold on one shard: a store of its own over the shared disk, the engine, executions. What the node's process would be to one shard.
//!
//! Everything that it submits is fenced with its lease. When a commit fails, for whatever reason, the hold is over: nothing in memory is trusted, and what comes
//! after begins from what is on disk, here or at another node.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use abide_core::engine::{Effect, Engine, EngineConfig, Input, Output};
use abide_core::ids::{IdGenerator, RunId};
use abide_core::journal::OpNumber;
use abide_core::limits::Limits;
use abide_core::machine::{Arrival, Execution, Machine, Phase, RunInfo, Ticket, TwinCursor};
use abide_core::schema::Schemas;
use abide_core::state::{Read, Run, Write};
use abide_store::View;
use bytes::Bytes;
use parking_lot::Mutex;

use super::lease::Lease;
use super::script::Instance;

/// An execution, and the body that waits for the barrier, if one does.
struct Active {
    token: u64,
    machine: Machine,
    workflow: Instance,
    twin: Option<(Instance, TwinCursor)>,
    body: Option<(Ticket, Execution, abide_store::Ticket)>,
}

/// A body that may execute now.
pub(super) struct Body {
    pub(super) run: RunId,
    pub(super) execution: Execution,
    ticket: Ticket,
}

/// The hold is over.
#[derive(Debug)]
pub(super) struct Gone;

/// See the [module](self).
pub(super) struct Host {
    pub(super) lease: Lease,
    pub(super) view: View,
    fenced: bool,
    engine: Engine,
    schemas: Arc<Schemas>,
    ids: IdGenerator,
    active: BTreeMap<RunId, Active>,
    /// Effects whose writes are durable, not carried out yet.
    durable: Arc<Mutex<Vec<Effect>>>,
    /// Events for other shards that are on their way.
    pub(super) sending: BTreeSet<u128>,
}

impl Host {
    /// Takes up what the shard holds.
    pub(super) fn begin(lease: Lease, fenced: bool, seed: u64, now_ms: u64) -> Result<Self, Gone> {
        let view = lease.store.view();
        let mut host = Self {
            view,
            lease,
            fenced,
            engine: Engine::new(EngineConfig::default(), seed),
            schemas: Arc::default(),
            ids: IdGenerator::new(!seed),
            active: BTreeMap::new(),
            durable: Arc::default(),
            sending: BTreeSet::new(),
        };
        host.input(Input::Recover, now_ms)?;
        Ok(host)
    }

    /// Whether it has done everything that it can at this time, and all of it is durable.
    pub(super) fn rests(&self, now_ms: u64) -> bool {
        let due = self.engine.next_due_ms().is_some_and(|due| due <= now_ms);
        let moving = |active: &Active| {
            active.body.is_some() || matches!(active.machine.phase(), Phase::Running)
        };
        !due && !self.engine.wants_dispatch()
            && self.durable.lock().is_empty()
            && self.lease.store.pending_rows() == 0
            && !self.active.values().any(moving)
    }

    /// One step of the engine, its writes submitted, its internal effects carried out.
    pub(super) fn input(&mut self, input: Input, now_ms: u64) -> Result<(), Gone> {
        let mut inputs = vec![input];
        while let Some(input) = inputs.pop() {
            let mut out = Output::default();
            let stepped = self.engine.step(input, now_ms, &self.view, &mut out);
            stepped.map_err(|_| Gone)?;
            self.submit(&out.writes, out.durable)?;
            for effect in out.now {
                inputs.extend(self.act(effect, now_ms)?);
            }
        }
        Ok(())
    }

    fn submit(&self, writes: &[Write], effects: Vec<Effect>) -> Result<(), Gone> {
        if writes.is_empty() && effects.is_empty() {
            return Ok(());
        }
        let mut batch = abide_store::encode(writes).map_err(|_| Gone)?;
        if self.fenced {
            self.lease.fence(&mut batch);
        }
        let durable = self.durable.clone();
        // The effects are the listener.
        let _ticket = self.lease.store.submit_then(batch, move |result| {
            if result.is_ok() {
                durable.lock().extend(effects);
            }
        });
        Ok(())
    }

    /// Notes something of the node's own beside what the engine writes.
    pub(super) fn note(&self, key: Bytes) {
        let mut batch = abide_store::Batch::new();
        batch.put(key, Bytes::from_static(b"1"));
        if self.fenced {
            self.lease.fence(&mut batch);
        }
        // Whether it becomes durable shows with everything else that is queued.
        let _ticket = self.lease.store.submit(batch);
    }

    /// Renews the lease, or gives it back.
    pub(super) fn renew(&self, until_ms: u64) {
        let _ticket = self.lease.store.submit(self.lease.renewal(until_ms));
    }

    /// Commits a group. `Err`: the shard is another node's by now, or the database failed.
    pub(super) fn commit(&self) -> Result<bool, Gone> {
        let committed = self.lease.store.run_group();
        match self.lease.store.failure() {
            Some(_) => Err(Gone),
            None => Ok(committed),
        }
    }

    /// What became durable and is to be done: answers are returned, the rest is done here.
    pub(super) fn durable_effects(&mut self, now_ms: u64) -> Result<Vec<Effect>, Gone> {
        let effects = std::mem::take(&mut *self.durable.lock());
        let mut answers = Vec::new();
        for effect in effects {
            if matches!(effect, Effect::Answer { .. }) {
                answers.push(effect);
            } else if let Some(input) = self.act(effect, now_ms)? {
                self.input(input, now_ms)?;
            }
        }
        Ok(answers)
    }

    fn act(&mut self, effect: Effect, now_ms: u64) -> Result<Option<Input>, Gone> {
        match effect {
            Effect::Execute {
                run,
                token,
                arrivals,
            } => self.execute(&run, token, arrivals, now_ms)?,
            Effect::Deliver {
                run,
                token,
                op,
                arrival,
            } => {
                let active = self
                    .active
                    .get_mut(&run)
                    .filter(|found| found.token == token);
                if let Some(active) = active {
                    active.machine.arrive(op, arrival, now_ms);
                }
            }
            Effect::Stop { run, token } => {
                if self.active.remove(&run).is_some() {
                    return Ok(Some(Input::Released { run, token }));
                }
            }
            Effect::Suspect(run) => return Ok(Some(Input::SuspectRecorded(run))),
            Effect::Schemas(schemas) => self.schemas = schemas,
            // No function here asks for a request, and nobody watches.
            Effect::Request { .. }
            | Effect::DropRequest { .. }
            | Effect::Notice(_)
            | Effect::Answer { .. } => {}
        }
        Ok(None)
    }

    fn execute(
        &mut self,
        run: &Run,
        token: u64,
        arrivals: Vec<(OpNumber, Arrival)>,
        now_ms: u64,
    ) -> Result<(), Gone> {
        let entries = self.view.journal(run.id).map_err(|_| Gone)?;
        let info = info(run, &self.view, self.schemas.clone()).ok_or(Gone)?;
        let mut machine = Machine::load(Arc::new(info), entries, now_ms).map_err(|_| Gone)?;
        for (op, arrival) in arrivals {
            machine.arrive(op, arrival, now_ms);
        }
        let workflow = Instance::of(&machine);
        let active = Active {
            token,
            machine,
            workflow,
            twin: None,
            body: None,
        };
        self.active.insert(run.id, active);
        Ok(())
    }

    /// What may go on now: the engine, if time or a queue wants it to, or any execution.
    pub(super) fn turn_engine(&mut self, now_ms: u64) -> Result<(), Gone> {
        if self.engine.next_due_ms().is_some_and(|due| due <= now_ms) {
            self.input(Input::Tick, now_ms)?;
        }
        if self.engine.wants_dispatch() {
            self.input(Input::Dispatch, now_ms)?;
        }
        Ok(())
    }

    /// The runs that have instances here.
    pub(super) fn executing(&self) -> Vec<RunId> {
        self.active.keys().copied().collect()
    }

    /// Lets an execution go on until it comes to rest, or to a body, which is returned once everything before it is durable.
    pub(super) fn drive(&mut self, run: RunId, now_ms: u64) -> Result<Option<Body>, Gone> {
        let Some(active) = self.active.get_mut(&run) else {
            return Ok(None);
        };
        if let Some((ticket, execution, barrier)) = &active.body {
            let body = Body {
                run,
                execution: execution.clone(),
                ticket: *ticket,
            };
            return match barrier.outcome() {
                None => Ok(None),
                Some(Ok(())) => Ok(Some(body)),
                Some(Err(_)) => Err(Gone),
            };
        }
        active
            .workflow
            .drive(&mut active.machine, now_ms, &mut self.ids);
        let mut begun = None;
        if active.machine.phase() == Phase::Running {
            let (twin, cursor) = active
                .twin
                .get_or_insert_with(|| (Instance::of(&active.machine), active.machine.twin()));
            match twin.next_body(&mut active.machine, cursor, now_ms) {
                Ok(body) => {
                    if body.is_some() {
                        active.machine.body_reaches_out(cursor);
                    }
                    begun = body;
                }
                Err(_) => active.twin = None,
            }
        }
        let progress = active.machine.take_progress();
        let (token, phase) = (active.token, active.machine.phase());
        if let Some(progress) = progress {
            let progress = Box::new(progress);
            self.input(
                Input::Progress {
                    run,
                    token,
                    progress,
                },
                now_ms,
            )?;
        }
        if let Some((ticket, execution)) = begun {
            let barrier = self.barrier();
            if let Some(active) = self.active.get_mut(&run) {
                active.body = Some((ticket, execution, barrier));
            }
        }
        if !matches!(phase, Phase::Parked | Phase::Running) {
            self.active.remove(&run);
            self.input(Input::Released { run, token }, now_ms)?;
        }
        Ok(None)
    }

    /// The effect barrier: a fenced commit of its own, so that a node that has lost the shard learns of it before a body reaches outside.
    fn barrier(&self) -> abide_store::Ticket {
        let mut batch = abide_store::Batch::new();
        if self.fenced {
            self.lease.fence(&mut batch);
        }
        self.lease.store.submit(batch)
    }

    /// Hands a body's outcome in.
    pub(super) fn finish(
        &mut self,
        body: &Body,
        outcome: Result<abide_core::Json, abide_core::failure::Failure>,
        now_ms: u64,
    ) {
        let Some(active) = self.active.get_mut(&body.run) else {
            return;
        };
        active.body = None;
        let failed = outcome.is_err();
        if let Some((_, cursor)) = &mut active.twin {
            let finished = active
                .machine
                .twin_finish(cursor, body.ticket, outcome, now_ms);
            // A twin is replaced after a failed body.
            if failed || finished.is_err() {
                active.twin = None;
            }
        }
    }
}

/// What the machine is told of a run.
pub(super) fn info(run: &Run, view: &View, schemas: Arc<Schemas>) -> Option<RunInfo> {
    let event = view.event(run.event).ok()??;
    Some(RunInfo {
        run: run.id,
        function: run.function.clone(),
        digest: run.digest,
        policy: run.policy,
        limits: Limits::default(),
        event: event.to_json(),
        gated: run.is_gated(),
        input: None,
        logged: run.logged.unwrap_or_default(),
        schemas,
    })
}
