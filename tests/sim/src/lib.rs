//! Seeded simulation: years of faults in minutes, the same every time.

pub mod program;
pub mod rng;
