//! The HTTP API of a node.
//!
//! Three dialects live side by side: Inngest's event route (`POST /e/{key}`) and its REST routes (`/v1`), which its SDKs and the
//! poll loop of its documentation use unchanged, and Abide's own routes under `/api/v1`. Each answers errors in its own shape, also
//! for unknown paths, wrong methods and panics.
//!
//! This module converts requests to calls of [`Node`] and records to views; it decides nothing about runs. Invariants: an answer
//! shows only what is durable (the node sees to it); payloads, event keys and variables are never logged at info or above; a
//! client that goes away leaves nothing behind.

mod access;
mod api;
mod body;
mod cancellations;
mod cloudevents;
mod cookies;
mod dashboard;
mod error;
mod events;
mod gate;
mod health;
mod hooks;
mod idempotency;
mod ids;
mod ingest;
mod limits;
mod live;
mod logs;
mod measured;
mod metrics;
mod named;
mod notifications;
mod openapi;
mod page;
mod pages;
mod runs;
mod select;
mod serve;
mod stream;
pub(crate) mod trace;
mod v1;

use std::sync::Arc;

use abide_core::ids::{EventId, RunId};
use abide_core::state::ReadError;
use abide_store::View;
use axum::Router;
use axum::extract::Request;
use axum::http::Method;
use axum::response::Response;
use parking_lot::Mutex;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::trace::TraceLayer;
use utoipa_axum::router::OpenApiRouter;

use crate::admin::{Admin, Keys};
use crate::environments::DEFAULT_ENVIRONMENT;
use crate::metrics::HttpMetrics;
use crate::notify::Notifications;
use crate::telemetry::record_request;
use crate::{Node, Site};
pub(crate) use api::Deployment;
use error::{ApiError, Dialect};
pub use gate::Access;
use gate::{Caller, authorise, unknown};
pub use openapi::openapi;
pub use serve::{Peer, ServeConfig, Server, TlsError, TlsFiles, serve};

/// A setting of the server, as its operators see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingInForce {
    /// Its name in the configuration file.
    pub name: String,
    /// Its value; empty if it has none.
    pub value: String,
    /// Who set it: `flag`, `environment`, `file` or `default`.
    pub origin: &'static str,
}

/// Settings of the HTTP API.
#[derive(Debug, Clone)]
pub struct HttpConfig {
    /// Whether this is a development server: it then answers the probe by which Inngest's SDKs look for one.
    pub dev: bool,
    /// Who is asked for a key.
    pub access: Access,
    /// Requests a second that one key may make, after a burst of twice as many; 0 is no limit.
    pub rate_per_key: u32,
    /// What the operator set and what is so by default, for the page that shows it. No value is a secret.
    pub settings: Vec<SettingInForce>,
    /// Largest body of a request that sends events or a signal, in bytes: it is held in memory.
    pub body_bytes: usize,
    /// Largest component that can be deployed, in bytes: it is held in memory. Python components have about 18 MiB.
    pub component_bytes: usize,
}

impl Default for HttpConfig {
    fn default() -> Self {
        Self {
            dev: false,
            access: Access::Keys,
            rate_per_key: 0,
            settings: Vec::new(),
            body_bytes: 10 << 20,
            component_bytes: 64 << 20,
        }
    }
}

/// All routes of one node, without a gate before them: for tests in this process, and for whoever lets nobody else in.
pub fn router(node: Node, config: HttpConfig) -> Router {
    let admin = Admin::in_memory();
    let api = Api {
        notifications: Notifications::idle(&node),
        node,
        config: Arc::new(config),
        environment: DEFAULT_ENVIRONMENT.into(),
        under_way: Arc::default(),
        forgotten_before: Arc::default(),
        keys: Keys::none(admin.clone()),
        admin,
        site: None,
        measured: gate::new_http_metrics(),
    };
    let http = api.measured.clone();
    surrounded(routes(api).layer(axum::Extension(Caller::Anybody)), http)
}

/// All routes of all environments, behind the gate.
pub fn site_router(site: Site, config: HttpConfig) -> Router {
    let gate = gate::Gate::new(site, config);
    let http = gate.measured();
    let router = Router::new().fallback(gate::Gate::pass).with_state(gate);
    surrounded(router, http)
}

/// The routes of one environment.
fn routes(api: Api) -> Router {
    let mut router = Router::new();
    for (dialect, group) in groups() {
        router = router.merge(in_dialect(dialect, group.into()));
    }
    if api.config.dev {
        router = router.merge(in_dialect(Dialect::Inngest, health::dev_routes()));
    }
    router = router.merge(in_dialect(Dialect::Page, dashboard::routes(&api)));
    let once = axum::middleware::from_fn_with_state(api.clone(), idempotency::once);
    // The role first: who may not do something is told nothing of an earlier answer either.
    let authorise = axum::middleware::from_fn_with_state(api.clone(), authorise);
    if let Some(tracer) = api.node.inner.tracer.clone() {
        let record = axum::middleware::from_fn_with_state(tracer, record_request);
        router = router.route_layer(record);
    }
    router
        .route_layer(once)
        .route_layer(authorise)
        .route_layer(axum::middleware::from_fn(measured::route))
        .fallback(unknown_path)
        .with_state(api)
}

/// What every request goes through first.
fn surrounded(router: Router, http: Arc<HttpMetrics>) -> Router {
    let trace = TraceLayer::new_for_http()
        .make_span_with(ids::span)
        .on_failure(ids::failed);
    router
        .layer(trace)
        .layer(axum::middleware::from_fn(ids::assign))
        .layer(axum::middleware::from_fn_with_state(
            http,
            measured::request,
        ))
}

/// The routes, with their descriptions, by the shape in which they answer errors.
fn groups() -> [(Dialect, OpenApiRouter<Api>); 3] {
    let ours = api::routes()
        .merge(cloudevents::routes())
        .merge(access::routes())
        .merge(health::routes())
        .merge(metrics::routes())
        .merge(openapi::routes())
        .merge(pages::routes())
        .merge(hooks::routes())
        .merge(notifications::routes());
    [
        (Dialect::Ingest, ingest::routes()),
        (Dialect::Inngest, v1::routes()),
        (Dialect::Problem, ours),
    ]
}

/// Routes whose wrong methods and panics are answered in this shape too.
fn in_dialect(dialect: Dialect, routes: Router<Api>) -> Router<Api> {
    let panicked = move |panic: Box<dyn std::any::Any + Send>| dialect.panicked(&*panic);
    routes
        .method_not_allowed_fallback(
            move |method: Method| async move { dialect.wrong_method(&method) },
        )
        .layer(CatchPanicLayer::custom(panicked))
}

/// What every handler works with.
#[derive(Clone)]
struct Api {
    node: Node,
    config: Arc<HttpConfig>,
    /// The environment that the node is.
    environment: Arc<str>,
    /// What operators set up, of all environments.
    admin: Admin,
    /// Requests with an `Idempotency-Key` that are being handled.
    under_way: idempotency::UnderWay,
    /// Up to where such requests of earlier days are forgotten.
    forgotten_before: Arc<Mutex<Option<String>>>,
    /// Who may come in.
    keys: Keys,
    /// The server's environments; `None` for one node without a gate.
    site: Option<Site>,
    /// What is counted of requests.
    measured: Arc<HttpMetrics>,
    /// What watches over the environment.
    notifications: Notifications,
}

impl Api {
    /// Reads from the store.
    async fn read<T: Send + 'static>(
        &self,
        f: impl FnOnce(&View) -> Result<T, ReadError> + Send + 'static,
    ) -> Result<T, ApiError> {
        self.node.read(f).await.map_err(ApiError::read)
    }

    /// The node's time.
    fn now_ms(&self) -> u64 {
        self.node.clock().now_ms()
    }
}

async fn unknown_path(request: Request) -> Response {
    let path = request.uri().path();
    let error = ApiError::not_found(
        "unknown_path",
        format!("there is nothing at `{path}`; docs/http-api.md lists all routes"),
    );
    let dialect = Dialect::of_request(request.uri(), request.headers());
    unknown(&request, dialect.render(&error))
}

/// The run that a path names.
fn run_id(text: &str) -> Result<RunId, ApiError> {
    text.parse()
        .map_err(|invalid| ApiError::invalid("invalid_run_id", format!("run: {invalid}")))
}

/// The event that a path names: by its internal id.
fn event_id(text: &str) -> Result<EventId, ApiError> {
    text.parse()
        .map_err(|invalid| ApiError::invalid("invalid_event_id", format!("event: {invalid}")))
}

fn no_such_run(id: RunId) -> ApiError {
    ApiError::not_found("no_such_run", format!("there is no run {id} on this node"))
}

fn no_such_event(id: EventId) -> ApiError {
    ApiError::not_found(
        "no_such_event",
        format!(
            "there is no event {id} on this node; use the id that the answer to sending it gave, not the sender's own"
        ),
    )
}
