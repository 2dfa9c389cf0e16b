//! Webhooks over HTTP: where third parties send (`POST /hooks/{name}`), and where operators set them up (`/api/v1/webhooks`).
//!
//! Nobody needs a key of ours to send: requests prove themselves by their signature. What is decided about one is decided by
//! [`crate::webhooks`]; this module reads and answers. Invariants: the event is durable before the answer; nothing of a request that
//! is refused is stored; secrets are never answered and never logged.

mod manage;
mod receive;
mod view;

pub(super) use receive::WebhookTest;
pub(super) use view::{Outcome, Status, WebhookView};

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Api;
use super::error::ApiError;
use super::named::is_name;
use crate::webhooks::WebhookRecord;

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(receive::receive))
        .routes(routes!(manage::list, manage::create))
        .routes(routes!(manage::show, manage::put, manage::delete))
        .routes(routes!(manage::rotate))
        .routes(routes!(manage::enable))
        .routes(routes!(manage::disable))
        .routes(routes!(receive::test))
}

impl Api {
    async fn webhook(&self, name: &str) -> Result<WebhookRecord, ApiError> {
        // Strangers choose the name: what none can have is looked for nowhere.
        if !is_name(name) {
            return Err(unknown(name));
        }
        let found = self.admin.get::<WebhookRecord>(&self.environment, name);
        found.await?.ok_or_else(|| unknown(name))
    }
}

pub(super) fn unknown(name: &str) -> ApiError {
    ApiError::not_found(
        "no_such_webhook",
        format!("there is no webhook `{name}` in this environment"),
    )
}
