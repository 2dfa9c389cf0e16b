//! What can go wrong between the node and its caller.

use abide_core::engine::InvalidEvents;
use abide_core::state::ReadError;

/// Why a node cannot start.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The store refuses.
    #[error(transparent)]
    Store(#[from] abide_store::Error),
    /// The WebAssembly host refuses.
    #[error(transparent)]
    Host(#[from] abide_host::Error),
    /// The operating system refuses something.
    #[error("could not {action}: {source}")]
    Io {
        /// What was tried.
        action: String,
        /// The system's answer.
        source: std::io::Error,
    },
    /// What the store holds cannot be read.
    #[error("the store cannot be read: {0}")]
    Read(#[from] ReadError),
    /// The admin store refuses.
    #[error(transparent)]
    Admin(#[from] crate::admin::AdminError),
}

/// Why the node does not take something.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// The events are wrong; nothing of them is stored.
    #[error(transparent)]
    Invalid(#[from] InvalidEvents),
    /// More waits already than the node can take; nothing is stored.
    #[error("the node is overloaded; send again in {retry_after_s} s")]
    Overloaded {
        /// Seconds.
        retry_after_s: u32,
    },
    /// The node is stopping, or its disk failed: whether the request took effect is unknown. Sending it again with the same ids is safe.
    #[error("the node is stopping; send again")]
    Stopping,
}

/// Why an app is not deployed. The version before stays served.
#[derive(Debug, thiserror::Error)]
pub enum DeployError {
    /// The app's id cannot be one.
    #[error(
        "app id `{0}`: must be kebab-case (a-z, 0-9 and single hyphens) of 1 to 128 characters"
    )]
    AppId(String),
    /// A rule of `allow-net` cannot be one.
    #[error("{0}")]
    AllowNet(String),
    /// The app does not go with what is deployed already.
    #[error("{0}")]
    Refused(String),
    /// The component is refused.
    #[error(transparent)]
    Component(#[from] abide_host::Error),
    /// The component could not be stored.
    #[error("the component could not be stored: {0}")]
    Io(#[from] std::io::Error),
    /// The node does not take anything now.
    #[error(transparent)]
    Node(#[from] SendError),
}
