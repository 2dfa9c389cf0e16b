//! The table of runs, wherever one is shown.

use std::collections::BTreeMap;

use abide_core::ids::RunId;
use abide_core::journal::is_guard;
use abide_core::state::Read;
use maud::{Markup, html};

use crate::http::Api;
use crate::http::dashboard::{components as ui, paths};
use crate::http::error::ApiError;
use crate::view::{RunView, WaitView};

/// The longest note beside a run, in characters.
const NOTE: usize = 160;

/// What runs wait for, by their ids.
pub(in crate::http::dashboard) type Waits = BTreeMap<RunId, WaitView>;

/// What the runs among these wait for that stand still.
pub(super) async fn waits(api: &Api, runs: &[RunView]) -> Result<Waits, ApiError> {
    let still = runs
        .iter()
        .filter(|run| matches!(run.status, "Sleeping" | "Waiting"));
    let ids: Vec<_> = still.map(|run| run.run_id).collect();
    if ids.is_empty() {
        return Ok(Waits::new());
    }
    api.read(move |view| {
        let mut waits = Waits::new();
        for id in ids {
            let registrations = view.registrations(id)?;
            let mut found = registrations
                .iter()
                .filter(|(op, _)| !is_guard(*op))
                .filter_map(|(_, registration)| WaitView::of(registration));
            waits.extend(found.next().map(|wait| (id, wait)));
        }
        Ok(waits)
    })
    .await
}

/// A table of runs.
pub(in crate::http::dashboard) fn table(runs: &[RunView], now_ms: u64) -> Markup {
    table_with(runs, &Waits::new(), now_ms)
}

/// A table of runs, with what they wait for.
pub(super) fn table_with(runs: &[RunView], waits: &Waits, now_ms: u64) -> Markup {
    let columns = [
        ("Status", ""),
        ("Function", "grow"),
        ("Run", "wide"),
        ("Queued", ""),
        ("Took", "number"),
    ];
    let rows = html! {
        @for run in runs { (row(run, waits.get(&run.run_id), now_ms)) }
    };
    ui::table("Runs", &columns, &rows)
}

fn row(run: &RunView, wait: Option<&WaitView>, now_ms: u64) -> Markup {
    let path = paths::run(run.run_id);
    let note = note(run);
    html! {
        tr data-testid="run-row" data-run-id=(run.run_id) {
            td { (ui::status(run.status)) }
            td.grow {
                a.main href=(path) { (ui::shown(&run.function_id)) }
                @if let Some(wait) = wait {
                    span.note { (waiting(wait, now_ms)) }
                } @else if let Some(note) = note {
                    span.note { bdi { (ui::shown(&note)) } }
                }
            }
            td.wide { a href=(path) tabindex="-1" { (ui::short(run.run_id)) } }
            td { (ui::time(run.queued_at, now_ms)) }
            td.number { (took(run, now_ms)) }
        }
    }
}

/// What a run waits for, in a few words.
fn waiting(wait: &WaitView, now_ms: u64) -> Markup {
    html! {
        @match wait {
            WaitView::Time { until } => { "sleeps, goes on " (ui::time(*until, now_ms)) }
            WaitView::Retry { until } => { "next attempt " (ui::time(*until, now_ms)) }
            WaitView::Event { event, until, .. } => { "waits for " bdi { (ui::shown(event)) } ", gives up " (ui::time(*until, now_ms)) }
            WaitView::Signal { signal, until } => { "waits for the signal " bdi { (ui::shown(signal)) } ", gives up " (ui::time(*until, now_ms)) }
            WaitView::Run { function, .. } => { "waits for " (ui::shown(function)) }
            WaitView::Request { .. } => "waits for an answer to a request",
        }
    }
}

/// What is particular about a run, in one line.
fn note(run: &RunView) -> Option<String> {
    let text = if let Some(reason) = &run.paused_reason {
        reason.clone()
    } else if let Some(error) = &run.error {
        format!("{}: {}", error.name, error.message)
    } else if let Some(cron) = &run.cron {
        format!("schedule {cron}")
    } else if let Some(original) = run.original_run_id {
        format!("replay of {original}")
    } else if run.event_count > 1 {
        format!("batch of {} events", run.event_count)
    } else if let Some(parent) = run.parent_run_id {
        format!("invoked by {parent}")
    } else {
        return None;
    };
    let line = text.lines().next().unwrap_or_default();
    Some(line.chars().take(NOTE).collect())
}

/// From its start to its end, or to now.
fn took(run: &RunView, now_ms: u64) -> Markup {
    let since = run.started_at.map(|at| at.0);
    let until = run.ended_at.map_or(now_ms, |at| at.0);
    html! {
        @match since {
            Some(since) => (ui::duration(until.saturating_sub(since))),
            None => span.dim { "–" },
        }
    }
}
