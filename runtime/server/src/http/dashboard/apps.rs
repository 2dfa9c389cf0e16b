//! *Apps*: what is deployed, in which versions, and which runs are still on each.

use abide_core::state::Read as _;
use axum::extract::Path;
use axum::response::Response;
use maud::{Markup, html};

use super::charts::Unit;
use super::visit::Visit;
use super::{Section, components as ui, paths};
use crate::http::api::{find_app, paused};
use crate::http::error::PageError;
use crate::view::{AppView, DeploymentView};

/// The list.
pub(super) async fn list(visit: Visit) -> Result<Response, PageError> {
    let read = visit.api.read(|view| Ok((view.apps()?, paused(view)?)));
    let (apps, paused) = read.await?;
    let apps: Vec<_> = apps.iter().map(|app| AppView::new(app, &paused)).collect();
    let content = html! {
        (ui::heading(&html! { "Apps" }, &html! {}))
        @if apps.is_empty() {
            (none_deployed())
        } @else {
            (table(&visit, &apps))
            (how_to_deploy())
        }
    };
    Ok(visit.page(Section::Apps, "Apps").show(content))
}

/// What stands where no app is deployed.
pub(super) fn none_deployed() -> Markup {
    let text = html! {
        p { "An app is a WebAssembly component with one or more functions, written in Rust, TypeScript, Python, C or Go. Make one, and deploy it:" }
    };
    let commands = [
        "abide new my-app",
        "abide build my-app",
        "abide deploy my-app",
    ];
    ui::empty("No app is deployed yet", &text, &commands)
}

fn how_to_deploy() -> Markup {
    html! {
        section.panel-box {
            h2 { "Deploy" }
            p.dim { "New runs start with the new code; runs in flight finish on the code that they started with." }
            (ui::command("abide deploy my-app"))
            p.small.dim { "While an app is being written, " code { "abide dev my-app" } " builds and deploys it whenever a file changes." }
        }
    }
}

fn table(visit: &Visit, apps: &[AppView]) -> Markup {
    let columns = [
        ("App", "grow"),
        ("Functions", "number"),
        ("Code", "wide"),
        ("Size", "number wide"),
        ("Deployments", "number wide"),
        ("Deployed", ""),
    ];
    let rows = html! {
        @for app in apps {
            tr data-testid="app-row" data-app=(app.id) {
                td.grow { a.main href=(paths::app(&app.id)) { bdi { (ui::shown(&app.id)) } } }
                td.number { (app.functions.len()) }
                td.wide { (digest(&app.digest)) }
                td.number.wide { (bytes(app.bytes)) }
                td.number.wide { (app.deployments) }
                td { (ui::time(app.deployed_at, visit.now_ms)) }
            }
        }
    };
    ui::table("Apps", &columns, &rows)
}

/// The beginning of a digest, by which people know it; the whole of it on hover.
fn digest(digest: &str) -> Markup {
    html! { span.id title=(digest) { (digest.get(..12).unwrap_or(digest)) "…" } }
}

#[allow(clippy::cast_precision_loss, reason = "three digits of it are shown")]
fn bytes(bytes: u64) -> String {
    Unit::Bytes.show(bytes as f64)
}

/// An app.
pub(super) async fn show(visit: Visit, Path(id): Path<String>) -> Result<Response, PageError> {
    let api = &visit.api;
    let app = find_app(api, id.clone()).await?;
    let app = AppView::new(&app, &api.read(paused).await?);
    let deployments = api.deployments(id).await?;
    let current = deployments.iter().find(|it| it.served);
    let content = html! {
        (ui::heading(&html! { bdi { (ui::shown(&app.id)) } }, &html! {}))
        (facts(&visit, &app, current))
        section {
            h2 { "Functions" }
            ul.links {
                @for function in &app.functions {
                    li {
                        a href=(paths::function(&function.id)) { bdi { (ui::shown(&function.function)) } }
                        @if function.paused_at.is_some() { " " (ui::status("Paused")) }
                    }
                }
            }
        }
        section #deployments data-live {
            h2 { "Deployments" }
            (deployed(&visit, &deployments))
        }
        @if let Some(current) = current.filter(|it| !it.imports.is_empty()) {
            section.panel-box {
                h2 { "Imports" }
                p.dim { "What the code that is served asks of the host. Only bodies of steps reach outside, and only where the app may." }
                (imports(current))
            }
        }
        (how_to_deploy())
    };
    let page = visit.page(Section::Apps, &app.id);
    Ok(page.live("runs").show(content))
}

fn facts(visit: &Visit, app: &AppView, current: Option<&DeploymentView>) -> Markup {
    let list = |values: &[String], none: &str| {
        html! {
            @if values.is_empty() { span.dim { (none) } }
            @for (n, value) in values.iter().enumerate() {
                @if n > 0 { ", " }
                code { bdi { (ui::shown(value)) } }
            }
        }
    };
    let language = current.and_then(|it| it.language).unwrap_or("not told");
    ui::definitions(&[
        ("Code", html! { code data-copy { (app.digest) } }),
        ("Language", html! { (language) }),
        ("Size", html! { (bytes(app.bytes)) }),
        ("Deployed", ui::time(app.deployed_at, visit.now_ms)),
        ("Variables", list(&app.variables, "none")),
        (
            "May reach, besides public addresses",
            list(&app.allow_net, "nothing"),
        ),
    ])
}

fn imports(deployment: &DeploymentView) -> Markup {
    html! {
        ul.imports { @for name in &deployment.imports { li { code { bdi { (ui::shown(name)) } } } } }
    }
}

fn deployed(visit: &Visit, deployments: &[DeploymentView]) -> Markup {
    let columns = [
        ("", "number"),
        ("Code", "grow"),
        ("Language", "wide"),
        ("Size", "number wide"),
        ("Functions", "number wide"),
        ("Runs on it", "number"),
        ("Deployed", ""),
        ("By", "wide"),
    ];
    let rows = html! {
        @for it in deployments {
            tr data-testid="deployment-row" data-number=(it.number) {
                td.number { (it.number) }
                td.grow {
                    (digest(&it.digest))
                    @if it.served {
                        " " span.status.completed { "served" }
                    } @else if !it.imports.is_empty() {
                        details #(format!("imports-{}", it.number)) {
                            summary.small.dim { (it.imports.len()) " imports" }
                            (imports(it))
                        }
                    }
                }
                td.wide { (it.language.unwrap_or("–")) }
                td.number.wide { (bytes(it.bytes)) }
                td.number.wide title=(it.functions.join(", ")) { (it.functions.len()) }
                td.number { (it.pinned.runs) @if it.pinned.at_least { "+" } }
                td { (ui::time(it.deployed_at, visit.now_ms)) }
                td.wide {
                    @match &it.deployed_by { Some(by) => bdi { (ui::shown(by)) }, None => span.dim { "–" }, }
                }
            }
        }
    };
    ui::table("Deployments", &columns, &rows)
}
