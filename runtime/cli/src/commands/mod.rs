//! The commands: one file each, with its arguments, its help and its work.

pub(crate) mod apps;
pub(crate) mod build;
pub(crate) mod cron;
pub(crate) mod deploy;
pub(crate) mod dev;
pub(crate) mod events;
pub(crate) mod functions;
pub(crate) mod list;
pub(crate) mod new;
pub(crate) mod node;
pub(crate) mod runs;
pub(crate) mod send;
pub(crate) mod serve;
