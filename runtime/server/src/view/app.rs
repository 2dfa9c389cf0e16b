//! Apps and functions.

use abide_core::function::options::Catchup;
use abide_core::function::{FunctionConfig, Trigger};
use abide_core::retry::Backoff;
use abide_core::state::App;
use serde::Serialize;

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

impl From<&App> for AppView {
    fn from(app: &App) -> Self {
        Self {
            id: app.id.to_string(),
            digest: app.current.digest.to_string(),
            deployed_at: Time(app.current.at_ms),
            deployments: app.deployments,
            bytes: app.current.bytes,
            variables: app.variables.keys().cloned().collect(),
            allow_net: app.allow_net.clone(),
            functions: functions_of(app).collect(),
        }
    }
}

/// A function of the version of its app that is served now.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct FunctionView {
    /// `app/function`.
    pub(crate) id: String,
    app: String,
    function: String,
    name: Option<String>,
    triggers: Vec<TriggerView>,
    retries: u32,
    backoff: Option<Backoff>,
    version: String,
    deployed_at: Time,
}

/// What starts a function.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
enum TriggerView {
    Event {
        event: String,
        #[serde(rename = "if")]
        if_expr: Option<String>,
    },
    Cron {
        cron: String,
        jitter_ms: Option<u64>,
        catchup: Catchup,
    },
    FailureOf {
        failure_of: String,
    },
}

/// The functions of an app, in the order in which it describes them.
pub(crate) fn functions_of(app: &App) -> impl Iterator<Item = FunctionView> + '_ {
    app.current
        .functions
        .iter()
        .map(|config| function(app, config))
}

fn function(app: &App, config: &FunctionConfig) -> FunctionView {
    FunctionView {
        id: format!("{}/{}", app.id, config.id),
        app: app.id.to_string(),
        function: config.id.clone(),
        name: config.name.clone(),
        triggers: config.triggers.iter().map(trigger).collect(),
        retries: config.policy().max_attempts.saturating_sub(1),
        backoff: config.backoff,
        version: app.current.digest.to_string(),
        deployed_at: Time(app.current.at_ms),
    }
}

fn trigger(trigger: &Trigger) -> TriggerView {
    match trigger {
        Trigger::Event(trigger) => TriggerView::Event {
            event: trigger.event.clone(),
            if_expr: trigger.if_expr.clone(),
        },
        Trigger::Cron(trigger) => TriggerView::Cron {
            cron: trigger.schedule.clone(),
            jitter_ms: trigger.jitter_ms,
            catchup: trigger.catchup,
        },
        Trigger::FailureOf(function) => TriggerView::FailureOf {
            failure_of: function.clone(),
        },
    }
}
