//! What can go wrong in the store, one variant for each way in which a caller reacts.

use std::{fmt, io, path::PathBuf, sync::Arc};

use rustix::io::Errno;

/// The result of a store operation.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A failed store operation. Cheap to clone, because one failed sync answers every waiting writer.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// Another process serves this data directory.
    #[error(
        "the data directory {dir} is in use by another process{}; stop that process, or choose another data directory",
        .pid.map(|pid| format!(" (pid {pid})")).unwrap_or_default()
    )]
    Locked {
        /// The data directory.
        dir: PathBuf,
        /// The owner, when its lock file could be read.
        pid: Option<u32>,
    },

    /// The files on disk are damaged: the store refuses to serve them.
    #[error(
        "{file} is damaged{at}: {reason}; nothing was changed. Restore the whole data directory from a backup. \
         To serve what is still readable and give up the rest, create an empty file named `accept-loss` in the data directory and start again",
        file = .file.display(),
        at = .offset.map(|offset| format!(" at byte {offset}")).unwrap_or_default()
    )]
    Damaged {
        /// The damaged file.
        file: PathBuf,
        /// Where in the file, when known.
        offset: Option<u64>,
        /// What is wrong there.
        reason: String,
    },

    /// Another version of this program wrote the store.
    #[error(
        "the data directory was written by another version of Abide: it holds {kind} (version {found} of that record; this program reads version {expected}). Nothing was changed. \
         Go on with the version that wrote it, or start with an empty data directory"
    )]
    OtherVersion {
        /// The kind of record.
        kind: &'static str,
        /// Its version.
        found: u8,
        /// The version that this program reads.
        expected: u8,
    },

    /// One stored row, or the payload file that it refers to, fails its checksum.
    #[error(
        "the stored row {key} is damaged: {reason}; the store does not serve it. Restore the data directory from a backup"
    )]
    Corrupt {
        /// The key of the row.
        key: PrintedKey,
        /// What is wrong with it.
        reason: String,
    },

    /// The precondition of a commit did not hold: another node owns the store now.
    #[error(
        "the commit was refused because the owner row {key} changed; another node has taken over, so this one must stop"
    )]
    Fenced {
        /// The key whose value was not the expected one.
        key: PrintedKey,
    },

    /// An earlier commit failed, so nothing more may be written or acknowledged.
    #[error(
        "the store stopped accepting writes after a failed commit ({cause}); restart the process once the cause is removed"
    )]
    Poisoned {
        /// The first failure.
        cause: Arc<Error>,
    },

    /// The data directory was moved or removed while it was served.
    #[error(
        "{} is no longer in its place: the data directory was moved, replaced or removed while it was served. Put it back and start again",
        .log.display()
    )]
    Moved {
        /// Where the log should be.
        log: PathBuf,
    },

    /// A backup is being restored into the directory, or was when the process died.
    #[error(
        "a backup was being restored here and is not whole, as {} says. Nothing was changed. Empty the directory and restore again",
        .unfinished.display()
    )]
    Unfinished {
        /// What says so.
        unfinished: PathBuf,
    },

    /// The store was closed, or the simulated machine lost its power.
    #[error("the store is closed")]
    Closed,

    /// The operating system refused an operation on a file.
    #[error("could not {action} {}: {source}", .path.display())]
    Io {
        /// What was tried, as a verb phrase.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's answer.
        source: Arc<io::Error>,
    },

    /// The storage engine failed in a way that it should not.
    #[error(
        "the storage engine failed while it tried to {action}: {reason}; if this happens again after a restart, restore the data directory from a backup"
    )]
    Engine {
        /// What was tried, as a verb phrase.
        action: &'static str,
        /// The engine's own words.
        reason: String,
    },

    /// The caller used a key that the store keeps for itself, or an empty one.
    #[error("the key {key} is reserved for the store itself; keys start with a byte above zero")]
    ReservedKey {
        /// The refused key.
        key: PrintedKey,
    },
}

impl Error {
    /// Whether the operation failed for want of something that the machine has again later ([`is_transient`]).
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Io { source, .. } if is_transient(source))
    }

    /// Wraps an I/O error with what was tried on which file.
    pub(crate) fn io(action: &'static str, path: impl Into<PathBuf>, source: io::Error) -> Self {
        Self::Io {
            action,
            path: path.into(),
            source: Arc::new(source),
        }
    }

    pub(crate) fn corrupt(key: &[u8], reason: impl Into<String>) -> Self {
        Self::Corrupt {
            key: PrintedKey::from(key),
            reason: reason.into(),
        }
    }

    /// The error that later writers get after this one: a poisoned store stays poisoned by the same first cause.
    pub(crate) fn poison(self) -> Self {
        match self {
            poisoned @ Self::Poisoned { .. } => poisoned,
            cause => Self::Poisoned {
                cause: Arc::new(cause),
            },
        }
    }
}

/// Whether the system refused something for want of descriptors or memory, which others give back: nothing is wrong with the file.
pub fn is_transient(error: &io::Error) -> bool {
    let lacking = [Errno::MFILE, Errno::NFILE, Errno::NOMEM, Errno::AGAIN];
    Errno::from_io_error(error).is_some_and(|errno| lacking.contains(&errno))
}

/// A key in error messages: printable bytes as they are, the others in hexadecimal.
#[derive(Clone, PartialEq, Eq)]
pub struct PrintedKey(Arc<[u8]>);

impl PrintedKey {
    /// The key's bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl From<&[u8]> for PrintedKey {
    fn from(key: &[u8]) -> Self {
        Self(key.into())
    }
}

impl fmt::Display for PrintedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.0.escape_ascii())
    }
}

impl fmt::Debug for PrintedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
