//! A loaded app.

use abide_core::function::FunctionConfig;
use abide_core::ids::Digest;

/// A component that is ready to be instantiated, and what it said about its functions.
pub struct App {
    digest: Digest,
    functions: Vec<FunctionConfig>,
}

impl App {
    /// The SHA-256 of the component.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// Its functions, validated.
    pub fn functions(&self) -> &[FunctionConfig] {
        &self.functions
    }
}
