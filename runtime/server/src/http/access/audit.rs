//! `/api/v1/audit`: who changed what.

use abide_store::Page;
use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::{Extension, Json};
use serde::Serialize;
use utoipa::ToSchema;

use crate::admin::{AuditLine, Located, Principal};
use crate::environments::EVERYWHERE;
use crate::http::Api;
use crate::http::api::Params;
use crate::http::error::{ApiError, Problem};
use crate::http::page::Listed;
use crate::view::Time;

/// Lines of an answer where the client does not say, and the most of them.
const USUAL: usize = 50;
const MOST: usize = 200;

/// A line, as the API shows it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AuditLine)]
pub(crate) struct AuditView {
    pub(in crate::http) id: String,
    pub(in crate::http) at: Time,
    /// `null`: of the whole server.
    pub(in crate::http) environment: Option<String>,
    pub(in crate::http) who: String,
    pub(in crate::http) key_id: Option<String>,
    pub(in crate::http) action: String,
    pub(in crate::http) subject: String,
    pub(in crate::http) outcome: String,
}

impl From<&Located<AuditLine>> for AuditView {
    fn from(it: &Located<AuditLine>) -> Self {
        let line = &it.record;
        Self {
            id: it.id.clone(),
            at: Time(line.at_ms),
            environment: (it.environment != EVERYWHERE).then(|| it.environment.clone()),
            who: line.who.clone(),
            key_id: line.key_id.clone(),
            action: line.action.clone(),
            subject: line.subject.clone(),
            outcome: line.outcome.clone(),
        }
    }
}

/// List the changes that were made, newest first: in the request's environment, or to the server as a whole.
#[utoipa::path(
    get,
    path = "/api/v1/audit",
    tag = "access",
    params(
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 200, description = "Lines of the page, 50 unless given"),
        ("cursor" = Option<String>, Query, description = "The `next_cursor` of an earlier answer"),
        ("scope" = Option<String>, Query, description = "`environment` (the default) or `server`"),
    ),
    responses((status = 200, description = "The lines", body = Listed<AuditView>))
)]
pub(super) async fn list(
    State(api): State<Api>,
    Extension(principal): Extension<Principal>,
    RawQuery(query): RawQuery,
) -> Result<Json<Listed<AuditView>>, Problem> {
    let params = Params::parse(query.as_deref(), &["limit", "cursor", "scope"])?;
    let page = api.audit(&principal, &params).await?;
    Ok(Json(Listed::new(&page, |line| AuditView::from(line))))
}

impl Api {
    /// A page of the audit log, as a query asks for it.
    pub(in crate::http) async fn audit(
        &self,
        principal: &Principal,
        params: &Params,
    ) -> Result<Page<Located<AuditLine>, String>, ApiError> {
        let limit = match params.get("limit").map(str::parse) {
            None => USUAL,
            Some(Ok(limit)) if (1..=MOST).contains(&limit) => limit,
            Some(_) => {
                let detail = format!("limit: must be 1 to {MOST}");
                return Err(ApiError::invalid("invalid_limit", detail));
            }
        };
        let scope = match params.get("scope") {
            None | Some("environment") => &*self.environment,
            Some("server") if principal.environment.is_none() => EVERYWHERE,
            Some("server") => {
                let detail = "the lines of the whole server need an admin key for all environments";
                return Err(ApiError::new(StatusCode::FORBIDDEN, "role_missing", detail));
            }
            Some(_) => {
                let detail = "scope: must be environment or server";
                return Err(ApiError::invalid("invalid_query", detail));
            }
        };
        let lines = self
            .admin
            .audit_lines(scope, params.get("cursor"), limit + 1);
        let mut lines = lines.await.map_err(ApiError::from)?;
        let more = lines.len() > limit;
        lines.truncate(limit);
        let next = lines.last().filter(|_| more).map(|line| line.id.clone());
        Ok(Page { items: lines, next })
    }
}
