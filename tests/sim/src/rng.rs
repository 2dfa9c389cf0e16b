//! Decisions that follow from a seed: the generator of the crash tests.

pub use abide_crash::rng::Rng;
