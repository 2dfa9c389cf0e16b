//! What stands before every handler of an environment: the role that its route needs, and the audit log.
//!
//! It runs once the route is known. A route without a row in the table is closed, whoever calls.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use axum::body::Body;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures::StreamExt;
use serde_json::json;
use tracing::{Instrument as _, Span};

use super::browser;
use super::table::{self, Found, Need};
use crate::admin::keys::{Refused, Session};
use crate::admin::{Admin, Begun, Key, Principal};
use crate::environments::EVERYWHERE;
use crate::http::error::{ApiError, Dialect};
use crate::http::{Api, dashboard};

/// Who calls, as far as the gate found out.
#[derive(Debug, Clone)]
pub(in crate::http) enum Caller {
    /// Nobody asks for keys here.
    Anybody,
    /// The holder of a key.
    Holder(Arc<Key>),
    /// A browser with a session of a key.
    SignedIn(Arc<Key>, Arc<Session>),
    /// Without a key that lets in; with one that does not, why.
    Stranger(Option<Refused>),
}

impl Caller {
    fn principal(&self) -> Option<Principal> {
        match self {
            Self::Anybody => Some(Principal::anybody()),
            Self::Holder(key) | Self::SignedIn(key, _) => Some(key.principal()),
            Self::Stranger(_) => None,
        }
    }
}

/// What a change was made to, where the path does not say it: a handler puts it into its answer's extensions.
#[derive(Debug, Clone)]
pub(in crate::http) struct Subject(pub(in crate::http) String);

/// How a change went, where the answer's status does not say it: a form is answered with the way to a page that does.
#[derive(Debug, Clone, Copy)]
pub(in crate::http) struct Ended(pub(in crate::http) StatusCode);

/// Lets a request through to its handler, or not.
pub(in crate::http) async fn authorise(
    State(api): State<Api>,
    mut request: Request,
    next: Next,
) -> Response {
    let dialect = Dialect::of_request(request.uri(), request.headers());
    let pattern = request.extensions().get::<MatchedPath>().cloned();
    let pattern = pattern.as_ref().map_or("", MatchedPath::as_str);
    let caller = request.extensions().get::<Caller>().cloned();
    let caller = caller.unwrap_or(Caller::Stranger(None));
    let method = request.method().clone();
    let (need, audited) = match table::find(&method, pattern) {
        Found::Row(need, audited) => (need, audited),
        Found::OtherMethods => return other_methods(dialect, &caller, &request, pattern),
        Found::Nothing => {
            tracing::error!(pattern, "a route has no row in the table of roles");
            let detail = "this route says no role that it needs, so it is closed; this is a fault of the server, please report it";
            return dialect.render(&ApiError::new(
                StatusCode::FORBIDDEN,
                "route_closed",
                detail,
            ));
        }
    };
    if dialect == Dialect::Page
        && let Some(fault) = foreign_form(&caller, &request)
    {
        return dialect.render(&ApiError::new(StatusCode::FORBIDDEN, "foreign_page", fault));
    }
    let Some(principal) = caller.principal() else {
        if need != Need::Nothing {
            return stranger(dialect, &request, &caller);
        }
        return next.run(request).await;
    };
    if dialect == Dialect::Page
        && let Some(error) = elsewhere(&api, pattern, request.uri())
    {
        return dialect.render(&error);
    }
    if let Some(error) = missing(&principal, need, &method, pattern) {
        return dialect.render(&error);
    }
    request.extensions_mut().insert(principal.clone());
    let answer = if audited {
        recorded(&api, (&principal, need, dialect), pattern, request, next).await
    } else {
        next.run(request).await
    };
    match caller {
        Caller::Holder(key) => until_over(answer, key, None),
        Caller::SignedIn(key, session) => until_over(answer, key, Some(session)),
        Caller::Anybody | Caller::Stranger(_) => answer,
    }
}

/// Why a form is not taken from where it comes: a page of another site may have made a browser send it.
fn foreign_form(caller: &Caller, request: &Request) -> Option<&'static str> {
    let must_say = match caller {
        // A page of another site cannot add a key.
        Caller::Holder(_) => return None,
        Caller::Anybody => false,
        Caller::SignedIn(..) | Caller::Stranger(_) => true,
    };
    match *request.method() {
        Method::GET | Method::HEAD | Method::OPTIONS => None,
        _ => browser::foreign_form(request.uri(), request.headers(), must_say),
    }
}

/// Why a form is not taken whose page shows another environment than the one that is chosen now.
fn elsewhere(api: &Api, pattern: &str, uri: &Uri) -> Option<ApiError> {
    // These are about the browser, and about no environment.
    if matches!(pattern, "/preferences" | "/sign-out") {
        return None;
    }
    let meant = dashboard::environment_of(uri).filter(|meant| *meant != *api.environment)?;
    let detail = format!(
        "the page showed the environment `{meant}`, and meanwhile `{}` was chosen, so nothing was done. Choose `{meant}` again, and look",
        api.environment
    );
    Some(ApiError::conflict("environment_changed", detail))
}

/// The answer to a path that is none, for whoever may know that.
pub(in crate::http) fn unknown(request: &Request, otherwise: Response) -> Response {
    match request.extensions().get::<Caller>() {
        Some(Caller::Anybody | Caller::Holder(_) | Caller::SignedIn(..)) => otherwise,
        caller => {
            let nobody = Caller::Stranger(None);
            let dialect = Dialect::of_request(request.uri(), request.headers());
            stranger(dialect, request, caller.unwrap_or(&nobody))
        }
    }
}

/// The role that is missing, if one is.
fn missing(principal: &Principal, need: Need, method: &Method, pattern: &str) -> Option<ApiError> {
    let (has, forbidden) = (principal.role, StatusCode::FORBIDDEN);
    match need {
        Need::Role(role) if !has.includes(role) => Some(ApiError::new(
            forbidden,
            "role_missing",
            format!(
                "`{method} {pattern}` needs a key with the role `{role}`; this key has the role `{has}`"
            ),
        )),
        Need::ServerAdmin
            if !has.includes(crate::admin::Role::Admin) || principal.environment.is_some() =>
        {
            let of = match &principal.environment {
                Some(name) => format!("the role `{has}` in the environment `{name}`"),
                None => format!("the role `{has}`"),
            };
            Some(ApiError::new(
                forbidden,
                "role_missing",
                format!(
                    "`{method} {pattern}` needs a key with the role `admin` for all environments; this key has {of}"
                ),
            ))
        }
        Need::Nothing | Need::Role(_) | Need::ServerAdmin => None,
    }
}

fn other_methods(dialect: Dialect, caller: &Caller, request: &Request, pattern: &str) -> Response {
    if matches!(caller, Caller::Stranger(_)) && !table::is_open(pattern) {
        return stranger(dialect, request, caller);
    }
    let mut answer = dialect.wrong_method(request.method());
    if let Ok(allow) = HeaderValue::try_from(table::methods(pattern)) {
        answer.headers_mut().insert(header::ALLOW, allow);
    }
    answer
}

/// The answer to somebody without a key that lets in.
fn stranger(dialect: Dialect, request: &Request, caller: &Caller) -> Response {
    let refused = match caller {
        Caller::Stranger(refused) => *refused,
        Caller::Anybody | Caller::Holder(_) | Caller::SignedIn(..) => None,
    };
    let path = request.uri().path();
    let mut answer = match dialect {
        Dialect::Page => {
            return dashboard::stranger(request.method(), request.uri(), request.headers());
        }
        // Inngest's words: its clients look for them.
        Dialect::Ingest => {
            let body = json!({ "ids": [], "status": 401, "error": "Event key not found" });
            (StatusCode::UNAUTHORIZED, axum::Json(body)).into_response()
        }
        Dialect::Inngest | Dialect::Problem => {
            let error = match refused {
                Some(why) => ApiError::new(
                    StatusCode::UNAUTHORIZED,
                    "key_refused",
                    format!("{why}; ask an admin of this server for another"),
                ),
                None => ApiError::new(
                    StatusCode::UNAUTHORIZED,
                    "key_missing",
                    format!(
                        "`{path}` needs a key: send it as `authorization: Bearer KEY` (the command line takes it from ABIDE_API_KEY or --key-file)"
                    ),
                ),
            };
            dialect.render(&error)
        }
    };
    let challenge = if refused.is_some() {
        "Bearer realm=\"abide\", error=\"invalid_token\""
    } else {
        "Bearer realm=\"abide\""
    };
    let challenge = HeaderValue::from_static(challenge);
    answer
        .headers_mut()
        .insert(header::WWW_AUTHENTICATE, challenge);
    answer
}

/// Handles a change with a line in the audit log: written before, so that no change is without one, and completed after.
async fn recorded(
    api: &Api,
    (principal, need, dialect): (&Principal, Need, Dialect),
    pattern: &str,
    request: Request,
    next: Next,
) -> Response {
    let path = request.uri().path().to_owned();
    let action = format!("{} {pattern}", request.method());
    let place = match need {
        Need::ServerAdmin => EVERYWHERE,
        Need::Nothing | Need::Role(_) => &*api.environment,
    };
    let named = subject(pattern, &path);
    let begun = api.admin.audit_begin(place, principal, &action, &named);
    let line = match begun.await {
        Ok(line) => line,
        Err(error) => return unrecorded(dialect, &error),
    };
    let admin = api.admin.clone();
    let change = completed(admin, line, dialect, request, next);
    // In a task of its own: what was begun is done and recorded, also when the client goes away meanwhile.
    let task = tokio::spawn(change.instrument(Span::current()));
    task.await.unwrap_or_else(|error| {
        dialect.render(&ApiError::internal(format!(
            "the change broke off: {error}"
        )))
    })
}

/// Makes a change, and completes its line in the audit log.
async fn completed(
    admin: Admin,
    line: Begun,
    dialect: Dialect,
    request: Request,
    next: Next,
) -> Response {
    let answer = next.run(request).await;
    let subject = answer.extensions().get::<Subject>().map(|it| it.0.clone());
    let ended = answer.extensions().get::<Ended>();
    let status = ended.map_or(answer.status(), |ended| ended.0);
    let outcome = if status.is_success() || status.is_redirection() {
        "done".to_owned()
    } else if status.is_server_error() {
        format!("failed: {status}")
    } else {
        format!("refused: {status}")
    };
    match admin.audit_end(line, subject, &outcome).await {
        Ok(()) => answer,
        Err(error) => unrecorded(dialect, &error),
    }
}

fn unrecorded(dialect: Dialect, error: &crate::admin::AdminError) -> Response {
    tracing::error!(%error, "the audit log could not be written");
    dialect.render(&ApiError::internal(format!(
        "the audit log could not be written: {error}"
    )))
}

/// What the parameters of a route stand for in a path.
fn subject(pattern: &str, path: &str) -> String {
    let mut values = path.split('/');
    let mut found = Vec::new();
    for part in pattern.split('/') {
        if part.starts_with("{*") {
            found.extend(values.by_ref());
            break;
        }
        let value = values.next().unwrap_or_default();
        if part.starts_with('{') {
            found.push(value);
        }
    }
    found.join("/")
}

/// Ends an answer that goes on for as long as the client listens, when its key does, or its session.
fn until_over(answer: Response, key: Arc<Key>, session: Option<Arc<Session>>) -> Response {
    let streams = answer
        .headers()
        .get(header::CONTENT_TYPE)
        .is_some_and(|it| it.as_bytes().starts_with(b"text/event-stream"));
    if !streams {
        return answer;
    }
    let session_over = async move {
        let Some(session) = session else {
            return std::future::pending().await;
        };
        tokio::select! {
            () = session.ended() => {}
            () = expired(Some(session.expires_ms)) => {}
        }
    };
    let over = async move {
        tokio::select! {
            () = key.revoked() => {}
            () = expired(key.expires_ms) => {}
            () = session_over => {}
        }
    };
    answer.map(|body| Body::from_stream(body.into_data_stream().take_until(Box::pin(over))))
}

async fn expired(at_ms: Option<u64>) {
    let Some(at_ms) = at_ms else {
        return std::future::pending().await;
    };
    let at = SystemTime::UNIX_EPOCH.checked_add(Duration::from_millis(at_ms));
    match at.and_then(|at| at.duration_since(SystemTime::now()).ok()) {
        Some(left) => tokio::time::sleep(left).await,
        None if at.is_none() => std::future::pending().await,
        None => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_subject_of_a_change_is_what_its_path_names() {
        for (pattern, path, expected) in [
            ("/api/v1/runs/{id}/cancel", "/api/v1/runs/01X/cancel", "01X"),
            (
                "/api/v1/functions/{app}/{function}/pause",
                "/api/v1/functions/shop/pay/pause",
                "shop/pay",
            ),
            (
                "/api/v1/schemas/{*event}",
                "/api/v1/schemas/order/placed",
                "order/placed",
            ),
            ("/api/v1/jobs", "/api/v1/jobs", ""),
        ] {
            assert_eq!(subject(pattern, path), expected);
        }
    }
}
