//! Apps.

use abide_core::state::App;
use serde::Serialize;
use utoipa::ToSchema;

use super::function::{FunctionView, Paused, functions_of};
use super::value::Time;

/// An app. Its variables are shown by name only: their values are often secrets.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = App)]
pub(crate) struct AppView {
    #[schema(example = "shop")]
    pub(crate) id: String,
    /// The SHA-256 of the component that is served.
    pub(crate) digest: String,
    pub(crate) deployed_at: Time,
    /// How often the app was deployed.
    pub(crate) deployments: u32,
    /// The size of the component.
    pub(crate) bytes: u64,
    /// The names of the variables that step bodies find in their environment.
    pub(crate) variables: Vec<String>,
    /// What step bodies may reach besides public addresses.
    pub(crate) allow_net: Vec<String>,
    pub(crate) functions: Vec<FunctionView>,
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
