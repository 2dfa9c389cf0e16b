//! The gate in front of all environments: it finds out whose request it is, and hands it to the router of the environment that it is for.
//!
//! An environment's router has its own node and nothing else: what a handler could reach by mistake is in the same environment.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::response::Response;
use parking_lot::RwLock;
use tower::Service;

use super::error::{ApiError, Dialect};
use super::{Api, HttpConfig};
use crate::admin::Principal;
use crate::environments::{DEFAULT_ENVIRONMENT, Environment};
use crate::{Node, Site};

/// What stands between a request and its environment.
#[derive(Clone)]
pub(super) struct Gate {
    site: Site,
    config: Arc<HttpConfig>,
    routers: Arc<RwLock<Routers>>,
}

/// The router of each environment, with the node that it is for.
type Routers = HashMap<Arc<str>, (Node, Router)>;

impl Gate {
    pub(super) fn new(site: Site, config: HttpConfig) -> Self {
        Self {
            site,
            config: Arc::new(config),
            routers: Arc::default(),
        }
    }

    /// Everything goes to `default`.
    pub(super) async fn pass(State(gate): State<Self>, mut request: Request) -> Response {
        let dialect = Dialect::of(request.uri().path());
        let Some(environment) = gate.site.environment(DEFAULT_ENVIRONMENT) else {
            return dialect.render(&ApiError::internal("there is no environment `default`"));
        };
        request.extensions_mut().insert(Principal::anybody());
        let result: Result<Response, Infallible> = gate.router(&environment).call(request).await;
        result.unwrap_or_else(|never| match never {})
    }

    /// The router of an environment, made when it is first asked for. One that was removed and made again has another node.
    fn router(&self, environment: &Environment) -> Router {
        let known = self.routers.read().get(&environment.name).cloned();
        if let Some((node, router)) = known
            && Arc::ptr_eq(&node.inner, &environment.node.inner)
        {
            return router;
        }
        let api = Api {
            node: environment.node.clone(),
            config: self.config.clone(),
            environment: environment.name.clone(),
            admin: self.site.admin().clone(),
            under_way: Arc::default(),
            forgotten_before: Arc::default(),
        };
        let router = super::routes(api).layer(axum::Extension(self.site.clone()));
        let entry = (environment.node.clone(), router.clone());
        let mut routers = self.routers.write();
        routers.retain(|name, _| self.site.environment(name).is_some());
        routers.insert(environment.name.clone(), entry);
        router
    }
}
