//! One run as a waterfall: a head, a line a step with a bar that shows when it happened, and what came of it.
//!
//! ```text
//!   ✓ charge        ×2   1.02s  │   ██·········██     │
//!       attempt 1 failed after 12ms: busy; the next one 1.00s later
//!       → {"id":"charge_5f2c"}
//! ```
//! With timings, a step also has a line `queue 40µs, guest 1.24ms`: what its time was made of.
//!
//! In a bar, `█` is work, `░` is waiting and `·` is the pause before another attempt. Nothing relies on colour.

use std::fmt::Write;

use chrono::{DateTime, TimeDelta, Utc};

use crate::client::model::{Attempt, Json, Run, Spent, Step, StepStatus};
use crate::render::{status, time};
use crate::terminal::{Look, columns, fit, one_line, shorten, visible, wrap};

/// The longest name that is shown whole.
const NAME_WIDTH: usize = 30;
/// The shortest bar that still says something.
const BAR_WIDTH: usize = 10;
/// Lines of an error that are shown with its step; all of it is in the JSON.
const ERROR_LINES: usize = 4;
/// Lines of a guest's stack that are shown, of a run that failed and of a step that is tried again.
const STACK_LINES: usize = 12;
const STEP_STACK_LINES: usize = 3;
/// Lines of a step's timings: five short figures.
const TIMING_LINES: usize = 5;
/// Columns before the name, and of attempts and duration with their gaps.
const MARGIN: usize = 4;
const MIDDLE: usize = 6 + 9 + 2;

/// Draws the run as it stands at `now`.
pub(crate) fn waterfall(look: Look, run: &Run, now: DateTime<Utc>) -> String {
    drawn(look, run, now, false)
}

/// The same, with a line for the run and one for each step that says where the time went, as far as the server knows.
pub(crate) fn waterfall_with_timings(look: Look, run: &Run, now: DateTime<Utc>) -> String {
    drawn(look, run, now, true)
}

fn drawn(look: Look, run: &Run, now: DateTime<Utc>, timings: bool) -> String {
    let mut out = head(look, run, now);
    let line = |spent: &Option<Spent>| spent.filter(|_| timings).as_ref().and_then(parts);
    if let Some(parts) = line(&run.timings.execution) {
        let _ = writeln!(out, "  {} {parts}", look.dim("spent    "));
    }
    if !run.steps.is_empty() {
        let scale = Scale::of(look, run, now);
        out.push('\n');
        for step in &run.steps {
            out.push_str(&step_lines(look, &scale, step, now));
            let width = look.width.saturating_sub(6);
            let parts = line(&step.timings).map(|parts| wrap(&parts, width, TIMING_LINES));
            for part in parts.into_iter().flatten() {
                let _ = writeln!(out, "      {}", look.dim(part));
            }
        }
    }
    out.push_str(&tail(look, run));
    out
}

fn head(look: Look, run: &Run, now: DateTime<Utc>) -> String {
    let mut out = String::new();
    let words = status::run_words(look, run.status, &run.status.to_string());
    let mark = status::run_mark(look, run.status);
    let _ = writeln!(out, "{mark} {}  {words}", look.bold(&run.function_id));
    let mut line = |name: &str, value: String| {
        let _ = writeln!(out, "  {} {value}", look.dim(format!("{name:<9}")));
    };
    line("run", run.run_id.clone());
    if let Some(event) = &run.event_id {
        let more = match run.event_count {
            Some(count) if count > 1 => format!(" and {} more", count - 1),
            _ => String::new(),
        };
        line("event", format!("{event}{more}"));
    }
    if let Some(cron) = &run.cron {
        line("schedule", one_line(cron));
    }
    if let Some(original) = &run.original_run_id {
        line("replays", original.clone());
    }
    if let Some(parent) = &run.parent_run_id {
        line("parent", parent.clone());
    }
    if let Some(version) = &run.function_version {
        line("version", version.chars().take(12).collect());
    }
    if let Some(queued) = run.queued_at {
        line(
            "queued",
            format!("{} ({})", time::moment(queued), time::relative(queued, now)),
        );
    }
    if let (Some(queued), Some(started)) = (run.queued_at, run.started_at) {
        line(
            "started",
            format!("{} later", time::duration(started - queued)),
        );
    }
    if let (Some(started), Some(ended)) = (run.started_at.or(run.queued_at), run.ended_at) {
        line("took", time::duration(ended - started));
    }
    out
}

/// What the time was made of; none if it took none.
fn parts(spent: &Spent) -> Option<String> {
    let parts = [
        ("queue", spent.queue_us),
        ("replay", spent.replay_us),
        ("guest", spent.guest_us),
        ("host", spent.host_us),
        ("sync", spent.sync_us),
    ];
    let parts: Vec<String> = parts
        .into_iter()
        .filter(|(_, us)| *us > 0)
        .map(|(name, us)| format!("{name} {}", time::micros(us)))
        .collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

fn tail(look: Look, run: &Run) -> String {
    let mut out = String::new();
    for attempt in run.attempts.iter().filter_map(failed_attempt) {
        let _ = writeln!(
            out,
            "\n{}",
            look.odd(format!("the code between the steps: {attempt}"))
        );
    }
    if let Some(waiting) = run.waiting_for.as_deref().filter(|_| !run.status.is_over()) {
        // All but the one of an attempt that is to come have a verb first.
        let it = if waiting.starts_with("next attempt") {
            ""
        } else {
            "it "
        };
        let sentence = format!("{it}{}", one_line(waiting));
        let _ = writeln!(out, "\n{}", look.odd(sentence));
    }
    if let Some(error) = &run.error {
        let _ = writeln!(
            out,
            "\n{} {}",
            look.bad("error"),
            visible(error.to_string().trim_end())
        );
        let stack = error.stack.as_deref().unwrap_or_default().trim_end();
        for line in stack.lines().take(STACK_LINES) {
            let _ = writeln!(out, "  {}", look.dim(one_line(line)));
        }
        if stack.lines().count() > STACK_LINES {
            let _ = writeln!(out, "  {}", look.dim("… (all of it: --json)"));
        }
    }
    if let Some(output) = text_of(&run.output) {
        let _ = writeln!(out, "\n{} {}", look.dim("output"), visible(output));
    }
    out
}

/// JSON as it came, unless there is none or it is null.
fn text_of(json: &Json) -> Option<&str> {
    json.as_ref()
        .map(|raw| raw.get().trim())
        .filter(|text| *text != "null")
}

/// From moments to columns.
struct Scale {
    name: usize,
    bar: usize,
    begin: DateTime<Utc>,
    span_ms: i64,
}

impl Scale {
    fn of(look: Look, run: &Run, now: DateTime<Utc>) -> Self {
        let longest = run
            .steps
            .iter()
            .map(|step| columns(&step.id))
            .max()
            .unwrap_or(0);
        let room = look.width.saturating_sub(MARGIN + MIDDLE + 2);
        let name = longest
            .clamp(4, NAME_WIDTH)
            .min(room.saturating_sub(BAR_WIDTH).max(4));
        // What was carried over happened in the time of another run.
        let own = || run.steps.iter().filter(|step| !step.carried_over);
        let begins = own().filter_map(|step| step.started_at);
        let begin = begins.chain(run.started_at).min().unwrap_or(now);
        let ends = own().map(|step| step.ended_at.unwrap_or(now));
        let end = run.ended_at.into_iter().chain(ends).max().unwrap_or(now);
        let bar = room.saturating_sub(name).max(BAR_WIDTH);
        Self {
            name,
            bar,
            begin,
            span_ms: (end - begin).num_milliseconds().max(1),
        }
    }

    fn column(&self, moment: DateTime<Utc>) -> usize {
        let ms = (moment - self.begin)
            .num_milliseconds()
            .clamp(0, self.span_ms);
        let bar = i64::try_from(self.bar).unwrap_or(i64::MAX);
        usize::try_from(ms.saturating_mul(bar) / self.span_ms)
            .unwrap_or(0)
            .min(self.bar - 1)
    }

    fn draw(&self, step: &Step, now: DateTime<Utc>) -> String {
        let mut cells = vec![' '; self.bar];
        let mut fill = |from: DateTime<Utc>, to: DateTime<Utc>, with: char| {
            let (first, last) = (self.column(from), self.column(to));
            // The column in which the next thing begins belongs to that one, unless the two share it.
            for cell in &mut cells[first..=last.max(first)] {
                *cell = with;
            }
        };
        let Some(started) = step.started_at.filter(|_| !step.carried_over) else {
            return cells.into_iter().collect();
        };
        let ended = step.ended_at.unwrap_or(now).max(started);
        if works(step) && !step.attempts.is_empty() {
            fill(started, ended, '·');
            for attempt in &step.attempts {
                let from = attempt.started_at.unwrap_or(started);
                fill(from, attempt.ended_at.unwrap_or(ended), '█');
            }
        } else {
            fill(started, ended, if works(step) { '█' } else { '░' });
        }
        cells.into_iter().collect()
    }
}

/// Whether the step's time is work, of a body or of the host; else it is waiting.
fn works(step: &Step) -> bool {
    !["sleep", "wait", "invoke"]
        .iter()
        .any(|waiting| step.kind.starts_with(waiting))
}

fn step_lines(look: Look, scale: &Scale, step: &Step, now: DateTime<Utc>) -> String {
    let mut out = String::new();
    let name = fit(&one_line(&step.id), scale.name);
    let attempts = match step.attempts.len() {
        0 | 1 => String::new(),
        many => format!("×{many}"),
    };
    let took = step
        .started_at
        .map(|started| time::duration(step.ended_at.unwrap_or(now) - started));
    let took = match (took, step.ended_at) {
        (Some(took), Some(_)) => took,
        (Some(took), None) => format!("{took}…"),
        (None, _) => String::new(),
    };
    let bar = scale.draw(step, now);
    let bar = match step.status {
        StepStatus::Failed => look.bad(bar),
        StepStatus::Sleeping
        | StepStatus::Waiting
        | StepStatus::Unknown
        | StepStatus::Cancelled => look.dim(bar),
        StepStatus::Queued | StepStatus::Executing | StepStatus::Retrying => look.live(bar),
        StepStatus::Completed | StepStatus::TimedOut => look.good(bar),
    };
    let mark = status::step_mark(look, step.status);
    let attempts = look.odd(format!("{attempts:>4}"));
    let _ = writeln!(
        out,
        "  {mark} {name}  {attempts}{took:>9}  {}{bar}{}",
        look.dim("│"),
        look.dim("│")
    );

    let width = look.width.saturating_sub(6);
    // What went wrong is worth more lines than what went well.
    for line in step.attempts.iter().filter_map(failed_attempt) {
        for line in wrap(&line, width, ERROR_LINES) {
            let _ = writeln!(out, "      {}", look.odd(line));
        }
    }
    for line in where_it_failed(step) {
        let line = shorten(&one_line(line), width.saturating_sub(2));
        let _ = writeln!(out, "        {}", look.dim(line));
    }
    if step.carried_over {
        let kept = "kept from the run that this one replays";
        let _ = writeln!(out, "      {}", look.odd(kept));
    }
    if let Some(input) = text_of(&step.input).filter(|_| step.input_replaced) {
        let input = format!("input, given by an operator: {}", one_line(input));
        let _ = writeln!(out, "      {}", look.odd(shorten(&input, width)));
    }
    if let Some(error) = &step.error {
        for line in wrap(
            &format!("✗ {}", one_line(&error.to_string())),
            width,
            ERROR_LINES,
        ) {
            let _ = writeln!(out, "      {}", look.bad(line));
        }
        return out;
    }
    let mut note = |text: &str| {
        let _ = writeln!(out, "      {}", shorten(text, width));
    };
    if let Some(result) = text_of(&step.result) {
        note(&look.dim(format!("→ {}", one_line(result))));
    } else if step.status == StepStatus::TimedOut {
        note(&look.dim("→ nothing came in time"));
    } else if let Some(summary) = step
        .summary
        .as_deref()
        .filter(|text| !works(step) && !text.is_empty())
    {
        note(&look.dim(time::humanised(&one_line(summary))));
    }
    out
}

/// The top of the guest's stack at the last attempt at a step that is tried again: its code can still be mended.
fn where_it_failed(step: &Step) -> impl Iterator<Item = &str> {
    let last = step.attempts.last().and_then(|last| last.error.as_ref());
    let stack = last
        .filter(|_| step.status == StepStatus::Retrying)
        .and_then(|error| error.stack.as_deref());
    let lines = stack.into_iter().flat_map(|stack| stack.trim().lines());
    lines.map(str::trim).take(STEP_STACK_LINES)
}

/// What to say of an attempt after which another one came or comes.
pub(crate) fn failed_attempt(attempt: &Attempt) -> Option<String> {
    let retry_at = attempt.retry_at?;
    let error = attempt
        .error
        .as_ref()
        .map(ToString::to_string)
        .unwrap_or_default();
    let after = match (attempt.started_at, attempt.ended_at) {
        (Some(started), Some(ended)) => format!(" after {}", time::duration(ended - started)),
        _ => String::new(),
    };
    let next = match attempt.ended_at {
        Some(ended) => format!(
            "; the next one after {}",
            time::duration((retry_at - ended).max(TimeDelta::zero()))
        ),
        None => String::new(),
    };
    Some(format!(
        "attempt {} failed{after}: {}{next}",
        attempt.attempt + 1,
        one_line(&error)
    ))
}

#[cfg(test)]
mod tests;
