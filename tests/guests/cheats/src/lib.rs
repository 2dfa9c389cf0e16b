//! Workflow code that tries to learn something that replay could not repeat: one function a trick.
//!
//! Every function puts what its workflow code saw through [`record::record`], so that the run's own output tells whether the
//! instance that ended the run saw what the journal says; the README beside this describes the outputs.

mod memory;
mod outside;
mod record;
mod time;

abide_sdk::app!(
    memory::globals,
    memory::captured,
    memory::addresses,
    memory::hash_order,
    memory::floats,
    outside::environment,
    outside::network,
    outside::files,
    outside::stdin,
    outside::threads,
    time::clock,
    time::sleep_outside,
    time::randomness,
    time::body_clock,
);
