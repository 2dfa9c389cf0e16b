//! *Runs*: what runs, what failed, what waits; by what they have in common.

pub(super) mod bulk;
mod counts;
mod filter;
mod rows;

use abide_core::ids::RunId;
use abide_core::state::Read;
use abide_store::View;
use axum::extract::RawQuery;
use axum::http::Method;
use axum::response::Response;
use maud::{Markup, html};

use super::visit::Visit;
use super::{Section, components as ui};
use crate::http::error::PageError;
use crate::http::page::Wanted;
use crate::http::runs::standing;
use crate::view::RunView;
pub(in crate::http) use counts::Counts;
use filter::Filter;
pub(super) use rows::table;

/// The list.
pub(super) async fn list(visit: Visit, RawQuery(query): RawQuery) -> Result<Response, PageError> {
    let filter = Filter::parse(query.as_deref())?;
    let wanted = Wanted::<RunId>::parse(filter.get("limit"), filter.get("cursor"))?;
    let api = &visit.api;
    let functions = functions(&visit).await?;
    let (selection, fault) = match filter.selection() {
        Ok(selection) => (Some(selection), None),
        // What is wrong in a filter is said beside it, not in place of it.
        Err(error) => (None, Some(error.detail)),
    };
    let mut runs = Vec::new();
    let mut next = None;
    let mut counts = Counts::default();
    if let Some((event, selection)) = selection {
        counts = counts::of(api, event, filter.selection_of_any_status()?).await?;
        let page = api.list_runs(event, selection, wanted).await?;
        let show = |run| RunView::new(run, standing(&api.node, run));
        runs = page.items.iter().map(show).collect();
        next = page
            .next
            .map(|id| filter.path_with("cursor", &id.to_string()));
    }
    let waits = rows::waits(api, &runs).await?;
    let first = filter.get("cursor").is_some();
    let first = first.then(|| filter.path_with("cursor", ""));
    let list = html! {
        #counts data-live { (counts.chips(&filter)) }
        #runs data-live {
            @if runs.is_empty() {
                (nothing(&visit, &filter, next.is_some()))
            } @else {
                (rows::table_with(&runs, &waits, visit.now_ms))
            }
            (ui::pager(first.as_deref(), next.as_deref()))
        }
    };
    let jobs = bulk::jobs(&visit).await?;
    let content = html! {
        (ui::heading(&html! { "Runs" }, &bulk::buttons(&visit, &filter)))
        #jobs data-live { (jobs) }
        (filter.form(&functions, fault.as_deref()))
        (list)
    };
    let page = visit.page(Section::Runs, "Runs");
    // A page of the past does not change by what is new.
    let page = match filter.get("cursor") {
        Some(_) => page,
        None => page.live("runs"),
    };
    Ok(page.show(content))
}

/// The ids of all functions, for the filter.
async fn functions(visit: &Visit) -> Result<Vec<String>, PageError> {
    let apps = visit.api.read(<View as Read>::apps).await?;
    let ids = apps.iter().flat_map(|app| {
        let functions = app.current.functions.iter();
        functions.map(|function| format!("{}/{}", app.id, function.id))
    });
    Ok(ids.collect())
}

/// What stands where no run is.
fn nothing(visit: &Visit, filter: &Filter, more: bool) -> Markup {
    if more {
        return ui::empty(
            "None among those that were looked at",
            &html! { p { "The filter passed none of the newest runs. There are older ones." } },
            &[],
        );
    }
    if filter.is_set() {
        return ui::empty(
            "No run passes this filter",
            &html! { p { a href="/runs" { "Show all runs" } } },
            &[],
        );
    }
    let text = html! {
        p { "A run begins when an event comes that a function is for, or a schedule's time." }
        @if !visit.may(&Method::POST, "/api/v1/runs/{id}/cancel") {
            p.dim { "Your key may look; sending events needs the role operate, or an event key." }
        }
    };
    let commands = [
        "abide dev my-app",
        "abide send order/placed --data '{\"id\":42}'",
    ];
    ui::empty("No runs yet", &text, &commands)
}
