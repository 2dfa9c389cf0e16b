//! How a node is, as its operators are told.

use serde::Serialize;

/// How a node is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Health {
    /// `ok`, `stopping` or `failed`.
    pub status: &'static str,
    /// The version of the binary.
    pub version: &'static str,
    /// Milliseconds since the start.
    pub uptime_ms: u64,
    /// Deployed apps.
    pub apps: usize,
    /// Runs that execute now.
    pub executing: usize,
    /// Runs with instances in memory, waiting ones included.
    pub resident: usize,
    /// Runs that are about to execute.
    pub queued: usize,
    /// Why the node failed, if it did.
    pub failure: Option<String>,
}
