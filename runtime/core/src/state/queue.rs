//! The queue of a function: runs that are created and may not start yet, in lanes.
//!
//! A *lane* holds the queued runs of one function whose starts depend on exactly the same things: the same counters and the same throttle. So
//! only its first run needs to be looked at, and a lane that cannot go on delays no other.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::function::options::ConcurrencyUnit;
use crate::ids::{FunctionId, RunId};

/// Names a lane.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct LaneKey {
    /// Whose runs.
    pub function: FunctionId,
    /// The canonical text of everything that their starts depend on; empty if nothing.
    pub lane: Arc<str>,
}

/// The place of a run in its lane: smaller first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Place {
    /// When the run was queued, less its priority, in milliseconds since the Unix epoch.
    pub order_ms: u64,
    /// The run: of two with equal order the older one is first.
    pub run: RunId,
}

/// One of the limits that a run counts against.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Counter {
    /// The canonical text of scope, function (in scope `fn`) and key's value: equal for runs that share the limit.
    pub name: Arc<str>,
    /// How many there may be at once.
    pub limit: u32,
    /// Of what.
    pub per: ConcurrencyUnit,
}

/// How a run queues: evaluated once, when it was created.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Queue {
    /// Its lane's text.
    pub lane: Arc<str>,
    /// Its place's time.
    pub order_ms: u64,
    /// What it counts against, at most two.
    pub counters: Vec<Counter>,
    /// The canonical value of the throttle's key, if the function has a throttle; empty without a key.
    pub throttle: Option<Arc<str>>,
}
