//! `/api/v1/webhooks`: what operators do with webhooks.

use axum::Json;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::unknown;
use super::view::{Deleted, NewWebhook, WebhookSettings, WebhookView};
use crate::http::Api;
use crate::http::error::{ApiError, Problem};
use crate::http::gate::Subject;
use crate::http::idempotency::Once;
use crate::http::named::{self, check_name, is_name};
use crate::http::page::All;
use crate::webhooks::{Secret, Secrets, Settings, Webhook, WebhookRecord};

/// Where the fields of these requests are explained.
const PAGE: &str = "docs/webhooks.md";

/// How long the secret before the current one stays good unless the operator says otherwise: long enough to change it at the provider.
const OVERLAP_S: u64 = 24 * 3_600;

/// The longest: two secrets are twice the chance that one is known to others.
const MOST_OVERLAP_S: u64 = 30 * 24 * 3_600;

/// List the webhooks.
#[utoipa::path(
    get,
    path = "/api/v1/webhooks",
    tag = "webhooks",
    responses((status = 200, description = "All webhooks of the environment", body = All<WebhookView>)),
)]
pub(super) async fn list(State(api): State<Api>) -> Result<Json<All<WebhookView>>, Problem> {
    let data = api.webhooks().await?;
    Ok(Json(All { data }))
}

/// Show a webhook.
#[utoipa::path(
    get,
    path = "/api/v1/webhooks/{name}",
    tag = "webhooks",
    params(("name" = String, Path, description = "The webhook's name")),
    responses((status = 200, description = "The webhook", body = WebhookView), (status = 404, description = "There is no such webhook")),
)]
pub(super) async fn show(
    State(api): State<Api>,
    Path(name): Path<String>,
) -> Result<Json<WebhookView>, Problem> {
    Ok(Json(api.show_webhook(&name).await?))
}

/// Make a webhook.
///
/// There must be none of its name yet.
#[utoipa::path(
    post,
    path = "/api/v1/webhooks",
    tag = "webhooks",
    request_body = NewWebhook,
    responses(
        (status = 201, description = "The webhook", body = WebhookView),
        (status = 400, description = "The settings are wrong"),
        (status = 409, description = "There is a webhook of this name already"),
    ),
)]
pub(super) async fn create(
    State(api): State<Api>,
    once: Once,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let made = api
        .create_webhook(named::read(&headers, body, PAGE).await?, &once)
        .await?;
    let subject = Subject(made.name.clone());
    let mut answer = (StatusCode::CREATED, Json(made)).into_response();
    answer.extensions_mut().insert(subject);
    Ok(answer)
}

/// Make or replace a webhook.
///
/// Without a secret it keeps those that it has, as long as the provider stays the same.
#[utoipa::path(
    put,
    path = "/api/v1/webhooks/{name}",
    tag = "webhooks",
    params(("name" = String, Path, description = "The webhook's name")),
    request_body = WebhookSettings,
    responses(
        (status = 200, description = "The webhook, replaced", body = WebhookView),
        (status = 201, description = "The webhook, made", body = WebhookView),
        (status = 400, description = "The settings are wrong"),
    ),
)]
pub(super) async fn put(
    State(api): State<Api>,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let fields: Map<String, Value> = named::read(&headers, body, PAGE).await?;
    let (made, view) = api.put_webhook(&name, fields).await?;
    Ok(named::put(made, view))
}

/// Remove a webhook.
///
/// What it received stays.
#[utoipa::path(
    delete,
    path = "/api/v1/webhooks/{name}",
    tag = "webhooks",
    params(("name" = String, Path, description = "The webhook's name")),
    responses((status = 200, description = "It is removed", body = Deleted), (status = 404, description = "There is no such webhook")),
)]
pub(super) async fn delete(
    State(api): State<Api>,
    Path(name): Path<String>,
) -> Result<Json<Deleted>, Problem> {
    api.delete_webhook(&name).await?;
    Ok(Json(Deleted {
        name,
        deleted: true,
    }))
}

/// Enable a webhook.
#[utoipa::path(
    post,
    path = "/api/v1/webhooks/{name}/enable",
    tag = "webhooks",
    params(("name" = String, Path, description = "The webhook's name")),
    responses((status = 200, description = "The webhook", body = WebhookView), (status = 404, description = "There is no such webhook")),
)]
pub(super) async fn enable(
    State(api): State<Api>,
    Path(name): Path<String>,
) -> Result<Json<WebhookView>, Problem> {
    Ok(Json(api.enable_webhook(&name, true).await?))
}

/// Disable a webhook.
///
/// Its requests are answered with 503, so that their sender tries again later.
#[utoipa::path(
    post,
    path = "/api/v1/webhooks/{name}/disable",
    tag = "webhooks",
    params(("name" = String, Path, description = "The webhook's name")),
    responses((status = 200, description = "The webhook", body = WebhookView), (status = 404, description = "There is no such webhook")),
)]
pub(super) async fn disable(
    State(api): State<Api>,
    Path(name): Path<String>,
) -> Result<Json<WebhookView>, Problem> {
    Ok(Json(api.enable_webhook(&name, false).await?))
}

/// A new secret for a webhook.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewSecret)]
pub(super) struct NewSecret {
    /// The new secret.
    secret: String,
    /// How long the current one stays good, in seconds.
    overlap_s: Option<u64>,
}

/// Replace the secret of a webhook.
///
/// The one before stays good for a time, and the one before that is good no more.
#[utoipa::path(
    post,
    path = "/api/v1/webhooks/{name}/secret",
    tag = "webhooks",
    params(("name" = String, Path, description = "The webhook's name")),
    request_body = NewSecret,
    responses(
        (status = 200, description = "The webhook", body = WebhookView),
        (status = 400, description = "It cannot be a secret, or the time is too long"),
        (status = 404, description = "There is no such webhook"),
        (status = 409, description = "The webhook verifies nothing"),
    ),
)]
pub(super) async fn rotate(
    State(api): State<Api>,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<WebhookView>, Problem> {
    let secret: NewSecret = named::read(&headers, body, PAGE).await?;
    let rotated = api.rotate_webhook(&name, &secret.secret, secret.overlap_s);
    Ok(Json(rotated.await?))
}

impl Api {
    /// All webhooks of the environment.
    pub(in crate::http) async fn webhooks(&self) -> Result<Vec<WebhookView>, ApiError> {
        let all = self.admin.list::<WebhookRecord>(&self.environment).await?;
        let views = all.iter().map(|it| self.view(&it.id, &it.record));
        Ok(views.collect())
    }

    /// A webhook by its name.
    pub(in crate::http) async fn show_webhook(&self, name: &str) -> Result<WebhookView, ApiError> {
        Ok(self.view(name, &self.webhook(name).await?))
    }

    /// Makes a webhook of a name that is free.
    pub(in crate::http) async fn create_webhook(
        &self,
        mut fields: Map<String, Value>,
        once: &Once,
    ) -> Result<WebhookView, ApiError> {
        let Some(Value::String(name)) = fields.remove("name") else {
            return Err(ApiError::invalid("invalid_webhook", "name: is required"));
        };
        let mut record = self.record(&name, fields)?;
        record.request = once.request().map(str::to_owned);
        let inserted = self.admin.insert(&self.environment, &name, &record).await;
        let made_before = async || {
            let found = self.find(&name).await?;
            Ok::<_, ApiError>(
                found.filter(|it| it.request.is_some() && it.request == record.request),
            )
        };
        if inserted? {
            // It is as it was asked for.
        } else if let Some(made) = made_before().await? {
            record = made;
        } else {
            return Err(ApiError::conflict(
                "webhook_exists",
                format!(
                    "there is a webhook `{name}` already; replace it with PUT, or with `abide webhooks add --replace`"
                ),
            ));
        }
        Ok(self.view(&name, &record))
    }

    /// Makes a webhook, or replaces one; whether it was made. Without a secret it keeps those that it has, unless the provider is another.
    pub(in crate::http) async fn put_webhook(
        &self,
        name: &str,
        mut fields: Map<String, Value>,
    ) -> Result<(bool, WebhookView), ApiError> {
        let Some(existing) = self.find(name).await? else {
            let record = self.record(name, fields)?;
            self.admin.put(&self.environment, name, &record).await?;
            return Ok((true, self.view(name, &record)));
        };
        let secret = fields.remove("secret");
        let same_provider = fields.get("provider")
            == serde_json::to_value(existing.settings.provider)
                .ok()
                .as_ref();
        let record = if secret.is_none() && same_provider && !existing.secrets.is_empty() {
            // The secrets stay; the rest is checked.
            let (settings, enabled) = settings(fields)?;
            check(name, &settings)?;
            self.changed(name, |old| WebhookRecord {
                settings: settings.clone(),
                enabled: enabled.unwrap_or(old.enabled),
                ..old.clone()
            })
            .await?
        } else {
            if let Some(secret) = secret {
                fields.insert("secret".into(), secret);
            }
            let new = self.record(name, fields)?;
            self.changed(name, |old| WebhookRecord {
                created_ms: old.created_ms,
                ..new.clone()
            })
            .await?
        };
        Ok((false, self.view(name, &record)))
    }

    /// Removes a webhook.
    pub(in crate::http) async fn delete_webhook(&self, name: &str) -> Result<(), ApiError> {
        let deleted = self.admin.delete::<WebhookRecord>(&self.environment, name);
        if is_name(name) && deleted.await? {
            Ok(())
        } else {
            Err(unknown(name))
        }
    }

    /// Gives a webhook a new secret; the one before stays good for a time.
    pub(in crate::http) async fn rotate_webhook(
        &self,
        name: &str,
        secret: &str,
        overlap_s: Option<u64>,
    ) -> Result<WebhookView, ApiError> {
        let overlap_s = overlap_s.unwrap_or(OVERLAP_S);
        if overlap_s > MOST_OVERLAP_S {
            let detail = format!("overlap_s: must be at most {MOST_OVERLAP_S}, which is 30 days");
            return Err(ApiError::invalid("invalid_webhook", detail));
        }
        let settings = self.webhook(name).await?.settings;
        if !settings.is_verified() {
            let detail = format!("the webhook `{name}` verifies nothing, so it has no secret");
            return Err(ApiError::conflict("invalid_webhook", detail));
        }
        let secret = Secret::check(settings.provider, secret).map_err(|error| invalid(&error))?;
        let until_ms = self.now_ms().saturating_add(overlap_s * 1_000);
        let record = self
            .changed(name, |old| WebhookRecord {
                secrets: old.secrets.clone().rotate(secret.clone(), until_ms),
                ..old.clone()
            })
            .await?;
        Ok(self.view(name, &record))
    }

    /// Lets a webhook take requests, or not.
    pub(in crate::http) async fn enable_webhook(
        &self,
        name: &str,
        enabled: bool,
    ) -> Result<WebhookView, ApiError> {
        let record = self
            .changed(name, |old| WebhookRecord {
                enabled,
                ..old.clone()
            })
            .await?;
        Ok(self.view(name, &record))
    }

    fn view(&self, name: &str, record: &WebhookRecord) -> WebhookView {
        WebhookView::of(&self.environment, name, record, self.now_ms())
    }

    async fn find(&self, name: &str) -> Result<Option<WebhookRecord>, ApiError> {
        check_name(name).map_err(|problem| invalid(&problem))?;
        Ok(self.admin.get(&self.environment, name).await?)
    }

    /// The record of a whole request.
    fn record(
        &self,
        name: &str,
        mut fields: Map<String, Value>,
    ) -> Result<WebhookRecord, ApiError> {
        check_name(name).map_err(|problem| invalid(&problem))?;
        let secret = fields.remove("secret");
        let (settings, enabled) = settings(fields)?;
        check(name, &settings)?;
        let secrets = match (secret, settings.is_verified()) {
            (Some(Value::String(text)), true) => {
                let secret = Secret::check(settings.provider, &text);
                Secrets::of(secret.map_err(|error| invalid(&error))?)
            }
            (None, false) => Secrets::default(),
            (None, true) => {
                return Err(invalid(
                    &"secret: is required; the provider shows it where the webhook is set up",
                ));
            }
            (Some(_), true) => return Err(invalid(&"secret: must be a text")),
            (Some(_), false) => {
                return Err(invalid(&"secret: a webhook that verifies nothing has none"));
            }
        };
        let now_ms = self.now_ms();
        Ok(WebhookRecord {
            settings,
            secrets,
            enabled: enabled.unwrap_or(true),
            created_ms: now_ms,
            updated_ms: now_ms,
            request: None,
        })
    }

    async fn changed(
        &self,
        name: &str,
        change: impl FnOnce(&WebhookRecord) -> WebhookRecord + Send,
    ) -> Result<WebhookRecord, ApiError> {
        if !is_name(name) {
            return Err(unknown(name));
        }
        let now_ms = self.now_ms();
        let changed = self.admin.update(&self.environment, name, |old| {
            Some(WebhookRecord {
                updated_ms: now_ms,
                ..change(old)
            })
        });
        changed.await?.ok_or_else(|| unknown(name))
    }
}

fn settings(mut fields: Map<String, Value>) -> Result<(Settings, Option<bool>), ApiError> {
    let enabled = named::enabled(&mut fields).map_err(|problem| invalid(&problem))?;
    let settings =
        serde_json::from_value(Value::Object(fields)).map_err(|error| invalid(&error))?;
    Ok((settings, enabled))
}

fn check(name: &str, settings: &Settings) -> Result<(), ApiError> {
    Webhook::compile(name, settings)
        .map(drop)
        .map_err(|error| invalid(&error))
}

/// Says what is wrong. Nothing here repeats a secret: those of a wrong type are not shown either.
fn invalid(problem: &dyn std::fmt::Display) -> ApiError {
    ApiError::invalid("invalid_webhook", problem.to_string())
}
