//! Forms: what they send, and the way back that they are answered with.
//!
//! Where they may come from, the gate decides. A message travels to the next page in a cookie, and is shown once.

use axum::body::Body;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::Response;
use maud::{Markup, PreEscaped, html};

use super::visit::Visit;
use super::{Section, components as ui, paths, respond};
use crate::http::error::ApiError;
use crate::http::gate::Ended;
use crate::http::{body, cookies};

/// How long a message waits for its page, in seconds.
const FLASH_S: u64 = 60;

/// The most characters of a message.
const FLASH_CHARACTERS: usize = 600;

/// The most bytes of a message as it is sent: browsers drop a cookie of more than 4096 with its attributes.
const FLASH_BYTES: usize = 3_800;

/// The fields of a form.
#[derive(Debug, Default)]
pub(super) struct Fields(Vec<(String, String)>);

impl Fields {
    /// Reads what a form sends.
    pub(super) async fn read(
        visit: &Visit,
        headers: &HeaderMap,
        body: Body,
    ) -> Result<Self, ApiError> {
        let bytes = body::read(headers, body, visit.api.config.body_bytes).await?;
        Ok(Self(form_urlencoded::parse(&bytes).into_owned().collect()))
    }

    /// Fields as a form would send them.
    #[cfg(test)]
    pub(super) fn of(pairs: &[(&str, &str)]) -> Self {
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Self(pairs.iter().map(own).collect())
    }

    /// The value of a field that is not empty.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.raw(name).filter(|value| !value.is_empty())
    }

    /// The value of a field, which may be empty.
    pub(super) fn raw(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(found, _)| found == name);
        found.map(|(_, value)| value.as_str())
    }

    /// All fields, in their order.
    pub(super) fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

/// The parameter by which a form says which environment its page shows.
const OF: &str = "of-environment";

/// Has every form of a page say which environment the page shows: meanwhile another one may be chosen elsewhere, and the form is not for that.
pub(super) fn bound_to(page: &Markup, environment: &str) -> Markup {
    // In text this could not stand: its quotes would be escaped.
    const FORM: &str = " method=\"post\" action=\"";
    let mut parts = page.0.split(FORM);
    let mut bound = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (path, rest) = part.split_once('"').unwrap_or((part, ""));
        let path = paths::with_query(path, &[(OF, environment)]);
        bound.extend([FORM, &path, "\"", rest]);
    }
    PreEscaped(bound)
}

/// Which environment the page of a form showed, if it says so.
pub(in crate::http) fn environment_of(uri: &Uri) -> Option<String> {
    let query = uri.query()?.as_bytes();
    let mut pairs = form_urlencoded::parse(query);
    let (_, name) = pairs.find(|(name, _)| name == OF)?;
    Some(name.into_owned())
}

/// A message for the next page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Flash {
    /// Whether something did not work.
    pub(super) refused: bool,
    /// What to say.
    pub(super) text: String,
}

impl Flash {
    /// The message that a request brings.
    pub(super) fn of(headers: &HeaderMap) -> Option<Self> {
        let value = cookies::get(headers, cookies::FLASH)?;
        let (name, text) = form_urlencoded::parse(value.as_bytes()).next()?;
        Some(Self {
            refused: name == "no",
            text: text.chars().take(FLASH_CHARACTERS).collect(),
        })
    }

    fn cookie(&self) -> Option<axum::http::HeaderValue> {
        let name = if self.refused { "no" } else { "yes" };
        let mut value = format!("{name}=");
        for character in self.text.chars().take(FLASH_CHARACTERS) {
            let mut bytes = [0; 4];
            let bytes = character.encode_utf8(&mut bytes).as_bytes();
            let before = value.len();
            value.extend(form_urlencoded::byte_serialize(bytes));
            if value.len() > FLASH_BYTES {
                value.truncate(before);
                break;
            }
        }
        cookies::set(cookies::FLASH, &value, FLASH_S, false)
    }
}

/// Leads to a page that says what was done.
pub(super) fn done(path: &str, text: impl Into<String>) -> Response {
    told(path, false, text)
}

/// Leads to a page that says what came of it.
pub(super) fn told(path: &str, refused: bool, text: impl Into<String>) -> Response {
    let flash = Flash {
        refused,
        text: text.into(),
    };
    let mut response = respond::see(path);
    cookies::add(response.headers_mut(), flash.cookie());
    response
}

/// Leads to a page that says why nothing was done.
pub(super) fn refused(path: &str, error: &ApiError) -> Response {
    let mut response = told(path, true, &*error.detail);
    response.extensions_mut().insert(Ended(error.status));
    response
}

/// Leads to a page that says how it went.
pub(super) fn outcome(path: &str, result: Result<String, ApiError>) -> Response {
    match result {
        Ok(text) => done(path, text),
        // A fault of the node is no message between pages.
        Err(error) if error.status == StatusCode::INTERNAL_SERVER_ERROR => super::fault(&error),
        Err(error) => refused(path, &error),
    }
}

/// Shows a form again that could not be taken, with what was typed. `texts`: its fields of several lines, with their labels; what else it sent goes with it.
pub(super) fn again(
    visit: &Visit,
    (section, path): (Section, &str),
    fields: &Fields,
    texts: &[(&str, &str)],
    error: &ApiError,
) -> Response {
    let label = |name: &str| texts.iter().find(|(found, _)| *found == name);
    let content = html! {
        (ui::heading(&html! { "Not done yet" }, &html! {}))
        p.flash.refused role="alert" data-testid="form-fault" { (ui::shown(&error.detail)) }
        form.bulk.panel-box method="post" action=(path) data-testid="form-again" {
            @for (name, value) in fields.pairs() {
                @if let Some((_, label)) = label(name) {
                    (ui::field(name, label, &ui::area(name, name, value, true)))
                } @else {
                    input type="hidden" name=(name) value=(value);
                }
            }
            button.primary type="submit" data-testid="button-again" { "Try again" }
        }
    };
    visit
        .page(section, "Not done yet")
        .status(error.status)
        .show(content)
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::header;

    #[test]
    fn a_message_reaches_the_next_page_as_text() {
        let text = "cancelled; \"<b>\" = 1 & é\n\u{202e}";
        let response = done("/runs", text);
        assert_eq!(response.status(), StatusCode::SEE_OTHER);
        assert_eq!(response.headers()[header::LOCATION], "/runs");
        let cookie = response.headers()[header::SET_COOKIE].to_str().unwrap();
        let (pair, _) = cookie.split_once(';').unwrap();
        let mut headers = HeaderMap::new();
        headers.insert(header::COOKIE, pair.parse().unwrap());
        let flash = Flash::of(&headers).expect("a message");
        assert_eq!((flash.refused, flash.text.as_str()), (false, text));
        for letter in ["é", "漢", "😀"] {
            let long = done("/", letter.repeat(5_000));
            let cookie = &long.headers()[header::SET_COOKIE];
            assert!((3_000..4_096).contains(&cookie.len()), "{letter}");
        }
    }

    #[test]
    fn every_form_of_a_page_says_which_environment_it_shows() {
        let hostile = " method=\"post\" action=\"/x\"";
        let page = html! {
            form.a method="post" action="/runs/1/cancel" { input value=(hostile); p { (hostile) } }
            form method="get" action="/runs" {}
            form.b method="post" action="/keys/create" data-x="1" {}
        };
        let bound = bound_to(&page, "blue").into_string();
        assert_eq!(
            bound.matches("?of-environment=blue\"").count(),
            2,
            "{bound}"
        );
        let expected = "action=\"/keys/create?of-environment=blue\" data-x=\"1\"";
        assert!(bound.contains(expected), "{bound}");
        let uri = Uri::from_static("/keys/create?of-environment=blue");
        assert_eq!(environment_of(&uri).as_deref(), Some("blue"));
        assert_eq!(environment_of(&Uri::from_static("/keys/create")), None);
    }

    #[test]
    fn what_was_refused_is_known_to_the_audit_log() {
        let error = ApiError::conflict("run_ended", "it has ended");
        let response = outcome("/runs", Err(error));
        assert_eq!(response.status(), StatusCode::SEE_OTHER);
        let ended = response.extensions().get::<Ended>().map(|it| it.0);
        assert_eq!(ended, Some(StatusCode::CONFLICT));
        let fault = outcome("/runs", Err(ApiError::internal("the disk")));
        assert_eq!(fault.status(), StatusCode::INTERNAL_SERVER_ERROR);
    }
}
