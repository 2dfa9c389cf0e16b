//! Hours of mixed load on the real binary, with kills, orderly restarts, deploys and short retention: every acknowledged event's run must
//! end, and memory, disk, descriptors and latency must stay flat.
//!
//! `soak` runs it all; `load` and `orders` say what is sent, `checks` settles what was acknowledged, `chaos` and `schedule` end processes,
//! `sample` measures from outside, `verdict` judges the curves by rules, and `picture` draws them. Nothing here looks into the node: what it
//! learns comes over HTTP, from `/proc`, from the size of files and from `abide store stats`.

mod chaos;
mod checks;
mod client;
mod findings;
mod follow;
mod guests;
mod ledger;
mod load;
mod node;
mod orders;
mod picture;
mod readers;
mod record;
mod sample;
mod schedule;
mod soak;
mod verdict;
mod witness;

pub use soak::{Options, Outcome, run};
