//! A run told as it happens: from one state to the next, only what is new, one line each.
//!
//! Lines are only ever added, so that the story reads the same on a terminal, in a file and in a CI log. Where several runs are told at once, a line
//! stands below the name of its run: the name comes again whenever the story changes over to another run.

use std::collections::BTreeMap;

use crate::client::model::{Run, Status, Step, StepStatus};
use crate::render::waterfall::failed_attempt;
use crate::render::{status, time};
use crate::terminal::{Look, one_line, shorten};

/// What has been told of one run.
#[derive(Debug, Default)]
struct Told {
    begun: bool,
    over: bool,
    paused: bool,
    /// Failed attempts at the workflow code.
    failed: usize,
    /// By operation: the state, and how many failed attempts.
    steps: BTreeMap<u32, (Option<StepStatus>, usize)>,
}

/// Remembers what has been told of each run.
#[derive(Debug)]
pub(crate) struct Progress {
    look: Look,
    runs: BTreeMap<String, Told>,
    /// The run that the last line was of.
    last: String,
}

impl Progress {
    /// Nothing has been told.
    pub(crate) fn new(look: Look) -> Self {
        Self {
            look,
            runs: BTreeMap::new(),
            last: String::new(),
        }
    }

    /// What is new.
    pub(crate) fn observe(&mut self, run: &Run) -> Vec<String> {
        let look = self.look;
        let told = self.runs.entry(run.run_id.clone()).or_default();
        let mut lines = Vec::new();
        let begins = !std::mem::replace(&mut told.begun, true);
        let failures: Vec<_> = run.attempts.iter().filter_map(failed_attempt).collect();
        for failure in failures.iter().skip(told.failed) {
            lines.push(format!(
                "  {} {}",
                look.odd("↻"),
                look.odd(format!("the code between the steps: {failure}"))
            ));
        }
        told.failed = failures.len().max(told.failed);
        for step in &run.steps {
            let (state, failed) = told.steps.entry(step.op).or_default();
            let failures: Vec<_> = step.attempts.iter().filter_map(failed_attempt).collect();
            for failure in failures.iter().skip(*failed) {
                lines.push(format!(
                    "  {} {}  {}",
                    look.odd("↻"),
                    one_line(&step.id),
                    look.odd(failure)
                ));
            }
            *failed = failures.len().max(*failed);
            if *state != Some(step.status) {
                lines.extend(step_line(look, step));
                *state = Some(step.status);
            }
        }
        if run.status.is_over() && !told.over {
            told.over = true;
            lines.extend(end_lines(look, run));
        } else if (run.status == Status::Paused) != told.paused {
            told.paused = run.status == Status::Paused;
            if told.paused {
                let why = run
                    .error
                    .as_ref()
                    .map(ToString::to_string)
                    .unwrap_or_default();
                lines.push(format!(
                    "{} {}  {} {}",
                    look.odd("◷"),
                    look.bold(&run.function_id),
                    look.odd("Paused"),
                    one_line(&why)
                ));
            }
        }
        if begins || !lines.is_empty() && self.last != run.run_id {
            let (name, id) = (look.bold(&run.function_id), look.dim(&run.run_id));
            lines.insert(0, format!("{} {name}  {id}", look.live("●")));
            self.last.clone_from(&run.run_id);
        }
        lines.into_iter().map(|line| self.cut(line)).collect()
    }

    /// Somebody who watches gets lines that fit; a file gets all of it.
    fn cut(&self, line: String) -> String {
        if self.look.terminal {
            shorten(&line, self.look.width)
        } else {
            line
        }
    }

    /// What is going on right now, for the line that moves.
    pub(crate) fn current(run: &Run) -> String {
        if let Some(waiting) = &run.waiting_for {
            return one_line(waiting);
        }
        let busy: Vec<_> = run
            .steps
            .iter()
            .filter(|step| step.status == StepStatus::Executing)
            .map(|step| one_line(&step.id))
            .collect();
        match busy.as_slice() {
            [] => run.status.to_string().to_lowercase(),
            steps => steps.join(", "),
        }
    }
}

fn step_line(look: Look, step: &Step) -> Option<String> {
    let mark = status::step_mark(look, step.status);
    let id = one_line(&step.id);
    let took = match (step.started_at, step.ended_at) {
        (Some(started), Some(ended)) => time::duration(ended - started),
        _ => String::new(),
    };
    match step.status {
        // It is the moving line that says what executes; failed attempts have lines of their own.
        StepStatus::Queued | StepStatus::Executing | StepStatus::Retrying => None,
        StepStatus::Completed => Some(format!("  {mark} {id}  {}", look.dim(took))),
        StepStatus::Cancelled => Some(format!("  {mark} {id}  {}", look.dim("given up"))),
        StepStatus::Failed => {
            let why = step
                .error
                .as_ref()
                .map(ToString::to_string)
                .unwrap_or_default();
            Some(format!(
                "  {mark} {id}  {}  {}",
                look.dim(took),
                look.bad(one_line(&why))
            ))
        }
        StepStatus::TimedOut => Some(format!(
            "  {mark} {id}  {}",
            look.dim(format!("nothing came within {took}"))
        )),
        StepStatus::Sleeping | StepStatus::Waiting | StepStatus::Unknown => {
            let what = step.summary.as_deref().unwrap_or(&step.kind);
            Some(format!(
                "  {mark} {id}  {}",
                look.dim(time::humanised(&one_line(what)))
            ))
        }
    }
}

fn end_lines(look: Look, run: &Run) -> Vec<String> {
    let words = status::run_words(look, run.status, &run.status.to_string());
    let took = match (run.started_at.or(run.queued_at), run.ended_at) {
        (Some(started), Some(ended)) => format!(" in {}", time::duration(ended - started)),
        _ => String::new(),
    };
    let mark = status::run_mark(look, run.status);
    let mut lines = vec![format!(
        "{mark} {}  {words}{}",
        look.bold(&run.function_id),
        look.dim(took)
    )];
    if let Some(error) = &run.error {
        lines.push(format!("  {}", look.bad(one_line(&error.to_string()))));
    }
    if let Some(output) = run
        .output
        .as_ref()
        .map(|raw| raw.get())
        .filter(|text| *text != "null")
    {
        lines.push(format!("  {} {}", look.dim("→"), one_line(output)));
    }
    lines
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn observe(progress: &mut Progress, status: &str, steps: &serde_json::Value) -> Vec<String> {
        let over = status == "Completed";
        let run = json!({"run_id": "01R", "function_id": "a/b", "status": status, "steps": steps,
            "started_at": "2026-03-01T12:00:00Z", "ended_at": over.then_some("2026-03-01T12:00:03Z"),
            "output": over.then_some(json!({"ok": true}))});
        progress.observe(&serde_json::from_str(&run.to_string()).unwrap())
    }

    #[test]
    fn only_what_is_new_is_told() {
        let mut progress = Progress::new(Look::plain(80));
        let executing = json!([{"op": 0, "id": "one", "status": "executing"}]);
        assert_eq!(
            observe(&mut progress, "Running", &executing),
            ["● a/b  01R"]
        );
        assert_eq!(observe(&mut progress, "Running", &executing), [""; 0]);
        let retrying = json!([{"op": 0, "id": "one", "status": "retrying", "summary": "",
            "attempts": [{"attempt": 0, "error": {"name": "Error", "message": "busy"}, "ended_at": "2026-03-01T12:00:05Z", "retry_at": "2026-03-01T12:00:20Z"}]}]);
        let lines = observe(&mut progress, "Sleeping", &retrying);
        assert_eq!(
            lines[0],
            "  ↻ one  attempt 1 failed: busy; the next one after 15.0s"
        );
        let completed = json!([
            {"op": 0, "id": "one", "status": "completed", "started_at": "2026-03-01T12:00:00Z", "ended_at": "2026-03-01T12:00:01.500Z"},
            {"op": 1, "id": "two", "status": "failed", "error": {"name": "Declined", "message": "no"}}]);
        assert_eq!(
            observe(&mut progress, "Completed", &completed),
            [
                "  ✓ one  1.50s",
                "  ✗ two    Declined: no",
                "✓ a/b  Completed in 3.00s",
                "  → {\"ok\":true}"
            ]
        );
        assert_eq!(observe(&mut progress, "Completed", &completed), [""; 0]);
    }

    #[test]
    fn each_line_stands_below_the_name_of_its_run() {
        let mut progress = Progress::new(Look::plain(80));
        let mut observe = |id: &str, steps: &serde_json::Value| {
            let run =
                json!({"run_id": id, "function_id": "a/b", "status": "Running", "steps": steps});
            progress.observe(&serde_json::from_str(&run.to_string()).expect("a run"))
        };
        let done = |op: u32| json!({"op": op, "id": format!("step-{op}"), "status": "completed"});
        assert_eq!(observe("01A", &json!([])), ["● a/b  01A"]);
        assert_eq!(observe("01B", &json!([])), ["● a/b  01B"]);
        assert_eq!(
            observe("01A", &json!([done(0)])),
            ["● a/b  01A", "  ✓ step-0  "]
        );
        assert_eq!(observe("01B", &json!([])), [""; 0], "nothing new");
        assert_eq!(observe("01A", &json!([done(0), done(1)])), ["  ✓ step-1  "]);
    }
}
