//! Webhooks as the API answers them.

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::value::RawValue;

/// A webhook.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Webhook {
    pub(super) name: String,
    pub(super) path: String,
    pub(super) provider: String,
    #[serde(default)]
    pub(super) event_name: Option<String>,
    #[serde(default)]
    pub(super) data: Option<String>,
    #[serde(default)]
    pub(super) id: Option<String>,
    #[serde(default, rename = "if")]
    pub(super) condition: Option<String>,
    #[serde(default)]
    pub(super) challenge: Option<String>,
    #[serde(default)]
    pub(super) scheme: Option<serde_json::Value>,
    pub(super) enabled: bool,
    pub(super) verified: bool,
    #[serde(default)]
    pub(super) previous_secret_until: Option<DateTime<Utc>>,
}

impl Webhook {
    /// What an operator should know at once; empty if all is as usual.
    pub(super) fn state(&self) -> &'static str {
        match (self.enabled, self.verified) {
            (false, _) => "disabled",
            (true, false) => "not verified",
            (true, true) => "",
        }
    }
}

/// What became of a sample.
#[derive(Debug, Deserialize)]
pub(super) struct Tried {
    pub(super) status: String,
    #[serde(default)]
    pub(super) id: Option<String>,
    #[serde(default)]
    pub(super) challenge: Option<String>,
    #[serde(default)]
    pub(super) event: Option<TriedEvent>,
}

/// The event that was made of a sample.
#[derive(Debug, Deserialize)]
pub(super) struct TriedEvent {
    pub(super) name: String,
    #[serde(default)]
    pub(super) data: Option<Box<RawValue>>,
}
