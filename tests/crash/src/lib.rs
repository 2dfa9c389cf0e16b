//! Crash tests: a node under load loses its process or its power at random instants, and an outside witness checks what it did.
//!
//! - [`order`] is the workload: what is sent, and what must come of it, step by step.
//! - [`witness`] is the world outside: every step's body reports to it. [`records`] is what it and the senders know, and the rules
//!   that nothing may break, whenever the node dies.
//! - [`door`] is the way to a node: its HTTP API, over a socket or within this process. [`session`] loads a node through it and
//!   checks what it says afterwards.
//! - [`kill`] kills the real binary; [`power`] cuts the power of a node in this process, on a simulated disk and in virtual time.
//!
//! It must not look into the node's store: the rules are about what can be seen from outside. A broken rule is reported with the
//! seed that led there.

pub mod door;
pub mod kill;
pub mod life;
pub mod order;
pub mod power;
pub mod records;
pub mod rng;
pub mod session;
pub mod witness;
