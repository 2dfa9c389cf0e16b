//! Runs Abide functions as WebAssembly components.
//!
//! The host executes one run as one task: its workflow instance, which learns nothing but what the journal says, and its
//! twins, which execute bodies. It talks to a [`Machine`](abide_core::machine::Machine), which decides everything, and hands
//! the progress that the machine makes to a [`Port`], which the server implements. It knows no store, and reads no clock
//! but the port's.
//!
//! # The public API
//! - [`Host::new`] with a [`HostConfig`]: one per process.
//! - [`Host::load`]: bytes of a component → [`App`], compiled (or taken from the code cache), its imports checked, and its
//!   functions described and validated.
//! - [`Host::execute`]: an [`ExecuteRequest`] → a [`Mailbox`] and a future to spawn; the future's output is an [`Exit`].
//!   Progress goes to the [`Port`] in order; arrivals, cancellation and eviction come in through the mailbox. A parked execution
//!   stays resident until the host's byte budget wants it to go: then it exits with [`Exit::Evicted`].
//! - [`Host::check_replay`]: replays a journal in a fresh instance and reports the first divergence.
//! - [`HttpClient`]: requests within an [`EgressPolicy`], for bodies and for the `fetch` operation; [`infer::to_fetch`] turns an
//!   `ai-infer` into such a request.
//!
//! # Invariants
//! - An instance belongs to one run. A workflow instance never executes a body, a twin never the same body twice.
//! - Nothing that a guest does crashes the host or stops other guests.
//! - Only the body of a step reaches outside, and only after everything recorded before it is durable.

mod app;
mod bindings;
mod check;
mod code_cache;
mod config;
mod convert;
mod egress;
mod engine;
mod error;
mod events;
mod execute;
mod guest;
mod http_client;
mod imports;
pub mod infer;
mod operations;
mod port;
mod residency;
mod runtime;
mod surroundings;
mod timings;
mod trace;
mod wasi;

pub use app::{App, digest_of};
pub use check::Recorded;
pub use config::{GuestLimits, HostConfig, PoolConfig};
pub use egress::{AllowRule, Egress, EgressPolicy, InvalidRule};
pub use error::Error;
pub use events::Events;
pub use execute::{ExecuteRequest, Exit, Gone, Mailbox};
pub use http_client::{FetchError, FetchRequest, FetchResponse, HttpClient};
pub use port::{BarrierBroken, Port};
pub use runtime::runtime;
pub use surroundings::{Network, Panicked, Process, Surroundings, Task};
pub use timings::{Spent, StepSpent, StepTimes, Timings};

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Weak};

use abide_core::ids::Digest;
use abide_core::journal::Entry;
use abide_core::machine::{Divergence, RunInfo};
use parking_lot::Mutex;
use wasmtime::component::Linker;

/// The engine, its code cache, its clients and its budgets. Cloning it is cheap.
#[derive(Clone)]
pub struct Host {
    inner: Arc<Inner>,
}

/// What everything in this crate shares.
pub(crate) struct Inner {
    pub(crate) config: HostConfig,
    pub(crate) limits: Arc<GuestLimits>,
    pub(crate) code: Arc<Code>,
    pub(crate) http: HttpClient,
    pub(crate) extras: execute::Budget,
    pub(crate) residents: residency::Residents,
    pub(crate) surroundings: Arc<dyn Surroundings>,
}

/// How guests are compiled, and what is compiled already. Hosts may share it.
pub(crate) struct Code {
    pub(crate) engines: engine::Engines,
    pub(crate) linker: Arc<Linker<guest::Guest>>,
    pub(crate) pooled_linker: Option<Linker<guest::Guest>>,
    pub(crate) cache: Option<code_cache::CodeCache>,
    apps: Mutex<HashMap<Digest, Weak<App>>>,
}

impl Inner {
    /// Milliseconds since the host began: for deadlines of bodies.
    pub(crate) fn elapsed_ms(&self) -> u64 {
        u64::try_from(self.surroundings.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

impl Host {
    /// Prepares everything that does not depend on an app. Needs a tokio runtime later, not now.
    pub fn new(config: HostConfig) -> Result<Self, Error> {
        let engines = engine::Engines::new(&config)?;
        let cache = config.code_cache.as_deref().and_then(|directory| {
            match code_cache::CodeCache::open(directory, engines.compatibility_hash()) {
                Ok(cache) => Some(cache),
                Err(error) => {
                    tracing::warn!(%error, directory = %directory.display(), "compiled code will not be kept");
                    None
                }
            }
        });
        let code = Code {
            linker: Arc::new(app::linker(&engines.on_demand)?),
            pooled_linker: engines.pooled.as_ref().map(app::linker).transpose()?,
            cache,
            apps: Mutex::default(),
            engines,
        };
        Self::with_code(Arc::new(code), config)
    }

    /// A host with settings, budgets and surroundings of its own that shares this one's engines and compiled code. What the settings
    /// say about those (the pool, the code cache, interrupts) has no meaning then.
    pub fn sibling(&self, config: HostConfig) -> Result<Self, Error> {
        Self::with_code(self.inner.code.clone(), config)
    }

    fn with_code(code: Arc<Code>, config: HostConfig) -> Result<Self, Error> {
        let surroundings = match &config.surroundings {
            Some(surroundings) => surroundings.clone(),
            None => Arc::new(Process::ambient()),
        };
        Ok(Self {
            inner: Arc::new(Inner {
                limits: Arc::new(config.limits.clone()),
                code,
                http: HttpClient::within(surroundings.clone())?,
                extras: execute::Budget::new(config.extra_twins, config.extra_twin_bytes),
                residents: residency::Residents::new(config.resident_bytes),
                surroundings,
                config,
            }),
        })
    }

    /// What this host takes from the process around it.
    pub fn surroundings(&self) -> &Arc<dyn Surroundings> {
        &self.inner.surroundings
    }

    /// Compiles a component, or takes its code from the cache, and asks it for its functions. An app that is loaded
    /// already is returned as it is.
    pub async fn load(&self, wasm: &[u8]) -> Result<Arc<App>, Error> {
        let digest = app::digest_of(wasm);
        let loaded = self
            .inner
            .code
            .apps
            .lock()
            .get(&digest)
            .and_then(Weak::upgrade);
        if let Some(app) = loaded {
            return Ok(app);
        }
        let app = Arc::new(app::load(&self.inner, wasm).await?);
        let mut apps = self.inner.code.apps.lock();
        apps.retain(|_, app| app.strong_count() > 0);
        apps.insert(digest, Arc::downgrade(&app));
        Ok(app)
    }

    /// Forgets the compiled code that is kept of a component. One that is loaded stays so.
    pub fn forget_code(&self, digest: Digest) {
        if let Some(cache) = &self.inner.code.cache {
            cache.forget(digest);
        }
    }

    /// Executes a run from where its journal ends. Poll (spawn) the future; it owns the instances.
    pub fn execute(
        &self,
        request: ExecuteRequest,
    ) -> (Mailbox, impl Future<Output = Exit> + Send + 'static) {
        let (mailbox, mail) = Mailbox::new();
        let run = Arc::new(execute::Run::new(self.inner.clone(), request));
        let driver = execute::Driver::new(run, mail, &mailbox);
        (mailbox, driver)
    }

    /// Replays `entries` in a fresh workflow instance. `Ok(None)`: the same, bit for bit.
    pub async fn check_replay(
        &self,
        app: &Arc<App>,
        info: Arc<RunInfo>,
        events: Events,
        entries: Vec<Entry>,
        recorded: Recorded,
    ) -> Result<Option<Box<Divergence>>, Error> {
        check::check_replay(&self.inner, app, info, events, (entries, recorded)).await
    }

    /// The client for the `fetch` operation.
    pub fn http(&self) -> &HttpClient {
        &self.inner.http
    }

    /// Where connections may go to.
    pub fn egress(&self) -> &EgressPolicy {
        &self.inner.config.egress
    }

    /// How many parked runs are in memory, and their bytes.
    pub fn resident(&self) -> (usize, usize) {
        self.inner.residents.size()
    }
}
