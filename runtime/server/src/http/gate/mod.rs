//! The gate in front of all environments: it finds out whose request it is, and hands it to the router of the environment that it is for.
//!
//! An environment's router has its own node and nothing else: what a handler could reach by mistake is in the same environment. Whether the
//! caller may do what it asks for is decided behind the router (`pass`), where the route is known.

mod browser;
mod pass;
mod table;

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::Response;
use parking_lot::RwLock;
use tower::Service;

use super::error::{ApiError, Dialect};
use super::limits::{RateLimits, RetryAfter};
use super::serve::Peer;
use super::{Api, HttpConfig, cookies, hooks};
use crate::admin::Key;
use crate::admin::keys::Refused;
use crate::environments::{DEFAULT_ENVIRONMENT, Environment};
use crate::metrics::HttpMetrics;
use crate::{Node, Site};
pub(super) use pass::{Caller, Ended, Subject, authorise, unknown};
pub(super) use table::may;
#[cfg(test)]
pub(super) use table::routes as routes_in_table;
pub(super) use table::{counted as routes_of_table, place as place_of_route};

/// Which environment a request is for.
const ENVIRONMENT_HEADER: &str = "x-abide-environment";

/// The same from Inngest's clients, some of which send it by themselves.
const INNGEST_ENVIRONMENT_HEADER: &str = "x-inngest-env";

/// Who is asked for a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Access {
    /// Everybody.
    #[default]
    Keys,
    /// Nobody: the server listens on this machine only. Pages of other sites in a browser on this machine are refused.
    Loopback,
    /// Nobody, wherever the request comes from.
    Anybody,
}

/// What stands between a request and its environment.
#[derive(Clone)]
pub(super) struct Gate {
    site: Site,
    config: Arc<HttpConfig>,
    routers: Arc<RwLock<Routers>>,
    limits: Arc<RateLimits>,
    measured: Arc<HttpMetrics>,
}

/// Nothing counted, of the routes that there are.
pub(super) fn new_http_metrics() -> Arc<HttpMetrics> {
    Arc::new(HttpMetrics::new(table::ROWS.len()))
}

/// The router of each environment, with the node that it is for.
type Routers = HashMap<Arc<str>, (Node, Router)>;

impl Gate {
    pub(super) fn new(site: Site, config: HttpConfig) -> Self {
        Self {
            site,
            limits: Arc::new(RateLimits::new(config.rate_per_key)),
            config: Arc::new(config),
            routers: Arc::default(),
            measured: new_http_metrics(),
        }
    }

    /// What is counted of requests.
    pub(super) fn measured(&self) -> Arc<HttpMetrics> {
        self.measured.clone()
    }

    /// Hands a request on.
    pub(super) async fn pass(State(gate): State<Self>, mut request: Request) -> Response {
        let dialect = Dialect::of_request(request.uri(), request.headers());
        if gate.config.access == Access::Loopback
            && let Some(fault) = browser::fault(request.method(), request.uri(), request.headers())
        {
            let error = ApiError::new(StatusCode::FORBIDDEN, "foreign_page", fault);
            return dialect.render(&error);
        }
        let caller = gate.caller(&request);
        if let Err(retry_after_s) = gate.within_limits(&caller, &request) {
            return dialect.render(&ApiError::rate_limited(retry_after_s));
        }
        let environment = match gate.environment(&caller, &mut request) {
            Ok(environment) => environment,
            Err(error) => return dialect.render(&error),
        };
        request.extensions_mut().insert(caller);
        let to_hook = request.uri().path().starts_with("/hooks/");
        let sender = request
            .extensions()
            .get::<Peer>()
            .filter(|_| to_hook)
            .copied();
        let result: Result<Response, Infallible> = gate.router(&environment).call(request).await;
        let answer = result.unwrap_or_else(|never| match never {});
        match sender.map(|sender| gate.within_forgeries(sender, answer.status())) {
            Some(Err(retry_after_s)) => dialect.render(&ApiError::rate_limited(retry_after_s)),
            Some(Ok(())) | None => answer,
        }
    }

    /// Counts the request to a webhook that was not its provider's, by what it was answered.
    fn within_forgeries(&self, sender: Peer, status: StatusCode) -> Result<(), RetryAfter> {
        match status {
            StatusCode::BAD_REQUEST | StatusCode::UNAUTHORIZED | StatusCode::NOT_FOUND => {
                self.limits.was_forged(sender.0)
            }
            _ => Ok(()),
        }
    }

    /// Counts the request of a key, and the wrong key of an address.
    fn within_limits(&self, caller: &Caller, request: &Request) -> Result<(), RetryAfter> {
        match (caller, request.extensions().get::<Peer>()) {
            (Caller::Holder(key) | Caller::SignedIn(key, _), _) => self.limits.take(&key.id),
            // Where nobody is asked, a wrong key is nobody's business: a probe of health is always answered.
            (Caller::Stranger(Some(_)), Some(Peer(address)))
                if !table::asks_nobody(request.uri().path()) =>
            {
                self.limits.was_wrong(*address)
            }
            (Caller::Stranger(_) | Caller::Anybody, _) => Ok(()),
        }
    }

    fn caller(&self, request: &Request) -> Caller {
        match self.config.access {
            Access::Loopback | Access::Anybody => Caller::Anybody,
            Access::Keys => match self.holder(request) {
                Ok(key) => Caller::Holder(key),
                Err(None) => self.signed_in(request).unwrap_or(Caller::Stranger(None)),
                Err(refused) => Caller::Stranger(refused),
            },
        }
    }

    /// Whose key the request carries: in its path, where events come in, else as a bearer's.
    fn holder(&self, request: &Request) -> Result<Arc<Key>, Option<Refused>> {
        let path = request.uri().path();
        let mut refused = None;
        if let Some(text) = key_in_path(path) {
            match self.site.keys().find(&text, false) {
                Ok(key) => return Ok(key),
                Err(why) => refused = Some(why),
            }
        }
        let Some(text) = bearer(request.headers()) else {
            return Err(refused);
        };
        let hashed = path.starts_with("/v1/");
        self.site.keys().find(text, hashed).map_err(Some)
    }

    /// Whose session a browser shows. Outside the dashboard it lets nobody change anything.
    fn signed_in(&self, request: &Request) -> Option<Caller> {
        let headers = request.headers();
        let page = Dialect::of_request(request.uri(), headers) == Dialect::Page;
        if !page && !matches!(*request.method(), Method::GET | Method::HEAD) {
            return None;
        }
        let token = cookies::get(headers, cookies::SESSION)?;
        let (session, key) = self.site.keys().session(token)?;
        Some(Caller::SignedIn(key, session))
    }

    /// The environment that somebody chose in the dashboard, if there still is one of this name.
    fn chosen(&self, request: &Request) -> Option<String> {
        let name = cookies::get(request.headers(), cookies::ENVIRONMENT)?;
        let looks = matches!(*request.method(), Method::GET | Method::HEAD);
        let page = Dialect::of_request(request.uri(), request.headers()) == Dialect::Page;
        ((looks || page) && self.site.environment(name).is_some()).then(|| name.to_owned())
    }

    /// The environment that a request is for. Takes its name out of the path of a webhook.
    fn environment(&self, caller: &Caller, request: &mut Request) -> Result<Environment, ApiError> {
        let headers = request.headers();
        let asked = header_text(headers, ENVIRONMENT_HEADER)?;
        let chosen = || self.chosen(request);
        let name = match caller {
            Caller::Holder(key) | Caller::SignedIn(key, _) => match (&key.environment, asked) {
                (Some(own), Some(asked)) if **own != *asked => {
                    let detail = format!(
                        "the key is for the environment `{own}`, and the header `{ENVIRONMENT_HEADER}` asks for another"
                    );
                    let forbidden = StatusCode::FORBIDDEN;
                    return Err(ApiError::new(forbidden, "other_environment", detail));
                }
                (Some(own), _) => own.to_string(),
                (None, Some(asked)) => asked.to_owned(),
                // Clients on some platforms send the branch of their code, so that a name that is none is theirs.
                (None, None) => chosen().unwrap_or_else(|| self.named_by_inngest(headers)),
            },
            Caller::Anybody => match asked {
                Some(asked) => asked.to_owned(),
                None => chosen().unwrap_or_else(|| self.named_by_inngest(headers)),
            },
            Caller::Stranger(_) => DEFAULT_ENVIRONMENT.to_owned(),
        };
        if let Some((environment, uri)) = webhook(request.uri()) {
            // Strangers may ask here: they are not to learn which environments there are.
            let unknown = || hooks::unknown(uri.path().trim_start_matches("/hooks/"));
            let found = self.site.environment(&environment).ok_or_else(unknown)?;
            *request.uri_mut() = uri;
            return Ok(found);
        }
        self.site.environment(&name).ok_or_else(|| {
            let detail = format!("there is no environment `{name}`; `abide environments list` shows those that there are");
            ApiError::not_found("no_such_environment", detail)
        })
    }

    fn named_by_inngest(&self, headers: &HeaderMap) -> String {
        let named = headers.get(INNGEST_ENVIRONMENT_HEADER);
        let named = named.and_then(|name| name.to_str().ok());
        named
            .filter(|name| self.site.environment(name).is_some())
            .unwrap_or(DEFAULT_ENVIRONMENT)
            .to_owned()
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
            keys: self.site.keys().clone(),
            site: Some(self.site.clone()),
            measured: self.measured.clone(),
            notifications: environment.notifications.clone(),
        };
        let router = super::routes(api)
            .layer(axum::Extension(self.site.clone()))
            .layer(axum::Extension(self.limits.clone()));
        let entry = (environment.node.clone(), router.clone());
        let mut routers = self.routers.write();
        routers.retain(|name, _| self.site.environment(name).is_some());
        routers.insert(environment.name.clone(), entry);
        router
    }
}

/// `/e/{key}` and `/cloudevents/{key}`: the key, decoded.
fn key_in_path(path: &str) -> Option<String> {
    let rest = ["/e/", "/cloudevents/"]
        .iter()
        .find_map(|prefix| path.strip_prefix(prefix))?;
    let key = rest.split('/').next()?;
    decoded(key)
}

/// Percent-encoding undone; nothing if that is no text.
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        match (first, after) {
            (b'%', [high, low, after @ ..]) => {
                let byte = hex::decode([*high, *low]).ok()?;
                bytes.extend(byte);
                rest = after;
            }
            _ => {
                bytes.push(first);
                rest = after;
            }
        }
    }
    String::from_utf8(bytes).ok()
}

/// The key of a bearer, if the request carries one that is not empty.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, key) = value.split_once(' ')?;
    let key = key.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !key.is_empty()).then_some(key)
}

fn header_text<'a>(headers: &'a HeaderMap, name: &str) -> Result<Option<&'a str>, ApiError> {
    let Some(value) = headers.get(name) else {
        return Ok(None);
    };
    let text = value.to_str().ok().filter(|text| !text.is_empty());
    text.map(Some).ok_or_else(|| {
        let detail = format!("the header `{name}` must hold the name of an environment");
        ApiError::invalid("invalid_environment", detail)
    })
}

/// `/hooks/{environment}/{name}`: the environment, and the path that its router knows. `/hooks/{name}` is of `default`.
fn webhook(uri: &Uri) -> Option<(String, Uri)> {
    let rest = uri.path().strip_prefix("/hooks/")?;
    let Some((environment, name)) = rest.split_once('/') else {
        return Some((DEFAULT_ENVIRONMENT.to_owned(), uri.clone()));
    };
    let query = uri.query().map(|query| format!("?{query}"));
    let path = format!("/hooks/{name}{}", query.unwrap_or_default());
    Some((environment.to_owned(), path.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_found_where_clients_put_them() {
        assert_eq!(
            key_in_path("/e/abide%5fek_1").as_deref(),
            Some("abide_ek_1")
        );
        assert_eq!(key_in_path("/cloudevents/k").as_deref(), Some("k"));
        assert_eq!(key_in_path("/api/v1/runs"), None);
        assert_eq!(key_in_path("/e/%zz"), None);
        for (value, expected) in [
            ("Bearer k", Some("k")),
            ("bearer  k ", Some("k")),
            ("Bearer ", None),
            ("Basic k", None),
            ("k", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::AUTHORIZATION, value.parse().unwrap());
            assert_eq!(bearer(&headers), expected, "{value:?}");
        }
    }

    #[test]
    fn a_webhook_names_its_environment_in_the_path() {
        let found =
            |text: &str| webhook(&text.parse().unwrap()).map(|(name, uri)| (name, uri.to_string()));
        assert_eq!(
            found("/hooks/stripe"),
            Some(("default".into(), "/hooks/stripe".into()))
        );
        assert_eq!(
            found("/hooks/blue/stripe?x=1"),
            Some(("blue".into(), "/hooks/stripe?x=1".into()))
        );
        assert_eq!(found("/api/v1/runs"), None);
    }
}
