//! What a simulated node takes for the process around it: tasks and time that are moved by hand, randomness of a seed, a network that is not there.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use abide_host::{Network, Surroundings, Task};
use futures::future::BoxFuture;
use parking_lot::Mutex;

use crate::rng::Rng;
use crate::tasks::Tasks;

/// See the module.
pub struct Simulated {
    tasks: Tasks,
    network: Arc<dyn Network>,
    random: Mutex<Rng>,
}

impl Simulated {
    /// With these tasks, this world outside, and the randomness of this seed.
    pub fn new(tasks: Tasks, network: impl Network + 'static, random: Rng) -> Self {
        Self {
            tasks,
            network: Arc::new(network),
            random: Mutex::new(random),
        }
    }
}

impl fmt::Debug for Simulated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Simulated").finish_non_exhaustive()
    }
}

impl Surroundings for Simulated {
    fn spawn(&self, task: BoxFuture<'static, ()>) -> Box<dyn Task> {
        self.tasks.spawn(task)
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        // Never early: what is not a whole millisecond takes one more.
        let ms = u64::try_from(duration.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX);
        self.tasks.sleep(ms)
    }

    fn elapsed(&self) -> Duration {
        Duration::from_millis(self.tasks.now_ms())
    }

    fn fill_random(&self, bytes: &mut [u8]) {
        let mut random = self.random.lock();
        for chunk in bytes.chunks_mut(8) {
            chunk.copy_from_slice(&random.draw().to_le_bytes()[..chunk.len()]);
        }
    }

    fn do_blocking(&self, work: Box<dyn FnOnce() + Send>) {
        // A task of its own: it may come late.
        self.tasks.spawn(Box::pin(async move { work() }));
    }

    fn network(&self) -> Option<Arc<dyn Network>> {
        Some(self.network.clone())
    }
}
