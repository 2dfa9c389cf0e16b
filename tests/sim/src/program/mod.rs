//! Random programs: what they are made of, how they come about, what must come of them, and how they run without a component.
//!
//! - the language is a crate of its own ([`abide_sim_language`]), since the guest `program` reads it too; all of it is re-exported here
//!
//! It must not know the world: clocks, faults and schedules are decided around it.

pub use abide_sim_language::*;
