//! Routes about who may come in and where to: environments, keys, the audit log.

mod audit;
mod environments;
mod keys;

pub(super) use audit::AuditView;
pub(super) use environments::EnvironmentView;
pub(super) use keys::{KeyView, MadeKey, WantedKey, subject_of};

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Api;

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(environments::list, environments::create))
        .routes(routes!(environments::remove))
        .routes(routes!(keys::list, keys::create))
        .routes(routes!(keys::show))
        .routes(routes!(keys::revoke))
        .routes(routes!(audit::list))
}
