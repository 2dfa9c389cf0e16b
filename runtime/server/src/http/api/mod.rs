//! `/api/v1`: Abide's own routes.

mod apps;
mod backup;
mod deployments;
mod events;
mod functions;
mod jobs;
mod run_actions;
mod runs;
mod schemas;
mod series;
mod transfer;

use std::collections::BTreeMap;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::error::ApiError;
use super::{Api, live, stream};

pub(super) use apps::find as find_app;
pub(crate) use deployments::Deployment;
pub(super) use events::Followed;
pub(super) use functions::paused;
pub(super) use jobs::{Count, GLANCE, LONGEST_COUNT, count, job_id, selection};

/// A route is served and described by being listed here.
pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(apps::list))
        .routes(routes!(apps::show, apps::deploy))
        .routes(routes!(deployments::of_app))
        .routes(routes!(functions::list))
        .routes(routes!(functions::schedules))
        .routes(routes!(functions::show))
        .routes(routes!(functions::pause))
        .routes(routes!(functions::resume))
        .routes(routes!(functions::invoke))
        .routes(routes!(events::list))
        .routes(routes!(events::show))
        .routes(routes!(stream::event))
        .routes(routes!(runs::list))
        .routes(routes!(runs::show))
        .routes(routes!(runs::journal))
        .routes(routes!(runs::logs))
        .routes(routes!(run_actions::cancel))
        .routes(routes!(run_actions::pause))
        .routes(routes!(run_actions::resume))
        .routes(routes!(run_actions::replay))
        .routes(routes!(stream::run))
        .routes(routes!(live::follow))
        .routes(routes!(jobs::list, jobs::create))
        .routes(routes!(jobs::show))
        .routes(routes!(jobs::stop))
        .routes(routes!(backup::take))
        .routes(routes!(transfer::export))
        .routes(routes!(transfer::import))
        .routes(routes!(schemas::list))
        .routes(routes!(series::show))
        .routes(routes!(schemas::show, schemas::put, schemas::delete))
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
