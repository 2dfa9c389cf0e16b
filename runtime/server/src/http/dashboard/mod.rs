//! The dashboard: pages for people, at `/`.
//!
//! Pages are functions from what the API's handlers read (`view`) to HTML, made by `maud`, which escapes everything. Actions are forms
//! that answer with the way to a page; what a page does without a script, it does with one, which only keeps it fresh and saves clicks.
//!
//! It must not read a store or decide anything about runs by itself: it asks what the API asks. Everything that it shows comes from guests
//! and senders that may be hostile, so nothing of it is ever markup, an address, or a style; control characters are shown as what they are.
//!
//! - A page is a handler that takes a `visit::Visit` and returns what its `page` shows. Its route is here, its row in the gate's table.
//! - `components` has what pages are made of, `forms` what actions need, `paths` the only addresses that links have.

mod apps;
mod assets;
mod audit;
mod charts;
pub(super) mod components;
mod environments;
mod events;
mod fault;
mod forms;
mod functions;
mod keys;
mod named;
mod notifications;
mod overview;
mod paths;
mod preferences;
mod respond;
mod run;
mod runs;
mod schemas;
mod session;
mod settings;
mod shell;
#[cfg(test)]
mod tests;
mod visit;
mod webhooks;

use axum::Router;
use axum::http::{HeaderMap, header};
use axum::routing::{get, post};

use super::Api;
pub(super) use fault::{fault, stranger};
pub(super) use forms::environment_of;
use shell::Section;

/// What the paths of pages begin with.
const ROOTS: [&str; 16] = [
    "",
    "apps",
    "assets",
    "audit",
    "environments",
    "events",
    "functions",
    "keys",
    "notifications",
    "preferences",
    "runs",
    "schemas",
    "settings",
    "sign-in",
    "sign-out",
    "webhooks",
];

/// All pages, each with a row in the gate's table.
pub(super) fn routes(api: &Api) -> Router<Api> {
    let framed = axum::middleware::from_fn_with_state(api.clone(), fault::frame);
    Router::new()
        .route("/", get(overview::show))
        .route("/assets/{name}", get(assets::show))
        .route("/preferences", post(preferences::set))
        .route("/apps", get(apps::list))
        .route("/apps/{app}", get(apps::show))
        .route("/audit", get(audit::list))
        .route("/environments", get(environments::list))
        .route("/environments/create", post(environments::create))
        .route("/environments/{name}/delete", post(environments::delete))
        .route("/events", get(events::list))
        .route("/events/new", get(events::new))
        .route("/events/send", post(events::send))
        .route("/events/{id}", get(events::show))
        .route("/events/{id}/resend", post(events::resend))
        .route("/functions", get(functions::list))
        .route("/functions/{app}/{function}", get(functions::show))
        .route(
            "/functions/{app}/{function}/invoke",
            post(functions::invoke),
        )
        .route("/functions/{app}/{function}/pause", post(functions::pause))
        .route(
            "/functions/{app}/{function}/resume",
            post(functions::resume),
        )
        .route("/keys", get(keys::list))
        .route("/keys/create", post(keys::create))
        .route("/keys/{id}/revoke", post(keys::revoke))
        .route("/notifications", get(notifications::list))
        .route("/notifications/create", post(notifications::create))
        .route("/notifications/{name}", get(notifications::show))
        .route("/notifications/{name}/change", post(notifications::change))
        .route("/notifications/{name}/delete", post(notifications::delete))
        .route(
            "/notifications/{name}/disable",
            post(notifications::disable),
        )
        .route("/notifications/{name}/enable", post(notifications::enable))
        .route("/notifications/{name}/test", post(notifications::test))
        .route("/runs", get(runs::list))
        .route(
            runs::bulk::BULK,
            get(runs::bulk::preview).post(runs::bulk::start),
        )
        .route(runs::bulk::STOP, post(runs::bulk::stop))
        .route("/runs/{id}", get(run::show))
        .route(run::actions::CANCEL, post(run::actions::cancel))
        .route(run::actions::PAUSE, post(run::actions::pause))
        .route(run::actions::RESUME, post(run::actions::resume))
        .route(run::actions::REPLAY, post(run::actions::replay))
        .route(run::actions::SEND, post(run::actions::send_event))
        .route(run::actions::SIGNAL, post(run::actions::send_signal))
        .route("/schemas", get(schemas::list))
        .route("/schemas/delete", post(schemas::delete))
        .route("/schemas/set", post(schemas::set))
        .route("/settings", get(settings::show))
        .route("/sign-in", get(session::form).post(session::sign_in))
        .route("/sign-out", post(session::sign_out))
        .route("/webhooks", get(webhooks::list))
        .route("/webhooks/create", post(webhooks::create))
        .route("/webhooks/{name}/change", post(webhooks::change))
        .route("/webhooks/{name}/delete", post(webhooks::delete))
        .route("/webhooks/{name}/disable", post(webhooks::disable))
        .route("/webhooks/{name}/enable", post(webhooks::enable))
        .route("/webhooks/{name}/rotate", post(webhooks::rotate))
        .route("/webhooks/{name}/test", post(webhooks::test))
        .route_layer(framed)
}

/// Whether a path is the dashboard's, known or not.
pub(super) fn is_page(path: &str) -> bool {
    let root = path.split('/').nth(1).unwrap_or_default();
    ROOTS.contains(&root)
}

/// Whether whoever asks would rather have a page: browsers say so, programs do not.
pub(super) fn wants_page(headers: &HeaderMap) -> bool {
    let accepted = headers.get(header::ACCEPT).and_then(|it| it.to_str().ok());
    accepted.is_some_and(|it| it.contains("text/html"))
}
