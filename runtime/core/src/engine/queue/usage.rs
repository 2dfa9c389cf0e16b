//! What the limits of a function are used for right now, for people to look at. It reads memory and changes nothing.

use std::sync::Arc;

use super::Queues;
use super::gates::{Gate, Who};
use crate::engine::Engine;
use crate::ids::FunctionId;
use crate::state::LaneKey;

/// Gates that are told of, those with most waiting first: a function may have a counter for each of its customers.
const MOST_GATES: usize = 100;

/// Lanes that are told of, at each gate.
const MOST_LANES: usize = 100;

/// One limit of a function, for one value of its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Usage {
    /// The name of its counter; none for the function's throttle.
    pub counter: Option<Arc<str>>,
    /// The value of the throttle's key, as canonical text; empty without one, and for counters.
    pub throttle_key: Arc<str>,
    /// What is held of a counter; 1 while a throttle is closed.
    pub held: u32,
    /// Steps that wait there.
    pub steps: usize,
    /// Lanes that wait there for their first run to start: up to a bound.
    pub lanes: Vec<LaneKey>,
}

impl Engine {
    /// What is held of a function's limits, and who waits for them.
    pub fn usage(&self, function: &FunctionId) -> Vec<Usage> {
        let Some(served) = self.served(function) else {
            return Vec::new();
        };
        let limits = &served.config.concurrency;
        let ours = |gate: &Gate| match gate {
            Gate::Counter(name) => limits.iter().any(|limit| limit.counts(function, name)),
            Gate::Throttle(of, _) => of == function,
        };
        self.queues.usage(ours)
    }
}

impl Queues {
    fn usage(&self, ours: impl Fn(&Gate) -> bool) -> Vec<Usage> {
        let gates = self
            .gates()
            .filter(|(gate, state)| ours(gate) && !state.is_idle());
        let mut found: Vec<_> = gates
            .map(|(gate, state)| {
                let (mut steps, mut lanes) = (0, Vec::new());
                for who in state.who_wait() {
                    match who {
                        Who::Step(..) => steps += 1,
                        Who::Lane(lane) if lanes.len() < MOST_LANES => lanes.push((**lane).clone()),
                        Who::Lane(_) => {}
                    }
                }
                let (counter, throttle_key) = match gate {
                    Gate::Counter(name) => (Some(name.clone()), "".into()),
                    Gate::Throttle(_, key) => (None, key.clone()),
                };
                Usage {
                    counter,
                    throttle_key,
                    held: state.held,
                    steps,
                    lanes,
                }
            })
            .collect();
        found.sort_by_key(|it| std::cmp::Reverse((it.steps + it.lanes.len(), it.held)));
        found.truncate(MOST_GATES);
        found
    }
}
