//! How an environment did over time.

use axum::Json;
use axum::extract::{RawQuery, State};
use serde::Serialize;
use utoipa::ToSchema;

use super::Params;
use crate::http::Api;
use crate::http::error::{ApiError, Problem};
use crate::series::{Measure, Range, SeriesPoints};
use crate::view::Time;

/// How an environment did over one range of time.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SeriesAnswer {
    /// `hour`, `day` or `month`: thirty days.
    range: &'static str,
    /// For how long each point stands: ten seconds, a minute or an hour.
    step_ms: u64,
    series: Vec<SeriesView>,
}

/// The points of one measure.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Series)]
pub(super) struct SeriesView {
    name: &'static str,
    /// `count`: how often in the time of a point. `level`: how much on average. `quantile`: below this was a part of what ended then.
    kind: &'static str,
    /// `runs`, `operations`, `events`, `steps`, `bytes` or `milliseconds`.
    unit: &'static str,
    /// When the time of the first point begins.
    start_at: Time,
    /// Oldest first; `null` for times at which nothing was measured. The last one still changes.
    values: Vec<Option<f64>>,
}

impl From<SeriesPoints> for SeriesView {
    fn from(points: SeriesPoints) -> Self {
        Self {
            name: points.measure.name(),
            kind: points.measure.kind().as_str(),
            unit: points.measure.unit(),
            start_at: Time(points.start_ms),
            values: points.values,
        }
    }
}

/// Show how the environment did over time.
///
/// What the server counted of itself, by ten seconds for an hour, by minutes for a day, by hours for thirty days. It survives restarts.
#[utoipa::path(
    get,
    path = "/api/v1/series",
    tag = "node",
    params(
        ("name" = Option<Vec<String>>, Query, description = "Only these measures; also separated by commas"),
        ("range" = Option<String>, Query, description = "`hour` (unless given), `day` or `month`"),
    ),
    responses((status = 200, description = "The points", body = SeriesAnswer))
)]
pub(super) async fn show(
    State(api): State<Api>,
    RawQuery(query): RawQuery,
) -> Result<Json<SeriesAnswer>, Problem> {
    let params = Params::parse(query.as_deref(), &["name", "range"])?;
    let invalid = |detail: String| ApiError::invalid("invalid_query", detail);
    let range = match params.get("range") {
        None => Range::Hour,
        Some(name) => Range::of_name(name).ok_or_else(|| {
            invalid(format!(
                "range: must be `hour`, `day` or `month`, not `{name}`"
            ))
        })?,
    };
    let mut wanted = Vec::new();
    let names = params.all("name").iter().flat_map(|text| text.split(','));
    for name in names.map(str::trim).filter(|name| !name.is_empty()) {
        let measure = Measure::of_name(name).ok_or_else(|| {
            let known = Measure::ALL.map(Measure::name).join(", ");
            invalid(format!(
                "name: there is no measure `{name}`; there are: {known}"
            ))
        })?;
        if !wanted.contains(&measure) {
            wanted.push(measure);
        }
    }
    if wanted.is_empty() {
        wanted = Measure::ALL.to_vec();
    }
    let now_ms = api.node.clock().now_ms();
    let points = wanted
        .into_iter()
        .map(|measure| api.node.series().points(measure, range, now_ms).into());
    Ok(Json(SeriesAnswer {
        range: range.name(),
        step_ms: range.step_ms(),
        series: points.collect(),
    }))
}
