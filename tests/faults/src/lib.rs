//! The fault matrix: a real node on a real disk that fails.
//!
//! - [`matrix`] has the rows: what fails, what must happen, and the play that shows it. `docs/reliability.md` holds the same table.
//! - [`stage`] is where a row plays: the real binary under load, a witness outside, what is true before and after.
//! - [`faults`] lets calls of the node's process fail while it runs, through the library of [`shim`].
//! - [`power`] cuts the power of a real file system under a node, again and again.
//! - [`recorded`] records what a node does to its files, and builds every image that a power cut may leave of them.
//! - [`files`] damages files, [`mounts`] makes small file systems where the machine allows it.
//!
//! Rows must not look into the store to find out whether something was lost: that is asked of the node that starts afterwards.

pub mod faults;
pub mod files;
pub mod matrix;
pub mod mounts;
pub mod power;
pub mod recorded;
pub mod shim;
pub mod stage;

#[allow(dead_code, reason = "the shim's own words are not written from here")]
#[path = "../shim/src/layout.rs"]
mod layout;
