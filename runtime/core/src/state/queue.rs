//! The queue of a function: runs that are created and may not start yet, in lanes.
//!
//! A *lane* holds the queued runs of one function whose starts depend on exactly the same things: the same counters and the same throttle. So
//! only its first run needs to be looked at, and a lane that cannot go on delays no other.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use crate::function::options::{Concurrency, ConcurrencyScope, ConcurrencyUnit};
use crate::ids::{FunctionId, RunId};
use crate::state::{Run, RunStatus};

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

impl Concurrency {
    /// Whether this limit of the function counts by a counter of this name.
    pub fn counts(&self, function: &FunctionId, counter: &str) -> bool {
        counter.starts_with(&Counter::family(function, self))
    }
}

impl Counter {
    /// What a run of the function counts against under one of its limits, for this canonical value of the limit's key (empty without a key).
    /// The value is part of keys of the store: it must not be long.
    pub fn new(function: &FunctionId, option: &Concurrency, value: &str) -> Self {
        let mut name = Self::family(function, option);
        name.push_str(value);
        Self {
            name: name.into(),
            limit: option.limit,
            per: option.per,
        }
    }

    /// Whether it counts whole runs.
    pub fn is_of_runs(&self) -> bool {
        self.per == ConcurrencyUnit::Run
    }

    /// Whether it is one of the counters that this limit of the function makes, whatever the limit is now.
    pub fn is_of(&self, function: &FunctionId, option: &Concurrency) -> bool {
        self.per == option.per && self.name.starts_with(&Self::family(function, option))
    }

    /// The value of the limit's key that its name ends with, as canonical text; empty without a key.
    pub fn key_of(name: &str) -> &str {
        let parts = if name.starts_with("fn\t") { 5 } else { 3 };
        name.splitn(parts, '\t').nth(parts - 1).unwrap_or_default()
    }

    /// How the names of an option's counters begin. Neither ids nor canonical values hold tabs or line ends; the key's expression, which
    /// may, stands there as its hash.
    fn family(function: &FunctionId, option: &Concurrency) -> String {
        let unit = match option.per {
            ConcurrencyUnit::Step => "step",
            ConcurrencyUnit::Run => "run",
        };
        match option.scope {
            ConcurrencyScope::Fn => {
                let key = option.key.as_deref().unwrap_or_default();
                let key = xxh3_64(key.as_bytes());
                format!("fn\t{function}\t{unit}\t{key:016x}\t")
            }
            ConcurrencyScope::Env => format!("env\t{unit}\t"),
            ConcurrencyScope::Account => format!("account\t{unit}\t"),
        }
    }
}

impl Queue {
    /// How a run queues that counts against these and has this canonical value of its throttle's key, if its function has a throttle.
    pub fn new(counters: Vec<Counter>, throttle: Option<Arc<str>>, order_ms: u64) -> Self {
        let mut lane = String::new();
        for counter in &counters {
            lane.push_str(&counter.name);
            lane.push('\n');
        }
        if let Some(value) = &throttle {
            lane.push_str("throttle\t");
            lane.push_str(value);
        }
        Self {
            lane: lane.into(),
            order_ms,
            counters,
            throttle,
        }
    }

    /// Whether steps of the run count against a limit.
    pub fn gates_steps(&self) -> bool {
        let mut counters = self.counters.iter();
        counters.any(|counter| !counter.is_of_runs())
    }
}

impl Run {
    /// Whether it waits in its lane for its start.
    pub fn is_in_lane(&self) -> bool {
        self.status == RunStatus::Queued && self.queue.is_some()
    }

    /// Its lane and its place there, if it queues.
    pub fn lane(&self) -> Option<(LaneKey, Place)> {
        let queue = self.queue.as_deref()?;
        let lane = LaneKey {
            function: self.function.clone(),
            lane: queue.lane.clone(),
        };
        let place = Place {
            order_ms: queue.order_ms,
            run: self.id,
        };
        Some((lane, place))
    }

    /// Whether its bodies execute only once they were granted slots.
    pub fn is_gated(&self) -> bool {
        self.queue.as_deref().is_some_and(Queue::gates_steps)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn option(scope: ConcurrencyScope, key: Option<&str>) -> Concurrency {
        Concurrency {
            limit: 3,
            key: key.map(str::to_owned),
            scope,
            per: ConcurrencyUnit::Step,
        }
    }

    #[test]
    fn runs_share_a_counter_exactly_when_they_share_a_limit() {
        let (f, g) = (FunctionId::new("a", "f"), FunctionId::new("b", "g"));
        let of_fn = option(ConcurrencyScope::Fn, Some("event.data.x"));
        let env = option(ConcurrencyScope::Env, Some("event.data.x"));
        let name =
            |function, option: &Concurrency, value| Counter::new(function, option, value).name;
        assert_eq!(name(&f, &env, "1"), name(&g, &env, "1"));
        assert_ne!(name(&f, &of_fn, "1"), name(&g, &of_fn, "1"));
        assert_ne!(name(&f, &env, "1"), name(&f, &env, "\"1\""));
        let account = option(ConcurrencyScope::Account, Some("event.data.x"));
        assert_ne!(name(&f, &env, "1"), name(&f, &account, "1"));
        let other_key = option(ConcurrencyScope::Fn, Some("event.data.y"));
        assert_ne!(name(&f, &of_fn, "1"), name(&f, &other_key, "1"));
        let per_run = Concurrency {
            per: ConcurrencyUnit::Run,
            ..of_fn.clone()
        };
        assert_ne!(name(&f, &of_fn, "1"), name(&f, &per_run, "1"));
        let other_limit = Concurrency {
            limit: 9,
            ..of_fn.clone()
        };
        let counter = Counter::new(&f, &of_fn, "1");
        assert!(counter.is_of(&f, &other_limit) && !counter.is_of(&f, &other_key));
        assert!(!counter.is_of(&g, &of_fn) && !counter.is_of(&f, &per_run));
    }
}
