//! The bar of a step: its attempts, what lies between them, and what it waits for.

use maud::{Markup, html};

use super::scale::{Scale, WIDTH};
use crate::view::{StepStatus, StepView};

/// Nothing is narrower: it could not be seen.
const LEAST: f64 = 3.0;

/// A part of a bar, by its times and what it looks like.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) from_ms: u64,
    pub(super) until_ms: u64,
    pub(super) class: &'static str,
}

/// The parts of a step's bar at `now_ms`.
pub(super) fn parts(step: &StepView, now_ms: u64) -> Vec<Part> {
    let end_ms = step.ended_at.map_or(now_ms, |at| at.0);
    let mut parts = Vec::new();
    let mut at_ms = step.started_at.0;
    let mut add = |from_ms: u64, until_ms: u64, class| {
        let until_ms = until_ms.max(from_ms);
        parts.push(Part {
            from_ms,
            until_ms,
            class,
        });
    };
    for attempt in &step.attempts {
        let from_ms = attempt.started_at.map_or(at_ms, |at| at.0);
        if from_ms > at_ms {
            add(at_ms, from_ms, "idle");
        }
        let until_ms = attempt.ended_at.map_or(end_ms, |at| at.0);
        let class = match (&attempt.error, attempt.ended_at) {
            (Some(_), _) => "bad",
            (None, Some(_)) => "good",
            (None, None) => look(step.status),
        };
        add(from_ms, until_ms, class);
        at_ms = until_ms.max(from_ms);
    }
    if step.attempts.is_empty() {
        let class = match step.kind {
            "sleep" | "sleep-until" => "asleep",
            "wait-for-event" | "wait-for-signal" | "invoke" => match step.status {
                StepStatus::Failed | StepStatus::TimedOut => "missed",
                _ => "waits",
            },
            _ => look(step.status),
        };
        add(at_ms, end_ms, class);
    } else if step.ended_at.is_none() && now_ms > at_ms {
        add(at_ms, now_ms, "idle");
    }
    parts
}

fn look(status: StepStatus) -> &'static str {
    match status {
        StepStatus::Completed => "good",
        StepStatus::Failed | StepStatus::TimedOut => "bad",
        StepStatus::Executing => "busy",
        StepStatus::Queued | StepStatus::Retrying | StepStatus::Cancelled => "idle",
        StepStatus::Sleeping => "asleep",
        StepStatus::Waiting => "waits",
    }
}

/// The drawing.
pub(super) fn draw(parts: &[Part], scale: &Scale) -> Markup {
    html! {
        svg.bar viewBox="0 0 1000 14" preserveAspectRatio="none" aria-hidden="true" {
            @for part in parts {
                @let left = scale.place(part.from_ms).min(WIDTH - LEAST);
                @let width = (scale.place(part.until_ms) - left).max(LEAST);
                @let thin = matches!(part.class, "idle" | "queue");
                rect class=(part.class) x=(format!("{left:.1}")) width=(format!("{width:.1}"))
                    y=(if thin { "5" } else { "1" }) height=(if thin { "4" } else { "12" }) {}
            }
        }
    }
}
