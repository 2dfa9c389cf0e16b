//! What is kept of a webhook.

use serde::{Deserialize, Serialize};

use super::{Secrets, Settings};
use crate::admin::AdminRecord;

/// A webhook as the admin store holds it, secrets included: that store is readable for the server's user alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WebhookRecord {
    /// What the operator chose.
    pub settings: Settings,
    /// What requests are verified with.
    #[serde(default)]
    pub secrets: Secrets,
    /// Whether it takes requests.
    pub enabled: bool,
    /// When it was made, in milliseconds since the Unix epoch.
    pub created_ms: u64,
    /// When it was changed last.
    pub updated_ms: u64,
    /// The request that made it, if that has a name: a repetition is known by it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<String>,
}

impl AdminRecord for WebhookRecord {
    const KIND: &'static str = "webhook";
}
