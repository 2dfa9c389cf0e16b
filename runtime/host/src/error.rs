//! What can go wrong between the host and its caller. What goes wrong inside a run is a core `Failure` instead.

use abide_core::function::InvalidFunction;

/// Why the host cannot do what it was asked for.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The host's own set-up failed.
    #[error("the WebAssembly engine could not be set up: {0}")]
    Engine(String),
    /// The bytes are not a component.
    #[error("not an Abide app: {0}")]
    Malformed(String),
    /// The component wants something that the host does not offer.
    #[error("{0}")]
    Imports(String),
    /// The component lacks an export, or an export has another type.
    #[error("{0}")]
    Exports(String),
    /// `describe` failed.
    #[error("the app could not describe its functions: {0}")]
    Describe(String),
    /// `describe` returned something that is not allowed.
    #[error("the app's configuration is not valid: {0}")]
    Function(#[from] InvalidFunction),
    /// The machine has no room for an instance now, and did not have it for some seconds.
    #[error("there is no memory for an instance of the app now")]
    NoRoom,
    /// The machinery of the process failed, for example a worker thread.
    #[error("the host failed: {0}")]
    Internal(String),
}
