//! Schemas of events: those of apps, and those of operators, which go before them.

use abide_core::engine::Answer;
use abide_core::state::{App, EventSchema, Read};
use abide_store::View;
use axum::Json;
use axum::body::Body;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use serde::Serialize;
use utoipa::ToSchema;

use super::Params;
use crate::http::error::{ApiError, Problem};
use crate::http::page::All;
use crate::http::{Api, body};
use crate::view::SchemaView;

/// List the schemas of events, by event and version.
#[utoipa::path(
    get,
    path = "/api/v1/schemas",
    tag = "schemas",
    responses((status = 200, description = "All schemas", body = All<SchemaView>))
)]
pub(super) async fn list(State(api): State<Api>) -> Result<Json<All<SchemaView>>, Problem> {
    let data = api.schemas().await?;
    Ok(Json(All { data }))
}

/// Show the schemas of one event, or of one version of it.
#[utoipa::path(
    get,
    path = "/api/v1/schemas/{*event}",
    tag = "schemas",
    params(
        ("event" = String, Path, description = "The event's name, which may hold slashes"),
        ("v" = Option<String>, Query, description = "The version of the payload's shape; absent: all"),
    ),
    responses(
        (status = 200, description = "Its schemas", body = All<SchemaView>),
        (status = 404, description = "There is none"),
    )
)]
pub(super) async fn show(
    State(api): State<Api>,
    Path(event): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Json<All<SchemaView>>, Problem> {
    let v = version(query.as_deref())?;
    let schemas = api.schemas().await?;
    let found: Vec<_> = schemas
        .into_iter()
        .filter(|schema| schema.is_for(&event, v.as_deref()))
        .collect();
    if found.is_empty() {
        return Err(no_such_schema(&event, v.as_deref()).into());
    }
    Ok(Json(All { data: found }))
}

/// Set the schema of an event.
///
/// The body is a JSON Schema. It goes before those of apps, and is in force when the answer comes.
#[utoipa::path(
    put,
    path = "/api/v1/schemas/{*event}",
    tag = "schemas",
    params(
        ("event" = String, Path, description = "The event's name, which may hold slashes"),
        ("v" = Option<String>, Query, description = "The version of the payload's shape; absent: events without one"),
    ),
    request_body(content = Value, content_type = "application/json", description = "A JSON Schema for the `data` of the event"),
    responses(
        (status = 200, description = "The schema", body = SchemaView),
        (status = 422, description = "It is refused; `detail` says why"),
    )
)]
pub(super) async fn put(
    State(api): State<Api>,
    Path(event): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<SchemaView>, Problem> {
    let v = version(query.as_deref())?;
    let bytes = body::read(&headers, body, api.config.body_bytes).await?;
    let text = std::str::from_utf8(&bytes)
        .ok()
        .filter(|text| abide_core::is_json(text));
    let text = text.ok_or_else(|| {
        ApiError::invalid("invalid_body", "the body must be a JSON Schema, as JSON")
    })?;
    let schema = EventSchema {
        event,
        v,
        schema: text.into(),
    };
    Ok(Json(api.put_schema(schema).await?))
}

/// What was removed.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct DeletedSchema {
    event: String,
    v: Option<String>,
    /// `true`.
    deleted: bool,
}

/// Remove an operator's schema.
///
/// Those of apps go with their apps.
#[utoipa::path(
    delete,
    path = "/api/v1/schemas/{*event}",
    tag = "schemas",
    params(
        ("event" = String, Path, description = "The event's name, which may hold slashes"),
        ("v" = Option<String>, Query, description = "The version of the payload's shape; absent: that of events without one"),
    ),
    responses(
        (status = 200, description = "It is removed", body = DeletedSchema),
        (status = 404, description = "No operator has set one"),
        (status = 409, description = "Refused; `detail` says why"),
    )
)]
pub(super) async fn delete(
    State(api): State<Api>,
    Path(event): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Json<DeletedSchema>, Problem> {
    let v = version(query.as_deref())?;
    api.delete_schema(event.clone(), v.clone()).await?;
    Ok(Json(DeletedSchema {
        event,
        v,
        deleted: true,
    }))
}

fn version(query: Option<&str>) -> Result<Option<String>, ApiError> {
    Ok(Params::parse(query, &["v"])?.get("v").map(str::to_owned))
}

fn no_such_schema(event: &str, v: Option<&str>) -> ApiError {
    let v = v.map(|v| format!(" with v `{v}`")).unwrap_or_default();
    ApiError::not_found(
        "no_such_schema",
        format!("no schema was set for the event `{event}`{v}"),
    )
}

impl Api {
    /// Sets an operator's schema.
    pub(in crate::http) async fn put_schema(
        &self,
        schema: EventSchema,
    ) -> Result<SchemaView, ApiError> {
        match self.node.put_schema(schema.clone()).await? {
            Answer::SchemaChanged => Ok(SchemaView::of_operator(&schema)),
            Answer::Refused(reason) => Err(ApiError::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "invalid_schema",
                reason,
            )),
            other => Err(ApiError::unexpected(&other)),
        }
    }

    /// Removes an operator's schema.
    pub(in crate::http) async fn delete_schema(
        &self,
        event: String,
        v: Option<String>,
    ) -> Result<(), ApiError> {
        let operators = self.read(<View as Read>::schemas).await?;
        if !operators.iter().any(|it| it.event == event && it.v == v) {
            return Err(no_such_schema(&event, v.as_deref()));
        }
        match self.node.delete_schema(event, v).await? {
            Answer::SchemaChanged => Ok(()),
            Answer::Refused(reason) => Err(ApiError::conflict("refused", reason)),
            other => Err(ApiError::unexpected(&other)),
        }
    }

    /// All schemas, by event and version.
    pub(in crate::http) async fn schemas(&self) -> Result<Vec<SchemaView>, ApiError> {
        let (operators, apps) = self
            .read(|view| Ok((view.schemas()?, view.apps()?)))
            .await?;
        Ok(all(&operators, &apps))
    }
}

fn all(operators: &[EventSchema], apps: &[App]) -> Vec<SchemaView> {
    let key = |schema: &EventSchema| (schema.event.clone(), schema.v.clone());
    let mut all: Vec<_> = operators
        .iter()
        .map(|schema| (key(schema), SchemaView::of_operator(schema)))
        .collect();
    for app in apps {
        for schema in &app.current.schemas {
            let in_force = !operators.iter().any(|other| key(other) == key(schema));
            let view = SchemaView::of_app(&app.id, schema, in_force);
            all.push((key(schema), view));
        }
    }
    // Stable: an operator's stays before the apps'.
    all.sort_by(|(one, _), (other, _)| one.cmp(other));
    all.into_iter().map(|(_, view)| view).collect()
}
