//! One list of scenarios, and one journal for each, whatever language a guest is written in.
//!
//! `SCENARIOS.md` says what the guests do. Each scenario is played on a whole node, on a simulated disk and in virtual time, moved by hand in one thread: once
//! with everything in memory, once with every run evicted whenever it waits, and once for every commit, with the power cut after it. What the journal says must be
//! the same each time, and the same in every language.
//!
//! - [`language`] is what there is to test, and where its component is; [`table`] is who has which scenario
//! - [`scenario`] is what a scenario consists of; [`scenarios`] are all of them
//! - [`stage`] is one life of a node; [`service`] is the world outside it
//! - [`play`] plays a scenario in one way, [`suite`] in all ways, with every check
//! - [`record`] is what came of it, as text that says the same for all languages; [`json`] is how values are written there

pub mod json;
pub mod language;
pub mod play;
pub mod record;
pub mod scenario;
pub mod scenarios;
pub mod service;
pub mod stage;
pub mod suite;
pub mod table;
