//! A visit: who looks at a page, of which environment, and how.

use std::convert::Infallible;
use std::sync::Arc;

use abide_core::ids::RunId;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{Method, StatusCode};
use axum::response::Response;
use maud::Markup;

use super::forms::{self, Flash};
use super::shell::{self, Frame, Section};
use super::{paths, preferences, respond};
use crate::admin::Principal;
use crate::admin::keys::Session;
use crate::http::gate::{self, Caller};
use crate::http::{Api, cookies};

/// Somebody who looks at a page. Handlers take it as an argument.
pub(super) struct Visit {
    /// What the API's handlers work with, in the environment that the page shows.
    pub(super) api: Api,
    /// Who it is.
    pub(super) principal: Principal,
    /// When.
    pub(super) now_ms: u64,
    /// Where the stream of changes stood before anything was read for the page.
    position: String,
    /// The path with its query, or a page near it.
    pub(super) here: String,
    /// The session, where one was asked for.
    pub(super) session: Option<Arc<Session>>,
    theme: preferences::Theme,
    flash: Option<Flash>,
}

impl FromRequestParts<Api> for Visit {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Infallible> {
        let principal = parts.extensions.get::<Principal>().cloned();
        let session = match parts.extensions.get::<Caller>() {
            Some(Caller::SignedIn(_, session)) => Some(session.clone()),
            Some(Caller::Anybody | Caller::Holder(_) | Caller::Stranger(_)) | None => None,
        };
        let here = match parts.method {
            Method::GET | Method::HEAD => parts.uri.path_and_query().map(ToString::to_string),
            // A page that answers a form is at no address of its own: its section's list is.
            _ => parts
                .uri
                .path()
                .split('/')
                .nth(1)
                .map(|root| format!("/{root}")),
        };
        Ok(Self {
            api: api.clone(),
            // Open routes have no principal, and their pages show nothing of an environment.
            principal: principal.unwrap_or_else(Principal::nobody),
            now_ms: api.node.clock().now_ms(),
            position: api.node.inner.changes.present(),
            here: here.unwrap_or_else(|| "/".to_owned()),
            session,
            theme: preferences::Theme::of(&parts.headers),
            flash: Flash::of(&parts.headers),
        })
    }
}

impl Visit {
    /// Whether the visitor may use a route, by its method and its pattern: what he may not, a page does not offer.
    pub(super) fn may(&self, method: &Method, pattern: &str) -> bool {
        gate::may(&self.principal, method, pattern)
    }

    /// Whether the visitor may send a form to this pattern.
    pub(super) fn may_post(&self, pattern: &str) -> bool {
        self.may(&Method::POST, pattern)
    }

    /// A page of this title, to be shown in the frame that all pages have.
    pub(super) fn page<'a>(&'a self, section: Section, title: &'a str) -> Page<'a> {
        Page {
            visit: self,
            section,
            title,
            live: None,
            status: StatusCode::OK,
        }
    }

    /// The environments that the visitor can choose from, if there is a choice.
    fn environments(&self) -> Vec<String> {
        let (None, Some(site)) = (&self.principal.environment, &self.api.site) else {
            return Vec::new();
        };
        let names: Vec<_> = site
            .environments()
            .iter()
            .map(|it| it.name.to_string())
            .collect();
        if names.len() > 1 { names } else { Vec::new() }
    }
}

/// A page that is being made.
pub(super) struct Page<'a> {
    visit: &'a Visit,
    section: Section,
    title: &'a str,
    live: Option<String>,
    status: StatusCode,
}

impl Page<'_> {
    /// Its parts with `data-live` are kept fresh: with all `runs`, or `events`, that changed since the page began to be made.
    pub(super) fn live(mut self, show: &str) -> Self {
        let position = &self.visit.position;
        self.live = Some(format!(
            "/api/v1/stream?show={show}&last_event_id={position}"
        ));
        self
    }

    /// The same with one run, whose stream begins with the run as it stands.
    pub(super) fn live_with(mut self, run: RunId) -> Self {
        let run = paths::run(run);
        self.live = Some(format!("/api/v1{run}/stream?steps=false"));
        self
    }

    /// The status of the answer.
    pub(super) fn status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    /// The answer, with what the page shows.
    #[allow(
        clippy::needless_pass_by_value,
        reason = "handlers end in `.show(html! { … })`"
    )]
    pub(super) fn show(self, content: Markup) -> Response {
        let visit = self.visit;
        let environments = visit.environments();
        let frame = Frame {
            section: self.section,
            title: self.title,
            live: self.live.as_deref(),
            theme: visit.theme,
            here: &visit.here,
            environment: &visit.api.environment,
            environments: &environments,
            visitor: visit.session.as_ref().map(|_| &visit.principal),
            may: &|pattern| visit.may(&Method::GET, pattern),
            flash: visit.flash.as_ref(),
        };
        let mut page = shell::framed(&frame, &content);
        if !environments.is_empty() {
            page = forms::bound_to(&page, &visit.api.environment);
        }
        let mut response = respond::page(self.status, page);
        if visit.flash.is_some() {
            let gone = cookies::set(cookies::FLASH, "", 0, false);
            cookies::add(response.headers_mut(), gone);
        }
        response
    }
}
