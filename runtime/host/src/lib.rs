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
mod config;
mod egress;
mod error;
mod execute;
mod http_client;
pub mod infer;
mod port;

pub use app::App;
pub use config::{GuestLimits, HostConfig, PoolConfig};
pub use egress::{AllowRule, EgressPolicy, InvalidRule};
pub use error::Error;
pub use execute::{ExecuteRequest, Exit, Gone, Mailbox};
pub use http_client::{FetchError, FetchRequest, FetchResponse, HttpClient};
pub use port::{BarrierBroken, Port};

use std::future::Future;
use std::sync::Arc;

use abide_core::event::Event;
use abide_core::journal::Entry;
use abide_core::machine::RunInfo;

/// The engine, its code cache, its clients and its budgets. Cloning it is cheap.
#[derive(Clone)]
pub struct Host {
    inner: Arc<()>,
}

impl Host {
    /// Prepares everything that does not depend on an app. Needs a tokio runtime later, not now.
    pub fn new(config: HostConfig) -> Result<Self, Error>;

    /// Compiles a component, or takes its code from the cache, and asks it for its functions.
    pub async fn load(&self, wasm: &[u8]) -> Result<Arc<App>, Error>;

    /// Executes a run from where its journal ends. Poll (spawn) the future; it owns the instances.
    pub fn execute(&self, request: ExecuteRequest) -> (Mailbox, impl Future<Output = Exit> + Send + 'static);

    /// Replays `entries` in a fresh workflow instance. `Ok(None)`: the same, bit for bit.
    pub async fn check_replay(
        &self,
        app: &Arc<App>,
        info: Arc<RunInfo>,
        events: Vec<Event>,
        entries: Vec<Entry>,
    ) -> Result<Option<Box<abide_core::machine::Divergence>>, Error>;

    /// The client for the `fetch` operation.
    pub fn http(&self) -> &HttpClient;
}
