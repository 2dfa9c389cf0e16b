//! Schemas of events: those of apps, and those of operators, which go before them.

use abide_core::engine::Answer;
use abide_core::state::{App, EventSchema, Read};
use abide_store::View;
use axum::Json;
use axum::body::Body;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use serde_json::{Value, json};

use super::Params;
use crate::http::error::{ApiError, Problem};
use crate::http::{Api, body};
use crate::view::SchemaView;

/// By event and version.
pub(super) async fn list(State(api): State<Api>) -> Result<Json<Value>, Problem> {
    Ok(Json(json!({ "data": api.schemas().await? })))
}

/// All that there are for one event, or those for one version of it.
pub(super) async fn show(
    State(api): State<Api>,
    Path(event): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Json<Value>, Problem> {
    let v = version(query.as_deref())?;
    let schemas = api.schemas().await?;
    let found: Vec<_> = schemas
        .into_iter()
        .filter(|schema| schema.is_for(&event, v.as_deref()))
        .collect();
    if found.is_empty() {
        return Err(no_such_schema(&event, v.as_deref()).into());
    }
    Ok(Json(json!({ "data": found })))
}

/// The body is the schema.
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
    match api.node.put_schema(schema.clone()).await? {
        Answer::SchemaChanged => Ok(Json(SchemaView::of_operator(&schema))),
        Answer::Refused(reason) => {
            Err(ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid_schema", reason).into())
        }
        other => Err(ApiError::unexpected(&other).into()),
    }
}

/// Only an operator's schema can be removed: those of apps go with their apps.
pub(super) async fn delete(
    State(api): State<Api>,
    Path(event): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Json<Value>, Problem> {
    let v = version(query.as_deref())?;
    let operators = api.read(<View as Read>::schemas).await?;
    if !operators.iter().any(|it| it.event == event && it.v == v) {
        return Err(no_such_schema(&event, v.as_deref()).into());
    }
    match api.node.delete_schema(event.clone(), v.clone()).await? {
        Answer::SchemaChanged => Ok(Json(json!({ "event": event, "v": v, "deleted": true }))),
        Answer::Refused(reason) => Err(ApiError::conflict("refused", reason).into()),
        other => Err(ApiError::unexpected(&other).into()),
    }
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
    async fn schemas(&self) -> Result<Vec<SchemaView>, ApiError> {
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
