//! Deaths of the process, for the story that is recorded: lives that end while bodies wait for an answer from outside that never comes.

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use abide_host::{FetchError, Network, Process, Surroundings, Task};
use anyhow::{Result, ensure};
use bytes::Bytes;
use futures::future::BoxFuture;
use tokio::sync::Semaphore;

/// How long a request may take to be seen on a busy machine.
const SEEN: Duration = Duration::from_secs(300);

/// The process itself, but for its network: requests leave, and nobody answers.
pub struct Unanswered {
    /// Of the runtime in which the node opens: that is when it is used first.
    process: OnceLock<Process>,
    requests: Arc<Semaphore>,
}

impl fmt::Debug for Unanswered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Unanswered")
    }
}

impl Unanswered {
    /// Without a request so far.
    pub fn new() -> Arc<Self> {
        Arc::new(Self {
            process: OnceLock::new(),
            requests: Arc::new(Semaphore::new(0)),
        })
    }

    fn process(&self) -> &Process {
        self.process.get_or_init(Process::here)
    }

    /// Resolves when so many requests have left.
    pub async fn requests(&self, count: u32) -> Result<()> {
        let left = tokio::time::timeout(SEEN, self.requests.acquire_many(count)).await;
        ensure!(matches!(left, Ok(Ok(_))), "no request left");
        Ok(())
    }
}

impl Surroundings for Unanswered {
    fn spawn(&self, task: BoxFuture<'static, ()>) -> Box<dyn Task> {
        self.process().spawn(task)
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        self.process().sleep(duration)
    }

    fn elapsed(&self) -> Duration {
        self.process().elapsed()
    }

    fn fill_random(&self, bytes: &mut [u8]) {
        self.process().fill_random(bytes);
    }

    fn do_blocking(&self, work: Box<dyn FnOnce() + Send>) {
        self.process().do_blocking(work);
    }

    fn network(&self) -> Option<Arc<dyn Network>> {
        Some(Arc::new(Void(self.requests.clone())))
    }
}

struct Void(Arc<Semaphore>);

impl Network for Void {
    fn exchange(
        &self,
        _request: http::Request<Bytes>,
    ) -> BoxFuture<'static, Result<http::Response<Bytes>, FetchError>> {
        self.0.add_permits(1);
        Box::pin(std::future::pending())
    }
}
