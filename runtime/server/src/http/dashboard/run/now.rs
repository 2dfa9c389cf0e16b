//! What a run that goes on is doing, in one sentence: where another says why it waits.

use maud::{Markup, html};

use crate::http::dashboard::components as ui;
use crate::view::{RunDetail, StepStatus, StepView, Time};

/// Steps that the sentence names.
const MOST_NAMED: usize = 3;

/// The sentence; none for a run that is over, or that waits for something that the API names.
pub(super) fn sentence(run: &RunDetail, now_ms: u64) -> Option<Markup> {
    match run.run.status {
        "Queued" => return Some(html! { "Is about to start." }),
        "Running" => {}
        _ => return None,
    }
    let of = |status| run.steps.iter().filter(move |step| step.status == status);
    let executing: Vec<_> = of(StepStatus::Executing).collect();
    let queued: Vec<_> = of(StepStatus::Queued).collect();
    let sentence = if !executing.is_empty() {
        html! { "Executes " (named(&executing, now_ms)) "." }
    } else if !queued.is_empty() {
        html! { "Executes as soon as there is room: " (named(&queued, now_ms)) "." }
    } else {
        let since = run.attempts.last().and_then(|it| it.started_at);
        let since = since.or(run.run.started_at);
        html! { "Executes its own code" @if let Some(at) = since { ", since " (ui::time(at, now_ms)) } "." }
    };
    Some(sentence)
}

fn named(steps: &[&StepView], now_ms: u64) -> Markup {
    html! {
        @for (n, step) in steps.iter().take(MOST_NAMED).enumerate() {
            @if n > 0 { ", " }
            code { bdi { (ui::shown(&step.id)) } }
            " (attempt " (attempt(step)) ", begun " (ui::time(began(step), now_ms)) ")"
        }
        @if steps.len() > MOST_NAMED { " and " (steps.len() - MOST_NAMED) " more" }
    }
}

/// Which attempt it is, counted from 1.
fn attempt(step: &StepView) -> u32 {
    step.attempts.last().map_or(1, |last| last.attempt + 1)
}

fn began(step: &StepView) -> Time {
    let last = step.attempts.last().and_then(|last| last.started_at);
    last.unwrap_or(step.started_at)
}
