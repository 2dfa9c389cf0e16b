//! The routes.

use axum::Json;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};

use super::view::{Deleted, NewNotification, NotificationSettings, NotificationView, Tested};
use crate::http::Api;
use crate::http::error::{ApiError, Problem};
use crate::http::gate::Subject;
use crate::http::idempotency::Once;
use crate::http::named::{self, check_name, is_name};
use crate::http::page::All;
use crate::notify::{
    Format, InvalidNotification, Ledger, MOST, Message, NotificationRecord, Sender, Settings,
    Target, Wanted, check_secret, id_of, new_id,
};

/// Where the fields of these requests are explained.
const PAGE: &str = "docs/notify.md";

/// List the notifications.
#[utoipa::path(
    get,
    path = "/api/v1/notifications",
    tag = "notifications",
    responses((status = 200, description = "All notifications of the environment", body = All<NotificationView>)),
)]
pub(super) async fn list(State(api): State<Api>) -> Result<Json<All<NotificationView>>, Problem> {
    let data = api.list_notifications().await?;
    Ok(Json(All { data }))
}

/// Show a notification.
#[utoipa::path(
    get,
    path = "/api/v1/notifications/{name}",
    tag = "notifications",
    params(("name" = String, Path, description = "The notification's name")),
    responses((status = 200, description = "The notification", body = NotificationView), (status = 404, description = "There is no such notification")),
)]
pub(super) async fn show(
    State(api): State<Api>,
    Path(name): Path<String>,
) -> Result<Json<NotificationView>, Problem> {
    Ok(Json(api.show_notification(&name).await?))
}

/// Make a notification.
///
/// It tells of what happens from then on.
#[utoipa::path(
    post,
    path = "/api/v1/notifications",
    tag = "notifications",
    request_body = NewNotification,
    responses(
        (status = 201, description = "The notification", body = NotificationView),
        (status = 400, description = "The settings are wrong"),
        (status = 403, description = "This server may not start the program"),
        (status = 409, description = "There is a notification of this name already, or there are too many"),
    ),
)]
pub(super) async fn create(
    State(api): State<Api>,
    once: Once,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let fields: Map<String, Value> = named::read(&headers, body, PAGE).await?;
    let made = api.create_notification(fields, &once).await?;
    let subject = Subject(made.name.clone());
    let mut answer = (StatusCode::CREATED, Json(made)).into_response();
    answer.extensions_mut().insert(subject);
    Ok(answer)
}

/// Make or change a notification.
///
/// Settings that are not given are the usual ones. Without a target it keeps the one that it has, and without a secret that; without `enabled` it tells,
/// or does not, as before. What waits to be told is told, to the new target where that is another one.
#[utoipa::path(
    put,
    path = "/api/v1/notifications/{name}",
    tag = "notifications",
    params(("name" = String, Path, description = "The notification's name")),
    request_body = NotificationSettings,
    responses(
        (status = 200, description = "The notification, changed", body = NotificationView),
        (status = 201, description = "The notification, made", body = NotificationView),
        (status = 400, description = "The settings are wrong"),
        (status = 403, description = "This server may not start the program"),
        (status = 409, description = "There are too many notifications"),
    ),
)]
pub(super) async fn put(
    State(api): State<Api>,
    once: Once,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let fields: Map<String, Value> = named::read(&headers, body, PAGE).await?;
    let (made, view) = api.put_notification(&name, fields, &once).await?;
    Ok(named::put(made, view))
}

/// Remove a notification.
///
/// What waited to be told is told to nobody.
#[utoipa::path(
    delete,
    path = "/api/v1/notifications/{name}",
    tag = "notifications",
    params(("name" = String, Path, description = "The notification's name")),
    responses((status = 200, description = "It is removed", body = Deleted), (status = 404, description = "There is no such notification")),
)]
pub(super) async fn delete(
    State(api): State<Api>,
    Path(name): Path<String>,
) -> Result<Json<Deleted>, Problem> {
    api.delete_notification(&name).await?;
    Ok(Json(Deleted {
        name,
        deleted: true,
    }))
}

/// Enable a notification.
///
/// It tells of what happens from then on.
#[utoipa::path(
    post,
    path = "/api/v1/notifications/{name}/enable",
    tag = "notifications",
    params(("name" = String, Path, description = "The notification's name")),
    responses((status = 200, description = "The notification", body = NotificationView), (status = 404, description = "There is no such notification")),
)]
pub(super) async fn enable(
    State(api): State<Api>,
    Path(name): Path<String>,
) -> Result<Json<NotificationView>, Problem> {
    Ok(Json(api.enable_notification(&name, true).await?))
}

/// Disable a notification.
///
/// What waited to be told, and what happens meanwhile, is told to nobody.
#[utoipa::path(
    post,
    path = "/api/v1/notifications/{name}/disable",
    tag = "notifications",
    params(("name" = String, Path, description = "The notification's name")),
    responses((status = 200, description = "The notification", body = NotificationView), (status = 404, description = "There is no such notification")),
)]
pub(super) async fn disable(
    State(api): State<Api>,
    Path(name): Path<String>,
) -> Result<Json<NotificationView>, Problem> {
    Ok(Json(api.enable_notification(&name, false).await?))
}

/// Send a test message.
///
/// It is tried once, at once, also where the notification is disabled.
#[utoipa::path(
    post,
    path = "/api/v1/notifications/{name}/test",
    tag = "notifications",
    params(("name" = String, Path, description = "The notification's name")),
    responses((status = 200, description = "What became of it", body = Tested), (status = 404, description = "There is no such notification")),
)]
pub(super) async fn test(
    State(api): State<Api>,
    once: Once,
    Path(name): Path<String>,
) -> Result<Json<Tested>, Problem> {
    Ok(Json(api.test_notification(&name, &once).await?))
}

impl Api {
    /// All notifications of the environment.
    pub(in crate::http) async fn list_notifications(
        &self,
    ) -> Result<Vec<NotificationView>, ApiError> {
        let records = self.admin.list::<NotificationRecord>(&self.environment);
        let mut all = Vec::new();
        for it in records.await? {
            all.push(self.shown_notification(&it.id, &it.record).await?);
        }
        Ok(all)
    }

    /// A notification by its name.
    pub(in crate::http) async fn show_notification(
        &self,
        name: &str,
    ) -> Result<NotificationView, ApiError> {
        let record = self.notification(name).await?;
        self.shown_notification(name, &record).await
    }

    async fn notification(&self, name: &str) -> Result<NotificationRecord, ApiError> {
        known_name(name)?;
        let found = self.admin.get(&self.environment, name).await;
        found?.ok_or_else(|| unknown(name))
    }

    async fn shown_notification(
        &self,
        name: &str,
        record: &NotificationRecord,
    ) -> Result<NotificationView, ApiError> {
        let ledger = self.admin.get::<Ledger>(&self.environment, name).await?;
        let courier = self.notifications.courier();
        let may_start = |program: &std::path::Path| courier.may_start(program);
        let environment = &*self.environment;
        Ok(NotificationView::of(
            environment,
            name,
            record,
            ledger.as_ref(),
            may_start,
        ))
    }

    /// Makes a notification of a name that is free.
    pub(in crate::http) async fn create_notification(
        &self,
        mut fields: Map<String, Value>,
        once: &Once,
    ) -> Result<NotificationView, ApiError> {
        let Some(Value::String(name)) = fields.remove("name") else {
            return Err(invalid("name: is required, and must be a text"));
        };
        check_name(&name).map_err(|problem| invalid(&problem))?;
        let mut record = NotificationRecord::new(self.wanted(fields, None)?, self.now_ms());
        record.request = once.request().map(str::to_owned);
        let all = self.admin.list::<NotificationRecord>(&self.environment);
        let all = all.await?;
        if all.len() >= MOST && !all.iter().any(|it| it.id == name) {
            let detail = format!(
                "there are {MOST} notifications in this environment already, which is the most; remove one, or give one several functions"
            );
            return Err(ApiError::conflict("too_many_notifications", detail));
        }
        let inserted = self.admin.insert(&self.environment, &name, &record).await;
        if !inserted? {
            let there = self.notification(&name).await?;
            if there.request.is_none() || there.request != record.request {
                let detail = format!(
                    "there is a notification `{name}` already; change it (abide notify change {name}), or choose another name"
                );
                return Err(ApiError::conflict("notification_exists", detail));
            }
            record = there;
        }
        self.notifications.changed();
        self.shown_notification(&name, &record).await
    }

    /// Makes a notification, or changes one; whether it was made.
    pub(in crate::http) async fn put_notification(
        &self,
        name: &str,
        mut fields: Map<String, Value>,
        once: &Once,
    ) -> Result<(bool, NotificationView), ApiError> {
        check_name(name).map_err(|problem| invalid(&problem))?;
        if fields.remove("name").is_some_and(|given| given != name) {
            return Err(invalid("name: is that of the address; leave it out"));
        }
        let now_ms = self.now_ms();
        let mut refused = None;
        // What it keeps is decided where nothing else can change it.
        let change = |old: &NotificationRecord| match self.wanted(fields.clone(), Some(old)) {
            Ok(wanted) => Some(old.changed(wanted, now_ms)),
            Err(error) => {
                refused = Some(error);
                None
            }
        };
        let changed = self.admin.update(&self.environment, name, change).await?;
        if let Some(error) = refused {
            return Err(error);
        }
        let Some(record) = changed else {
            fields.insert("name".into(), name.into());
            return Ok((true, self.create_notification(fields, once).await?));
        };
        self.notifications.changed();
        Ok((false, self.shown_notification(name, &record).await?))
    }

    /// What a whole request wants: what it does not say of a target, a secret and whether it is enabled is as with `existing`.
    fn wanted(
        &self,
        mut fields: Map<String, Value>,
        existing: Option<&NotificationRecord>,
    ) -> Result<Wanted, ApiError> {
        // What is null is as good as absent.
        fields.retain(|_, value| !value.is_null());
        let enabled = named::enabled(&mut fields).map_err(invalid)?;
        let secret = match fields.remove("secret") {
            None => None,
            Some(Value::String(text)) => {
                Some(check_secret(&text).map_err(|error| refused(&error))?)
            }
            Some(_) => return Err(invalid("secret: must be a text")),
        };
        if let Some(existing) = existing {
            let target = fields.entry("target");
            target.or_insert_with(|| json!(existing.settings.target));
        }
        let settings: Settings = serde_json::from_value(Value::Object(fields))
            .map_err(|error| invalid(&error.to_string()))?;
        settings.check().map_err(|error| refused(&error))?;
        let is_new_target = existing.is_none_or(|it| it.settings.target != settings.target);
        let is_signed = match &settings.target {
            Target::Webhook { format, .. } => *format == Format::Standard,
            Target::Command { program, .. } => {
                // One that it has stays, whatever this server may start.
                if is_new_target && !self.notifications.courier().may_start(program) {
                    return Err(not_allowed(program));
                }
                false
            }
        };
        let kept = existing.and_then(|it| it.secret.clone());
        let secret = match (secret, is_signed) {
            (Some(_), false) => {
                return Err(invalid(
                    "secret: only a webhook of the format `standard` signs what it sends",
                ));
            }
            (None, false) => None,
            (given, true) => Some(given.or(kept).ok_or_else(|| {
                invalid(
                    "secret: is required: `whsec_` and the base64 of 24 to 64 bytes; its receiver needs it too",
                )
            })?),
        };
        Ok(Wanted {
            settings,
            secret,
            enabled: enabled.unwrap_or_else(|| existing.is_none_or(|it| it.enabled)),
        })
    }

    /// Removes a notification.
    pub(in crate::http) async fn delete_notification(&self, name: &str) -> Result<(), ApiError> {
        known_name(name)?;
        let admin = &self.admin;
        let deleted = admin.delete::<NotificationRecord>(&self.environment, name);
        if !deleted.await? {
            return Err(unknown(name));
        }
        self.notifications.changed();
        Ok(())
    }

    /// Sends a test message, once.
    pub(in crate::http) async fn test_notification(
        &self,
        name: &str,
        once: &Once,
    ) -> Result<Tested, ApiError> {
        let record = self.notification(name).await?;
        let now_ms = self.now_ms();
        let sender = Sender {
            environment: &self.environment,
            name,
            record: &record,
            now_ms,
        };
        // The same request has the same message: its receiver knows it again.
        let id = once.request().map_or_else(new_id, id_of);
        let message = Message::test(id, now_ms);
        let delivered = self.notifications.courier().deliver(sender, &message).await;
        let counters = &self.node.inner.metrics.notifications;
        counters[usize::from(delivered.is_err())].one();
        Ok(Tested {
            id: message.id,
            delivered: delivered.is_ok(),
            error: delivered.err(),
        })
    }

    /// Lets a notification tell, or not.
    pub(in crate::http) async fn enable_notification(
        &self,
        name: &str,
        enabled: bool,
    ) -> Result<NotificationView, ApiError> {
        known_name(name)?;
        let now_ms = self.now_ms();
        let change = |old: &NotificationRecord| {
            let wanted = Wanted {
                settings: old.settings.clone(),
                secret: old.secret.clone(),
                enabled,
            };
            (old.enabled != enabled).then(|| old.changed(wanted, now_ms))
        };
        let changed = self.admin.update(&self.environment, name, change).await;
        let record = changed?.ok_or_else(|| unknown(name))?;
        self.notifications.changed();
        self.shown_notification(name, &record).await
    }
}

fn unknown(name: &str) -> ApiError {
    ApiError::not_found(
        "no_such_notification",
        format!("there is no notification `{name}` in this environment"),
    )
}

fn not_allowed(program: &std::path::Path) -> ApiError {
    let detail = format!(
        "this server may not start {}; whoever runs it can start it with --notify-commands {0}",
        program.display()
    );
    ApiError::new(StatusCode::FORBIDDEN, "command_not_allowed", detail)
}

fn invalid(problem: &str) -> ApiError {
    ApiError::invalid("invalid_notification", problem)
}

fn refused(error: &InvalidNotification) -> ApiError {
    invalid(&error.to_string())
}

/// A name that no notification can have is that of none.
fn known_name(name: &str) -> Result<(), ApiError> {
    if is_name(name) {
        Ok(())
    } else {
        Err(unknown(name))
    }
}
