//! The mixed load of the soak: every kind of operation and every control of flow, each in a function of its own, with outcomes that follow
//! from the event.

mod flow;
mod order;
mod outside;
mod plain;
mod told;

use abide_sdk::prelude::*;

abide::app!(
    plain::probe,
    plain::quiet,
    plain::parallel,
    plain::sleeper,
    plain::big,
    plain::failing,
    outside::outside,
    outside::parent,
    outside::child,
    told::waiter,
    told::signal,
    told::fanout,
    told::leaf,
    flow::stopped,
    flow::debounced,
    flow::batched,
    flow::throttled,
    flow::limited,
    flow::rated,
    flow::single,
    flow::every_minute,
);
