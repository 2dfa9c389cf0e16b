//! A node in virtual time that tells when it has come to rest.
//!
//! Rest is read from the store, not guessed from silence: no run is listed as ready, nothing is due, nothing has arrived for a run that may
//! go on, no request is to be performed. Whoever asks has first waited for two answers of the shard, so that it has looked at its queues.

use std::time::{Duration, Instant};

use abide_core::engine::Answer;
use abide_core::ids::RunId;
use abide_core::state::{Read, ReadError, Registration, RunStatus};
use abide_crash::life::{Folders, Life};
use abide_server::{Node, NodeConfig};
use abide_store::{MemoryDisk, View};
use anyhow::{Result, bail};

/// How long a node may take to come to rest on a busy machine.
const REST: Duration = Duration::from_secs(300);

/// The pause between two looks.
const LOOK_AGAIN: Duration = Duration::from_micros(500);

/// A node that is moved on by hand.
pub struct Stage {
    life: Life,
}

impl Stage {
    /// Opens a node whose clock stands at `now_ms`. Two lives on a disk need two seeds.
    pub fn open(
        disk: &MemoryDisk,
        folders: &Folders,
        now_ms: u64,
        seed: u64,
        set: impl FnOnce(&mut NodeConfig),
    ) -> Result<Self> {
        let life = Life::begin_with(disk, folders, now_ms, |config| {
            config.seed = Some(seed);
            set(config);
        })?;
        Ok(Self { life })
    }

    /// The node.
    pub fn node(&self) -> &Node {
        self.life.node()
    }

    /// Its life: the way to its API.
    pub fn life(&self) -> &Life {
        &self.life
    }

    /// Runs a future on the node's runtime.
    pub fn run<T>(&self, future: impl Future<Output = T>) -> T {
        self.life.run(future)
    }

    /// What the clock says.
    pub fn now_ms(&self) -> u64 {
        self.node().clock().now_ms()
    }

    /// Waits until nothing can happen at this time.
    pub fn settle(&self) -> Result<()> {
        let deadline = Instant::now() + REST;
        let mut rested = 0;
        self.run(async {
            while rested < 2 {
                for _ in 0..2 {
                    let asked = self.node().cancel_run(RunId(0), "nobody").await;
                    if !matches!(asked, Ok(Answer::NoSuchRun)) {
                        bail!("the node does not answer: {asked:?}");
                    }
                }
                let now_ms = self.now_ms();
                let due = self.node().next_due_ms().is_some_and(|due| due <= now_ms);
                let health = self.node().health();
                let idle = !due && health.executing == 0 && health.queued == 0;
                let rests = self.node().read(move |view| rests(view, now_ms)).await?;
                rested = if idle && rests { rested + 1 } else { 0 };
                if Instant::now() > deadline {
                    bail!("the node does not come to rest at {now_ms}: {health:?}");
                }
                tokio::time::sleep(LOOK_AGAIN).await;
            }
            Ok(())
        })
    }

    /// Moves the clock, and stops wherever something is due.
    pub fn advance_to(&self, until_ms: u64) -> Result<()> {
        loop {
            self.settle()?;
            let due = self.node().next_due_ms().filter(|due| *due < until_ms);
            let Some(due_ms) = due else { break };
            self.node().advance_clock_to(due_ms);
        }
        self.node().advance_clock_to(until_ms);
        self.settle()
    }

    /// Ends it where it stands: the store says that it is open still.
    pub fn dies(self) {
        self.life.end();
    }

    /// Ends the node in good order.
    pub fn close(self) {
        self.life.run(self.life.node().shutdown());
        self.life.end();
    }
}

/// Whether nothing is to be done at this time.
fn rests(view: &View, now_ms: u64) -> Result<bool, ReadError> {
    if !view.ready_after(None, 1)?.is_empty() {
        return Ok(false);
    }
    // What comes for a paused run stays until the run goes on.
    let timers = view.timers(None, now_ms, usize::MAX)?;
    let due = timers.into_iter().map(|timer| timer.run);
    for run in view
        .runs_with_arrivals_after(None, usize::MAX)?
        .into_iter()
        .chain(due)
    {
        let paused = view
            .run(run)?
            .is_some_and(|run| run.status == RunStatus::Paused);
        if !paused {
            return Ok(false);
        }
    }
    for wait in view.requests_after(None, usize::MAX)? {
        let registration = view.registration(wait.run, wait.op)?;
        if registration
            .as_ref()
            .and_then(Registration::due_ms)
            .is_none()
        {
            return Ok(false);
        }
    }
    Ok(true)
}
