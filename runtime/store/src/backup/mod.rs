//! Backups: everything that a data directory holds, as it was at one instant, in one file; and the way back.
//!
//! - `format`: the file's sections, written and read back without trust.
//! - `spool`: what is committed while a backup is taken.
//! - `take`: rows and files of stores that go on being written to, into one file.
//! - `restore`: from a file to a directory that a node can open.
//!
//! What this module must not do: interpret rows, or hold more of a store in memory than one section.
//!
//! Invariants:
//! - a file without its last section is no backup, and a file with one that does not fit is none either;
//! - nothing is written to a data directory before the whole file was read and found sound;
//! - a directory into which something is being restored is never opened as a store.

mod format;
mod restore;
mod spool;
mod take;

use std::io;

pub(crate) use self::restore::refuse_unfinished;
pub(crate) use self::spool::Spool;
pub(crate) use self::take::components_in;
pub use self::{
    format::{About, Totals, VERSION},
    restore::{RestoredPart, Restoring, restore, verify},
    take::{Part, take},
};
use crate::error::Error;

/// Why there is no backup, or why it was not restored.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// A store could not be read or written.
    #[error(transparent)]
    Store(#[from] Error),
    /// The backup itself could not be written.
    #[error("the backup cannot be written: {0}")]
    Write(#[source] io::Error),
    /// The backup itself could not be read.
    #[error("the backup cannot be read: {0}")]
    Read(#[source] io::Error),
    /// The file is no whole backup.
    #[error("this is no backup that can be restored: {0}. Nothing was written; take another file")]
    Unusable(String),
    /// Another backup of the same store is under way.
    #[error("another backup of this server is being taken; wait for its end")]
    Busy,
    /// What is to be backed up changed in a way that one backup cannot hold.
    #[error("{0}")]
    Changed(String),
    /// The directory cannot take a restored store.
    #[error("{0}")]
    Target(String),
    /// What was restored is not what the backup holds.
    #[error("what was restored differs from the backup: {0}. The directory is not to be used")]
    Different(String),
}
