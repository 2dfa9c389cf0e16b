//! Apps.

use std::collections::BTreeMap;

use abide_core::state::{App, Read};
use axum::body::Body;
use axum::extract::{Path, RawQuery, State};
use axum::http::HeaderMap;
use axum::{Extension, Json};

use super::Params;
use super::functions::paused;
use crate::DeployOptions;
use crate::admin::Principal;
use crate::http::Api;
use crate::http::body;
use crate::http::error::{ApiError, Problem};
use crate::http::idempotency::Once;
use crate::http::page::All;
use crate::view::{AppView, Octets};

/// List the apps.
#[utoipa::path(
    get,
    path = "/api/v1/apps",
    tag = "apps",
    responses((status = 200, description = "All apps", body = All<AppView>))
)]
pub(super) async fn list(State(api): State<Api>) -> Result<Json<All<AppView>>, Problem> {
    let (apps, paused) = api.read(|view| Ok((view.apps()?, paused(view)?))).await?;
    let apps = apps.iter().map(|app| AppView::new(app, &paused));
    Ok(Json(All {
        data: apps.collect(),
    }))
}

/// Show an app.
#[utoipa::path(
    get,
    path = "/api/v1/apps/{app}",
    tag = "apps",
    params(("app" = String, Path, description = "The app's id")),
    responses(
        (status = 200, description = "The app", body = AppView),
        (status = 404, description = "There is no such app"),
    )
)]
pub(super) async fn show(
    State(api): State<Api>,
    Path(id): Path<String>,
) -> Result<Json<AppView>, Problem> {
    let app = find(&api, id).await?;
    Ok(Json(AppView::new(&app, &api.read(paused).await?)))
}

/// Deploy an app.
///
/// The body is the component. New runs start with it; runs in flight stay on the code that they started with.
#[utoipa::path(
    put,
    path = "/api/v1/apps/{app}",
    tag = "apps",
    params(
        ("app" = String, Path, description = "The app's id: kebab-case"),
        ("var" = Option<Vec<String>>, Query, description = "`NAME=VALUE`: a variable of the environment of step bodies"),
        ("allow_net" = Option<Vec<String>>, Query, description = "`HOST` or `HOST:PORT` that step bodies may reach besides public addresses"),
    ),
    request_body(content = Octets, content_type = "application/wasm", description = "A WebAssembly component"),
    responses(
        (status = 200, description = "The app, as it is served from now on", body = AppView),
        (status = 422, description = "The component is refused; the version before stays served"),
    )
)]
pub(super) async fn deploy(
    State(api): State<Api>,
    Path(app): Path<String>,
    RawQuery(query): RawQuery,
    (principal, once): (Option<Extension<Principal>>, Once),
    headers: HeaderMap,
    body: Body,
) -> Result<Json<AppView>, Problem> {
    let params = Params::parse(query.as_deref(), &["var", "allow_net"])?;
    let options = DeployOptions {
        app,
        variables: variables(params.all("var"))?,
        allow_net: params.all("allow_net").to_vec(),
    };
    let wasm = body::read(&headers, body, api.config.component_bytes).await?;
    if wasm.is_empty() {
        return Err(ApiError::invalid(
            "empty_body",
            "the body must be a WebAssembly component; it is empty",
        )
        .into());
    }
    // What is served now must not be forgotten because its record was lost.
    let id = options.app.clone();
    if let Some(before) = api.read(move |view| Ok(view.get_app(&id)?)).await? {
        api.remember_deployment(&before, None).await?;
    }
    let node = once.api(&api).node;
    // In a task of its own: a client that goes away half-way does not leave half a deployment.
    let deployed = tokio::spawn(async move { node.deploy(wasm, options).await }).await;
    let app = deployed
        .map_err(|error| ApiError::internal(format!("the deployment broke off: {error}")))??;
    tracing::info!(app = %app.id, digest = %app.current.digest, functions = app.current.functions.len(), environment = &*api.environment, "deployed");
    let principal = principal.map(|Extension(principal)| principal);
    api.remember_deployment(&app, principal.as_ref()).await?;
    Ok(Json(AppView::new(&app, &api.read(paused).await?)))
}

fn variables(pairs: &[String]) -> Result<BTreeMap<String, String>, ApiError> {
    let pair = |pair: &String| match pair.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        // The value may be a secret: it is not repeated.
        Some(_) | None => Err(ApiError::invalid(
            "invalid_variable",
            "var: must be `NAME=VALUE`",
        )),
    };
    pairs.iter().map(pair).collect()
}

/// An app that is deployed.
pub(in crate::http) async fn find(api: &Api, id: String) -> Result<App, ApiError> {
    let name = id.clone();
    let app = api.read(move |view| Ok(view.get_app(&id)?)).await?;
    app.ok_or_else(|| {
        ApiError::not_found(
            "no_such_app",
            format!("there is no app `{name}`; deploy it first"),
        )
    })
}
