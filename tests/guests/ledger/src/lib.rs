//! The workload of the crash tests: every kind of operation, and an output that follows from the event's data alone.
//!
//! Each body reports to a witness outside before it returns, so that the harness can tell what executed how often. The shapes
//! of events, reports and outputs are described in the README beside this; the harness computes the same values.

mod effect;
mod events;
mod flow;
mod steps;

use abide_sdk::prelude::*;

abide::app!(
    steps::sequence,
    steps::parallel,
    steps::retry,
    steps::sleeper,
    flow::parent,
    flow::child,
    flow::everything,
    events::fanout,
    events::leaf,
    events::waiter,
    events::echo,
    events::signal_wait,
    events::signal_send,
);
