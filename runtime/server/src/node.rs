//! The node: store, host, shard and everything between them, behind one cheap handle.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use abide_core::engine::{Answer, Engine, Input, Notice, ReplyId};
use abide_core::ids::{Digest, FunctionId, RunId};
use abide_core::limits::Limits;
use abide_core::schema::Schemas;
use abide_core::state::{App, Read, ReadError, RunStatus};
use abide_core::trace::TraceContext;
use abide_host::{BarrierBroken, Egress, EgressPolicy, Host, Process, Surroundings};
use abide_store::{Commits, SledOptions, Store, View};
use parking_lot::{Mutex, RwLock};
use tokio::sync::{broadcast, oneshot, watch};

use crate::actor::Actor;
use crate::changes::Changes;
use crate::clock::Clock;
use crate::components::Components;
use crate::config::{NodeConfig, Storage};
use crate::error::{OpenError, SendError};
use crate::executions::{self, Executions};
use crate::health::Health;
use crate::intake::{Held, Taken};
use crate::metrics::{Census, FunctionTotals, NodeMetrics};
use crate::requests::Requests;
use crate::series::{self, Series};
use crate::shard::{self, Message, Shard, ShardHandle};
use crate::steps::Steps;
use crate::telemetry::Tracer;
use crate::warnings::Warnings;

/// Notices that a slow watcher may fall behind before it misses some.
const NOTICES_KEPT: usize = 16_384;

/// How long a stopping node lets executions come to a rest. SIGTERM promises an end within 10 s.
const DRAIN: Duration = Duration::from_secs(5);

/// A running node. Clones share it.
#[derive(Clone)]
pub struct Node {
    pub(crate) inner: Arc<Inner>,
    /// The request whose inputs are to be done once.
    pub(crate) request: Option<Arc<str>>,
}

/// What tasks of the node hold on to.
pub(crate) struct Inner {
    pub(crate) clock: Clock,
    pub(crate) limits: Limits,
    pub(crate) fetch_response_bytes: usize,
    pub(crate) check_replay: bool,
    pub(crate) store: Store,
    pub(crate) view: View,
    pub(crate) host: Host,
    pub(crate) components: Components,
    pub(crate) shard: ShardHandle,
    pub(crate) executions: Executions,
    pub(crate) requests: Requests,
    pub(crate) settings: RwLock<HashMap<Arc<str>, AppSettings>>,
    egress: EgressPolicy,
    pub(crate) warnings: Warnings,
    /// What events are checked against.
    pub(crate) schemas: RwLock<Arc<Schemas>>,
    /// In the order in which they were asked: where all are told at once, it is in that order.
    pub(crate) replies: Mutex<BTreeMap<ReplyId, Waiting>>,
    taken: Arc<Taken>,
    next_reply: AtomicU64,
    pub(crate) notices: broadcast::Sender<Notice>,
    /// What changed lately.
    pub(crate) changes: Changes,
    stopping: AtomicBool,
    pub(crate) failure: watch::Sender<Option<String>>,
    shard_thread: Mutex<Option<JoinHandle<()>>>,
    pub(crate) deploying: tokio::sync::Mutex<()>,
    pub(crate) max_queued_inputs: usize,
    max_queued_bytes: usize,
    pub(crate) max_pending_rows: usize,
    pub(crate) keep_runs: Duration,
    pub(crate) keep_events: Duration,
    /// What records traces, if anything does.
    pub(crate) tracer: Option<Tracer>,
    pub(crate) metrics: Arc<NodeMetrics>,
    pub(crate) series: Series,
    directory: PathBuf,
    /// The environment that it is: log lines and traces say so.
    pub(crate) environment: Arc<str>,
    started: Instant,
}

#[derive(Clone)]
pub(crate) struct AppSettings {
    pub(crate) digest: Digest,
    variables: Arc<Vec<(String, String)>>,
    egress: Arc<Egress>,
}

impl Node {
    /// Opens the store, takes up what it holds, and begins to work. Needs a tokio runtime.
    pub async fn open(config: NodeConfig) -> Result<Self, OpenError> {
        Self::open_with(config, None).await
    }

    /// Opens a node in the same process that shares this one's host: engines, compiled code, and budgets of memory.
    pub async fn open_beside(&self, config: NodeConfig) -> Result<Self, OpenError> {
        Self::open_with(config, Some(self.inner.host.clone())).await
    }

    async fn open_with(mut config: NodeConfig, host: Option<Host>) -> Result<Self, OpenError> {
        let surroundings = config
            .host
            .surroundings
            .get_or_insert_with(|| Arc::new(Process::here()))
            .clone();
        create_directory(&config)?;
        let store = open_store(&config, &*surroundings).await?;
        let host = match host {
            Some(host) => host,
            None => Host::new(config.host.clone())?,
        };
        let every = config.keep_house_every;
        let (node, shard) = Self::assemble(config, store, host)?;
        let thread = std::thread::Builder::new()
            .name("abide-shard".into())
            .spawn(move || shard.run())
            .map_err(|source| OpenError::Io {
                action: "start the shard's thread".into(),
                source,
            })?;
        *node.inner.shard_thread.lock() = Some(thread);
        let house =
            crate::maintenance::keep(Arc::downgrade(&node.inner), surroundings.clone(), every);
        surroundings.spawn(Box::pin(house));
        let sampling = series::sample(Arc::downgrade(&node.inner), surroundings.clone());
        surroundings.spawn(Box::pin(sampling));
        Ok(node)
    }

    /// Opens a node without threads on a simulated disk: nothing of it moves but by the steps, and by the tasks that it gives to its
    /// surroundings. Its host shares compiled code with `kin`.
    pub fn open_stepped(config: NodeConfig, kin: &Host) -> Result<(Self, Steps), OpenError> {
        create_directory(&config)?;
        let store = match &config.storage {
            Storage::Simulated(disk, _) => Store::in_memory(disk, Commits::ByHand)?,
            Storage::Directory(path) => {
                return Err(OpenError::Io {
                    action: format!("step a node on the real disk, in {}", path.display()),
                    source: std::io::ErrorKind::Unsupported.into(),
                });
            }
        };
        let host = kin.sibling(config.host.clone())?;
        let (node, shard) = Self::assemble(config, store.clone(), host)?;
        Ok((node, Steps::new(shard, store)))
    }

    /// Everything but what moves it.
    fn assemble(
        mut config: NodeConfig,
        store: Store,
        host: Host,
    ) -> Result<(Self, Shard), OpenError> {
        let directory = config.storage.directory();
        let components = Components::open(host.clone(), directory.join("components"))
            .map_err(|source| cannot_create(directory, source))?;
        let seed = config.seed.unwrap_or_else(|| host.surroundings().random());
        let view = store.view();
        let (handle, receiver) = ShardHandle::new();
        let tracer = config
            .telemetry
            .take()
            .map(|telemetry| telemetry.tracer(config.environment.clone(), store.view()));
        config.engine.sampling = tracer.as_ref().map(Tracer::sampling);
        let metrics = Arc::new(NodeMetrics::default());
        let census = Census::new(metrics.pending.clone());
        let inner = Arc::new(Inner {
            clock: config.clock,
            limits: config.engine.limits.clone(),
            fetch_response_bytes: config.host.limits.fetch_response_bytes,
            check_replay: config.check_replay,
            view: store.view(),
            store: store.clone(),
            host,
            components,
            shard: handle.clone(),
            executions: Executions::default(),
            requests: Requests::default(),
            settings: RwLock::default(),
            schemas: RwLock::default(),
            egress: config.host.egress,
            warnings: Warnings::default(),
            replies: Mutex::default(),
            taken: Arc::default(),
            next_reply: AtomicU64::new(1),
            notices: broadcast::channel(NOTICES_KEPT).0,
            changes: Changes::of_seed(seed),
            stopping: AtomicBool::new(false),
            failure: watch::channel(None).0,
            shard_thread: Mutex::new(None),
            deploying: tokio::sync::Mutex::default(),
            max_queued_inputs: config.max_queued_inputs,
            max_queued_bytes: config.max_queued_bytes,
            max_pending_rows: config.max_pending_rows,
            keep_runs: config.keep_runs,
            keep_events: config.keep_events,
            tracer: tracer.clone(),
            metrics: metrics.clone(),
            series: Series::default(),
            directory: config.storage.directory().clone(),
            environment: config.environment.clone(),
            started: Instant::now(),
        });
        let apps = view.apps()?;
        for app in &apps {
            inner.apply_settings(app);
        }
        // The engine says so again, but the first event may come before.
        let (schemas, _) = Schemas::assemble(&apps, &view.schemas()?, &[]);
        *inner.schemas.write() = Arc::new(schemas);
        let shard = Shard {
            engine: Engine::new(config.engine, seed),
            store,
            view: view.patient(shard::patience(inner.environment.clone())),
            clock: inner.clock.clone(),
            receiver,
            handle,
            act: Arc::new(Actor(Arc::downgrade(&inner))),
            tracer,
            metrics,
            census,
        };
        let request = None;
        Ok((Self { inner, request }, shard))
    }

    /// Reads from the store on a thread that may block, and returns once all that was read is durable.
    pub async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&View) -> Result<T, ReadError> + Send + 'static,
    ) -> Result<T, ReadError> {
        let view = self.inner.view.clone();
        let value = self.inner.blocking(move || read(&view)).await??;
        self.inner.store.read_barrier().await?;
        Ok(value)
    }

    /// Does at once what the node does by itself now and then: forgets what was kept long enough.
    pub async fn keep_house(&self) -> Result<(), ReadError> {
        crate::maintenance::round(&self.inner).await
    }

    /// Notices of what happened, each after it was made durable.
    pub fn subscribe(&self) -> broadcast::Receiver<Notice> {
        self.inner.notices.subscribe()
    }

    /// `Running` for a run that has begun to execute, whose record may say `Queued` until it rests or ends.
    pub fn live_status(&self, run: RunId) -> Option<RunStatus> {
        self.inner
            .executions
            .contains(run)
            .then_some(RunStatus::Running)
    }

    /// How the node is.
    pub fn health(&self) -> Health {
        let inner = &self.inner;
        let failure = inner.failure.borrow().clone();
        let gauges = inner.shard.gauges();
        let status = match (&failure, inner.stopping.load(Ordering::Relaxed)) {
            (Some(_), _) => "failed",
            (None, true) => "stopping",
            (None, false) => "ok",
        };
        Health {
            status,
            version: env!("CARGO_PKG_VERSION"),
            uptime_ms: u64::try_from(inner.uptime().as_millis()).unwrap_or(u64::MAX),
            apps: inner.apps(),
            executing: gauges.executing.load(Ordering::Relaxed),
            resident: gauges.resident.load(Ordering::Relaxed),
            queued: gauges.queued.load(Ordering::Relaxed),
            failure,
        }
    }

    /// Resolves when the node can't go on, with the reason: the process should exit with a failure.
    pub async fn failed(&self) -> String {
        let mut failure = self.inner.failure.subscribe();
        loop {
            if let Some(reason) = failure.borrow_and_update().clone() {
                return reason;
            }
            if failure.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }

    /// What the node counted lately, as points in time.
    pub fn series(&self) -> &Series {
        &self.inner.series
    }

    /// Does at once what the node does by itself every ten seconds: makes points of what it counted.
    pub async fn measure_series(&self) {
        series::look_up(&self.inner).await;
        series::measure(&self.inner);
    }

    /// What runs of a function did in the last hour and in the last day, since the server started; `None` of a function that started none, or
    /// that is one of so many that it is not counted by itself.
    pub fn function_totals(
        &self,
        function: &FunctionId,
    ) -> Option<(FunctionTotals, FunctionTotals)> {
        self.inner.metrics.functions.totals(function)
    }

    /// The platform's limits.
    pub fn limits(&self) -> &Limits {
        &self.inner.limits
    }

    /// The node's clock.
    pub fn clock(&self) -> &Clock {
        &self.inner.clock
    }

    /// Counters of the store.
    pub fn store_stats(&self) -> abide_store::Stats {
        self.inner.store.stats()
    }

    /// When the next timer is due, as far as the shard has looked: milliseconds since the Unix epoch.
    pub fn next_due_ms(&self) -> Option<u64> {
        let due = self
            .inner
            .shard
            .gauges()
            .next_due_ms
            .load(Ordering::Relaxed);
        (due != u64::MAX).then_some(due)
    }

    /// Moves a virtual clock, and lets the node notice.
    pub fn advance_clock_to(&self, at_ms: u64) {
        self.inner.clock.advance_to(at_ms);
        self.inner.shard.send(Message::ClockMoved);
    }

    /// Takes no more work, lets executions come to a rest, makes everything durable and closes the store. Runs that are
    /// still at work after 5 s go on after the next start.
    pub async fn shutdown(&self) {
        let inner = &self.inner;
        inner.stopping.store(true, Ordering::SeqCst);
        inner.shard.send(Message::Drain);
        let rested = async {
            let mut notices = self.subscribe();
            while inner.shard.gauges().executing.load(Ordering::Relaxed) > 0 {
                // Any notice may be the last; the interval covers ends that send none.
                let _ = tokio::time::timeout(Duration::from_millis(20), notices.recv()).await;
            }
        };
        // After a failure nothing of what they still do could be kept.
        let failed = inner.failure.borrow().is_some();
        if !failed && tokio::time::timeout(DRAIN, rested).await.is_err() {
            tracing::info!(
                environment = &*inner.environment,
                "some runs are still at work; they go on after the next start"
            );
        }
        inner.executions.stop_all();
        inner.shard.send(Message::Stop);
        let thread = inner.shard_thread.lock().take();
        let store = inner.store.clone();
        let closing = tokio::task::spawn_blocking(move || {
            if let Some(thread) = thread {
                // Its panics are caught and told where they happen.
                let _ = thread.join();
            }
            store.close()
        });
        match closing.await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                tracing::error!(%error, environment = &*inner.environment, "the store did not close cleanly");
            }
            Err(error) => {
                tracing::error!(%error, environment = &*inner.environment, "the store did not close cleanly");
            }
        }
        inner.replies.lock().clear();
    }

    /// Asks the engine, and waits until what it decided is durable.
    pub(crate) async fn ask(
        &self,
        input: impl FnOnce(ReplyId) -> Input,
    ) -> Result<Answer, SendError> {
        let inner = &self.inner;
        if inner.stopping.load(Ordering::SeqCst) || inner.failure.borrow().is_some() {
            return Err(SendError::Stopping);
        }
        let input = |reply| match &self.request {
            None => input(reply),
            Some(request) => Input::Once {
                request: request.to_string(),
                input: Box::new(input(reply)),
                reply,
            },
        };
        let reply = inner.next_reply.fetch_add(1, Ordering::Relaxed);
        let input = input(reply);
        let held = inner
            .taken
            .hold(input.size_bytes(), inner.max_queued_bytes)?;
        let (sender, receiver) = oneshot::channel();
        let waiting = Waiting {
            sender,
            _held: held,
        };
        inner.replies.lock().insert(reply, waiting);
        if !inner.shard.input(input) {
            inner.replies.lock().remove(&reply);
            return Err(SendError::Stopping);
        }
        receiver.await.map_err(|_| SendError::Stopping)
    }
}

/// Who waits for an answer, and what the node holds until there is one.
pub(crate) struct Waiting {
    pub(crate) sender: oneshot::Sender<Answer>,
    _held: Held,
}

fn create_directory(config: &NodeConfig) -> Result<(), OpenError> {
    let directory = config.storage.directory();
    std::fs::create_dir_all(directory).map_err(|source| cannot_create(directory, source))
}

fn cannot_create(directory: &Path, source: std::io::Error) -> OpenError {
    OpenError::Io {
        action: format!("create the data directory {}", directory.display()),
        source,
    }
}

/// Opens the store on a thread that may block.
async fn open_store(
    config: &NodeConfig,
    surroundings: &dyn Surroundings,
) -> Result<Store, OpenError> {
    let options = SledOptions {
        cache_bytes: config.cache_bytes,
        ..SledOptions::default()
    };
    let storage = config.storage.clone();
    let opening = surroundings.blocking(move || match storage {
        Storage::Directory(path) => Store::open(&path, &options),
        Storage::Simulated(disk, _) => Store::in_memory(&disk, Commits::InThread),
    });
    let store = opening.await.map_err(|error| OpenError::Io {
        action: "open the store".into(),
        source: std::io::Error::other(error),
    })??;
    Ok(store)
}

impl Inner {
    /// Does something where blocking holds up nobody.
    pub(crate) async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, ReadError> {
        let done = self.host.surroundings().blocking(work).await;
        done.map_err(|error| ReadError::new(error.to_string()))
    }

    /// How long the node has been up.
    pub(crate) fn uptime(&self) -> Duration {
        self.started.elapsed()
    }

    /// Where its data is.
    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    /// Deployed apps.
    pub(crate) fn apps(&self) -> usize {
        self.settings.read().len()
    }

    /// Whether the node is about to end.
    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    /// The variables of an app, and what its bodies may reach.
    pub(crate) fn app_settings(&self, app: &str) -> (Arc<Vec<(String, String)>>, Arc<Egress>) {
        match self.settings.read().get(app) {
            Some(settings) => (settings.variables.clone(), settings.egress.clone()),
            None => (Arc::default(), Arc::new(Egress::new(self.egress.clone()))),
        }
    }

    /// The way outside of what the node sends by itself: what every app may reach.
    pub(crate) fn way_out(&self) -> Egress {
        Egress::new(self.egress.clone())
    }

    /// Where a run stands in a trace, if it is part of one.
    pub(crate) fn trace_of(
        &self,
        given: Option<&TraceContext>,
        run: RunId,
    ) -> Option<TraceContext> {
        let sampling = self.tracer.as_ref().map(Tracer::sampling);
        TraceContext::of_run(given, run, sampling)
    }

    /// Resolves once everything that was reported to the shard is durable.
    pub(crate) async fn shard_barrier(&self) -> Result<(), BarrierBroken> {
        executions::barrier(self.shard.clone(), None).await
    }

    /// Returns the earlier ones.
    pub(crate) fn apply_settings(&self, app: &App) -> Option<AppSettings> {
        let rules = app.allow_net.iter().filter_map(|rule| rule.parse().ok());
        let egress = rules.fold(self.egress.clone(), EgressPolicy::allow);
        let variables = app
            .variables
            .iter()
            .map(|(name, value)| (name.clone(), value.clone()));
        let settings = AppSettings {
            digest: app.current.digest,
            variables: Arc::new(variables.collect()),
            egress: Arc::new(Egress::new(egress)),
        };
        self.settings.write().insert(app.id.clone(), settings)
    }

    pub(crate) fn restore_settings(&self, app: &str, earlier: Option<AppSettings>) {
        let mut settings = self.settings.write();
        match earlier {
            Some(earlier) => settings.insert(app.into(), earlier),
            None => settings.remove(app),
        };
    }

    /// What events are checked against now.
    pub(crate) fn schemas(&self) -> Arc<Schemas> {
        self.schemas.read().clone()
    }
}
