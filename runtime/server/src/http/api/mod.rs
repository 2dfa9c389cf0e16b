//! `/api/v1`: Abide's own routes.

mod apps;
mod events;
mod functions;
mod jobs;
mod run_actions;
mod runs;
mod schemas;

use std::collections::BTreeMap;

use axum::Router;
use axum::routing::{get, post};
use tower_http::catch_panic::CatchPanicLayer;

use super::error::{ApiError, Dialect};
use super::{Api, stream};

pub(super) use functions::paused;
pub(super) use jobs::{job_id, selection};

pub(super) fn routes() -> Router<Api> {
    Router::new()
        .route("/api/v1/apps", get(apps::list))
        .route("/api/v1/apps/{app}", get(apps::show).put(apps::deploy))
        .route("/api/v1/functions", get(functions::list))
        .route("/api/v1/functions/{app}/{function}", get(functions::show))
        .route(
            "/api/v1/functions/{app}/{function}/pause",
            post(functions::pause),
        )
        .route(
            "/api/v1/functions/{app}/{function}/resume",
            post(functions::resume),
        )
        .route("/api/v1/events", get(events::list))
        .route("/api/v1/events/{id}", get(events::show))
        .route("/api/v1/events/{id}/stream", get(stream::event))
        .route("/api/v1/runs", get(runs::list))
        .route("/api/v1/runs/{id}", get(runs::show))
        .route("/api/v1/runs/{id}/journal", get(runs::journal))
        .route("/api/v1/runs/{id}/logs", get(runs::logs))
        .route("/api/v1/runs/{id}/cancel", post(run_actions::cancel))
        .route("/api/v1/runs/{id}/pause", post(run_actions::pause))
        .route("/api/v1/runs/{id}/resume", post(run_actions::resume))
        .route("/api/v1/runs/{id}/replay", post(run_actions::replay))
        .route("/api/v1/runs/{id}/stream", get(stream::run))
        .route("/api/v1/jobs", get(jobs::list).post(jobs::create))
        .route("/api/v1/jobs/{id}", get(jobs::show))
        .route("/api/v1/jobs/{id}/stop", post(jobs::stop))
        .route("/api/v1/schemas", get(schemas::list))
        .route(
            // An event's name may hold slashes.
            "/api/v1/schemas/{*event}",
            get(schemas::show).put(schemas::put).delete(schemas::delete),
        )
        .method_not_allowed_fallback(async || Dialect::Problem.wrong_method())
        .layer(CatchPanicLayer::custom(
            |panic: Box<dyn std::any::Any + Send>| Dialect::Problem.panicked(&*panic),
        ))
}

/// The parameters of a query, of which these are known: an unknown one is a mistake that must not pass in silence.
pub(super) struct Params(BTreeMap<String, Vec<String>>);

impl Params {
    pub(super) fn parse(query: Option<&str>, known: &[&str]) -> Result<Self, ApiError> {
        let invalid = |detail: String| ApiError::invalid("invalid_query", detail);
        let uri = format!("/?{}", query.unwrap_or_default());
        let uri = uri
            .parse()
            .map_err(|_| invalid("the query is not a valid URL query".into()))?;
        let pairs = axum::extract::Query::<Vec<(String, String)>>::try_from_uri(&uri)
            .map_err(|rejection| invalid(rejection.body_text()))?;
        let mut params = BTreeMap::<_, Vec<_>>::new();
        for (name, value) in pairs.0 {
            if !known.contains(&name.as_str()) {
                let known = known.join(", ");
                return Err(invalid(format!(
                    "the parameter `{name}` is unknown here; known are: {known}"
                )));
            }
            params.entry(name).or_default().push(value);
        }
        Ok(Self(params))
    }

    /// The last value of a parameter, if it has one that is not empty.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let value = self.0.get(name)?.last()?;
        (!value.is_empty()).then_some(value.as_str())
    }

    /// All values of a parameter.
    pub(super) fn all(&self, name: &str) -> &[String] {
        self.0.get(name).map_or(&[], Vec::as_slice)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_decoded_and_unknown_ones_refused() {
        let params = Params::parse(Some("var=A=1%202&var=B=&limit=5"), &["var", "limit"])
            .unwrap_or_else(|e| panic!("{e:?}"));
        assert_eq!(params.all("var"), ["A=1 2", "B="]);
        assert_eq!(params.get("limit"), Some("5"));
        assert_eq!(params.get("cursor"), None);
        let error = Params::parse(Some("limt=5"), &["limit"])
            .err()
            .map(|error| error.detail)
            .unwrap_or_default();
        assert!(
            error.contains("`limt` is unknown here; known are: limit"),
            "{error}"
        );
    }
}
