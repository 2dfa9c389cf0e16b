//! *Run*: what one run did, does, and why it waits.

pub(super) mod actions;
mod bar;
mod nested;
mod now;
mod scale;
mod spent;
mod step;
mod timeline;

use abide_core::ids::RunId;
use abide_core::state::ReadError;
use abide_store::View;
use axum::extract::{Path, RawQuery};
use axum::response::Response;
use maud::{Markup, html};

use super::visit::Visit;
use super::{Section, components as ui, paths};
use crate::http::api::Params;
use crate::http::error::{ApiError, PageError};
use crate::http::run_id;
use crate::view::{LogView, RunDetail, StepNames};
use step::Around;

/// Log lines that are read for a page, the latest.
const LINES: usize = 2_000;

/// Log lines of the whole run that a page shows.
const LINES_SHOWN: usize = 200;

/// A run.
pub(super) async fn show(
    visit: Visit,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, PageError> {
    let id = run_id(&id)?;
    let params = Params::parse(query.as_deref(), &["from", "step"])?;
    let chosen = params.get("step").map(number).transpose()?;
    let from = params.get("from").map(number).transpose()?;
    let run = visit.api.detail(id).await?;
    let from = match (from, chosen) {
        (Some(from), _) => from as usize,
        (None, Some(op)) => timeline::page_of(op),
        (None, None) => 0,
    };
    let mut around = Around::new(&visit, &run);
    around.chosen = chosen;
    around.children = nested::children(&visit, &run, from).await?;
    let log = log(&visit, id).await?;
    for line in &log.lines {
        if let Some(step) = &line.step {
            let lines = around.lines.entry(step.clone()).or_default();
            lines.push(line.clone());
        }
    }
    let over = run.run.ended_at.is_some();
    let content = html! {
        #run data-live {
            (head(&visit, &run))
            (end(&run, &around))
            (timeline::timeline(&mut around, from))
            (log_section(&log, id))
        }
    };
    let title = format!("{} {}", run.run.function_id, run.run.status);
    let page = visit.page(Section::Runs, &title);
    let page = if over { page } else { page.live_with(id) };
    Ok(page.show(content))
}

fn number(text: &str) -> Result<u32, ApiError> {
    text.parse().map_err(|_| {
        let detail = format!("`{text}` is no number of a step");
        ApiError::invalid("invalid_query", detail)
    })
}

/// What it is, where it stands, and why.
fn head(visit: &Visit, run: &RunDetail) -> Markup {
    let of = &run.run;
    let title = html! {
        a href=(paths::function(&of.function_id)) { (ui::shown(&of.function_id)) }
        " " (ui::status(of.status))
    };
    html! {
        (ui::heading(&title, &actions::of_run(visit, run)))
        @if let Some(why) = &run.waiting_for {
            p.why role="status" data-testid="why" { (ui::sentence(&capital(why), visit.now_ms)) }
        } @else if let Some(doing) = now::sentence(run, visit.now_ms) {
            p.why.goes-on role="status" data-testid="why" { (doing) }
        }
        (facts(visit, run))
        (spent::split(run))
    }
}

/// With a capital at its beginning.
fn capital(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|it| it.to_ascii_uppercase());
    first.into_iter().chain(letters).collect()
}

fn facts(visit: &Visit, run: &RunDetail) -> Markup {
    let of = &run.run;
    let now_ms = visit.now_ms;
    let mut facts = vec![
        ("Run", html! { code data-testid="run-id" { (of.run_id) } }),
        ("Queued", ui::time(of.queued_at, now_ms)),
    ];
    if let Some(at) = of.started_at {
        let until = of.ended_at.map_or(now_ms, |at| at.0);
        let name = if of.ended_at.is_some() { "Took" } else { "For" };
        facts.push((name, html! { (ui::duration(until.saturating_sub(at.0))) }));
    }
    let events = html! {
        @for id in run.event_ids.iter().take(5) { a href=(paths::event(id)) data-testid="event-link" { (ui::short(id)) } " " }
        @if run.event_ids.len() > 5 { "and " (run.event_ids.len() - 5) " more" }
    };
    let name = if run.event_ids.len() > 1 {
        "Events"
    } else {
        "Event"
    };
    facts.push((name, events));
    if let Some(cron) = &of.cron {
        facts.push(("Schedule", html! { code { (ui::shown(cron)) } }));
    }
    if let Some(parent) = of.parent_run_id {
        facts.push((
            "Invoked by",
            html! { a href=(paths::run(parent)) { (ui::short(parent)) } },
        ));
    }
    if let Some(original) = of.original_run_id {
        facts.push((
            "Replays",
            html! { a href=(paths::run(original)) { (ui::short(original)) } },
        ));
    }
    let version = of
        .function_version
        .get(..12)
        .unwrap_or(&of.function_version);
    facts.push((
        "Version",
        html! { span.id title=(of.function_version) { (version) } },
    ));
    ui::definitions(&facts)
}

/// How it ended, or why it is paused.
fn end(run: &RunDetail, around: &Around<'_>) -> Markup {
    html! {
        @if let Some(error) = &run.run.error {
            section.panel-box aria-label="Error" data-testid="run-error" {
                h2 { @if run.run.status == "Failed" { "Why it failed" } @else { "Why it ended" } }
                (ui::failure(error, &around.whole))
            }
        }
        @if let Some(output) = &run.run.output {
            section.panel-box aria-label="Output" data-testid="run-output" { (ui::json("Output", &output.0, &around.whole)) }
        }
    }
}

/// The end of a run's log.
struct Log {
    lines: Vec<LogView>,
    left_out: bool,
}

async fn log(visit: &Visit, id: RunId) -> Result<Log, ApiError> {
    let read = move |view: &View| -> Result<Log, ReadError> {
        let lines = view.run_logs(id, 0)?;
        let first = lines.len().saturating_sub(LINES);
        let lines = &lines[first..];
        let names = if lines.iter().any(|(_, line)| line.op.is_some()) {
            StepNames::of(&view.run_journal(id)?)
        } else {
            StepNames::default()
        };
        let shown = lines.iter().map(|(_, line)| LogView::new(line, &names));
        Ok(Log {
            lines: shown.collect(),
            left_out: first > 0,
        })
    };
    visit.api.read(read).await
}

fn log_section(log: &Log, id: RunId) -> Markup {
    if log.lines.is_empty() {
        return html! {};
    }
    let first = log.lines.len().saturating_sub(LINES_SHOWN);
    html! {
        section.panel-box aria-label="Log" data-testid="run-log" {
            h2 { "Log" }
            @if first > 0 || log.left_out {
                p.dim.small { "The last " (LINES_SHOWN) " lines. " a href=(format!("/api/v1{}/logs", paths::run(id))) { "All of them, as JSON" } }
            }
            ol.log tabindex="0" {
                @for line in &log.lines[first..] { (step::log_line(line)) }
            }
        }
    }
}
