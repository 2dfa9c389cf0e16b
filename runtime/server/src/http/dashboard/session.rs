//! Signing in and out: a browser shows a key once, and gets a session in its place.

use axum::Extension;
use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use maud::html;
use std::sync::Arc;

use super::components as ui;
use super::forms::Fields;
use super::visit::Visit;
use super::{paths, preferences, respond, shell};
use crate::admin::Role;
use crate::environments::EVERYWHERE;
use crate::http::api::Params;
use crate::http::error::{ApiError, PageError};
use crate::http::limits::RateLimits;
use crate::http::serve::Peer;
use crate::http::{Access, Api, cookies};

/// Asks for a key.
pub(super) async fn form(
    State(api): State<Api>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    if api.config.access != Access::Keys {
        return respond::see("/");
    }
    let params = Params::parse(query.as_deref(), &["next"]).ok();
    let next = params.as_ref().and_then(|it| it.get("next")).unwrap_or("/");
    let over = cookies::get(&headers, cookies::SESSION).is_some();
    let says = over.then_some("Your session is over: it was signed out, its 12 hours have passed, or its key was revoked.");
    page(StatusCode::OK, &headers, paths::own(next), says)
}

fn page(status: StatusCode, headers: &HeaderMap, next: &str, says: Option<&str>) -> Response {
    let content = html! {
        form.sign-in method="post" action="/sign-in" data-testid="form-sign-in" {
            h1 { "Sign in" }
            @if let Some(says) = says {
                p.flash.refused role="alert" data-testid="sign-in-error" { (says) }
            }
            input type="hidden" name="next" value=(next);
            label for="key" { "API key" }
            input #key type="password" name="key" autocomplete="current-password" required autofocus
                placeholder="abide_sk_…" spellcheck="false" aria-describedby="key-help";
            p #key-help .dim {
                "The first start of " code { "abide serve" } " printed an admin key. With it, make others:"
            }
            (ui::command("abide keys create me --role operate"))
            button.primary type="submit" data-testid="button-sign-in" { "Sign in" }
        }
    };
    let theme = preferences::Theme::of(headers);
    respond::page(status, shell::bare("Sign in", theme, &content))
}

/// Takes a key, and begins a session.
pub(super) async fn sign_in(
    visit: Visit,
    limits: Option<Extension<Arc<RateLimits>>>,
    peer: Option<Extension<Peer>>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, PageError> {
    let fields = Fields::read(&visit, &headers, body).await?;
    let next = paths::own(fields.get("next").unwrap_or("/"));
    let keys = &visit.api.keys;
    let text = fields.get("key").unwrap_or_default().trim();
    let key = match keys.find(text, false) {
        Ok(key) if key.role == Role::Send => {
            let says = "This key may only send events. Looking needs a key with the role read, operate, deploy or admin.";
            return Ok(page(StatusCode::FORBIDDEN, &headers, next, Some(says)));
        }
        Ok(key) => key,
        Err(refused) => {
            if let (Some(Extension(limits)), Some(Extension(Peer(address)))) = (limits, peer) {
                limits.was_wrong(address).map_err(ApiError::rate_limited)?;
            }
            let says = if text.is_empty() {
                "Nothing was sent; paste a key.".to_owned()
            } else {
                format!("That does not let you in: {refused}.")
            };
            return Ok(page(StatusCode::UNAUTHORIZED, &headers, next, Some(&says)));
        }
    };
    let (token, session) = keys.sign_in(&key).await.map_err(ApiError::from)?;
    let place = key.environment.as_deref().unwrap_or(EVERYWHERE);
    visit
        .api
        .admin
        .audit(place, &key.principal(), "sign in", &key.id, "done")
        .await
        .map_err(ApiError::from)?;
    let mut response = respond::see(next);
    let seconds = session.expires_ms.saturating_sub(visit.now_ms) / abide_core::SECOND_MS;
    let secure = cookies::is_secure(&headers);
    let cookie = cookies::set(cookies::SESSION, token.expose(), seconds, secure);
    cookies::add(response.headers_mut(), cookie);
    Ok(response)
}

/// Ends the session.
pub(super) async fn sign_out(visit: Visit) -> Result<Response, PageError> {
    if let Some(session) = &visit.session {
        let keys = &visit.api.keys;
        keys.sign_out(session).await.map_err(ApiError::from)?;
    }
    let mut response = respond::see("/sign-in");
    let gone = cookies::set(cookies::SESSION, "", 0, false);
    cookies::add(response.headers_mut(), gone);
    Ok(response)
}
