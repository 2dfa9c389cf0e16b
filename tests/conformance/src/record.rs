//! What came of a scenario, as text that says the same for all languages and for all ways in which it was played.
//!
//! Times are milliseconds since the beginning, ids are masked, stacks and digests left out. Left out are also what says only how the work was cut into portions
//! (that a body began, how many lines were logged), and cancellations at the very end of a run: there a language may give up what the host gives up anyway.

use std::fmt::Write;

use abide_core::event::Event;
use abide_core::failure::{Failure, Origin, RetryAdvice};
use abide_core::function::FunctionConfig;
use abide_core::journal::{Entry, OpNumber, Outcome, step_key};
use abide_core::state::{EventSchema, Read, Run, RunEnd};
use abide_store::View;
use anyhow::Result;
use serde_json::Value;

use crate::json::{canonical, mask, show};
use crate::stage::BEGINNING_MS;

/// How the host begins the line that warns of a request from workflow code. Whether a request gets as far as to the host is the affair of a language's client.
const WARNING: &str = "the workflow code sent a request to";

/// What steps begin with whose results are masked.
const OBSERVING: &str = "observe";

/// The configuration of a function: whatever it sets.
pub fn configuration(config: &FunctionConfig) -> Result<String> {
    let mut value = serde_json::to_value(config)?;
    drop_absent(&mut value);
    Ok(show(&value))
}

/// A schema of an event.
pub fn schema(schema: &EventSchema) -> String {
    let version = schema.v.as_deref().unwrap_or("none");
    format!(
        "{} (version {version}) {}",
        schema.event,
        canonical(&schema.schema)
    )
}

fn drop_absent(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.values_mut().for_each(drop_absent);
            members.retain(|_, member| match member {
                Value::Null => false,
                Value::Array(items) => !items.is_empty(),
                Value::Object(members) => !members.is_empty(),
                _ => true,
            });
        }
        Value::Array(items) => items.iter_mut().for_each(drop_absent),
        _ => {}
    }
}

/// These runs, with their journals, ends and logs.
pub fn runs(view: &View, runs: &[Run]) -> Result<String> {
    let mut text = String::new();
    for run in runs {
        text.push_str(&one_run(view, run)?);
    }
    Ok(text)
}

fn one_run(view: &View, run: &Run) -> Result<String> {
    let mut text = format!("\nrun of {} {}\n", run.function, at(run.queued_ms));
    let mut teller = Teller::default();
    for entry in view.journal(run.id)? {
        teller.tell(&entry);
    }
    for (_, line) in teller.lines {
        writeln!(text, "  {line}")?;
    }
    let end = match &run.end {
        None => "no end".to_owned(),
        Some(RunEnd::Output(json)) => canonical(json),
        Some(RunEnd::Failure(failure)) => show_failure(failure),
        Some(RunEnd::Skipped(reason)) => reason.clone(),
    };
    writeln!(text, "  {}: {end}", run.status.as_str())?;
    for (_, line) in view.run_logs(run.id, 0)? {
        if line.message.starts_with(WARNING) {
            continue;
        }
        let place = match line.op {
            Some(op) => format!("#{op}"),
            None => "workflow".to_owned(),
        };
        let level = format!("{:?}", line.level).to_lowercase();
        let (time, message) = (at(line.at_ms), mask(&line.message));
        let fields = line.fields.as_deref().map(canonical);
        let fields = fields.map(|json| format!(" {json}")).unwrap_or_default();
        writeln!(text, "  log {time} {level} {place}: {message}{fields}")?;
    }
    Ok(text)
}

/// An event that a run sent.
pub fn sent(event: &Event) -> String {
    let mut text = format!("{} {}", event.name, canonical(&event.data));
    let user = event.user.as_deref().map(canonical);
    for (name, value) in [("id", &event.external_id), ("user", &user), ("v", &event.v)] {
        if let Some(value) = value {
            write!(text, " {name}={value}").expect("a text grows");
        }
    }
    format!("{text} ts={}", at(event.ts))
}

/// A time, since the beginning.
fn at(ms: u64) -> String {
    match ms.checked_sub(BEGINNING_MS) {
        Some(since) => format!("+{since}"),
        None => format!("-{}", BEGINNING_MS - ms),
    }
}

fn show_failure(failure: &Failure) -> String {
    let mut text = format!("{}: {}", failure.name, mask(&failure.message));
    if let Some(data) = &failure.data {
        write!(text, " data={}", canonical(data)).expect("a text grows");
    }
    let retry = match failure.retry {
        RetryAdvice::Retriable => "retriable".to_owned(),
        RetryAdvice::NonRetriable => "final".to_owned(),
        RetryAdvice::After(ms) => format!("after {ms} ms"),
        RetryAdvice::At(ms) => format!("at {}", at(ms)),
    };
    write!(text, " [{retry}").expect("a text grows");
    if failure.origin != Origin::Guest {
        write!(text, ", {:?}", failure.origin).expect("a text grows");
    }
    text + "]"
}

/// The lines of a journal.
#[derive(Default)]
struct Teller {
    /// Whether it is a cancellation, and the text.
    lines: Vec<(bool, String)>,
    /// Operations whose values are masked.
    observing: Vec<OpNumber>,
}

impl Teller {
    fn line(&mut self, text: String) {
        self.lines.push((false, text));
    }

    fn value(&self, op: OpNumber, json: &str) -> String {
        if self.observing.contains(&op) {
            return "<observed>".to_owned();
        }
        canonical(json)
    }

    fn outcome(&self, op: OpNumber, outcome: &Outcome) -> String {
        match outcome {
            Outcome::Done(json) => format!("done {}", self.value(op, json)),
            Outcome::Failed(failure) => format!("failed {}", show_failure(failure)),
            Outcome::Empty => "empty".to_owned(),
        }
    }

    fn note_id(&mut self, op: OpNumber, id: &str) {
        if id.starts_with(OBSERVING) && !self.observing.contains(&op) {
            self.observing.push(op);
        }
    }

    #[allow(clippy::too_many_lines, reason = "one short arm a kind of entry")]
    fn tell(&mut self, entry: &Entry) {
        match entry {
            Entry::AttemptStarted { attempt, at_ms } => {
                self.line(format!("{} attempt {attempt} of the code", at(*at_ms)));
            }
            Entry::OperationStarted {
                op,
                after,
                kind,
                id,
                occurrence,
                summary,
                at_ms,
                ..
            } => {
                self.note_id(*op, id);
                let (time, key) = (at(*at_ms), step_key(id, *occurrence));
                let what = format!("{} {summary}", kind.as_str());
                let what = what.trim_end();
                self.line(format!("{time} #{op} `{key}` after {after}: {what}"));
            }
            Entry::Input {
                op,
                input,
                replaced,
            } => {
                let replaced = if *replaced { " (replaced)" } else { "" };
                self.line(format!("#{op} input{replaced} {}", self.value(*op, input)));
            }
            Entry::Carried(carried) => {
                self.note_id(carried.op, &carried.id);
                let (op, key) = (carried.op, step_key(&carried.id, carried.occurrence));
                let outcome = self.outcome(op, &carried.outcome);
                self.line(format!("#{op} `{key}` carried over: {outcome}"));
            }
            Entry::BodyFailed {
                op,
                attempt,
                failure,
                at_ms,
                retry_at_ms,
                ..
            } => {
                let (time, again) = (at(*at_ms), at(*retry_at_ms));
                let failure = show_failure(failure);
                self.line(format!(
                    "{time} #{op} attempt {attempt} failed, again at {again}: {failure}"
                ));
            }
            Entry::BodyInterrupted {
                op, attempt, at_ms, ..
            } => {
                let time = at(*at_ms);
                self.line(format!("{time} #{op} attempt {attempt} was interrupted"));
            }
            Entry::Completed {
                op,
                outcome,
                attempts,
                at_ms,
                ..
            } => {
                let (time, outcome) = (at(*at_ms), self.outcome(*op, outcome));
                let attempts = match attempts {
                    0 | 1 => String::new(),
                    more => format!(" in {more} attempts"),
                };
                self.line(format!("{time} #{op} {outcome}{attempts}"));
            }
            Entry::Recalled { op, at_ms } => {
                self.line(format!("{} #{op} told again", at(*at_ms)));
            }
            Entry::Cancelled { op, at_ms } => {
                let text = format!("{} #{op} given up", at(*at_ms));
                self.lines.push((true, text));
            }
            Entry::WorkflowFailed {
                failure,
                at_ms,
                retry_at_ms,
            } => {
                let again =
                    retry_at_ms.map_or("for good".to_owned(), |ms| format!("again at {}", at(ms)));
                let (time, failure) = (at(*at_ms), show_failure(failure));
                self.end(format!("{time} the code failed, {again}: {failure}"));
            }
            Entry::WorkflowReturned { output, at_ms } => {
                self.end(format!("{} returned {}", at(*at_ms), canonical(output)));
            }
            Entry::BodyStarted { .. } | Entry::BodyReachedOut { .. } | Entry::Logged { .. } => {}
        }
    }

    fn end(&mut self, text: String) {
        while self.lines.pop_if(|(cancelled, _)| *cancelled).is_some() {}
        self.line(text);
    }
}
