//! `/api/v1/notifications`: who is told when runs fail or wait too long.
//!
//! What is told, and when, is decided by [`crate::notify`]; this module sets it up. Invariants: neither a secret nor the path of a webhook's address,
//! which often is one, is in any answer; what was changed is durable when the answer comes.

mod manage;
mod view;

pub(super) use view::{MessageStatus, MessageView, NotificationView, TargetView};

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Api;

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(manage::list, manage::create))
        .routes(routes!(manage::show, manage::put, manage::delete))
        .routes(routes!(manage::enable))
        .routes(routes!(manage::disable))
        .routes(routes!(manage::test))
}
