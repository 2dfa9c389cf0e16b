//! What a browser on the same machine may be made to do to a server that asks nobody for a key.
//!
//! A page of any site can send requests to `127.0.0.1`: some without asking first (`POST` of plain text), and all of them once its own name is
//! made to point there (DNS rebinding). The first carry the page's `Origin` or `Sec-Fetch-Site: cross-site`, the second the site's name as
//! `Host`. Clients that are no browsers send neither a foreign origin nor a foreign host.

use std::net::{IpAddr, Ipv6Addr};

use axum::http::{HeaderMap, Method, Uri, header};

/// Names that nobody can make point elsewhere, beside addresses: those that stand for this machine.
const OWN_NAMES: [&str; 3] = [
    "localhost",
    "host.docker.internal",
    "host.containers.internal",
];

/// Why a request is not taken, if it is not.
pub(super) fn fault(method: &Method, uri: &Uri, headers: &HeaderMap) -> Option<&'static str> {
    let text =
        |name: header::HeaderName| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    let host = uri
        .authority()
        .map(axum::http::uri::Authority::as_str)
        .or(text(header::HOST));
    if host.is_some_and(|host| !is_own(host_of(host))) {
        return Some(
            "the header `host` names a site that is not this machine: a page may have been made to point here. Use http://127.0.0.1, or keys",
        );
    }
    if let Some(origin) = text(header::ORIGIN)
        && !origin_is_own(origin)
    {
        return Some(
            "the request comes from a page of another site (header `origin`), and this server asks nobody for a key",
        );
    }
    let cross = headers
        .get("sec-fetch-site")
        .is_some_and(|it| it == "cross-site");
    if cross && !matches!(*method, Method::GET | Method::HEAD) {
        return Some(
            "the request comes from a page of another site (header `sec-fetch-site`), and this server asks nobody for a key",
        );
    }
    None
}

/// Why a form of the dashboard is not taken, if it is not: it must come from one of this server's own pages, as the browser says.
/// `must_say`: it comes with a session, or asks for one, so that a request that says nothing is no browser's of today.
pub(super) fn foreign_form(uri: &Uri, headers: &HeaderMap, must_say: bool) -> Option<&'static str> {
    const FOREIGN: &str = "the form was sent by a page of another site, so nothing was done. Open the page here, and send it again";
    const SILENT: &str = "the request does not say which page it comes from (headers `sec-fetch-site` and `origin`), so nothing was done. Programs use the API under /api/v1 with a key";
    let text =
        |name: header::HeaderName| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    if let Some(site) = headers.get("sec-fetch-site") {
        return (site != "same-origin").then_some(FOREIGN);
    }
    match text(header::ORIGIN) {
        Some(origin) => {
            let host = uri
                .authority()
                .map(axum::http::uri::Authority::as_str)
                .or(text(header::HOST));
            let of_origin = origin.split_once("://").map(|(_, authority)| authority);
            (of_origin.is_none() || of_origin != host).then_some(FOREIGN)
        }
        None => must_say.then_some(SILENT),
    }
}

fn origin_is_own(origin: &str) -> bool {
    let Some((scheme, rest)) = origin.split_once("://") else {
        // `null`: a sandboxed page, or a file.
        return false;
    };
    matches!(scheme, "http" | "https") && is_loopback(host_of(rest))
}

/// Without the port.
fn host_of(authority: &str) -> &str {
    if authority.starts_with('[') {
        let end = authority.find(']').map_or(authority.len(), |at| at + 1);
        return &authority[..end];
    }
    authority.split(':').next().unwrap_or_default()
}

/// An address cannot be made to point elsewhere.
fn is_own(host: &str) -> bool {
    address(host).is_some()
        || is_loopback(host)
        || OWN_NAMES.iter().any(|name| host.eq_ignore_ascii_case(name))
}

fn is_loopback(host: &str) -> bool {
    let name = host.to_ascii_lowercase();
    name == "localhost"
        || name.ends_with(".localhost")
        || address(host).is_some_and(|address| address.is_loopback())
}

fn address(host: &str) -> Option<IpAddr> {
    match host
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
    {
        Some(inner) => inner.parse::<Ipv6Addr>().ok().map(IpAddr::V6),
        None => host.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(method: &Method, headers: &[(&'static str, &str)]) -> bool {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(*name, value.parse().unwrap());
        }
        fault(method, &Uri::from_static("/e/x"), &map).is_some()
    }

    #[test]
    fn clients_and_pages_of_this_machine_come_in() {
        for headers in [
            &[][..],
            &[("host", "127.0.0.1:8288")],
            &[
                ("host", "localhost:8288"),
                ("origin", "http://localhost:3000"),
                ("sec-fetch-site", "same-site"),
            ],
            &[("host", "[::1]:8288"), ("origin", "http://[::1]:8288")],
            &[("host", "host.docker.internal:8288")],
            &[
                ("host", "app.localhost"),
                ("origin", "https://app.localhost"),
            ],
        ] {
            assert!(!refused(&Method::POST, headers), "{headers:?}");
        }
        let link = [("host", "localhost:8288"), ("sec-fetch-site", "cross-site")];
        assert!(
            !refused(&Method::GET, &link),
            "following a link changes nothing"
        );
    }

    #[test]
    fn a_form_comes_from_a_page_of_this_server() {
        let foreign = |headers: &[(&'static str, &str)], must_say| {
            let mut map = HeaderMap::new();
            for (name, value) in headers {
                map.insert(*name, value.parse().unwrap());
            }
            foreign_form(&Uri::from_static("/runs/x/cancel"), &map, must_say).is_some()
        };
        for headers in [
            &[("sec-fetch-site", "same-origin")][..],
            // A proxy in between gives the server another name; the browser knows better.
            &[
                ("sec-fetch-site", "same-origin"),
                ("origin", "https://abide.example"),
                ("host", "10.0.0.1:8288"),
            ],
            &[("origin", "http://abide:8288"), ("host", "abide:8288")],
        ] {
            assert!(!foreign(headers, true), "{headers:?}");
        }
        for headers in [
            &[("sec-fetch-site", "cross-site")][..],
            &[("sec-fetch-site", "same-site")],
            &[("sec-fetch-site", "none")],
            &[("origin", "http://abide:3000"), ("host", "abide:8288")],
            &[("origin", "null"), ("host", "abide:8288")],
            &[("origin", "http://evil.example"), ("host", "abide:8288")],
        ] {
            assert!(foreign(headers, true), "{headers:?}");
            assert!(foreign(headers, false), "{headers:?}");
        }
        assert!(foreign(&[("host", "abide:8288")], true));
        assert!(
            !foreign(&[("host", "abide:8288")], false),
            "a program, where nobody is asked"
        );
    }

    #[test]
    fn pages_of_other_sites_do_not_come_in_not_even_by_a_name_that_points_here() {
        for headers in [
            &[("host", "evil.example")][..],
            &[
                ("host", "evil.example:8288"),
                ("origin", "http://evil.example:8288"),
            ],
            &[("host", "127.0.0.1.evil.example")],
            &[("host", "localhost.evil.example:8288")],
            &[("host", "")],
            &[
                ("host", "127.0.0.1:8288"),
                ("origin", "https://evil.example"),
            ],
            &[("host", "127.0.0.1:8288"), ("origin", "null")],
            &[
                ("host", "127.0.0.1:8288"),
                ("origin", "http://localhost.evil.example"),
            ],
            &[("host", "127.0.0.1:8288"), ("sec-fetch-site", "cross-site")],
        ] {
            assert!(refused(&Method::POST, headers), "{headers:?}");
        }
    }
}
