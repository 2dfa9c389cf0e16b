//! The table of runs, wherever one is shown.

use maud::{Markup, html};

use crate::http::dashboard::{components as ui, paths};
use crate::view::RunView;

/// The longest note beside a run, in characters.
const NOTE: usize = 160;

/// A table of runs.
pub(in crate::http::dashboard) fn table(runs: &[RunView], now_ms: u64) -> Markup {
    let columns = [
        ("Status", ""),
        ("Function", "grow"),
        ("Run", "wide"),
        ("Queued", ""),
        ("Took", "number"),
    ];
    let rows = html! {
        @for run in runs { (row(run, now_ms)) }
    };
    ui::table("Runs", &columns, &rows)
}

fn row(run: &RunView, now_ms: u64) -> Markup {
    let path = paths::run(run.run_id);
    let note = note(run);
    html! {
        tr data-testid="run-row" data-run-id=(run.run_id) {
            td { (ui::status(run.status)) }
            td.grow {
                a.main href=(path) { (ui::shown(&run.function_id)) }
                @if let Some(note) = note { span.note { (ui::shown(&note)) } }
            }
            td.wide { a href=(path) tabindex="-1" { (ui::short(run.run_id)) } }
            td { (ui::time(run.queued_at, now_ms)) }
            td.number { (took(run, now_ms)) }
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
