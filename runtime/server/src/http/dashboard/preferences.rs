//! What a browser remembers for its user: light or dark, and the environment that pages show.

use axum::body::Body;
use axum::http::HeaderMap;
use axum::response::Response;

use super::forms::Fields;
use super::visit::Visit;
use super::{paths, respond};
use crate::http::cookies;
use crate::http::error::{ApiError, PageError};

/// The colours of pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Theme {
    /// As the system says.
    System,
    Light,
    Dark,
}

impl Theme {
    /// All of them, in the order in which a switch goes through them.
    pub(super) const ALL: [Self; 3] = [Self::System, Self::Light, Self::Dark];

    /// What the browser remembers.
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let name = cookies::get(headers, cookies::THEME).unwrap_or_default();
        Self::named(name).unwrap_or(Self::System)
    }

    fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|theme| theme.as_str() == name)
    }

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }
}

/// Remembers what a form says, and leads back to where it was.
pub(super) async fn set(
    visit: Visit,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, PageError> {
    let fields = Fields::read(&visit, &headers, body).await?;
    let mut response = respond::see(paths::own(fields.get("back").unwrap_or("/")));
    let secure = cookies::is_secure(&headers);
    let mut remember = |name: &str, value: &str| {
        let cookie = cookies::set(name, value, cookies::YEAR_S, secure);
        cookies::add(response.headers_mut(), cookie);
    };
    if let Some(name) = fields.get("theme") {
        let theme = Theme::named(name).ok_or_else(|| {
            ApiError::invalid("invalid_body", "theme: must be system, light or dark")
        })?;
        remember(cookies::THEME, theme.as_str());
    }
    if let Some(name) = fields.get("environment") {
        let known = visit.api.site.as_ref().and_then(|it| it.environment(name));
        let known = known.ok_or_else(|| {
            let detail = format!("there is no environment `{name}`");
            ApiError::not_found("no_such_environment", detail)
        })?;
        remember(cookies::ENVIRONMENT, &known.name);
    }
    Ok(response)
}
