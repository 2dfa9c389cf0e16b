//! What the host takes from the process around it: tasks, timers, threads that may block, randomness, the way outside.
//!
//! [`Process`] is the real thing: tokio, the machine's clock and the operating system's randomness. The simulation puts its own in
//! place, so that a seed decides what happens in which order.
//!
//! Invariant: nothing that a run's way depends on spawns a task, waits for the machine's time or draws a random number but through this.

use std::fmt::Debug;
use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::future::{BoxFuture, Either, select};
use rand::Rng as _;
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use crate::http_client::FetchError;

/// What the host takes from the process around it.
pub trait Surroundings: Debug + Send + Sync + 'static {
    /// Begins a task.
    fn spawn(&self, task: BoxFuture<'static, ()>) -> Box<dyn Task>;

    /// Resolves after this long.
    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()>;

    /// How long these surroundings exist: for time limits.
    fn elapsed(&self) -> Duration;

    /// Fills `bytes` with randomness that nobody can foresee.
    fn fill_random(&self, bytes: &mut [u8]);

    /// Does this where blocking holds up nobody.
    fn do_blocking(&self, work: Box<dyn FnOnce() + Send>);

    /// What requests go to in place of the network, if to something else.
    fn network(&self) -> Option<Arc<dyn Network>> {
        None
    }
}

/// A task that was begun. Dropping it changes nothing.
pub trait Task: Send + Sync {
    /// Ends the task where it waits.
    fn abort(&self);
    /// Whether it is over.
    fn is_finished(&self) -> bool;
}

/// Something that answers requests in place of the network.
pub trait Network: Send + Sync {
    /// One exchange. The request's URI is absolute.
    fn exchange(
        &self,
        request: http::Request<Bytes>,
    ) -> BoxFuture<'static, Result<http::Response<Bytes>, FetchError>>;
}

/// Work on a thread for it panicked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("work that may block stopped half-way (a fault of Abide; its log has the details)")]
pub struct Panicked;

impl dyn Surroundings {
    /// Does `work` where blocking holds up nobody, and resolves with what it returned.
    pub async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Panicked> {
        let (sender, receiver) = oneshot::channel();
        self.do_blocking(Box::new(move || {
            // Nobody to tell: whoever asked has gone away.
            let _ = sender.send(work());
        }));
        receiver.await.map_err(|_| Panicked)
    }

    /// The output of `future`, or `None` if it takes longer than this.
    pub(crate) async fn timeout<F: Future>(
        &self,
        duration: Duration,
        future: F,
    ) -> Option<F::Output> {
        match select(std::pin::pin!(future), self.sleep(duration)).await {
            Either::Left((output, _)) => Some(output),
            Either::Right(((), _)) => None,
        }
    }

    /// A random number.
    pub fn random(&self) -> u64 {
        let mut bytes = [0; 8];
        self.fill_random(&mut bytes);
        u64::from_le_bytes(bytes)
    }
}

/// The process itself.
#[derive(Debug)]
pub struct Process {
    /// Where tasks run; absent: in the runtime of whoever begins them.
    runtime: Option<Handle>,
    began: Instant,
}

impl Process {
    /// The process, whose tasks run in the runtime of whoever begins them.
    pub fn ambient() -> Self {
        Self {
            runtime: None,
            began: Instant::now(),
        }
    }

    /// The process, whose tasks run in the current tokio runtime, whoever begins them.
    pub fn here() -> Self {
        Self {
            runtime: Some(Handle::current()),
            began: Instant::now(),
        }
    }
}

impl Surroundings for Process {
    fn spawn(&self, task: BoxFuture<'static, ()>) -> Box<dyn Task> {
        let task = match &self.runtime {
            Some(runtime) => runtime.spawn(task),
            None => tokio::spawn(task),
        };
        Box::new(task.abort_handle())
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(duration))
    }

    fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    fn fill_random(&self, bytes: &mut [u8]) {
        rand::rng().fill_bytes(bytes);
    }

    fn do_blocking(&self, work: Box<dyn FnOnce() + Send>) {
        match &self.runtime {
            Some(runtime) => drop(runtime.spawn_blocking(work)),
            None => drop(tokio::task::spawn_blocking(work)),
        }
    }
}

impl Task for tokio::task::AbortHandle {
    fn abort(&self) {
        Self::abort(self);
    }

    fn is_finished(&self) -> bool {
        Self::is_finished(self)
    }
}
