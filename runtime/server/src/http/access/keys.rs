//! `/api/v1/keys`.

use std::time::Duration;

use axum::body::Body;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::admin::{Key, KeyError, NewKey, Principal, Role};
use crate::http::api::Params;
use crate::http::error::{ApiError, Problem};
use crate::http::gate::Subject;
use crate::http::page::All;
use crate::http::{Api, body};
use crate::view::Time;

/// The longest life that can be asked for; a key without an end is asked for by saying nothing.
const LONGEST_S: u64 = 100 * 365 * 86_400;

/// A key, as the API shows it: never its text.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Key)]
pub(crate) struct KeyView {
    pub(in crate::http) id: String,
    pub(in crate::http) name: String,
    pub(in crate::http) role: Role,
    /// `null`: all environments.
    pub(in crate::http) environment: Option<String>,
    /// `live`, `expired` or `revoked`.
    #[schema(value_type = KeyStatus)]
    pub(in crate::http) status: &'static str,
    /// The last characters of the key.
    pub(in crate::http) ending: String,
    pub(in crate::http) created_at: Time,
    pub(in crate::http) created_by: String,
    pub(in crate::http) expires_at: Option<Time>,
    pub(in crate::http) revoked_at: Option<Time>,
    /// As exactly as it is known: to the minute after a restart.
    pub(in crate::http) last_used_at: Option<Time>,
}

/// Whether a key lets in.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
#[allow(dead_code, reason = "it only describes")]
pub(crate) enum KeyStatus {
    Live,
    Expired,
    Revoked,
}

impl KeyView {
    fn of(key: &Key, now_ms: u64) -> Self {
        let status = match (key.revoked_ms(), key.is_live(now_ms)) {
            (Some(_), _) => "revoked",
            (None, true) => "live",
            (None, false) => "expired",
        };
        Self {
            id: key.id.to_string(),
            name: key.name.to_string(),
            role: key.role,
            environment: key.environment.as_deref().map(str::to_owned),
            status,
            ending: key.ending.clone(),
            created_at: Time(key.created_ms),
            created_by: key.created_by.clone(),
            expires_at: key.expires_ms.map(Time),
            revoked_at: key.revoked_ms().map(Time),
            last_used_at: key.last_used_ms().map(Time),
        }
    }
}

/// A key that was made, with its text: the only answer that has it.
#[derive(Serialize, ToSchema)]
pub(crate) struct MadeKey {
    #[serde(flatten)]
    pub(in crate::http) view: KeyView,
    pub(in crate::http) key: String,
    /// The same key as Inngest's clients take it; `null` for event keys.
    pub(in crate::http) inngest_signing_key: Option<String>,
}

/// A key to make.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct WantedKey {
    /// For people: up to 100 characters.
    #[schema(example = "deploys of the pipeline")]
    pub(in crate::http) name: String,
    /// `send` makes an event key.
    pub(in crate::http) role: Role,
    /// Seconds; without it, the key is good until it is revoked.
    pub(in crate::http) expires_in_s: Option<u64>,
    /// Whether it is for all environments; otherwise for that of the request.
    pub(in crate::http) all_environments: Option<bool>,
}

/// List keys, revoked and expired ones included: those of the key's environment, or of all.
#[utoipa::path(
    get,
    path = "/api/v1/keys",
    tag = "access",
    params(("environment" = Option<String>, Query, description = "Those of this environment only")),
    responses((status = 200, description = "Keys, oldest first", body = All<KeyView>))
)]
pub(super) async fn list(
    State(api): State<Api>,
    Extension(principal): Extension<Principal>,
    RawQuery(query): RawQuery,
) -> Result<Json<All<KeyView>>, Problem> {
    let params = Params::parse(query.as_deref(), &["environment"])?;
    let data = api.list_keys(&principal, params.get("environment"))?;
    Ok(Json(All { data }))
}

/// Show a key, without its text.
#[utoipa::path(
    get,
    path = "/api/v1/keys/{id}",
    tag = "access",
    params(("id" = String, Path, description = "Its id")),
    responses(
        (status = 200, description = "The key", body = KeyView),
        (status = 404, description = "There is none with this id"),
    )
)]
pub(super) async fn show(
    State(api): State<Api>,
    Extension(principal): Extension<Principal>,
    Path(id): Path<String>,
) -> Result<Json<KeyView>, Problem> {
    let key = known(&api, &principal, &id)?;
    Ok(Json(KeyView::of(&key, api.node.clock().now_ms())))
}

/// Make a key. The answer is the only one that ever holds its text.
#[utoipa::path(
    post,
    path = "/api/v1/keys",
    tag = "access",
    request_body = WantedKey,
    responses(
        (status = 201, description = "The key with its text", body = MadeKey),
        (status = 409, description = "There are too many keys"),
    )
)]
pub(super) async fn create(
    State(api): State<Api>,
    Extension(principal): Extension<Principal>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let bytes = body::read(&headers, body, api.config.body_bytes).await?;
    let wanted: WantedKey = serde_json::from_slice(&bytes).map_err(|error| {
        let shape = "the body must be {\"name\",\"role\":\"send|read|operate|deploy|admin\",\"expires_in_s\"?,\"all_environments\"?}";
        ApiError::invalid("invalid_body", format!("{shape}: {error}"))
    })?;
    let made = api.make_key(&principal, wanted).await?;
    let subject = subject_of(&made.view);
    let no_store = [("cache-control", "no-store")];
    let mut answer = (StatusCode::CREATED, no_store, Json(made)).into_response();
    answer.extensions_mut().insert(Subject(subject));
    Ok(answer)
}

/// Revoke a key: from now on it lets nobody in, and what streams to its holder ends.
#[utoipa::path(
    post,
    path = "/api/v1/keys/{id}/revoke",
    tag = "access",
    params(("id" = String, Path, description = "Its id")),
    responses(
        (status = 200, description = "The revoked key", body = KeyView),
        (status = 404, description = "There is none with this id"),
    )
)]
pub(super) async fn revoke(
    State(api): State<Api>,
    Extension(principal): Extension<Principal>,
    Path(id): Path<String>,
) -> Result<Json<KeyView>, Problem> {
    Ok(Json(api.revoke_key(&principal, &id).await?))
}

/// What the audit log calls a key that was made.
pub(in crate::http) fn subject_of(key: &KeyView) -> String {
    let environment = key.environment.as_deref().unwrap_or("all environments");
    format!("{} ({}, {environment})", key.id, key.role)
}

impl Api {
    /// The keys of an environment, or of all; as far as the caller may see them.
    pub(in crate::http) fn list_keys(
        &self,
        principal: &Principal,
        environment: Option<&str>,
    ) -> Result<Vec<KeyView>, ApiError> {
        let environment = match (&principal.environment, environment) {
            (Some(own), None) => Some(&**own),
            (Some(own), Some(asked)) if **own == *asked => Some(asked),
            (Some(own), Some(_)) => return Err(elsewhere(own)),
            (None, asked) => asked,
        };
        let now_ms = self.node.clock().now_ms();
        let keys = self.keys.list(environment);
        Ok(keys.iter().map(|key| KeyView::of(key, now_ms)).collect())
    }

    /// Makes a key.
    pub(in crate::http) async fn make_key(
        &self,
        principal: &Principal,
        wanted: WantedKey,
    ) -> Result<MadeKey, ApiError> {
        let everywhere = wanted.all_environments.unwrap_or(false);
        if everywhere && principal.environment.is_some() {
            let detail = "a key for all environments can be made with an admin key for all environments only";
            return Err(ApiError::new(StatusCode::FORBIDDEN, "role_missing", detail));
        }
        if let Some(seconds) = wanted.expires_in_s
            && !(1..=LONGEST_S).contains(&seconds)
        {
            let detail = format!(
                "expires_in_s: must be 1 to {LONGEST_S}; leave it out for a key that does not expire"
            );
            return Err(ApiError::invalid("invalid_key", detail));
        }
        let asked = NewKey {
            name: wanted.name,
            role: wanted.role,
            environment: (!everywhere).then(|| self.environment.clone()),
            expires_in: wanted.expires_in_s.map(Duration::from_secs),
        };
        let (key, secret) = self.keys.create(asked, principal).await.map_err(problem)?;
        Ok(MadeKey {
            view: KeyView::of(&key, self.node.clock().now_ms()),
            key: secret.expose().to_owned(),
            inngest_signing_key: (key.role != Role::Send).then(|| secret.as_signing_key()),
        })
    }

    /// Revokes a key that the caller may see.
    pub(in crate::http) async fn revoke_key(
        &self,
        principal: &Principal,
        id: &str,
    ) -> Result<KeyView, ApiError> {
        let key = known(self, principal, id)?;
        self.keys.revoke(&key).await.map_err(ApiError::from)?;
        Ok(KeyView::of(&key, self.node.clock().now_ms()))
    }
}

/// A key that the caller may see.
fn known(api: &Api, principal: &Principal, id: &str) -> Result<std::sync::Arc<Key>, ApiError> {
    let found = api
        .keys
        .get(id)
        .filter(|key| principal.environment.is_none() || key.environment == principal.environment);
    found.ok_or_else(|| ApiError::not_found("no_such_key", format!("there is no key `{id}`")))
}

fn elsewhere(own: &str) -> ApiError {
    let detail =
        format!("the key is for the environment `{own}`, and the request asks for another");
    ApiError::new(StatusCode::FORBIDDEN, "other_environment", detail)
}

fn problem(error: KeyError) -> ApiError {
    let detail = error.to_string();
    match error {
        KeyError::Name | KeyError::Text(_) => ApiError::invalid("invalid_key", detail),
        KeyError::TooMany => ApiError::conflict("too_many_keys", detail),
        KeyError::Admin(error) => error.into(),
    }
}
