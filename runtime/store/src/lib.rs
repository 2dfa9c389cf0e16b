//! abide-store: the durable, ordered key-value store under Abide.
//!
//! ```text
//!  View ── reads ──►  overlay of pending writes ─┐
//!  Store::submit ──►  committer: one group, one sync ─► envelope, payload files ─► Backend (sled | memory)
//! ```
//! A write is visible to views at once, durable when its ticket completes. The store must not know what a run is (only `keys`, `codec` and
//! `typed` do), must not decide, and must not retry a failed sync.

pub mod backend;
pub mod backup;
mod batch;
mod blobs;
mod census;
mod check;
mod codec;
mod committer;
mod envelope;
mod error;
mod inspect;
pub mod keys;
mod memory;
mod overlay;
mod progress;
mod sled;
mod stats;
mod store;
mod sweep;
mod typed;
mod view;

pub use backend::{Backend, CommitWatch, Direction, KeyRange};
pub use batch::{Batch, Fence, Op};
pub use census::{Census, Kind};
pub use check::{Checked, Problem};
pub use committer::SPILL_ABOVE;
pub use error::{Error, PrintedKey, Result, is_transient};
pub use inspect::{Inspected, inspect};
pub use memory::{Fault, MemoryBackend, MemoryDisk, Power};
pub use progress::Ticket;
pub use sled::{AuditReport, Compacted, OpenReport, Progress, SledBackend, SledOptions};
pub use stats::{Histogram, Stats};
pub use store::{Commits, Store};
pub use sweep::Sweep;
pub use typed::{Expired, Keep, Page, PendingRow, encode};
pub use view::{Patience, View};
