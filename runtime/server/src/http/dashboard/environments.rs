//! *Environments*: worlds of their own on one server.

use axum::body::Body;
use axum::extract::Path;
use axum::http::HeaderMap;
use axum::response::Response;
use maud::{Markup, html};

use super::forms::{self, Fields};
use super::visit::Visit;
use super::{Section, components as ui, paths};
use crate::DEFAULT_ENVIRONMENT;
use crate::http::access::EnvironmentView;
use crate::http::error::PageError;
use crate::http::gate::Subject;
use crate::http::idempotency::Once;

const CREATE: &str = "/environments/create";
const DELETE: &str = "/environments/{name}/delete";

/// The list.
pub(super) async fn list(visit: Visit) -> Result<Response, PageError> {
    let environments = match &visit.api.site {
        Some(_) => visit.api.environments(&visit.principal)?,
        None => Vec::new(),
    };
    let content = html! {
        (ui::heading(&html! { "Environments" }, &create_button(&visit)))
        p.dim { "Each has its own apps, events, runs, keys, webhooks and schemas, and reaches nothing of another." }
        @if environments.is_empty() {
            (ui::empty("One environment, and no others", &html! { p { "This server was started without others." } }, &[]))
        } @else {
            (table(&visit, &environments))
        }
        @if environments.len() == 1 {
            section.panel-box {
                h2 { "Another one" }
                p.dim { "For staging, a branch, or a customer of its own:" }
                (ui::command("abide environments create staging"))
            }
        }
    };
    Ok(visit
        .page(Section::Environments, "Environments")
        .show(content))
}

fn create_button(visit: &Visit) -> Markup {
    if !visit.may_post(CREATE) || visit.api.site.is_none() {
        return html! {};
    }
    let ask = ui::Ask {
        path: CREATE,
        label: "New environment",
        name: "create-environment",
        grave: false,
        fields: &[],
    };
    let name = html! {
        input #environment-name type="text" name="name" required maxlength="63" placeholder="staging" autocomplete="off" spellcheck="false";
    };
    ui::confirm(&ask, &ui::field("environment-name", "Name", &name))
}

fn table(visit: &Visit, environments: &[EnvironmentView]) -> Markup {
    let columns = [
        ("Environment", "grow"),
        ("Apps", "number"),
        ("Executing", "number"),
        ("Made", "wide"),
        ("", ""),
    ];
    let rows = html! {
        @for it in environments {
            tr data-testid="environment-row" data-environment=(it.name) {
                td.grow {
                    span.main { bdi { (it.name) } }
                    @if *it.name == *visit.api.environment { " " span.status.running { "shown" } }
                }
                td.number { (it.apps) }
                td.number { (it.executing) }
                td.wide {
                    @match it.created_at { Some(at) => (ui::time(at, visit.now_ms)), None => span.dim { "always there" }, }
                }
                td { (delete_button(visit, it)) }
            }
        }
    };
    ui::table("Environments", &columns, &rows)
}

fn delete_button(visit: &Visit, environment: &EnvironmentView) -> Markup {
    if !visit.may_post(DELETE) || environment.name == DEFAULT_ENVIRONMENT {
        return html! {};
    }
    let path = paths::of(&[&"environments", &environment.name, &"delete"]);
    let ask = ui::Ask {
        path: &path,
        label: "Delete",
        name: "delete-environment",
        grave: true,
        fields: &[],
    };
    ui::confirm_of(
        &ask,
        &format!("-{}", environment.name),
        &html! {
            p.dim { "It goes with its keys. One that holds apps, runs or events is only deleted with all of them." }
            label.check { input type="checkbox" name="force" value="true"; " with all that is in it" }
        },
    )
}

/// Makes one.
pub(super) async fn create(
    visit: Visit,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, PageError> {
    let form = Fields::read(&visit, &headers, body).await?;
    let name = form.get("name").unwrap_or_default();
    let made = visit.api.create_environment(name, &Once::default()).await;
    let made = made.map(|it| format!("The environment {} takes work.", it.name));
    let mut response = forms::outcome("/environments", made);
    response.extensions_mut().insert(Subject(name.to_owned()));
    Ok(response)
}

/// Removes one.
pub(super) async fn delete(
    visit: Visit,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, PageError> {
    let form = Fields::read(&visit, &headers, body).await?;
    let force = form.get("force").is_some();
    let removed = visit.api.remove_environment(&name, force).await;
    let removed = removed.map(|()| format!("The environment {name} is gone."));
    Ok(forms::outcome("/environments", removed))
}
