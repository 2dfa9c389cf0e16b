//! What can go wrong with the admin store.

/// Why the admin store does not answer.
#[derive(Debug, Clone, thiserror::Error)]
pub enum AdminError {
    /// The store below refuses.
    #[error("the admin store: {0}")]
    Store(#[from] abide_store::Error),
    /// Its directory cannot be made, or made private.
    #[error("the admin store: cannot make {} a directory of this user alone: {reason}", directory.display())]
    Directory {
        /// Which one.
        directory: std::path::PathBuf,
        /// What the system says.
        reason: String,
    },
    /// An id or environment that no record can have.
    #[error("{what}: must have 1 to {most} bytes and no zero byte among them")]
    Id {
        /// `id` or `environment`.
        what: &'static str,
        /// The most bytes.
        most: usize,
    },
    /// A record cannot be read.
    #[error("a record of the admin store cannot be read: {0}")]
    Record(String),
    /// The runtime ended in the middle of a read.
    #[error("the admin store was not read: the server is stopping")]
    Stopping,
}
