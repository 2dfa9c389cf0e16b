//! Whether a fixture has an example of everything. The matches name every variant: a new one does not compile until it is listed here, and
//! fails until it is recorded.

use std::collections::BTreeSet;

use abide_core::journal::{Entry, Outcome};
use abide_core::operation::Kind;
use abide_core::state::{
    Control, ControlKind, JobAction, JobState, LogLevel, Read, Registration, RunEnd, RunStatus,
    TimeoutKind,
};
use abide_golden::fixture::Fixture;
use abide_store::{View, inspect};

#[derive(Default)]
struct Seen(BTreeSet<String>);

impl Seen {
    fn note(&mut self, kind: &str, name: impl AsRef<str>) {
        self.0.insert(format!("{kind} {}", name.as_ref()));
    }

    fn expect(&self, version: &str, kind: &str, names: &[&str]) {
        let missing: Vec<_> = names
            .iter()
            .filter(|name| !self.0.contains(&format!("{kind} {name}")))
            .collect();
        assert!(
            missing.is_empty(),
            "{version}: no {kind} of the kinds {missing:?} was recorded"
        );
    }
}

/// Fails with the name of the first kind that was not recorded.
pub(crate) fn check(version: &str, fixture: &Fixture, view: &View) {
    let mut seen = Seen::default();
    for (key, value) in &fixture.rows {
        let row = inspect(key, value, |digest| fixture.payload(digest)).expect("a sound row");
        seen.note("row", row.kind);
        if let Some((format, _)) = &row.record {
            seen.note("format", format!("{} v{format}", row.kind));
        }
        seen.note(
            "value",
            if value.get(1) == Some(&1) {
                "in a file"
            } else {
                "inline"
            },
        );
        if format!("{:?}", row.key).contains("Digest(") {
            seen.note("text", "as a digest");
        }
    }
    for run in view.runs_after(None, usize::MAX).expect("runs") {
        seen.note("status", run.status.as_str());
        if let Some(end) = &run.end {
            seen.note("end", end_of(end));
        }
        for entry in view.journal(run.id).expect("a journal") {
            note_entry(&mut seen, &entry);
        }
        for (_, line) in view.run_logs(run.id, 0).expect("lines") {
            seen.note("level", level(line.level));
        }
    }
    for row in &fixture.rows {
        note_watched(&mut seen, view, &row.0);
    }
    for kind in ControlKind::ALL {
        for (_, control) in view.controls(kind, None, usize::MAX).expect("controls") {
            seen.note("control", control_of(&control));
        }
    }
    for job in view.jobs().expect("jobs") {
        seen.note(
            "job",
            match job.action {
                JobAction::Cancel { .. } => "Cancel",
                JobAction::Replay => "Replay",
            },
        );
        seen.note(
            "job",
            match job.state {
                JobState::Running => "Running",
                JobState::Stopped => "Stopped",
                JobState::Finished => "Finished",
            },
        );
    }
    expect_all(version, &seen);
}

/// Was recorded before what `NEWER` lists was written.
const FIRST: &str = "v0.1-first";

/// What there must be in fixtures that were recorded later: the formats with what is new in them, and those without.
const NEWER: [(&str, &[&str]); 2] = [
    ("control", &["Delivered", "Answered"]),
    (
        "format",
        &[
            "events v1",
            "events v2",
            "runs v2",
            "runs v3",
            "log lines v1",
            "log lines v2",
        ],
    ),
];

/// What there must be beside rows, statuses and operations.
const EXPECTED: [(&str, &[&str]); 9] = [
    ("value", &["in a file", "inline"]),
    ("text", &["as a digest"]),
    ("end", &["Output", "Failure", "Skipped"]),
    ("entry", ENTRIES),
    ("outcome", &["Done", "Failed", "Empty"]),
    ("level", &["Trace", "Debug", "Info", "Warn", "Error"]),
    ("registration", REGISTRATIONS),
    (
        "control",
        &[
            "Throttle", "Window", "Pending", "Started", "Live", "Ticked", "Paused", "Process",
            "Suspect",
        ],
    ),
    (
        "job",
        &["Cancel", "Replay", "Running", "Stopped", "Finished"],
    ),
];

const ENTRIES: &[&str] = &[
    "AttemptStarted",
    "OperationStarted",
    "Input",
    "Input replaced",
    "Carried",
    "BodyStarted",
    "BodyReachedOut",
    "BodyInterrupted",
    "BodyFailed",
    "Completed",
    "Recalled",
    "Cancelled",
    "Logged",
    "WorkflowFailed",
    "WorkflowReturned",
];

const REGISTRATIONS: &[&str] = &[
    "Sleep",
    "Retry",
    "Start",
    "Event",
    "Signal",
    "Invoke",
    "Fetch",
    "CancelOn",
    "Timeout Start",
    "Timeout Finish",
    "Timeout stopped",
    "Debounce",
    "Batch",
    "AiInfer",
];

const ROWS: &[&str] = &[
    "events",
    "events by name",
    "runs by event",
    "event ids",
    "runs",
    "ready runs",
    "journals",
    "log lines",
    "events by run",
    "queued runs",
    "counted runs",
    "registrations",
    "arrivals",
    "timers",
    "waits",
    "waits by value",
    "waits for signals",
    "signals",
    "requests",
    "apps",
    "controls",
    "jobs",
    "schemas",
];

fn expect_all(version: &str, seen: &Seen) {
    for (kind, names) in EXPECTED {
        seen.expect(version, kind, names);
    }
    for (kind, names) in NEWER {
        if version != FIRST {
            seen.expect(version, kind, names);
        }
    }
    seen.expect(version, "row", ROWS);
    // A run that executes is listed as ready, and its row says so only once it rests.
    let statuses = RunStatus::ALL
        .into_iter()
        .filter(|status| *status != RunStatus::Running);
    let statuses: Vec<_> = statuses.map(RunStatus::as_str).collect();
    seen.expect(version, "status", &statuses);
    let kinds = [
        Kind::Run,
        Kind::Sleep,
        Kind::SleepUntil,
        Kind::WaitForEvent,
        Kind::WaitForSignal,
        Kind::SendEvents,
        Kind::SendSignal,
        Kind::Invoke,
        Kind::Fetch,
        Kind::AiInfer,
    ];
    seen.expect(version, "operation", &kinds.map(Kind::as_str));
}

fn note_entry(seen: &mut Seen, entry: &Entry) {
    let name = match entry {
        Entry::AttemptStarted { .. } => "AttemptStarted",
        Entry::OperationStarted { kind, .. } => {
            seen.note("operation", kind.as_str());
            "OperationStarted"
        }
        Entry::Input {
            replaced: false, ..
        } => "Input",
        Entry::Input { replaced: true, .. } => "Input replaced",
        Entry::Carried(_) => "Carried",
        Entry::BodyStarted { .. } => "BodyStarted",
        Entry::BodyReachedOut { .. } => "BodyReachedOut",
        Entry::BodyInterrupted { .. } => "BodyInterrupted",
        Entry::BodyFailed { .. } => "BodyFailed",
        Entry::Completed { outcome, .. } => {
            seen.note(
                "outcome",
                match outcome {
                    Outcome::Done(_) => "Done",
                    Outcome::Failed(_) => "Failed",
                    Outcome::Empty => "Empty",
                },
            );
            "Completed"
        }
        Entry::Recalled { .. } => "Recalled",
        Entry::Cancelled { .. } => "Cancelled",
        Entry::Logged { .. } => "Logged",
        Entry::WorkflowFailed { .. } => "WorkflowFailed",
        Entry::WorkflowReturned { .. } => "WorkflowReturned",
    };
    seen.note("entry", name);
}

/// What is watched for the run that a registration's row is of.
fn note_watched(seen: &mut Seen, view: &View, key: &[u8]) {
    let Some(abide_store::keys::Key::Registration(wait)) = abide_store::keys::Key::decode(key)
    else {
        return;
    };
    let registration = view.registration(wait.run, wait.op).expect("it reads");
    let name = match registration.expect("the row is there") {
        Registration::Sleep { .. } => "Sleep",
        Registration::Retry { .. } => "Retry",
        Registration::Start { .. } => "Start",
        Registration::Event { .. } => "Event",
        Registration::Signal { .. } => "Signal",
        Registration::Invoke { .. } => "Invoke",
        Registration::Fetch { .. } => "Fetch",
        Registration::CancelOn { .. } => "CancelOn",
        Registration::Timeout {
            left_ms: Some(_), ..
        } => "Timeout stopped",
        Registration::Timeout {
            kind: TimeoutKind::Start,
            ..
        } => "Timeout Start",
        Registration::Timeout {
            kind: TimeoutKind::Finish,
            ..
        } => "Timeout Finish",
        Registration::Debounce(_) => "Debounce",
        Registration::Batch(_) => "Batch",
        Registration::AiInfer { .. } => "AiInfer",
    };
    seen.note("registration", name);
}

fn end_of(end: &RunEnd) -> &'static str {
    match end {
        RunEnd::Output(_) => "Output",
        RunEnd::Failure(_) => "Failure",
        RunEnd::Skipped(_) => "Skipped",
    }
}

fn level(level: LogLevel) -> &'static str {
    match level {
        LogLevel::Trace => "Trace",
        LogLevel::Debug => "Debug",
        LogLevel::Info => "Info",
        LogLevel::Warn => "Warn",
        LogLevel::Error => "Error",
    }
}

fn control_of(control: &Control) -> &'static str {
    match control {
        Control::Throttle { .. } => "Throttle",
        Control::Window { .. } => "Window",
        Control::Pending(_) => "Pending",
        Control::Started { .. } => "Started",
        Control::Live(_) => "Live",
        Control::Ticked { .. } => "Ticked",
        Control::Paused { .. } => "Paused",
        Control::Process { .. } => "Process",
        Control::Suspect { .. } => "Suspect",
        Control::Delivered { .. } => "Delivered",
        Control::Answered { .. } => "Answered",
    }
}
