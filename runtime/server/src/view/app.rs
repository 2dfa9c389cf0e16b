//! Apps.

use abide_core::state::App;
use serde::Serialize;

use super::function::{FunctionView, Paused, functions_of};
use super::value::Time;

/// An app. Its variables are shown by name only: their values are often secrets.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct AppView {
    id: String,
    digest: String,
    deployed_at: Time,
    deployments: u32,
    bytes: u64,
    variables: Vec<String>,
    allow_net: Vec<String>,
    functions: Vec<FunctionView>,
}

impl AppView {
    /// The view of an app.
    pub(crate) fn new(app: &App, paused: &Paused) -> Self {
        Self {
            id: app.id.to_string(),
            digest: app.current.digest.to_string(),
            deployed_at: Time(app.current.at_ms),
            deployments: app.deployments,
            bytes: app.current.bytes,
            variables: app.variables.keys().cloned().collect(),
            allow_net: app.allow_net.clone(),
            functions: functions_of(app, paused).collect(),
        }
    }
}
