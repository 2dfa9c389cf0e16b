//! The typed side: the engine's writes as batches, the engine's questions answered from a view, and what the API lists.
//!
//! Only this module knows which rows a write implies. It must not decide anything.

mod encode;
mod expiry;
mod flow;
mod list;
mod pending;
mod read;
mod versions;

pub use encode::encode;
pub(crate) use encode::index_rows;
pub use expiry::{Expired, Keep};
pub use list::Page;
pub use pending::PendingRow;

#[cfg(test)]
mod tests;
