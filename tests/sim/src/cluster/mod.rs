//! Several nodes over one store: does a fenced lease keep them from harming each other?
//!
//! It checks the plan of `docs/scaling.md`; no product has it yet beyond [`abide_store::Fence`]. Real are the engine, the machine, the typed store with its committer,
//! and the fence; the database is simulated disks that several lives open at once, one a shard, and the functions are scripts.
//! One seed decides everything: who acts next, when time passes, which node dies, stands still for minutes and then goes on as if nothing had happened, has a wrong
//! clock, gets no answer to a commit that was written, or hands a shard over in mid-flight.
//!
//! - `lease` is the rows that say whose a shard is, and what a holder puts before its writes
//! - `host` is one node's hold on one shard: store, engine, executions; `node` is a node with its clock and its shards
//! - `script` is what the functions do; `client` is who sends events and hears of them
//! - `world` is the scheduler with its faults; `checks` is what must hold
//!
//! Nothing here reads a clock or asks for randomness. The same seed gives the same [`Outcome`], its hash included.

mod checks;
mod client;
mod host;
mod lease;
mod node;
mod script;
mod world;

use std::panic::{AssertUnwindSafe, catch_unwind};

pub use world::Counts;

/// What is left out, to see that the simulation notices.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Without {
    /// Nothing: the plan as it is.
    #[default]
    Nothing,
    /// Writes are not fenced: whoever believes to hold a shard writes.
    Fence,
    /// A new holder does not raise the epoch.
    Epoch,
    /// An event for another shard is noted as handed over before the other shard has it.
    Acknowledgement,
}

/// What came of a seed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// Stands for everything that happened.
    pub hash: u64,
    /// The numbers.
    pub counts: Counts,
    /// The promise that was broken, if one was.
    pub broken: Option<String>,
}

/// Lives through a seed.
pub fn live(seed: u64, without: Without, print: bool) -> Outcome {
    let mut world = world::World::new(seed, without, print);
    let lived = catch_unwind(AssertUnwindSafe(|| world.live()));
    let broken = match lived {
        Ok(result) => result.err(),
        Err(panic) => {
            let said = panic.downcast_ref::<String>().cloned();
            let said = said.or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string));
            Some(format!("a panic: {}", said.unwrap_or_default()))
        }
    };
    Outcome {
        hash: world.trace.hash(),
        counts: world.counts,
        broken,
    }
}
