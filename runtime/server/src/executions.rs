//! Executions: runs that have instances in memory, each one task.
//!
//! What the engine delivers reaches a run whether its task has begun already or still loads the journal.

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use abide_core::engine::{Input, Token};
use abide_core::failure::{Failure, Origin};
use abide_core::ids::RunId;
use abide_core::journal::{Entry, OpNumber};
use abide_core::machine::{Arrival, Divergence, Machine, Progress, RunInfo};
use abide_core::state::{Read, ReadError, Run, RunStatus};
use abide_core::trace::TraceContext;
use abide_host::{BarrierBroken, Events, ExecuteRequest, Exit, Mailbox, Port, Recorded, Timings};
use futures::FutureExt;
use futures::future::BoxFuture;
use parking_lot::Mutex;
use tokio::sync::oneshot;

use crate::components::MissingCode;
use crate::metrics::{NodeMetrics, Tally};
use crate::node::Inner;
use crate::shard::{Message, ShardHandle};

/// All executions of the node.
#[derive(Default)]
pub(crate) struct Executions {
    by_run: Mutex<HashMap<RunId, Execution>>,
}

struct Execution {
    token: Token,
    state: State,
}

enum State {
    /// The journal is being read; this came meanwhile.
    Loading(Vec<(OpNumber, Arrival)>),
    Live(Mailbox),
}

impl Executions {
    /// Begins an execution.
    pub(crate) fn begin(
        &self,
        node: &Arc<Inner>,
        run: Run,
        token: Token,
        arrivals: Vec<(OpNumber, Arrival)>,
    ) {
        let state = State::Loading(arrivals);
        self.by_run
            .lock()
            .insert(run.id, Execution { token, state });
        let task = execute(Arc::downgrade(node), run, token);
        node.host.surroundings().spawn(Box::pin(task));
    }

    /// Hands something to an execution. One that is over has left it in the store.
    pub(crate) fn deliver(&self, run: RunId, token: Token, op: OpNumber, arrival: Arrival) {
        let mut by_run = self.by_run.lock();
        let Some(execution) = by_run.get_mut(&run).filter(|found| found.token == token) else {
            return;
        };
        match &mut execution.state {
            State::Loading(pending) => pending.push((op, arrival)),
            // Gone: its exit is on the way to the engine, which then finds the arrival in the store.
            State::Live(mailbox) => drop(mailbox.arrive(op, arrival)),
        }
    }

    /// Ends an execution that nobody wants any more.
    pub(crate) fn stop(&self, run: RunId, token: Token) {
        let mut by_run = self.by_run.lock();
        if by_run.get(&run).is_some_and(|found| found.token == token)
            && let Some(execution) = by_run.remove(&run)
            && let State::Live(mailbox) = execution.state
        {
            // Gone: then it is over already.
            let _ = mailbox.cancel();
        }
    }

    /// Ends all executions: what they have not reported will be done again.
    pub(crate) fn stop_all(&self) {
        for (_, execution) in self.by_run.lock().drain() {
            if let State::Live(mailbox) = execution.state {
                let _ = mailbox.cancel();
            }
        }
    }

    /// Whether this run has instances or is about to.
    pub(crate) fn contains(&self, run: RunId) -> bool {
        self.by_run.lock().contains_key(&run)
    }

    /// Whether nobody has stopped this execution.
    fn is_wanted(&self, run: RunId, token: Token) -> bool {
        let by_run = self.by_run.lock();
        by_run.get(&run).is_some_and(|found| found.token == token)
    }

    /// The task has a mailbox now. `false`: the execution was stopped meanwhile.
    fn live(&self, run: RunId, token: Token, mailbox: &Mailbox) -> bool {
        let mut by_run = self.by_run.lock();
        let Some(execution) = by_run.get_mut(&run).filter(|found| found.token == token) else {
            return false;
        };
        if let State::Loading(pending) =
            std::mem::replace(&mut execution.state, State::Live(mailbox.clone()))
        {
            for (op, arrival) in pending {
                let _ = mailbox.arrive(op, arrival);
            }
        }
        true
    }

    fn end(&self, run: RunId, token: Token) {
        let mut by_run = self.by_run.lock();
        if by_run.get(&run).is_some_and(|found| found.token == token) {
            by_run.remove(&run);
        }
    }
}

/// The task of one execution. It holds the node weakly while it waits: a node that is dropped ends.
async fn execute(node: Weak<Inner>, run: Run, token: Token) {
    let id = run.id;
    let guarded = AssertUnwindSafe(drive(&node, run, token))
        .catch_unwind()
        .await;
    let Some(node) = node.upgrade() else { return };
    node.executions.end(id, token);
    let input = match guarded {
        Ok(Ok(())) => Input::Released { run: id, token },
        Ok(Err(failure)) => Input::Broken {
            run: id,
            token,
            failure,
        },
        Err(_) => Input::Broken {
            run: id,
            token,
            failure: Failure::permanent(
                Origin::Limit,
                "the host failed while it executed this run (a fault of Abide; its log has the details). The run is paused",
            ),
        },
    };
    node.shard.input(input);
}

async fn drive(node: &Weak<Inner>, run: Run, token: Token) -> Result<(), Failure> {
    let id = run.id;
    let mut pause = FIRST_PAUSE;
    let execution = loop {
        let Some(node) = node.upgrade() else {
            return Ok(());
        };
        match prepare(&node, &run, token).await {
            Ok(request) => {
                let (mailbox, execution) = node.host.execute(request);
                if !node.executions.live(id, token, &mailbox) {
                    return Ok(());
                }
                break execution;
            }
            Err(Unprepared::Broken(failure)) => return Err(failure),
            Err(Unprepared::Lacking(_)) if !node.executions.is_wanted(id, token) => return Ok(()),
            Err(Unprepared::Lacking(reason)) => {
                tracing::warn!(run = %id, function = %run.function, environment = &*node.environment, reason, "the run cannot be executed now; it is tried again in {} ms", pause.as_millis());
                let paused = node.host.surroundings().sleep(pause);
                drop(node);
                paused.await;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
        }
    };
    let exit = execution.await;
    let Some(node) = node.upgrade() else {
        return Ok(());
    };
    match exit {
        Exit::Over | Exit::Evicted { .. } | Exit::Cancelled => {}
        Exit::Diverged(divergence) => {
            tracing::error!(run = %id, function = %run.function, environment = &*node.environment, %divergence, "the run is paused: its code is not deterministic");
        }
    }
    if !node.check_replay {
        return Ok(());
    }
    match check_replay(&node, &run).await {
        Ok(None) => Ok(()),
        Ok(Some(divergence)) => {
            tracing::error!(run = %run.id, function = %run.function, environment = &*node.environment, %divergence, "--check-replay: the run does not replay");
            Err(divergence.to_failure())
        }
        Err(Unprepared::Broken(failure)) => Err(failure),
        // What was executed stands: only the check is left out.
        Err(Unprepared::Lacking(reason)) => {
            tracing::warn!(run = %run.id, function = %run.function, environment = &*node.environment, reason, "--check-replay: the run cannot be replayed now; this time it is not checked");
            Ok(())
        }
    }
}

/// How long a run waits for what the machine lacks: at first, and, doubled each time, at most.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Why an execution, or a replay, does not begin.
pub(crate) enum Unprepared {
    /// The run cannot be executed as it is recorded: it is paused.
    Broken(Failure),
    /// The machine lacks something that it has again later, such as file descriptors: the run waits.
    Lacking(String),
}

impl From<Unprepared> for ReadError {
    fn from(why: Unprepared) -> Self {
        match why {
            Unprepared::Broken(failure) => Self::new(failure.to_string()),
            Unprepared::Lacking(reason) => Self::transient(reason),
        }
    }
}

impl From<ReadError> for Unprepared {
    fn from(error: ReadError) -> Self {
        if error.is_transient() {
            Self::Lacking(error.to_string())
        } else {
            Self::Broken(broken(error))
        }
    }
}

impl From<MissingCode> for Unprepared {
    fn from(error: MissingCode) -> Self {
        if error.is_transient() {
            Self::Lacking(error.to_string())
        } else {
            Self::Broken(broken(error))
        }
    }
}

/// Everything that the execution needs: code, journal, events.
async fn prepare(node: &Arc<Inner>, run: &Run, token: Token) -> Result<ExecuteRequest, Unprepared> {
    let began = Instant::now();
    let app = match node.components.loaded(run.digest) {
        Some(app) => app,
        None => node.components.get(run.digest).await?,
    };
    let entries = match run.entries {
        0 => Vec::new(),
        _ => node.view.journal(run.id)?,
    };
    let events = events(node, run)?;
    let info = Arc::new(info(node, run, &events));
    let now_ms = node.clock.now_ms();
    if run.started_ms.is_none() {
        node.metrics.started(run, events.main().ts, now_ms);
    }
    let replays = !entries.is_empty();
    node.metrics.executions[usize::from(replays)].one();
    let tally = Tally::of(&entries);
    let mut machine =
        Machine::load(info, entries, now_ms).map_err(|error| Unprepared::Broken(broken(error)))?;
    let trace = events.main().trace.as_deref();
    if node.tracer.is_some() && trace.is_some_and(TraceContext::is_sampled) {
        machine.record_spans();
    }
    let (variables, egress) = node.app_settings(&run.function.app);
    let timings = node.metrics.timings.begin(run.id);
    let prepared = began.elapsed();
    timings.prepared(prepared, replays);
    Ok(ExecuteRequest {
        app,
        machine,
        events,
        port: Arc::new(RunPort {
            run: run.id,
            token,
            shard: node.shard.clone(),
            clock: node.clock.clone(),
            metrics: node.metrics.clone(),
            tally,
            timings,
            prepared,
        }),
        variables,
        egress,
    })
}

fn events(node: &Inner, run: &Run) -> Result<Events, Unprepared> {
    let ids = match run.event_count {
        0 | 1 => vec![run.event],
        _ => node.view.run_events(run.id)?,
    };
    let mut events = Vec::with_capacity(ids.len());
    for id in ids {
        match node.view.event(id)? {
            Some(event) if id == run.event => {
                // What the run's bodies reach stands where the run does.
                let trace = node.trace_of(event.trace.as_deref(), run.id);
                events.push(event.traced(trace.map(Box::new)));
            }
            Some(event) => events.push(event),
            None => {
                return Err(Unprepared::Broken(broken(format!(
                    "event {id}, which started the run, is not in the store"
                ))));
            }
        }
    }
    Events::new(events, run.event).ok_or_else(|| {
        let reason = format!("event {} is not among the run's events", run.event);
        Unprepared::Broken(broken(reason))
    })
}

fn info(node: &Inner, run: &Run, events: &Events) -> RunInfo {
    RunInfo {
        run: run.id,
        function: run.function.clone(),
        digest: run.digest,
        policy: run.policy,
        limits: node.limits.clone(),
        event: events.main().to_json(),
        gated: run.is_gated(),
        input: run.input.as_deref().cloned(),
        schemas: node.schemas(),
        logged: run.logged.unwrap_or_default(),
    }
}

/// Replays the run as it is recorded now, and says where the replay differs.
pub(crate) async fn check_replay(
    node: &Arc<Inner>,
    run: &Run,
) -> Result<Option<Box<Divergence>>, Unprepared> {
    let app = node.components.get(run.digest).await?;
    let events = events(node, run)?;
    // The store failed: the node is about to stop, and says so itself.
    if node.shard_barrier().await.is_err() {
        return Ok(None);
    }
    let (Ok(entries), Ok(now)) = (node.view.journal(run.id), node.view.run(run.id)) else {
        return Ok(None);
    };
    let Some(now) = now else {
        return Ok(None);
    };
    let info = Arc::new(info(node, run, &events));
    let recorded = recorded(&now, &entries);
    let checked = node
        .host
        .check_replay(&app, info, events, entries, recorded);
    checked.await.map_err(|error| match error {
        abide_host::Error::NoRoom => Unprepared::Lacking(error.to_string()),
        other => Unprepared::Broken(broken(other)),
    })
}

/// Whether this journal, read before `run`, holds everything that the run's code did.
fn recorded(run: &Run, entries: &[Entry]) -> Recorded {
    let rests = match run.status {
        RunStatus::Sleeping
        | RunStatus::Waiting
        | RunStatus::Completed
        | RunStatus::Failed
        | RunStatus::Skipped => true,
        RunStatus::Queued | RunStatus::Running | RunStatus::Paused | RunStatus::Cancelled => false,
    };
    if rests && entries.len() == run.entries as usize {
        Recorded::Whole
    } else {
        Recorded::Cut
    }
}

fn broken(error: impl std::fmt::Display) -> Failure {
    Failure::permanent(
        Origin::Limit,
        format!("the run cannot be executed: {error}"),
    )
}

/// One execution's way to the shard.
struct RunPort {
    run: RunId,
    token: Token,
    shard: ShardHandle,
    clock: crate::clock::Clock,
    metrics: Arc<NodeMetrics>,
    tally: Tally,
    timings: Arc<Timings>,
    /// What the journal took to be read.
    prepared: Duration,
}

impl Port for RunPort {
    fn progress(&self, progress: Progress) {
        self.tally.count(&progress.entries, &self.metrics.steps);
        self.shard.input(Input::Progress {
            run: self.run,
            token: self.token,
            progress: Box::new(progress),
        });
    }

    fn barrier(&self) -> BoxFuture<'static, Result<(), BarrierBroken>> {
        barrier(self.shard.clone(), Some((self.run, self.token))).boxed()
    }

    fn now_ms(&self) -> u64 {
        self.clock.now_ms()
    }

    fn timings(&self) -> Option<Arc<Timings>> {
        Some(self.timings.clone())
    }

    fn caught_up(&self, took: Duration) {
        self.metrics.replay.observe(self.prepared + took);
    }
}

/// Resolves once everything that was sent to the shard before is durable: fails when it was sent `of` an execution that is over.
pub(crate) async fn barrier(
    shard: ShardHandle,
    of: Option<(RunId, Token)>,
) -> Result<(), BarrierBroken> {
    let (sender, receiver) = oneshot::channel();
    let stopped = || BarrierBroken("the node is stopping".into());
    if !shard.send(Message::Barrier(of, sender)) {
        return Err(stopped());
    }
    let ticket = receiver.await.map_err(|_| stopped())?;
    ticket
        .await
        .map_err(|error| BarrierBroken(error.to_string()))
}
