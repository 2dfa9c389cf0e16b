//! Seeded simulation: years of faults in minutes, the same every time.
//!
//! The real engine, store, committer, executions and host, with real Wasm guests, live through what one seed decides, in one thread: which
//! task, turn, commit or answer comes next, when time passes, what fails, when the power is cut.
//!
//! - [`program`] is the workload: random programs, and what must come of them
//! - [`world`] is the scheduler; [`plan`] is what a seed decides at the beginning
//! - [`life`] is one life of a node, moved by hand; [`tasks`] are its tasks and timers, [`service`] is the world outside it
//! - [`orders`] is what is sent; [`ledger`] is what the outside saw; [`checks`] are the promises
//! - [`seed`] lives through one seed; [`campaign`] through many
//!
//! [`cluster`] is another simulation: several nodes over one store, with scripts in place of components.

pub mod campaign;
pub mod checks;
pub mod cluster;
pub mod ledger;
pub mod life;
pub mod orders;
pub mod plan;
pub mod program;
pub mod rng;
pub mod seed;
pub mod selection;
pub mod service;
pub mod surroundings;
pub mod tasks;
pub mod trace;
pub mod world;
