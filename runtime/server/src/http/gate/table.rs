//! Which role each route needs. What is not in this table, nobody reaches: a new route needs a row.

use axum::http::Method;

use crate::admin::{Principal, Role};

/// What a route asks of its caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Need {
    /// Nothing.
    Nothing,
    /// A key with this role, or one that includes it.
    Role(Role),
    /// An admin key for all environments.
    ServerAdmin,
}

/// A route with what it needs.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row {
    pub(super) method: &'static str,
    pub(super) path: &'static str,
    pub(super) need: Need,
    /// Whether using it is a change that the audit log has a line for.
    pub(super) audited: bool,
}

const fn open(method: &'static str, path: &'static str) -> Row {
    Row {
        method,
        path,
        need: Need::Nothing,
        audited: false,
    }
}

/// Looks at something.
const fn look(path: &'static str, role: Role) -> Row {
    Row {
        method: "GET",
        path,
        need: Need::Role(role),
        audited: false,
    }
}

/// Brings data in: too often for the audit log, and kept as what it is.
const fn data(method: &'static str, path: &'static str, role: Role) -> Row {
    Row {
        method,
        path,
        need: Need::Role(role),
        audited: false,
    }
}

/// Changes something.
const fn change(method: &'static str, path: &'static str, role: Role) -> Row {
    Row {
        method,
        path,
        need: Need::Role(role),
        audited: true,
    }
}

/// Changes something of the whole server.
const fn server(method: &'static str, path: &'static str) -> Row {
    Row {
        method,
        path,
        need: Need::ServerAdmin,
        audited: true,
    }
}

use Role::{Admin, Deploy, Operate, Read, Send};

/// All routes, by their paths.
pub(super) const ROWS: &[Row] = &[
    look("/", Read),
    open("GET", "/api/openapi.json"),
    look("/api/v1/apps", Read),
    look("/api/v1/apps/{app}", Read),
    change("PUT", "/api/v1/apps/{app}", Deploy),
    look("/api/v1/apps/{app}/deployments", Read),
    look("/api/v1/audit", Admin),
    server("POST", "/api/v1/backup"),
    look("/api/v1/environments", Read),
    server("POST", "/api/v1/environments"),
    server("DELETE", "/api/v1/environments/{name}"),
    look("/api/v1/events", Read),
    look("/api/v1/events/{id}", Read),
    look("/api/v1/events/{id}/stream", Read),
    look("/api/v1/functions", Read),
    look("/api/v1/functions/{app}/{function}", Read),
    change("POST", "/api/v1/functions/{app}/{function}/invoke", Operate),
    change("POST", "/api/v1/functions/{app}/{function}/pause", Operate),
    change("POST", "/api/v1/functions/{app}/{function}/resume", Operate),
    change("POST", "/api/v1/import", Operate),
    look("/api/v1/jobs", Read),
    change("POST", "/api/v1/jobs", Operate),
    look("/api/v1/jobs/{id}", Read),
    change("POST", "/api/v1/jobs/{id}/stop", Operate),
    look("/api/v1/keys", Admin),
    change("POST", "/api/v1/keys", Admin),
    look("/api/v1/keys/{id}", Admin),
    change("POST", "/api/v1/keys/{id}/revoke", Admin),
    look("/api/v1/notifications", Read),
    change("POST", "/api/v1/notifications", Admin),
    look("/api/v1/notifications/{name}", Read),
    change("DELETE", "/api/v1/notifications/{name}", Admin),
    change("PUT", "/api/v1/notifications/{name}", Admin),
    change("POST", "/api/v1/notifications/{name}/disable", Admin),
    change("POST", "/api/v1/notifications/{name}/enable", Admin),
    change("POST", "/api/v1/notifications/{name}/test", Admin),
    look("/api/v1/runs", Read),
    look("/api/v1/runs/{id}", Read),
    change("POST", "/api/v1/runs/{id}/cancel", Operate),
    look("/api/v1/runs/{id}/export", Read),
    look("/api/v1/runs/{id}/journal", Read),
    look("/api/v1/runs/{id}/logs", Read),
    change("POST", "/api/v1/runs/{id}/pause", Operate),
    change("POST", "/api/v1/runs/{id}/replay", Operate),
    change("POST", "/api/v1/runs/{id}/resume", Operate),
    look("/api/v1/runs/{id}/stream", Read),
    look("/api/v1/schedules", Read),
    look("/api/v1/schemas", Read),
    look("/api/v1/schemas/{*event}", Read),
    change("DELETE", "/api/v1/schemas/{*event}", Deploy),
    change("PUT", "/api/v1/schemas/{*event}", Deploy),
    look("/api/v1/series", Read),
    look("/api/v1/stream", Read),
    look("/api/v1/webhooks", Read),
    change("POST", "/api/v1/webhooks", Deploy),
    look("/api/v1/webhooks/{name}", Read),
    change("DELETE", "/api/v1/webhooks/{name}", Deploy),
    change("PUT", "/api/v1/webhooks/{name}", Deploy),
    change("POST", "/api/v1/webhooks/{name}/disable", Deploy),
    change("POST", "/api/v1/webhooks/{name}/enable", Deploy),
    change("POST", "/api/v1/webhooks/{name}/secret", Deploy),
    change("POST", "/api/v1/webhooks/{name}/test", Deploy),
    open("GET", "/assets/{name}"),
    data("POST", "/cloudevents/{key}", Send),
    // Inngest's clients look for a development server here. There is nothing at it otherwise.
    open("GET", "/dev"),
    open("GET", "/docs/errors/{code}"),
    data("POST", "/e/{key}", Send),
    open("GET", "/health"),
    look("/metrics", Read),
    // What a browser remembers of how somebody likes the dashboard.
    data("POST", "/preferences", Read),
    open("GET", "/ready"),
    // Webhooks verify their requests by themselves.
    open("POST", "/hooks/{name}"),
    look("/apps", Read),
    look("/apps/{app}", Read),
    look("/audit", Admin),
    look("/environments", Read),
    server("POST", "/environments/create"),
    server("POST", "/environments/{name}/delete"),
    look("/events", Read),
    look("/events/new", Operate),
    data("POST", "/events/send", Operate),
    look("/events/{id}", Read),
    change("POST", "/events/{id}/resend", Operate),
    look("/functions", Read),
    look("/functions/{app}/{function}", Read),
    change("POST", "/functions/{app}/{function}/invoke", Operate),
    change("POST", "/functions/{app}/{function}/pause", Operate),
    change("POST", "/functions/{app}/{function}/resume", Operate),
    look("/keys", Admin),
    change("POST", "/keys/create", Admin),
    change("POST", "/keys/{id}/revoke", Admin),
    look("/notifications", Read),
    change("POST", "/notifications/create", Admin),
    look("/notifications/{name}", Read),
    change("POST", "/notifications/{name}/change", Admin),
    change("POST", "/notifications/{name}/delete", Admin),
    change("POST", "/notifications/{name}/disable", Admin),
    change("POST", "/notifications/{name}/enable", Admin),
    change("POST", "/notifications/{name}/test", Admin),
    look("/schemas", Read),
    change("POST", "/schemas/delete", Deploy),
    change("POST", "/schemas/set", Deploy),
    look("/runs", Read),
    look("/runs/bulk", Read),
    change("POST", "/runs/bulk", Operate),
    change("POST", "/runs/jobs/{id}/stop", Operate),
    look("/runs/{id}", Read),
    change("POST", "/runs/{id}/cancel", Operate),
    change("POST", "/runs/{id}/pause", Operate),
    change("POST", "/runs/{id}/replay", Operate),
    change("POST", "/runs/{id}/resume", Operate),
    data("POST", "/runs/{id}/send", Operate),
    data("POST", "/runs/{id}/signal", Operate),
    open("GET", "/sign-in"),
    // It has a line in the audit log of its own making, with the key that was shown.
    open("POST", "/sign-in"),
    data("POST", "/sign-out", Read),
    look("/v1/cancellations", Read),
    change("POST", "/v1/cancellations", Operate),
    change("DELETE", "/v1/cancellations/{id}", Operate),
    look("/v1/events", Read),
    look("/v1/events/{id}", Read),
    look("/v1/events/{id}/runs", Read),
    look("/v1/runs/{id}", Read),
    change("DELETE", "/v1/runs/{id}", Operate),
    look("/v1/runs/{id}/jobs", Read),
    data("POST", "/v1/signals", Operate),
    look("/settings", Admin),
    look("/webhooks", Read),
    change("POST", "/webhooks/create", Deploy),
    change("POST", "/webhooks/{name}/change", Deploy),
    change("POST", "/webhooks/{name}/delete", Deploy),
    change("POST", "/webhooks/{name}/disable", Deploy),
    change("POST", "/webhooks/{name}/enable", Deploy),
    change("POST", "/webhooks/{name}/rotate", Deploy),
    change("POST", "/webhooks/{name}/test", Deploy),
];

/// What is known of a route and a method.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    /// It needs this; whether it is audited.
    Row(Need, bool),
    /// The path has other methods only.
    OtherMethods,
    /// The path has no row.
    Nothing,
}

/// The row of a route's pattern. `HEAD` is `GET` without the body.
pub(super) fn find(method: &Method, path: &str) -> Found {
    let method = if *method == Method::HEAD {
        "GET"
    } else {
        method.as_str()
    };
    let mut found = Found::Nothing;
    for row in ROWS.iter().filter(|row| row.path == path) {
        if row.method == method {
            return Found::Row(row.need, row.audited);
        }
        found = Found::OtherMethods;
    }
    found
}

/// Whether somebody of this role may use a route: what it may not, it is not offered.
pub(in crate::http) fn may(principal: &Principal, method: &Method, path: &str) -> bool {
    match find(method, path) {
        Found::Row(Need::Nothing, _) => true,
        Found::Row(Need::Role(role), _) => principal.role.includes(role),
        Found::Row(Need::ServerAdmin, _) => {
            principal.role.includes(Admin) && principal.environment.is_none()
        }
        Found::OtherMethods | Found::Nothing => false,
    }
}

/// Methods and patterns of all routes, with whether they ask for a key.
#[cfg(test)]
pub(in crate::http) fn routes() -> impl Iterator<Item = (&'static str, &'static str, bool)> {
    ROWS.iter()
        .map(|row| (row.method, row.path, row.need != Need::Nothing))
}

/// The place of a route in the table, by which it is counted.
pub(in crate::http) fn place(method: &Method, path: &str) -> Option<usize> {
    let method = if *method == Method::HEAD {
        "GET"
    } else {
        method.as_str()
    };
    ROWS.iter()
        .position(|row| row.path == path && row.method == method)
}

/// The method and the pattern of each route, by its place.
pub(in crate::http) fn counted() -> Vec<(&'static str, &'static str)> {
    ROWS.iter().map(|row| (row.method, row.path)).collect()
}

/// Whether a path, as a client writes it, is one of those that anybody may use.
pub(super) fn asks_nobody(path: &str) -> bool {
    let mut open = ROWS.iter().filter(|row| row.need == Need::Nothing);
    open.any(|row| match row.path.split_once('{') {
        Some((before, _)) => path.starts_with(before),
        None => path == row.path,
    })
}

/// Whether anybody may use some method of a path.
pub(super) fn is_open(path: &str) -> bool {
    let mut of_path = ROWS.iter().filter(|row| row.path == path);
    of_path.any(|row| row.need == Need::Nothing)
}

/// The methods of a path, as the header `allow` names them.
pub(super) fn methods(path: &str) -> String {
    let of_path = ROWS.iter().filter(|row| row.path == path);
    let names = of_path.map(|row| match row.method {
        "GET" => "GET,HEAD",
        method => method,
    });
    names.collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_route_has_one_row() {
        let mut seen = std::collections::BTreeSet::new();
        for row in ROWS {
            assert!(seen.insert((row.path, row.method)), "{row:?}");
        }
    }

    #[test]
    fn whatever_changes_something_of_an_operators_is_audited() {
        for row in ROWS {
            let looks = row.method == "GET";
            let is_data = row.path.ends_with("/send")
                || row.path.ends_with("/signal")
                || [
                    "/cloudevents/",
                    "/e/",
                    "/hooks/",
                    "/v1/signals",
                    "/preferences",
                    "/sign-",
                ]
                .iter()
                .any(|prefix| row.path.starts_with(prefix));
            assert_eq!(row.audited, !looks && !is_data, "{row:?}");
            if !looks && !is_data {
                assert_ne!(row.need, Need::Nothing, "{row:?}");
                assert_ne!(row.need, Need::Role(Role::Read), "{row:?}");
            }
        }
    }

    #[test]
    fn a_route_without_a_row_is_found_by_nobody() {
        assert_eq!(find(&Method::GET, "/api/v1/secrets"), Found::Nothing);
        assert_eq!(
            find(&Method::PATCH, "/api/v1/apps/{app}"),
            Found::OtherMethods
        );
        assert_eq!(
            find(&Method::HEAD, "/health"),
            Found::Row(Need::Nothing, false)
        );
        assert_eq!(methods("/api/v1/apps/{app}"), "GET,HEAD,PUT");
        assert!(asks_nobody("/health") && asks_nobody("/docs/errors/overloaded"));
        assert!(!asks_nobody("/api/v1/runs") && !asks_nobody("/healthy"));
    }
}
