//! What the host needs of the node around it.

use std::sync::Arc;
use std::time::Duration;

use abide_core::machine::Progress;
use futures::future::BoxFuture;

use crate::timings::Timings;

/// The store could not make something durable: the execution ends, and the node will say why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the store could not record the run's progress: {0}")]
pub struct BarrierBroken(pub String);

/// One run's way to the node. The server implements it.
pub trait Port: Send + Sync + 'static {
    /// Takes over what happened. It is called in order, often, and never blocks.
    fn progress(&self, progress: Progress);

    /// Resolves once all progress handed over before the call is durable.
    fn barrier(&self) -> BoxFuture<'static, Result<(), BarrierBroken>>;

    /// The node's clock: milliseconds since the Unix epoch.
    fn now_ms(&self) -> u64;

    /// Where the execution's times are to be noted, if anywhere.
    fn timings(&self) -> Option<Arc<Timings>> {
        None
    }

    /// A replay took so long since the execution began, and came to where the journal ends.
    fn caught_up(&self, _took: Duration) {}
}
