//! Random programs: what they are made of, how they come about, what must come of them, and how they run without a component.
//!
//! - [`generate`](mod@generate) makes them; [`expect`] says what must come of them
//! - [`shrink`](mod@shrink) makes them simpler when one fails
//! - [`native`] runs them
//! - [`bare`] runs them over the machine alone, which shows that all of this fits together
//! - the language is a crate of its own ([`abide_sim_language`]), since the guest `program` reads it too; all of it is re-exported here
//!
//! It must not know the world: clocks, faults and schedules are decided around it.

pub mod bare;
pub mod expect;
pub mod generate;
pub mod native;
pub mod shrink;
mod versions;

pub use abide_sim_language::*;
pub use expect::{Call, End, Expectation, SPARE_ATTEMPTS, Seen};
pub use generate::{LONG_MS, Setting, generate};
pub use shrink::{shrink, simplify};
pub use versions::version;
