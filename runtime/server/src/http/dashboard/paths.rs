//! The addresses that pages link to: our own paths, and nothing that a guest could choose but as an encoded part of one.

use std::fmt::{Display, Write};

/// A path from its parts, which are encoded.
pub(super) fn of(parts: &[&dyn Display]) -> String {
    let mut path = String::new();
    for part in parts {
        path.push('/');
        path.push_str(&encoded(&part.to_string()));
    }
    path
}

/// A run's page.
pub(super) fn run(id: impl Display) -> String {
    of(&[&"runs", &id])
}

/// An event's page.
pub(super) fn event(id: impl Display) -> String {
    of(&[&"events", &id])
}

/// A function's page, by `app/function`.
pub(super) fn function(id: &str) -> String {
    match id.split_once('/') {
        Some((app, function)) => of(&[&"functions", &app, &function]),
        None => of(&[&"functions"]),
    }
}

/// An app's page.
pub(super) fn app(id: &str) -> String {
    of(&[&"apps", &id])
}

/// A path with a query; parameters that are empty are left out.
pub(super) fn with_query(path: &str, pairs: &[(&str, &str)]) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    for (name, value) in pairs.iter().filter(|(_, value)| !value.is_empty()) {
        query.append_pair(name, value);
    }
    match query.finish() {
        query if query.is_empty() => path.to_owned(),
        query => format!("{path}?{query}"),
    }
}

/// Where a form says that it was: a path of this server, or else `/`. Browsers read `//` and `/\` as other servers.
pub(super) fn own(path: &str) -> &str {
    let rest = path.strip_prefix('/');
    let fine = rest.is_some_and(|rest| !rest.starts_with(['/', '\\']))
        && path.bytes().all(|byte| byte.is_ascii_graphic())
        && !path.contains('\\');
    if fine { path } else { "/" }
}

/// Percent-encoded as a part of a path.
fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        let plain = byte.is_ascii_alphanumeric() || b"-_~.".contains(&byte);
        if plain && text != "." && text != ".." {
            out.push(char::from(byte));
        } else {
            // Writing to a text cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_sender_chose_stays_one_part_of_a_path() {
        assert_eq!(function("shop/pay"), "/functions/shop/pay");
        assert_eq!(
            of(&[&"schemas", &"a/b?c#d\u{202e}\"<"]),
            "/schemas/a%2Fb%3Fc%23d%E2%80%AE%22%3C"
        );
        assert_eq!(of(&[&"schemas", &".."]), "/schemas/%2E%2E");
        assert_eq!(
            with_query(
                "/runs",
                &[("if", "a && b"), ("app", ""), ("status", "Failed")]
            ),
            "/runs?if=a+%26%26+b&status=Failed"
        );
    }

    #[test]
    fn a_form_leads_back_to_this_server_only() {
        assert_eq!(own("/runs?status=Failed"), "/runs?status=Failed");
        for elsewhere in [
            "",
            "https://evil.example",
            "//evil.example",
            "/\\evil.example",
            "/a\nb",
            "javascript:alert(1)",
            "/runs\\x",
        ] {
            assert_eq!(own(elsewhere), "/", "{elsewhere:?}");
        }
    }
}
