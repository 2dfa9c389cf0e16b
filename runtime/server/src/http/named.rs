//! What operators make under a name of their own, webhooks and notifications: which names there may be, and how requests about them are read.

use abide_core::function::is_kebab_case;
use axum::Json;
use axum::body::Body;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::body;
use super::error::ApiError;

/// The longest name: it is part of URLs, and of the ids of events.
const MOST_NAME_CHARS: usize = 64;

/// Largest body of these requests in bytes: names, addresses, templates, expressions.
const BODY_BYTES: usize = 64 << 10;

/// Whether anything can have this name.
pub(super) fn is_name(name: &str) -> bool {
    is_kebab_case(name) && name.len() <= MOST_NAME_CHARS
}

/// What is wrong with a name that nothing can have.
pub(super) fn check_name(name: &str) -> Result<(), String> {
    if is_name(name) {
        return Ok(());
    }
    Err(format!(
        "name: must be kebab-case (a-z, 0-9 and single hyphens) of 1 to {MOST_NAME_CHARS} characters"
    ))
}

/// The settings in a request's body, whose fields this page of the documentation explains.
pub(super) async fn read<T: DeserializeOwned>(
    headers: &HeaderMap,
    body: Body,
    page: &str,
) -> Result<T, ApiError> {
    let bytes = body::read(headers, body, BODY_BYTES).await?;
    serde_json::from_slice(&bytes).map_err(|error| {
        // serde's words about a wrong value repeat it, and it could be a secret.
        let place = format!("line {} column {}", error.line(), error.column());
        let detail = format!(
            "the body must be a JSON object with the fields of {page}; it is not at {place}"
        );
        ApiError::invalid("invalid_body", detail)
    })
}

/// The answer to a request that made it, or changed it.
pub(super) fn put(made: bool, view: impl Serialize) -> Response {
    let status = if made {
        StatusCode::CREATED
    } else {
        StatusCode::OK
    };
    (status, Json(view)).into_response()
}

/// Whether to enable it, if the request says so; or what is wrong with what it says.
pub(super) fn enabled(fields: &mut Map<String, Value>) -> Result<Option<bool>, &'static str> {
    match fields.remove("enabled") {
        None => Ok(None),
        Some(Value::Bool(enabled)) => Ok(Some(enabled)),
        Some(_) => Err("enabled: must be true or false"),
    }
}
