//! How runs, events and functions look as text. Everything here is a pure function from data to lines.

pub(crate) mod progress;
pub(crate) mod status;
pub(crate) mod table;
pub(crate) mod time;
pub(crate) mod waterfall;
