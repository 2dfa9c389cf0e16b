//! *Function*: what starts it, how it is configured, how it does, what waits.

use abide_core::ids::{FunctionId, RunId};
use abide_core::state::RunFilter;
use axum::extract::Path;
use axum::response::Response;
use maud::{Markup, html};

use super::{act, limits, triggers};
use crate::http::Api;
use crate::http::dashboard::charts::Unit;
use crate::http::dashboard::visit::Visit;
use crate::http::dashboard::{Section, components as ui, paths, runs};
use crate::http::error::{ApiError, PageError};
use crate::http::page::Wanted;
use crate::http::runs::standing;
use crate::metrics::FunctionTotals;
use crate::view::{FunctionDetail, RunView};

/// Runs that are shown of it.
const MOST_RUNS: usize = 10;

/// The page.
pub(in crate::http::dashboard) async fn show(
    visit: Visit,
    Path((app, function)): Path<(String, String)>,
) -> Result<Response, PageError> {
    let api = &visit.api;
    let detail = api.function(app.clone(), &function).await?;
    let id = FunctionId::new(app.as_str(), function.as_str());
    let config = api.function_config(app, &function).await?;
    let limits = limits::of(api, &id, &config).await?;
    let latest = latest(api, &id).await?;
    let view = &detail.function;
    let content = html! {
        (ui::heading(
            &html! { bdi { (ui::shown(&view.id)) } @if view.paused_at.is_some() { " " (ui::status("Paused")) } },
            &act::buttons(&visit, view),
        ))
        (facts(&visit, &detail))
        #figures data-live { (figures(&visit, &detail, limits.throttled)) }
        @if !detail.warnings.is_empty() { (warnings(&visit, &detail)) }
        @if !limits.rows.is_empty() {
            section #limits data-live {
                h2 { "Limits in use" }
                (limits::table(&limits.rows))
            }
        }
        section.panel-box {
            h2 { "Triggers" }
            (triggers(&view.triggers))
            (schedules(&visit, &detail))
        }
        section #function-runs data-live {
            div.beside.spread {
                h2 { "Latest runs" }
                a href=(paths::with_query("/runs", &[("function", &view.id)])) { "All of them" }
            }
            @if latest.is_empty() {
                p.dim { "None yet. " @if view.paused_at.is_none() { "Send an event that it listens for, or invoke it." } }
            } @else {
                (runs::table(&latest, visit.now_ms))
            }
        }
        section {
            h2 { "Configuration" }
            (options(&detail))
        }
    };
    let page = visit.page(Section::Functions, &view.id);
    Ok(page.live("runs").show(content))
}

async fn latest(api: &Api, id: &FunctionId) -> Result<Vec<RunView>, ApiError> {
    let filter = RunFilter {
        function: Some(id.clone()),
        ..RunFilter::default()
    };
    let wanted = Wanted::<RunId> {
        limit: MOST_RUNS,
        after: None,
    };
    let page = api
        .read(move |view| Ok(view.list_runs(wanted.after, &filter, wanted.limit)?))
        .await?;
    let show = |run| RunView::new(run, standing(&api.node, run));
    Ok(page.items.iter().map(show).collect())
}

fn facts(visit: &Visit, detail: &FunctionDetail) -> Markup {
    let view = &detail.function;
    let mut facts = vec![
        (
            "App",
            html! { a href=(paths::app(&view.app)) { bdi { (ui::shown(&view.app)) } } },
        ),
        ("Code", ui::short(&view.version)),
        ("Deployed", ui::time(view.deployed_at, visit.now_ms)),
    ];
    if let Some(name) = &view.name {
        facts.insert(0, ("Name", html! { bdi { (ui::shown(name)) } }));
    }
    if let Some(since) = view.paused_at {
        facts.push(("Paused since", ui::time(since, visit.now_ms)));
    }
    ui::definitions(&facts)
}

/// Totals of a function over the last hour and the last day.
pub(super) fn totals(
    api: &Api,
    app: &str,
    function: &str,
) -> Option<(FunctionTotals, FunctionTotals)> {
    api.node.function_totals(&FunctionId::new(app, function))
}

/// A number that may not be known.
pub(super) fn count(value: Option<u64>) -> Markup {
    html! { @match value { Some(value) => (value), None => span.dim { "–" }, } }
}

/// A duration that may not be known.
pub(super) fn took(ms: Option<f64>) -> Markup {
    html! { @match ms { Some(ms) => (Unit::Milliseconds.show(ms)), None => span.dim { "–" }, } }
}

fn figures(visit: &Visit, detail: &FunctionDetail, throttled: usize) -> Markup {
    let view = &detail.function;
    let totals = totals(&visit.api, &view.app, &view.function);
    let columns = [
        ("", ""),
        ("Started", "number"),
        ("Completed", "number wide"),
        ("Failed", "number"),
        ("Failure rate", "number"),
        ("p50", "number"),
        ("p95", "number"),
        ("p99", "number wide"),
    ];
    let row = |name: &str, it: &FunctionTotals| {
        html! {
            tr {
                th scope="row" { (name) }
                td.number { (it.started) }
                td.number.wide { (it.completed) }
                td.number { (it.failed) }
                td.number { (failure_rate(it)) }
                td.number { (took(it.duration_p50_ms)) }
                td.number { (took(it.duration_p95_ms)) }
                td.number.wide { (took(it.duration_p99_ms)) }
            }
        }
    };
    let backlog = detail.queued;
    html! {
        (ui::definitions(&[
            ("Backlog", html! { (backlog.runs) @if backlog.at_least { "+" } " runs" }),
            ("Throttled", html! { (throttled) " runs" }),
        ]))
        @match &totals {
            Some((hour, day)) => {
                (ui::table("Throughput and duration", &columns, &html! {
                    (row("Last hour", hour))
                    (row("Last day", day))
                }))
            }
            None => p.dim { "No run of it started or ended since this server started, so there are no rates and durations." },
        }
    }
}

/// Of the runs that ended, how many failed.
fn failure_rate(totals: &FunctionTotals) -> Markup {
    let ended = totals.completed + totals.failed;
    html! {
        @if ended == 0 {
            span.dim { "–" }
        } @else {
            @let thousandths = totals.failed.saturating_mul(1_000) / ended;
            (thousandths / 10) "." (thousandths % 10) " %"
        }
    }
}

fn warnings(visit: &Visit, detail: &FunctionDetail) -> Markup {
    html! {
        section.panel-box.warned role="region" aria-label="Warnings" {
            h2 { "Warnings" }
            p.dim { "Expressions that could not be decided for an event, since this server started." }
            ul {
                @for it in &detail.warnings {
                    li data-testid="warning" {
                        code { (it.option) } ": " bdi { (ui::shown(&it.problem)) }
                        span.dim { " · " (it.count) " times, last " (ui::time(it.last_at, visit.now_ms)) }
                    }
                }
            }
        }
    }
}

fn schedules(visit: &Visit, detail: &FunctionDetail) -> Markup {
    html! {
        @for schedule in &detail.schedules {
            div data-testid="schedule" {
                h3 { bdi { (ui::shown(&schedule.cron)) } ": fires " (ui::shown(&schedule.fires)) }
                ol.ticks {
                    @for tick in &schedule.next { li { (ui::moment(*tick)) " UTC " span.dim { (ui::time(*tick, visit.now_ms)) } } }
                }
            }
        }
    }
}

/// Everything that holds for it, defaults included.
fn options(detail: &FunctionDetail) -> Markup {
    let columns = [("Option", ""), ("Value", "grow"), ("From", "")];
    let rows = html! {
        @for it in &detail.options {
            tr class=[it.is_default.then_some("dim")] {
                th scope="row" { (it.option) }
                td.grow { bdi { (ui::shown(&it.value)) } }
                td { (if it.is_default { "default" } else { "code" }) }
            }
        }
    };
    ui::table("Configuration in force", &columns, &rows)
}
