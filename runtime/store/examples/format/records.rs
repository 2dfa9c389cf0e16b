//! A sample of every record, as the write that makes it.

use std::sync::Arc;

use abide_core::Json;
use abide_core::event::{Event, EventSource};
use abide_core::failure::{Failure, Origin, RetryAdvice};
use abide_core::ids::{EventId, FunctionId, RunId};
use abide_core::journal::{Carried, Entry, Outcome};
use abide_core::operation::Kind;
use abide_core::state::{
    BufferedSignal, Control, ControlKey, ControlKind, EventSchema, Job, JobAction, JobState,
    JournalChunk, LaneKey, LogLevel, LogLine, Place, RunFilter, RunStatus, Write,
};
use abide_core::trace::TraceContext;

use crate::{options, runs, variants};

variants!(
    missing_entries,
    Entry {
        AttemptStarted,
        OperationStarted,
        Input,
        Carried,
        BodyStarted,
        BodyReachedOut,
        BodyInterrupted,
        BodyFailed,
        Completed,
        Recalled,
        Cancelled,
        Logged,
        WorkflowFailed,
        WorkflowReturned,
    }
);
variants!(
    missing_controls,
    Control {
        Throttle,
        Window,
        Pending,
        Started,
        Live,
        Ticked,
        Paused,
        Process,
        Suspect,
        Delivered,
        Answered
    }
);

pub(crate) const EVENT: EventId = EventId(0x0102_0304_0506_0708_090a_0b0c_0d0e_0f10);
pub(crate) const RUN: RunId = RunId(0x1112_1314_1516_1718_191a_1b1c_1d1e_1f20);

pub(crate) fn json(text: &str) -> Json {
    text.into()
}

pub(crate) fn function() -> FunctionId {
    FunctionId::new("app", "fn")
}

fn named<T>(samples: Vec<(&str, T)>) -> Vec<(String, T)> {
    let named = samples
        .into_iter()
        .map(|(name, sample)| (name.to_owned(), sample));
    named.collect()
}

/// All of them, each with a name that is unique among those of its kind of row.
pub(crate) fn samples() -> Vec<(String, Write)> {
    let mut samples = events();
    samples.extend(journal());
    samples.extend(logs());
    samples.extend(runs::samples());
    samples.extend(options::samples());
    samples.extend(controls());
    samples.extend(jobs());
    samples.extend(others());
    samples
}

fn events() -> Vec<(String, Write)> {
    let event = |source| Event {
        id: EVENT,
        received_ms: 1_000_001,
        name: json("domain/event"),
        data: json(r#"{"a":1}"#),
        user: Some(json(r#"{"id":"u"}"#)),
        ts: 1_000_002,
        v: Some("v2".into()),
        external_id: Some("theirs".into()),
        source,
        trace: None,
    };
    let sources = [
        ("Api", EventSource::Api),
        ("Run", EventSource::Run(RUN)),
        ("Platform", EventSource::Platform),
    ];
    let writes = sources.map(|(name, source)| {
        // Named without a wildcard: a new source does not compile.
        match source {
            EventSource::Api | EventSource::Run(_) | EventSource::Platform => {}
        }
        (name.to_owned(), Write::PutEvent(Arc::new(event(source))))
    });
    let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let trace = TraceContext::parse(parent, ["vendor=value"]).map(Box::new);
    let traced = event(EventSource::Api).traced(trace);
    let traced = ("traced".to_owned(), Write::PutEvent(Arc::new(traced)));
    writes.into_iter().chain([traced]).collect()
}

/// A failure that was raised by this, to be tried again like that.
pub(crate) fn failure(origin: Origin, retry: RetryAdvice) -> Failure {
    Failure {
        name: "Name".into(),
        message: "message".into(),
        stack: Some("stack".into()),
        data: Some(json("7")),
        retry,
        origin,
    }
}

fn failures() -> Vec<(&'static str, Failure)> {
    let origins = [
        ("Guest", Origin::Guest),
        ("Trap", Origin::Trap),
        ("Timeout", Origin::Timeout),
        ("Memory", Origin::Memory),
        ("Limit", Origin::Limit),
        ("Cancelled", Origin::Cancelled),
        ("Network", Origin::Network),
        ("Invoke", Origin::Invoke),
        ("Interrupted", Origin::Interrupted),
    ];
    let advice = [
        ("Retriable", RetryAdvice::Retriable),
        ("NonRetriable", RetryAdvice::NonRetriable),
        ("After", RetryAdvice::After(1_000_003)),
        ("At", RetryAdvice::At(1_000_004)),
    ];
    let by_origin = origins.map(|(name, origin)| {
        match origin {
            Origin::Guest
            | Origin::Trap
            | Origin::Timeout
            | Origin::Memory
            | Origin::Limit
            | Origin::Cancelled
            | Origin::Network
            | Origin::Invoke
            | Origin::Interrupted => {}
        }
        (name, failure(origin, RetryAdvice::Retriable))
    });
    let by_advice = advice.map(|(name, advice)| (name, failure(Origin::Guest, advice)));
    by_origin.into_iter().chain(by_advice).collect()
}

const KINDS: [Kind; 10] = [
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

fn started(kind: Kind) -> Entry {
    Entry::OperationStarted {
        op: 1,
        after: 2,
        kind,
        id: "id".into(),
        occurrence: 3,
        digest: 4,
        summary: "summary".into(),
        at_ms: 1_000_005,
    }
}

fn completed(outcome: Outcome) -> Entry {
    Entry::Completed {
        op: 1,
        outcome,
        attempts: 2,
        started_ms: 1_000_006,
        at_ms: 1_000_007,
    }
}

fn carried() -> Entry {
    Entry::Carried(Box::new(Carried {
        op: 1,
        kind: Kind::Run,
        id: "id".into(),
        occurrence: 2,
        digest: 3,
        summary: "summary".into(),
        same_options: true,
        before: 4,
        input: Some(json("5")),
        outcome: Outcome::Done(json("6")),
        attempts: 7,
        started_ms: 1_000_008,
        at_ms: 1_000_009,
    }))
}

#[allow(clippy::too_many_lines, reason = "one sample an entry")]
fn journal() -> Vec<(String, Write)> {
    let failure = || failure(Origin::Guest, RetryAdvice::Retriable);
    let mut entries = named(vec![
        (
            "AttemptStarted",
            Entry::AttemptStarted {
                attempt: 1,
                at_ms: 1_000_010,
            },
        ),
        (
            "Input",
            Entry::Input {
                op: 1,
                input: json("2"),
                replaced: true,
            },
        ),
        ("Carried", carried()),
        (
            "BodyStarted",
            Entry::BodyStarted {
                op: 1,
                attempt: 2,
                at_ms: 1_000_011,
            },
        ),
        (
            "BodyFailed",
            Entry::BodyFailed {
                op: 1,
                attempt: 2,
                failure: failure(),
                started_ms: 1_000_012,
                at_ms: 1_000_013,
                retry_at_ms: 1_000_014,
            },
        ),
        (
            "BodyReachedOut",
            Entry::BodyReachedOut {
                op: 1,
                attempt: 2,
                at_ms: 1_000_027,
            },
        ),
        (
            "BodyInterrupted",
            Entry::BodyInterrupted {
                op: 1,
                attempt: 2,
                started_ms: 1_000_028,
                at_ms: 1_000_029,
            },
        ),
        ("Completed-Done", completed(Outcome::Done(json("1")))),
        ("Completed-Empty", completed(Outcome::Empty)),
        (
            "Recalled",
            Entry::Recalled {
                op: 1,
                at_ms: 1_000_015,
            },
        ),
        (
            "Cancelled",
            Entry::Cancelled {
                op: 1,
                at_ms: 1_000_016,
            },
        ),
        ("Logged", Entry::Logged { lines: 1 }),
        (
            "WorkflowFailed",
            Entry::WorkflowFailed {
                failure: failure(),
                at_ms: 1_000_017,
                retry_at_ms: Some(1_000_018),
            },
        ),
        (
            "WorkflowReturned",
            Entry::WorkflowReturned {
                output: json("1"),
                at_ms: 1_000_019,
            },
        ),
    ]);
    entries.extend(KINDS.map(|kind| (format!("OperationStarted-{kind:?}"), started(kind))));
    entries.extend(failures().into_iter().map(|(name, failure)| {
        (
            format!("Completed-Failed-{name}"),
            completed(Outcome::Failed(failure)),
        )
    }));
    let missing = missing_entries(&entries);
    assert!(missing.is_empty(), "no sample of the entries {missing:?}");
    let write = |(name, entry)| {
        let chunk = JournalChunk {
            first: 0,
            entries: vec![entry],
        };
        (name, Write::AppendJournal { run: RUN, chunk })
    };
    entries.into_iter().map(write).collect()
}

fn logs() -> Vec<(String, Write)> {
    let levels = [
        LogLevel::Trace,
        LogLevel::Debug,
        LogLevel::Info,
        LogLevel::Warn,
        LogLevel::Error,
    ];
    let plain = levels.map(|level| (format!("{level:?}"), level, None));
    let rich = ("fields".to_owned(), LogLevel::Info, Some(json("{}")));
    let writes = plain
        .into_iter()
        .chain([rich])
        .map(|(name, level, fields)| {
            let line = LogLine {
                at_ms: 1_000_020,
                op: Some(1),
                attempt: 2,
                level,
                message: "m".into(),
                cut: if fields.is_some() { 3 } else { 0 },
                fields,
            };
            let write = Write::AppendLog {
                run: RUN,
                chunk: 0,
                lines: vec![line],
            };
            (name, write)
        });
    writes.collect()
}

/// One of each.
fn control_samples() -> Vec<(String, Control)> {
    named(vec![
        (
            "Throttle",
            Control::Throttle {
                whole_ms: 1_000_021,
                part: 1,
                limit: 2,
            },
        ),
        (
            "Window",
            Control::Window {
                from_ms: 1_000_022,
                until_ms: 1_000_023,
                count: 1,
            },
        ),
        ("Pending", Control::Pending(RUN)),
        (
            "Started",
            Control::Started {
                run: RUN,
                until_ms: 1_000_024,
            },
        ),
        ("Live", Control::Live(RUN)),
        (
            "Ticked",
            Control::Ticked {
                until_ms: 1_000_025,
            },
        ),
        (
            "Paused",
            Control::Paused {
                since_ms: 1_000_026,
            },
        ),
        (
            "Process",
            Control::Process {
                life: 3,
                open: true,
            },
        ),
        ("Suspect", Control::Suspect { deaths: 2, life: 3 }),
        (
            "Delivered",
            Control::Delivered {
                event: EVENT,
                until_ms: 1_000_027,
            },
        ),
        (
            "Answered",
            Control::Answered {
                made: Some(RUN),
                until_ms: 1_000_028,
            },
        ),
    ])
}

fn controls() -> Vec<(String, Write)> {
    let samples = control_samples();
    let missing = missing_controls(&samples);
    assert!(missing.is_empty(), "no sample of the controls {missing:?}");
    let key = |key: String| ControlKey {
        kind: ControlKind::Throttle,
        function: function(),
        key,
    };
    let write = |(name, control)| {
        (
            name,
            Write::PutControl {
                key: key("key".into()),
                control,
            },
        )
    };
    let mut writes: Vec<_> = samples.into_iter().map(write).collect();
    let long = Write::PutControl {
        key: key("k".repeat(201)),
        control: Control::Pending(RUN),
    };
    writes.push(("long-key".into(), long));
    writes
}

fn jobs() -> Vec<(String, Write)> {
    let filter = RunFilter {
        function: Some(function()),
        app: Some("app".into()),
        statuses: RunStatus::ALL.into(),
        since_ms: Some(1_000_027),
        until_ms: Some(1_000_028),
        if_expr: Some("true".into()),
    };
    let job = |action, state| {
        Write::PutJob(Box::new(Job {
            id: RUN,
            action,
            filter: filter.clone(),
            interval_us: Some(1),
            created_ms: 1_000_029,
            state,
            cursor: Some(RunId(2)),
            examined: 3,
            done: 4,
            next_us: 5,
            ended_ms: Some(1_000_030),
        }))
    };
    let cancel = JobAction::Cancel {
        reason: "reason".into(),
    };
    match cancel {
        JobAction::Cancel { .. } | JobAction::Replay => {}
    }
    let mut writes = named(vec![("Cancel", job(cancel, JobState::Running))]);
    for state in [JobState::Running, JobState::Stopped, JobState::Finished] {
        writes.push((format!("Replay-{state:?}"), job(JobAction::Replay, state)));
    }
    writes
}

fn others() -> Vec<(String, Write)> {
    let schema = EventSchema {
        event: "event".into(),
        v: Some("v".into()),
        schema: json("{}"),
    };
    let lane = |lane: String| LaneKey {
        function: function(),
        lane: lane.into(),
    };
    let place = Place {
        order_ms: 1_000_031,
        run: RUN,
    };
    let signal = BufferedSignal {
        data: json("1"),
        until_ms: 1_000_032,
    };
    let dedupe = Write::PutDedupe {
        function: function(),
        external_id: "id".into(),
        run: RUN,
        until_ms: 1_000_033,
    };
    let arrival = |outcome| Write::PutArrival {
        run: RUN,
        op: 1,
        arrival: (outcome, 2, 1_000_034),
    };
    named(vec![
        ("one", dedupe),
        (
            "two",
            Write::PutRunEvents {
                run: RUN,
                first: 0,
                events: vec![EVENT, EventId(2)],
            },
        ),
        (
            "plain",
            Write::PutQueued {
                lane: lane("lane".into()),
                place,
            },
        ),
        (
            "long-lane",
            Write::PutQueued {
                lane: lane("l".repeat(201)),
                place,
            },
        ),
        (
            "one",
            Write::PutSignal {
                name: "name".into(),
                number: 1,
                signal,
            },
        ),
        ("one", Write::PutSchema(schema)),
        ("Done", arrival(Outcome::Done(json("1")))),
        (
            "Failed",
            arrival(Outcome::Failed(failure(
                Origin::Guest,
                RetryAdvice::Retriable,
            ))),
        ),
        ("Empty", arrival(Outcome::Empty)),
    ])
}
