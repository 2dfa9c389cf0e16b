//! What a step's line opens to: input, attempts, result, error, log lines, and what can be done with it.

use std::collections::BTreeMap;

use abide_core::ids::EventId;
use abide_core::journal::OpNumber;
use maud::{Markup, html};
use serde_json::Value;

use super::nested::Child;
use super::{actions, spent};
use crate::http::dashboard::visit::Visit;
use crate::http::dashboard::{components as ui, paths};
use crate::view::{AttemptView, LogView, RunDetail, StepStatus, StepView, WaitView};

/// Payload bytes of one page: of what comes after, a page shows only where it is.
const MOST_BYTES: usize = 512 << 10;

/// Log lines that a step shows.
const LINES: usize = 50;

/// What the lines of a run are made from.
pub(super) struct Around<'a> {
    pub(super) visit: &'a Visit,
    pub(super) run: &'a RunDetail,
    pub(super) now_ms: u64,
    /// Where the API has all of it.
    pub(super) whole: String,
    /// The step that the address names.
    pub(super) chosen: Option<OpNumber>,
    /// The runs that were invoked, by the operations that did.
    pub(super) children: BTreeMap<OpNumber, Child>,
    /// Log lines, by the steps that wrote them.
    pub(super) lines: BTreeMap<String, Vec<LogView>>,
    /// Payload bytes that the page may still show.
    left: usize,
}

impl<'a> Around<'a> {
    pub(super) fn new(visit: &'a Visit, run: &'a RunDetail) -> Self {
        Self {
            visit,
            run,
            now_ms: visit.now_ms,
            whole: format!("/api/v1{}", paths::run(run.run.run_id)),
            chosen: None,
            children: BTreeMap::new(),
            lines: BTreeMap::new(),
            left: MOST_BYTES,
        }
    }

    /// Whether so many bytes more may be shown. The step that the address names always may.
    fn takes(&mut self, step: &StepView) -> bool {
        let bytes = weight(step);
        if self.chosen == Some(step.op) {
            return true;
        }
        let takes = bytes <= self.left;
        self.left = self.left.saturating_sub(bytes);
        takes
    }
}

/// What of a step is shown, at most: payloads are cut one by one.
fn weight(step: &StepView) -> usize {
    let payloads = [&step.input, &step.result].into_iter().flatten();
    let errors = step.attempts.iter().filter_map(|it| it.error.as_ref());
    let stacks = errors.map(|it| it.message.len() + it.stack.as_deref().map_or(0, str::len));
    payloads
        .map(|it| it.0.len())
        .chain(stacks)
        .map(|it| it.min(ui::MOST_BYTES))
        .sum()
}

/// The word of the API for where a step stands.
pub(super) fn status(status: StepStatus) -> &'static str {
    match status {
        StepStatus::Queued => "queued",
        StepStatus::Executing => "executing",
        StepStatus::Retrying => "retrying",
        StepStatus::Sleeping => "sleeping",
        StepStatus::Waiting => "waiting",
        StepStatus::Completed => "completed",
        StepStatus::Failed => "failed",
        StepStatus::TimedOut => "timed_out",
        StepStatus::Cancelled => "cancelled",
    }
}

/// All of a step.
pub(super) fn details(step: &StepView, around: &mut Around<'_>) -> Markup {
    if !around.takes(step) {
        let op = step.op.to_string();
        let path = paths::with_query(&paths::run(around.run.run.run_id), &[("step", &op)]);
        return html! {
            div.inside { p { a href=(format!("{path}#op-{op}")) { "Show this step" } " on a page of its own: this one is long." } }
        };
    }
    html! {
        div.inside {
            (facts(step, around.now_ms))
            @if let Some(spent) = &step.timings { (spent::of_step(spent)) }
            @if let Some(wait) = &step.waiting { (waiting(wait, step, around)) }
            @if let Some(input) = &step.input {
                (ui::json(if step.input_replaced { "Input, as an operator replaced it" } else { "Input" }, &input.0, &around.whole))
            }
            @if let Some(result) = &step.result {
                (ui::json(if step.kind == "send-events" { "Sent" } else { "Output" }, &result.0, &around.whole))
            }
            @if let Some(error) = &step.error { (ui::failure(error, &around.whole)) }
            @if step.attempts.len() > 1 || step.attempts.iter().any(|it| it.error.is_some() && step.error.is_none()) {
                (attempts(&step.attempts, around))
            }
            @if let Some(lines) = around.lines.get(&step.id) { (log(lines)) }
            (actions::of_step(step, around))
        }
    }
}

fn facts(step: &StepView, now_ms: u64) -> Markup {
    let mut facts = vec![
        ("Status", ui::status(status(step.status))),
        ("Started", ui::moment(step.started_at)),
    ];
    if let Some(at) = step.ended_at {
        facts.push(("Ended", ui::moment(at)));
    }
    let took = step
        .duration_ms
        .unwrap_or_else(|| now_ms.saturating_sub(step.started_at.0));
    facts.push(("Took", html! { (ui::duration(took)) }));
    if let Some(split) = Split::of(step, now_ms) {
        for (name, ms) in [
            ("Queued for", split.queued_ms),
            ("Executed for", split.executed_ms),
            ("Between attempts", split.between_ms),
        ] {
            if ms > 0 || name == "Executed for" {
                facts.push((name, html! { (ui::duration(ms)) }));
            }
        }
    }
    if !step.summary.is_empty() {
        facts.push((
            "Options",
            html! { code { bdi { (ui::shown(&step.summary)) } } },
        ));
    }
    if step.carried_over {
        facts.push((
            "Result",
            html! { "kept from the run that this one replays" },
        ));
    }
    ui::definitions(&facts)
}

/// What the time of a step with attempts was made of.
#[derive(Debug, PartialEq, Eq)]
#[allow(clippy::struct_field_names, reason = "units stand last")]
struct Split {
    queued_ms: u64,
    executed_ms: u64,
    between_ms: u64,
}

impl Split {
    fn of(step: &StepView, now_ms: u64) -> Option<Self> {
        let first = step.attempts.first()?.started_at?.0;
        let end_ms = step.ended_at.map_or(now_ms, |at| at.0);
        let executed = step.attempts.iter().map(|attempt| {
            let from = attempt.started_at.map_or(end_ms, |at| at.0);
            let until = attempt.ended_at.map_or(end_ms, |at| at.0);
            until.saturating_sub(from)
        });
        let executed_ms = executed.sum();
        let since_first = end_ms.saturating_sub(first);
        Some(Self {
            queued_ms: first.saturating_sub(step.started_at.0),
            executed_ms,
            between_ms: since_first.saturating_sub(executed_ms),
        })
    }
}

fn waiting(wait: &WaitView, step: &StepView, around: &Around<'_>) -> Markup {
    let now_ms = around.now_ms;
    html! {
        p.waits {
            @match wait {
                WaitView::Time { until } => { "Sleeps until " (ui::moment(*until)) " (" (ui::time(*until, now_ms)) ")" }
                WaitView::Retry { until } => { "The next attempt begins " (ui::time(*until, now_ms)) }
                WaitView::Event { event, match_on, if_expr, until } => {
                    "Waits for " code { bdi { (ui::shown(event)) } }
                    @if let Some(on) = match_on { " where " code { (ui::shown(&on.path)) } " equals " code { bdi { (ui::shown(&on.value)) } } }
                    @if let Some(expr) = if_expr { " where " code { bdi { (ui::shown(expr)) } } }
                    ", until " (ui::moment(*until)) " (" (ui::time(*until, now_ms)) ")"
                }
                WaitView::Signal { signal, until } => {
                    "Waits for the signal " code { bdi { (ui::shown(signal)) } } ", until " (ui::moment(*until)) " (" (ui::time(*until, now_ms)) ")"
                }
                WaitView::Run { function, run_id, until } => {
                    "Waits for " code { (ui::shown(function)) }
                    @if let Some(run) = run_id { ", " a href=(paths::run(run)) { "run " (ui::short(run)) } }
                    ", until " (ui::moment(*until))
                }
                WaitView::Request { attempt, until } => {
                    "Attempt " (attempt + 1) " of the request"
                    @match until {
                        Some(until) => { " begins " (ui::time(*until, now_ms)) }
                        None => " is under way",
                    }
                }
            }
        }
        (actions::send(wait, step, around))
    }
}

/// The events that a step sent, as a line under its own.
pub(super) fn sent(step: &StepView) -> Markup {
    const MOST: usize = 5;
    let result = step.result.as_ref().filter(|_| step.kind == "send-events");
    let value = result.and_then(|it| serde_json::from_str::<Value>(&it.0).ok());
    let value = value.unwrap_or_default();
    let ids = value.get("ids").unwrap_or(&value).as_array();
    let ids = ids.into_iter().flatten().filter_map(Value::as_str);
    // What is no id of an event is shown in the step, and leads nowhere.
    let ids: Vec<EventId> = ids.filter_map(|id| id.parse().ok()).collect();
    html! {
        @if !ids.is_empty() {
            div.child {
                span.name {
                    "→ "
                    @for id in ids.iter().take(MOST) { a href=(paths::event(id)) data-testid="sent-event" { "event " (ui::short(id)) } }
                    @if ids.len() > MOST { span.dim.small { "and " (ids.len() - MOST) " more" } }
                }
            }
        }
    }
}

fn attempts(attempts: &[AttemptView], around: &Around<'_>) -> Markup {
    let columns = [
        ("Attempt", ""),
        ("Started", ""),
        ("Took", "number"),
        ("Outcome", "grow"),
        ("Next", ""),
    ];
    let rows = html! {
        @for attempt in attempts {
            tr data-testid="attempt" {
                td { (attempt.attempt + 1) }
                td { @if let Some(at) = attempt.started_at { (ui::moment(at)) } }
                td.number { @if let Some(ms) = attempt.duration_ms { (ui::duration(ms)) } }
                td.grow {
                    @match (&attempt.error, attempt.ended_at) {
                        (Some(error), _) => {
                            details {
                                summary { (ui::failure_line(error)) }
                                (ui::failure(error, &around.whole))
                            }
                        }
                        (None, Some(_)) => "done",
                        (None, None) => "under way",
                    }
                }
                td { @if let Some(at) = attempt.retry_at { (ui::time(at, around.now_ms)) } }
            }
        }
    };
    ui::table("Attempts", &columns, &rows)
}

/// Log lines.
pub(super) fn log(lines: &[LogView]) -> Markup {
    let left_out = lines.len().saturating_sub(LINES);
    html! {
        div.payload {
            p.caption { "Log" @if left_out > 0 { ", the last " (LINES) " of " (lines.len()) " lines" } }
            ol.log tabindex="0" {
                @for line in &lines[left_out..] { (log_line(line)) }
            }
        }
    }
}

/// One line, with the step that wrote it where that is not said around it.
pub(super) fn log_line(line: &LogView) -> Markup {
    let level = line.level.as_str();
    html! {
        li class=(level) {
            (ui::moment(line.at)) " "
            span.level { (level) } " "
            span.text { bdi { (ui::shown(&line.message)) } }
            @if let Some(fields) = &line.fields { " " span.dim { bdi { (ui::shown(&fields.0)) } } }
            @if line.cut_bytes > 0 { " " span.dim { "(" (line.cut_bytes) " bytes more were cut)" } }
        }
    }
}
