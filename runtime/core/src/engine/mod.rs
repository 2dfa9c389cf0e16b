//! One shard: everything between an event and the end of the runs that it starts.
//!
//! [`Engine::step`] takes one [`Input`] and the time, reads through [`Read`], and fills an [`Output`]: writes to commit as one,
//! and effects. It does no I/O and keeps in memory only what is moving: deployed functions, executing runs, the ids of runs
//! that are about to execute, the place in the order of timers. Everything that sleeps or waits is on disk.
//!
//! Invariants:
//! - The writes of one step are atomic, and are visible to the reads of the next step.
//! - What makes a run go on is derived from the store (its arrivals, its registrations that are due), never from memory
//!   alone: whatever is forgotten by a crash is found again.
//! - An effect that the outside can notice is released only when the writes of its step are durable ([`Output::durable`]).
//! - Every execution has a token; what comes with an old token is dropped.

mod admission;
mod arriving;
mod cancel;
mod conditions;
mod cron;
mod deaths;
mod deliveries;
mod deploy;
mod dispatch;
mod ending;
mod ingest;
mod internal;
mod invoke;
mod jobs;
mod once;
mod output;
mod overlay;
mod pause;
mod progress;
mod queue;
mod replay;
mod requests;
mod runs;
mod schemas;
mod served;
mod signals;
#[cfg(test)]
mod tests;
mod timers;
mod waits;
mod watched;
mod weight;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use crate::event::EventIdSeed;
use crate::failure::Failure;
use crate::function::TriggerIndex;
use crate::ids::{FunctionId, IdGenerator, RunId};
use crate::journal::OpNumber;
use crate::limits::Limits;
use crate::machine::Progress;
use crate::operation::SendSignal;
use crate::schema::Schemas;
use crate::state::{
    App, EventSchema, JobAction, Read, ReadError, Run, RunFilter, TimerKey, WaitKey,
};
use crate::trace::Sampling;
use crate::{DAY_MS, Json};

use arriving::Arriving;
use jobs::Jobs;

pub use deliveries::Delivery;
pub use ingest::{InvalidEvents, ValidEvents};
pub use invoke::Invocation;
pub use jobs::{Counted, Selection};
pub use once::request_key;
pub use output::{Answer, Effect, Notice, Output, Request};
use overlay::Step;
pub use queue::Usage;
use served::Served;

/// How long an external event id keeps a second event from starting the same function. SEMANTICS, section 1.
const DEDUPE_MS: u64 = DAY_MS;

/// Names the request that waits for an answer. The caller chooses it.
pub type ReplyId = u64;

/// Names one execution of a run.
pub type Token = u64;

/// What arrives at the engine.
#[derive(Debug, Clone)]
pub enum Input {
    /// The first input after a start: takes up what the store holds.
    Recover,
    /// Events that somebody sent.
    Events {
        /// Checked events.
        events: ValidEvents,
        /// Makes a repeated request the same request.
        seed: Option<EventIdSeed>,
        /// Who waits.
        reply: ReplyId,
    },
    /// An event that somebody delivers under an id of the delivery.
    Delivery {
        /// Checked.
        delivery: Box<Delivery>,
        /// Who waits.
        reply: ReplyId,
    },
    /// Something that a request asks for which its sender names, to be done once.
    Once {
        /// The name: the same for the same request, and for no other.
        request: String,
        /// What it asks for.
        input: Box<Input>,
        /// Who waits: the same as the input's.
        reply: ReplyId,
    },
    /// An execution got on.
    Progress {
        /// The run.
        run: RunId,
        /// The execution.
        token: Token,
        /// What is new.
        progress: Box<Progress>,
    },
    /// An execution is over: the run ended, or its instances were dropped.
    Released {
        /// The run.
        run: RunId,
        /// The execution.
        token: Token,
    },
    /// An execution could not begin or go on for reasons of the platform; the run is paused with this reason.
    Broken {
        /// The run.
        run: RunId,
        /// The execution.
        token: Token,
        /// Why.
        failure: Failure,
    },
    /// The last input: the process ends in an orderly way, and no execution is under way any more.
    Close,
    /// What [`Effect::Suspect`] asked for is durable: the run may execute.
    SuspectRecorded(RunId),
    /// Time has passed.
    Tick,
    /// There may be room for more executions or requests.
    Dispatch,
    /// A request of the host ended.
    RequestDone {
        /// Whose.
        run: RunId,
        /// Which operation's.
        op: OpNumber,
        /// Which attempt's.
        attempt: u32,
        /// Its result as JSON, or why it failed.
        result: Result<Json, Failure>,
    },
    /// Somebody wants a run to end.
    Cancel {
        /// The run.
        run: RunId,
        /// Who or what, for people.
        reason: String,
        /// Who waits.
        reply: ReplyId,
    },
    /// Somebody sends a signal.
    Signal {
        /// The signal.
        signal: SendSignal,
        /// Who waits.
        reply: ReplyId,
    },
    /// Somebody wants a run to stop for now; it keeps everything.
    PauseRun {
        /// The run.
        run: RunId,
        /// Who or what, for people.
        reason: String,
        /// Who waits.
        reply: ReplyId,
    },
    /// Somebody wants a paused run to go on.
    ResumeRun {
        /// The run.
        run: RunId,
        /// Who waits.
        reply: ReplyId,
    },
    /// Somebody wants the runs of a function not to start for now; events queue.
    PauseFunction {
        /// The function.
        function: FunctionId,
        /// Who waits.
        reply: ReplyId,
    },
    /// Somebody wants the runs of a function to start again.
    ResumeFunction {
        /// The function.
        function: FunctionId,
        /// Who waits.
        reply: ReplyId,
    },
    /// Somebody wants a run of a function, whatever its triggers say.
    Invoke {
        /// The function.
        function: FunctionId,
        /// What its run gets as its event, checked.
        invocation: Invocation,
        /// Who waits.
        reply: ReplyId,
    },
    /// Somebody wants a run that ended to be done again, as a new run of the deployed code.
    Replay {
        /// The run.
        run: RunId,
        /// The step from which it is done again; what came before it keeps its results. From the start if absent.
        from_step: Option<FromStep>,
        /// Who waits.
        reply: ReplyId,
    },
    /// Somebody wants something done to many runs.
    StartJob {
        /// What.
        action: JobAction,
        /// To which runs.
        filter: RunFilter,
        /// The least time between two, in microseconds.
        interval_us: Option<u64>,
        /// Who waits.
        reply: ReplyId,
    },
    /// Somebody wants a job to stop.
    StopJob {
        /// The job.
        job: RunId,
        /// Who waits.
        reply: ReplyId,
    },
    /// An operator sets a schema of events.
    PutSchema {
        /// The schema.
        schema: EventSchema,
        /// Who waits.
        reply: ReplyId,
    },
    /// An operator removes a schema of events.
    DeleteSchema {
        /// The event.
        event: String,
        /// The version.
        v: Option<String>,
        /// Who waits.
        reply: ReplyId,
    },
    /// An app is deployed, in place of its earlier version.
    Deploy {
        /// The app; its functions were validated.
        app: Box<App>,
        /// Who waits.
        reply: ReplyId,
    },
}

/// Where a replay begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FromStep {
    /// The step's key: `id`, `id:1`…
    pub step: String,
    /// What replaces the step's input: JSON.
    pub input: Option<Json>,
}

/// Settings of the engine.
#[derive(Debug, Clone)]
pub struct EngineConfig {
    /// The platform's limits.
    pub limits: Limits,
    /// Executions that may be under way at once, parked ones not counted: each holds instances in memory.
    pub max_executing: usize,
    /// Requests of the host that may be under way at once: each holds a connection.
    pub max_requests: usize,
    /// Timers that one step handles: other inputs must have their turn.
    pub timers_per_step: usize,
    /// Runs that a job looks at in one step, for the same reason.
    pub runs_per_portion: usize,
    /// Which traces are recorded, if any are: what a run sends and starts then says so.
    pub sampling: Option<Sampling>,
}

impl Default for EngineConfig {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            max_executing: 512,
            max_requests: 256,
            timers_per_step: 256,
            runs_per_portion: 256,
            sampling: None,
        }
    }
}

/// A run that has instances in memory.
#[derive(Debug)]
struct Active {
    token: Token,
    run: Run,
    parked: bool,
    /// Whether it is parked because its steps wait for slots.
    gated: bool,
}

/// See the [module](self).
#[derive(Debug)]
pub struct Engine {
    config: EngineConfig,
    ids: IdGenerator,
    apps: BTreeMap<Arc<str>, App>,
    triggers: TriggerIndex,
    functions: BTreeMap<FunctionId, Arc<Served>>,
    schemas: Arc<Schemas>,
    jobs: Jobs,
    active: BTreeMap<RunId, Active>,
    executing: usize,
    next_token: Token,
    /// Runs to execute, and those of them that were just created, so that they need not be read again.
    ready: VecDeque<RunId>,
    is_ready: BTreeSet<RunId>,
    fresh: BTreeMap<RunId, Run>,
    /// How far the runs that a former process left have been taken up; `None`: all of them.
    recovery: Option<dispatch::Recovery>,
    /// Those of the first page of them that have no instances yet: they go before runs that are queued.
    recovered_first: BTreeSet<RunId>,
    deaths: deaths::Deaths,
    queues: queue::Queues,
    timers_fired: Option<TimerKey>,
    timers_late: BTreeSet<TimerKey>,
    next_due_ms: Option<u64>,
    requests: BTreeSet<WaitKey>,
    requests_on_disk: bool,
    conditions: conditions::Conditions,
    schedules: cron::Schedules,
    listeners: internal::Listeners,
    step: Step,
}

impl Engine {
    /// An engine over an empty or a filled store; its first input is [`Input::Recover`]. New ids follow from `seed`.
    pub fn new(config: EngineConfig, seed: u64) -> Self {
        Self {
            config,
            ids: IdGenerator::new(seed),
            apps: BTreeMap::new(),
            triggers: TriggerIndex::default(),
            functions: BTreeMap::new(),
            schemas: Arc::default(),
            jobs: Jobs::default(),
            active: BTreeMap::new(),
            executing: 0,
            next_token: 1,
            ready: VecDeque::new(),
            is_ready: BTreeSet::new(),
            fresh: BTreeMap::new(),
            recovery: None,
            recovered_first: BTreeSet::new(),
            deaths: deaths::Deaths::default(),
            queues: queue::Queues::default(),
            timers_fired: None,
            timers_late: BTreeSet::new(),
            next_due_ms: None,
            requests: BTreeSet::new(),
            requests_on_disk: false,
            conditions: conditions::Conditions::default(),
            schedules: cron::Schedules::default(),
            listeners: internal::Listeners::default(),
            step: Step::default(),
        }
    }

    /// Takes one input at `now_ms`, and adds what follows from it to `out`.
    pub fn step(
        &mut self,
        input: Input,
        now_ms: u64,
        read: &dyn Read,
        out: &mut Output,
    ) -> Result<(), ReadError> {
        self.step = Step::default();
        self.queues.begin_step();
        let mut cx = Context { now_ms, read, out };
        self.take(input, &mut cx)?;
        self.deliver_published(&mut cx)?;
        self.write_overlays(&mut cx);
        Ok(())
    }

    fn take(&mut self, input: Input, cx: &mut Context<'_>) -> Result<(), ReadError> {
        match input {
            Input::Recover => self.recover(cx),
            Input::Close => {
                self.close();
                Ok(())
            }
            Input::SuspectRecorded(run) => {
                self.suspect_recorded(run, cx.now_ms);
                Ok(())
            }
            Input::Events {
                events,
                seed,
                reply,
            } => self.accept_events(events, seed, reply, cx),
            Input::Delivery { delivery, reply } => self.deliver(*delivery, reply, cx),
            Input::Once {
                request,
                input,
                reply,
            } => self.once(&request, *input, reply, cx),
            Input::Progress {
                run,
                token,
                progress,
            } => self.progress(run, token, *progress, cx),
            Input::Released { run, token } => self.released(run, token, cx),
            Input::Broken {
                run,
                token,
                failure,
            } => self.broken(run, token, failure, cx),
            Input::Tick if self.jobs.take_turn(cx.now_ms, self.timers_due_ms()) => {
                self.work_on_jobs(cx)
            }
            Input::Tick => self.tick(cx),
            Input::Dispatch => self.dispatch(cx),
            Input::RequestDone {
                run,
                op,
                attempt,
                result,
            } => self.request_done(WaitKey { run, op }, attempt, result, cx),
            Input::Cancel { run, reason, reply } => self.cancel(run, &reason, reply, cx),
            Input::PauseRun { run, reason, reply } => self.pause_run(run, &reason, reply, cx),
            Input::ResumeRun { run, reply } => self.resume_run(run, reply, cx),
            Input::PauseFunction { function, reply } => {
                self.pause_function(function, reply, cx);
                Ok(())
            }
            Input::ResumeFunction { function, reply } => {
                self.resume_function(function, reply, cx);
                Ok(())
            }
            Input::Invoke {
                function,
                invocation,
                reply,
            } => self.invoke_from_outside(function, invocation, reply, cx),
            Input::Replay {
                run,
                from_step,
                reply,
            } => self.replay(run, from_step, reply, cx),
            Input::StartJob {
                action,
                filter,
                interval_us,
                reply,
            } => {
                self.start_job(action, filter, interval_us, reply, cx);
                Ok(())
            }
            Input::StopJob { job, reply } => self.stop_job(job, reply, cx),
            Input::PutSchema { schema, reply } => self.put_schema(schema, reply, cx),
            Input::DeleteSchema { event, v, reply } => self.delete_schema(event, v, reply, cx),
            Input::Signal { signal, reply } => self.accept_signal(signal, reply, cx),
            Input::Deploy { app, reply } => self.deploy(*app, reply, cx),
        }
    }

    /// When [`Input::Tick`] is due next, in milliseconds since the Unix epoch.
    pub fn next_due_ms(&self) -> Option<u64> {
        let due = self.timers_due_ms().into_iter();
        due.chain(self.jobs.due_ms()).min()
    }

    fn timers_due_ms(&self) -> Option<u64> {
        if !self.timers_late.is_empty() {
            return Some(0);
        }
        let due = [
            self.next_due_ms,
            self.schedules.next_due_ms(),
            self.queues.next_due_ms(),
            self.deaths.due_ms(),
        ];
        due.into_iter().flatten().min()
    }

    /// Whether [`Input::Dispatch`] would get something going.
    pub fn wants_dispatch(&self) -> bool {
        let room = self.has_room();
        room && (!self.ready.is_empty() || self.recovery.is_some() || self.deaths.wants_turn())
            || self.queues.wants_dispatch(room)
            || self.requests_on_disk && self.requests.len() < self.config.max_requests
    }

    /// Whether one more run may have instances.
    fn has_room(&self) -> bool {
        self.executing + self.deaths.recording() < self.config.max_executing
    }

    /// Whether this execution is the run's: what others report is dropped.
    pub fn is_current(&self, run: RunId, token: Token) -> bool {
        self.active
            .get(&run)
            .is_some_and(|active| active.token == token)
    }

    /// Executions under way, parked ones not counted.
    pub fn executing(&self) -> usize {
        self.executing
    }

    /// Runs with instances in memory.
    pub fn resident(&self) -> usize {
        self.active.len()
    }

    /// Runs that are about to execute, as far as they have been loaded.
    pub fn queued(&self) -> usize {
        self.ready.len()
    }

    /// The schemas of events that count.
    pub fn schemas(&self) -> &Arc<Schemas> {
        &self.schemas
    }

    /// The deployed apps.
    pub fn apps(&self) -> impl Iterator<Item = &App> {
        self.apps.values()
    }
}

/// What every handler of a step works with.
struct Context<'a> {
    now_ms: u64,
    read: &'a dyn Read,
    out: &'a mut Output,
}
