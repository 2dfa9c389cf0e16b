//! The waterfall: a line for the queue, one for each attempt at the code that failed, one for each step with its details.

use abide_core::journal::OpNumber;
use maud::{Markup, html};

use super::bar::{self, Part};
use super::nested;
use super::scale::Scale;
use super::step::{self, Around};
use crate::http::dashboard::{components as ui, paths};
use crate::view::{AttemptView, StepStatus, StepView, WaitView};

/// Steps on one page.
pub(super) const AT_ONCE: usize = 200;

/// The waterfall of the steps from `from` on.
pub(super) fn timeline(around: &mut Around<'_>, from: usize) -> Markup {
    let run = around.run;
    let steps = &run.steps;
    let end_ms = run.run.ended_at.map_or(around.now_ms, |at| at.0);
    let mut times = vec![run.run.queued_at.0, end_ms];
    times.extend(run.run.started_at.map(|at| at.0));
    for step in steps.iter().filter(|step| !step.carried_over) {
        let parts = bar::parts(step, around.now_ms);
        times.extend(parts.iter().flat_map(|part| [part.from_ms, part.until_ms]));
    }
    let scale = Scale::over(times);
    let shown: Vec<_> = steps.iter().skip(from).take(AT_ONCE).collect();
    html! {
        section #waterfall aria-label="Waterfall" {
            div.axis {
                span { "0" }
                @if scale.fitted { span.dim { "not to scale: long waits are drawn shorter" } }
                span { (ui::duration(end_ms.saturating_sub(run.run.queued_at.0))) }
            }
            ol.waterfall {
                @if from == 0 {
                    (queue(around, &scale))
                    @for attempt in run.attempts.iter().filter(|it| it.error.is_some()) {
                        (workflow_attempt(attempt, around, &scale))
                    }
                }
                @for (at, step) in shown.iter().enumerate() {
                    @let group = group(&shown, at);
                    (line(step, group, around, &scale))
                }
            }
            (pages(around, from))
        }
    }
}

/// Whether a step was started together with others, and whether it is the first or the last of them.
#[derive(Clone, Copy)]
struct Group {
    size: usize,
    first: bool,
    last: bool,
}

fn group(steps: &[&StepView], at: usize) -> Option<Group> {
    let after = steps.get(at)?.after?;
    let same = |step: &&&StepView| step.after == Some(after);
    let before = steps[..at].iter().rev().take_while(same).count();
    let behind = steps[at + 1..].iter().take_while(same).count();
    (before + behind > 0).then_some(Group {
        size: before + behind + 1,
        first: before == 0,
        last: behind == 0,
    })
}

fn queue(around: &Around<'_>, scale: &Scale) -> Markup {
    let run = &around.run.run;
    let until = run.started_at.or(run.ended_at);
    let until_ms = until.map_or(around.now_ms, |at| at.0);
    let part = Part {
        from_ms: run.queued_at.0,
        until_ms,
        class: "queue",
    };
    html! {
        li.plain data-testid="queue-row" {
            span.name { span.dim { "in the queue" } }
            (bar::draw(&[part], scale))
            span.took { (ui::duration(until_ms.saturating_sub(run.queued_at.0))) }
        }
    }
}

fn workflow_attempt(attempt: &AttemptView, around: &Around<'_>, scale: &Scale) -> Markup {
    let from_ms = attempt.started_at.map_or(0, |at| at.0);
    let until_ms = attempt.ended_at.map_or(around.now_ms, |at| at.0);
    let part = Part {
        from_ms,
        until_ms,
        class: "bad",
    };
    html! {
        li data-testid=(format!("workflow-attempt-{}", attempt.attempt)) {
            details #(format!("attempt-{}", attempt.attempt)) {
                summary {
                    span.name { "code, attempt " (attempt.attempt + 1) " failed" }
                    (bar::draw(&[part], scale))
                    span.took { (ui::duration(until_ms.saturating_sub(from_ms))) }
                }
                div.inside {
                    @if let Some(error) = &attempt.error { (ui::failure(error, &around.whole)) }
                    @if let Some(at) = attempt.retry_at { p { "Tried again " (ui::time(at, around.now_ms)) } }
                }
            }
        }
    }
}

fn line(step: &StepView, group: Option<Group>, around: &mut Around<'_>, scale: &Scale) -> Markup {
    let class = group.map(|group| match (group.first, group.last) {
        (true, _) => "together first",
        (_, true) => "together last",
        (false, false) => "together",
    });
    let parts = bar::parts(step, around.now_ms);
    // What a run waits for can be sent to it: that is seen without a click.
    let waits = matches!(
        step.waiting,
        Some(WaitView::Event { .. } | WaitView::Signal { .. })
    );
    let open = waits || around.chosen == Some(step.op);
    html! {
        li class=[class] data-testid="step-row" data-step=(ui::shown(&step.id)) {
            details #(format!("op-{}", step.op)) open[open] data-testid=(format!("step-{}", ui::shown(&step.id))) {
                summary {
                    span.name {
                        span.kind { (step.kind) }
                        bdi { (ui::shown(&step.id)) }
                        @if let Some(group) = group.filter(|it| it.first) {
                            span.dim.small { (group.size) " together" }
                        }
                        @if step.carried_over { span.dim.small { "kept" } }
                        @if !matches!(step.status, StepStatus::Completed) { (ui::status(step::status(step.status))) }
                        @if step.attempts.len() > 1 { span.dim.small { (step.attempts.len()) " attempts" } }
                    }
                    @if step.carried_over { span.bar {} } @else { (bar::draw(&parts, scale)) }
                    span.took { (took(step, around.now_ms)) }
                }
                (step::details(step, around))
            }
            (step::sent(step))
            @if let Some(child) = around.children.get(&step.op) { (nested::lines(child, scale, around.now_ms)) }
        }
    }
}

/// How long a step took, or what it is waiting for.
pub(super) fn took(step: &StepView, now_ms: u64) -> Markup {
    if let Some(ms) = step.duration_ms {
        return html! { (ui::duration(ms)) };
    }
    let until = match &step.waiting {
        Some(
            WaitView::Time { until }
            | WaitView::Retry { until }
            | WaitView::Event { until, .. }
            | WaitView::Signal { until, .. }
            | WaitView::Run { until, .. },
        ) => Some(*until),
        Some(WaitView::Request { until, .. }) => *until,
        None => None,
    };
    match until {
        Some(until) => ui::time(until, now_ms),
        None => html! { (ui::duration(now_ms.saturating_sub(step.started_at.0))) },
    }
}

/// The way to the other steps of a long run.
fn pages(around: &Around<'_>, from: usize) -> Markup {
    let count = around.run.steps.len();
    if count <= AT_ONCE {
        return html! {};
    }
    let path = |from: usize| {
        let from = from.to_string();
        paths::with_query(&paths::run(around.run.run.run_id), &[("from", &from)])
    };
    html! {
        nav.pager aria-label="Steps" {
            span.dim { "Steps " (from + 1) " to " ((from + AT_ONCE).min(count)) " of " (count) }
            @if from > 0 { a.button href=(path(from.saturating_sub(AT_ONCE))) data-testid="steps-before" { "Before" } }
            @if from + AT_ONCE < count { a.button href=(path(from + AT_ONCE)) data-testid="steps-after" { "After" } }
        }
    }
}

/// Where a step is among all.
pub(super) fn page_of(op: OpNumber) -> usize {
    op as usize / AT_ONCE * AT_ONCE
}
