//! The options of a function: what starts its runs, and how they are paced, merged and ended.
//!
//! Each file has the options of one kind, as a builder that remembers what its author got wrong instead of failing. [`check`] looks at the finished
//! configuration as a whole. Nothing here knows of workflows or of the host; expressions are passed on unread, since the host has the parser for
//! them.

mod cancel_on;
pub(crate) mod check;
mod concurrency;
pub mod limits;
mod merge;
mod pace;
mod singleton;
mod timeouts;
mod trigger;

pub use cancel_on::CancelOn;
pub use check::InvalidFunction;
pub use concurrency::{Concurrency, Scope};
pub use merge::{Batch, Debounce};
pub use pace::{RateLimit, Throttle};
pub use singleton::Singleton;
pub use timeouts::Timeouts;
pub use trigger::{Catchup, CronTrigger, EventTrigger, Trigger};
