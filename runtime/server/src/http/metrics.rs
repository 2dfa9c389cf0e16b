//! `GET /metrics`: what Prometheus reads.
//!
//! A key for all environments is shown all of them and the server as a whole; a key of one environment, that environment alone.

use axum::Extension;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Api;
use super::error::{ApiError, Problem};
use super::gate::routes_of_table;
use super::serve::Occupied;
use crate::admin::Principal;
use crate::metrics::{Format, Page, ServerShown, Shown, environments, server};
use crate::telemetry::Tracer;

pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(show))
}

/// Show metrics.
///
/// In Prometheus' text format or, for clients that accept it, OpenMetrics. All environments and the server as a whole with a key for all
/// environments, else the key's own environment.
#[utoipa::path(
    get,
    path = "/metrics",
    tag = "node",
    responses((
        status = 200,
        description = "The metrics",
        content(
            (String = "text/plain"),
            (String = "application/openmetrics-text"),
        ),
    ))
)]
async fn show(
    State(api): State<Api>,
    principal: Option<Extension<Principal>>,
    occupied: Option<Extension<Occupied>>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let accepted = headers.get_all(header::ACCEPT).iter();
    let accepted: Vec<_> = accepted.filter_map(|it| it.to_str().ok()).collect();
    let format = Format::accepted(&accepted.join(","));
    let everything = principal.is_none_or(|it| it.environment.is_none());
    let connections = occupied.map(|Extension(occupied)| occupied.count());
    let node = api.node.inner.clone();
    let text = node.blocking(move || write(&api, format, everything, connections));
    let text = text.await.map_err(ApiError::read)?;
    let content_type = HeaderValue::from_static(format.content_type());
    Ok(([(header::CONTENT_TYPE, content_type)], text).into_response())
}

fn write(
    api: &Api,
    format: Format,
    everything: bool,
    connections: Option<(usize, usize)>,
) -> String {
    let mut page = Page::new(format);
    let site = api.site.as_ref().filter(|_| everything);
    let nodes = match site {
        Some(site) => {
            let all = site.environments().into_iter();
            all.map(|it| (it.name, it.node)).collect()
        }
        None => vec![(api.environment.clone(), api.node.clone())],
    };
    let shown: Vec<_> = nodes
        .iter()
        .map(|(name, node)| Shown {
            name,
            node: &node.inner,
        })
        .collect();
    environments(&mut page, &shown);
    if everything {
        let tracer = api.node.inner.tracer.as_ref();
        let exported = tracer.map(Tracer::exported).unwrap_or_default();
        let shown = ServerShown {
            http: &api.measured,
            routes: &routes_of_table(),
            connections,
            resident: api.node.inner.host.resident(),
            exported,
            uptime: api.node.inner.uptime(),
            directory: api.node.inner.directory(),
        };
        server(&mut page, &shown);
    }
    page.end()
}
