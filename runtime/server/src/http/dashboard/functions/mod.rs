//! *Functions*: what is deployed, what starts it, and how it stands.

mod act;
mod limits;
mod one;

use abide_core::state::Read as _;
use axum::response::Response;
use maud::{Markup, html};

use super::visit::Visit;
use super::{Section, components as ui, paths};
use crate::http::api::paused;
use crate::http::error::PageError;
use crate::view::{FunctionView, TriggerView, functions_of};
pub(super) use act::{invoke, pause, resume};
pub(super) use one::show;

/// The list.
pub(super) async fn list(visit: Visit) -> Result<Response, PageError> {
    let read = visit.api.read(|view| Ok((view.apps()?, paused(view)?)));
    let (apps, paused) = read.await?;
    let functions: Vec<_> = apps
        .iter()
        .flat_map(|app| functions_of(app, &paused))
        .collect();
    let content = html! {
        (ui::heading(&html! { "Functions" }, &html! {}))
        #functions data-live {
            @if functions.is_empty() {
                (super::apps::none_deployed())
            } @else {
                (table(&visit, &functions))
            }
        }
    };
    let page = visit.page(Section::Functions, "Functions");
    Ok(page.live("runs").show(content))
}

fn table(visit: &Visit, functions: &[FunctionView]) -> Markup {
    let columns = [
        ("Function", "grow"),
        ("Started by", ""),
        ("Runs, 1 h", "number"),
        ("Failed, 1 h", "number wide"),
        ("p95, 1 h", "number wide"),
    ];
    let rows = html! {
        @for function in functions { (row(visit, function)) }
    };
    ui::table("Functions", &columns, &rows)
}

fn row(visit: &Visit, function: &FunctionView) -> Markup {
    let totals = one::totals(&visit.api, &function.app, &function.function).map(|(hour, _)| hour);
    html! {
        tr data-testid="function-row" data-function=(function.id) {
            td.grow {
                a.main href=(paths::function(&function.id)) { bdi { (ui::shown(&function.id)) } }
                @if function.paused_at.is_some() { " " (ui::status("Paused")) }
                @if let Some(name) = &function.name { span.note { bdi { (ui::shown(name)) } } }
            }
            td { (triggers(&function.triggers)) }
            td.number { (one::count(totals.as_ref().map(|it| it.started))) }
            td.number.wide { (one::count(totals.as_ref().map(|it| it.failed))) }
            td.number.wide { (one::took(totals.as_ref().and_then(|it| it.duration_p95_ms))) }
        }
    }
}

/// What starts a function.
fn triggers(triggers: &[TriggerView]) -> Markup {
    html! {
        @if triggers.is_empty() {
            span.dim { "invoke only" }
        } @else {
            ul.triggers {
                @for trigger in triggers {
                    li {
                        @match trigger {
                            TriggerView::Event { event, if_expr } => {
                                code { bdi { (ui::shown(event)) } }
                                @if let Some(condition) = if_expr { " " span.dim { "if" } " " code { bdi { (ui::shown(condition)) } } }
                            }
                            TriggerView::Cron { cron, .. } => { span.dim { "cron" } " " code { bdi { (ui::shown(cron)) } } }
                            TriggerView::FailureOf { failure_of } => { span.dim { "failure of" } " " code { bdi { (ui::shown(failure_of)) } } }
                        }
                    }
                }
            }
        }
    }
}
