//! One seed, from its beginning to its end.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::life::Machine;
use crate::trace::Trace;
use crate::world::{Counts, World};

/// What came of a seed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// Stands for everything that happened.
    pub hash: u64,
    /// The numbers.
    pub counts: Counts,
    /// The promise that was broken, if one was.
    pub broken: Option<String>,
    /// The last things that happened, if they were kept.
    pub tail: Vec<String>,
}

/// Lives through a seed. With `print` every step is printed, with `keep` the last ones are in the outcome.
pub fn live(machine: &Machine, seed: u64, keep: bool, print: bool) -> Outcome {
    let mut world = World::new(machine, seed, Trace::new(keep, print));
    let lived = catch_unwind(AssertUnwindSafe(|| world.live()));
    let broken = match lived {
        Ok(Ok(())) => None,
        Ok(Err(broken)) => Some(format!("{broken:#}")),
        Err(panic) => {
            let said = panic.downcast_ref::<String>().cloned();
            let said = said.or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string));
            Some(format!("a panic: {}", said.unwrap_or_default()))
        }
    };
    let outcome = Outcome {
        hash: world.trace.hash(),
        counts: world.counts,
        broken,
        tail: world.trace.tail(),
    };
    world.end();
    outcome
}
