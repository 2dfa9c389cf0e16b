//! Pages for what is not there, not allowed, or broken; and the way in for strangers.

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::Response;
use maud::{Markup, html};

use super::components as ui;
use super::preferences::Theme;
use super::visit::Visit;
use super::{paths, respond, shell};
use crate::admin::Role;
use crate::http::error::{ApiError, PAGES};

/// An error as a page that says what to do. Where there is a visit, [`frame`] makes it one of its pages.
pub(in crate::http) fn fault(error: &ApiError) -> Response {
    let (title, content) = said(error);
    let mut response = respond::page(error.status, shell::bare(title, Theme::System, &content));
    if let Some(seconds) = error.retry_after_s {
        let seconds = HeaderValue::from(seconds);
        response.headers_mut().insert(header::RETRY_AFTER, seconds);
    }
    response.extensions_mut().insert(error.clone());
    response
}

/// Puts errors into the frame that the visitor's other pages have.
pub(super) async fn frame(visit: Visit, request: Request, next: Next) -> Response {
    let section = shell::section_of(request.uri().path());
    let open = visit.principal.role == Role::Send;
    let mut response = next.run(request).await;
    let Some(error) = response
        .extensions_mut()
        .remove::<ApiError>()
        .filter(|_| !open)
    else {
        return response;
    };
    let (title, content) = said(&error);
    let mut framed = visit
        .page(section, title)
        .status(error.status)
        .show(content);
    if let Some(seconds) = response.headers().get(header::RETRY_AFTER) {
        let seconds = seconds.clone();
        framed.headers_mut().insert(header::RETRY_AFTER, seconds);
    }
    framed
}

fn said(error: &ApiError) -> (&'static str, Markup) {
    let title = match error.status {
        StatusCode::NOT_FOUND => "There is nothing here",
        StatusCode::FORBIDDEN => "This is not allowed",
        StatusCode::CONFLICT => "That does not go any more",
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => "Not now",
        status if status.is_server_error() => "Something broke",
        _ => "That cannot be done",
    };
    let content = html! {
        section.fault data-testid="fault" data-code=(error.code) {
            h1 { (title) }
            p { (ui::shown(&error.detail)) }
            @if error.code == "role_missing" {
                p.dim { "Ask an admin for a key with that role, or make one:" }
                (ui::command("abide keys create me --role operate"))
            }
            p.links {
                a.button href="/runs" { "Go to the runs" }
                a href=(format!("{PAGES}/{}", error.code)) { "About the error " code { (error.code) } }
            }
        }
    };
    (title, content)
}

/// Where a browser goes that nobody knows.
pub(in crate::http) fn stranger(method: &Method, uri: &Uri, headers: &HeaderMap) -> Response {
    let here = uri.path_and_query().map_or("/", |it| it.as_str());
    let looks = matches!(*method, Method::GET | Method::HEAD);
    // Somebody followed a link on another site: the browser sends no session with that, but with what it loads next.
    if looks
        && headers
            .get("sec-fetch-site")
            .is_some_and(|it| it == "cross-site")
    {
        return respond::page(StatusCode::OK, shell::again(paths::own(here)));
    }
    let next = match here {
        "/" => "",
        _ if !looks => "",
        here => here,
    };
    respond::see(&paths::with_query("/sign-in", &[("next", next)]))
}
