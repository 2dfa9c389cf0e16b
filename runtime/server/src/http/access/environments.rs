//! `/api/v1/environments`.

use axum::Extension;
use axum::Json;
use axum::body::Body;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Site;
use crate::admin::Principal;
use crate::environments::{ChangeError, Environment};
use crate::http::api::Params;
use crate::http::error::{ApiError, Problem};
use crate::http::gate::Subject;
use crate::http::idempotency::Once;
use crate::http::page::All;
use crate::http::{Api, body};
use crate::view::Time;

/// An environment, as the API shows it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Environment)]
pub(crate) struct EnvironmentView {
    pub(in crate::http) name: String,
    /// When it was made; `null` for `default`, which is always there.
    pub(in crate::http) created_at: Option<Time>,
    /// Deployed apps.
    pub(in crate::http) apps: usize,
    /// Runs that execute now.
    pub(in crate::http) executing: usize,
}

impl From<&Environment> for EnvironmentView {
    fn from(environment: &Environment) -> Self {
        let health = environment.node.health();
        Self {
            name: environment.name.to_string(),
            created_at: environment.created_ms.map(Time),
            apps: health.apps,
            executing: health.executing,
        }
    }
}

/// An environment that went.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RemovedEnvironment {
    name: String,
    removed: bool,
}

/// An environment to make.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewEnvironment {
    /// kebab-case, up to 63 characters.
    #[schema(example = "staging")]
    name: String,
}

/// List the environments: all of them, or the one that the key is for.
#[utoipa::path(
    get,
    path = "/api/v1/environments",
    tag = "access",
    responses((status = 200, description = "The environments, by name", body = All<EnvironmentView>))
)]
pub(super) async fn list(
    State(api): State<Api>,
    Extension(principal): Extension<Principal>,
) -> Result<Json<All<EnvironmentView>>, Problem> {
    let data = api.environments(&principal)?;
    Ok(Json(All { data }))
}

/// Make an environment. It takes work when the answer comes.
#[utoipa::path(
    post,
    path = "/api/v1/environments",
    tag = "access",
    request_body = NewEnvironment,
    responses(
        (status = 201, description = "It is there", body = EnvironmentView),
        (status = 409, description = "There is one of this name already, or there are too many"),
    )
)]
pub(super) async fn create(
    State(api): State<Api>,
    once: Once,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let bytes = body::read(&headers, body, api.config.body_bytes).await?;
    let wanted: NewEnvironment = serde_json::from_slice(&bytes).map_err(|error| {
        ApiError::invalid(
            "invalid_body",
            format!("the body must be {{\"name\":\"NAME\"}}: {error}"),
        )
    })?;
    let made = api.create_environment(&wanted.name, &once).await?;
    let mut answer = (StatusCode::CREATED, Json(made)).into_response();
    answer.extensions_mut().insert(Subject(wanted.name));
    Ok(answer)
}

/// Remove an environment, which must be empty unless `force` says otherwise.
#[utoipa::path(
    delete,
    path = "/api/v1/environments/{name}",
    tag = "access",
    params(
        ("name" = String, Path, description = "Its name"),
        ("force" = Option<bool>, Query, description = "Whether all that is in it is deleted with it"),
    ),
    responses(
        (status = 200, description = "It is gone, with its keys", body = RemovedEnvironment),
        (status = 404, description = "There is none of this name"),
        (status = 409, description = "It is not empty, or it is `default`"),
    )
)]
pub(super) async fn remove(
    State(api): State<Api>,
    Path(name): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Json<RemovedEnvironment>, Problem> {
    let params = Params::parse(query.as_deref(), &["force"])?;
    let force = match params.get("force") {
        None | Some("false") => false,
        Some("true") => true,
        Some(_) => {
            return Err(ApiError::invalid("invalid_query", "force: must be true or false").into());
        }
    };
    api.remove_environment(&name, force).await?;
    Ok(Json(RemovedEnvironment {
        name,
        removed: true,
    }))
}

impl Api {
    /// The environments that the caller may see, by name.
    pub(in crate::http) fn environments(
        &self,
        principal: &Principal,
    ) -> Result<Vec<EnvironmentView>, ApiError> {
        let own = principal.environment.as_ref();
        let all = site(self)?.environments();
        let seen = all
            .iter()
            .filter(|it| own.is_none_or(|own| *own == it.name));
        Ok(seen.map(EnvironmentView::from).collect())
    }

    /// Makes an environment.
    pub(in crate::http) async fn create_environment(
        &self,
        name: &str,
        once: &Once,
    ) -> Result<EnvironmentView, ApiError> {
        let made = site(self)?.create_once(name, once.request()).await;
        Ok(EnvironmentView::from(&made.map_err(problem)?))
    }

    /// Removes an environment, which must be empty unless `force` says otherwise.
    pub(in crate::http) async fn remove_environment(
        &self,
        name: &str,
        force: bool,
    ) -> Result<(), ApiError> {
        site(self)?.remove(name, force).await.map_err(problem)
    }
}

fn site(api: &Api) -> Result<&Site, ApiError> {
    api.site.as_ref().ok_or_else(|| {
        ApiError::not_found(
            "no_such_environment",
            "this server has one environment and no others",
        )
    })
}

fn problem(error: ChangeError) -> ApiError {
    let detail = error.to_string();
    match error {
        ChangeError::Name(_) => ApiError::invalid("invalid_environment", detail),
        ChangeError::Exists(_) => ApiError::conflict("environment_exists", detail),
        ChangeError::Absent(_) => ApiError::not_found("no_such_environment", detail),
        ChangeError::Default => ApiError::conflict("environment_is_default", detail),
        ChangeError::NotEmpty { .. } => ApiError::conflict("environment_not_empty", detail),
        ChangeError::TooMany(_) => ApiError::conflict("too_many_environments", detail),
        ChangeError::Open(_) | ChangeError::Directory { .. } => ApiError::internal(detail),
        ChangeError::Admin(error) => error.into(),
    }
}
