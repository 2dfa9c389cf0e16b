//! Cookies: what a browser remembers of a session and of how somebody likes the dashboard.
//!
//! None of them is a credential for anything but pages, their assets and questions to the API: the gate sees to that.

use axum::http::{HeaderMap, HeaderValue, header};

/// The token of a session.
pub(super) const SESSION: &str = "abide_session";

/// The environment that pages show.
pub(super) const ENVIRONMENT: &str = "abide_environment";

/// Light, dark, or as the system likes it.
pub(super) const THEME: &str = "abide_theme";

/// A message for the next page.
pub(super) const FLASH: &str = "abide_flash";

/// How long a preference is remembered, in seconds.
pub(super) const YEAR_S: u64 = 365 * 24 * 3_600;

/// The value of a cookie that is not empty.
pub(super) fn get<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let lines = headers.get_all(header::COOKIE).iter();
    let pairs = lines
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(';'));
    let mut values = pairs.filter_map(|pair| pair.trim().split_once('='));
    let (_, value) = values.find(|(found, _)| *found == name)?;
    (!value.is_empty()).then_some(value)
}

/// A cookie to be set for this long; scripts do not see it, and pages of other sites do not send it. The value must hold no `;`.
pub(super) fn set(name: &str, value: &str, seconds: u64, secure: bool) -> Option<HeaderValue> {
    let secure = if secure { "; Secure" } else { "" };
    let text =
        format!("{name}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}");
    let mut header = HeaderValue::try_from(text).ok()?;
    header.set_sensitive(name == SESSION);
    Some(header)
}

/// Adds a cookie to an answer. One that cannot be said is left out.
pub(super) fn add(headers: &mut HeaderMap, cookie: Option<HeaderValue>) {
    if let Some(cookie) = cookie {
        headers.append(header::SET_COOKIE, cookie);
    }
}

/// Whether the browser reached this server by TLS, also through a proxy: it says so with every form.
pub(super) fn is_secure(headers: &HeaderMap) -> bool {
    let origin = headers.get(header::ORIGIN);
    origin.is_some_and(|origin| origin.as_bytes().starts_with(b"https://"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_is_found_by_its_whole_name() {
        let mut headers = HeaderMap::new();
        headers.append(header::COOKIE, "xabide_session=1; a=b".parse().unwrap());
        assert_eq!(get(&headers, SESSION), None);
        headers.append(
            header::COOKIE,
            "abide_session=; abide_theme=dark".parse().unwrap(),
        );
        assert_eq!(get(&headers, SESSION), None);
        assert_eq!(get(&headers, THEME), Some("dark"));
        assert_eq!(get(&headers, "a"), Some("b"));
    }

    #[test]
    fn a_cookie_is_for_this_site_alone() {
        let cookie = set(SESSION, "t", 60, true).expect("it can be said");
        let expected = "abide_session=t; Path=/; Max-Age=60; HttpOnly; SameSite=Strict; Secure";
        assert_eq!(cookie.to_str().ok(), Some(expected));
        assert!(cookie.is_sensitive());
        assert_eq!(set(THEME, "a\nb", 1, false), None);
    }
}
