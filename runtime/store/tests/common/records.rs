//! Records as the engine writes them, for tests and measurements.

use std::sync::Arc;

use abide_core::{
    event::{Event, EventSource},
    ids::{Digest, EventId, FunctionId, RunId},
    journal::{Entry, Outcome},
    operation::Kind,
    state::{JournalChunk, Run, RunEnd, RunStatus, Write},
};

pub(crate) fn event(id: EventId, name: &str, received_ms: u64) -> Event {
    Event {
        id,
        received_ms,
        name: name.into(),
        data: r#"{"order":"o-12345","amount":4200}"#.into(),
        user: None,
        ts: received_ms,
        v: None,
        external_id: None,
        source: EventSource::Api,
        trace: None,
    }
}

/// A run of `shop/FUNCTION` that has just been created.
pub(crate) fn queued_run(id: RunId, function: &str, event: EventId, now_ms: u64) -> Run {
    let function = FunctionId::new("shop", function);
    Run::queued(id, function, Digest([7; 32]), event, now_ms)
}

pub(crate) fn put(run: &Run) -> Write {
    Write::PutRun(Arc::new(run.clone()))
}

/// What a run of ten steps writes: when it is created, and when it is complete.
pub(crate) fn run_of_ten_steps(event_id: EventId, run: RunId) -> [Vec<Write>; 2] {
    let now = event_id.made_at_ms();
    let queued = queued_run(run, "ten-steps", event_id, now);
    let created = vec![
        Write::PutEvent(Arc::new(event(event_id, "shop/ten-steps", now))),
        Write::LinkEvent {
            event: event_id,
            run,
        },
        put(&queued),
        Write::PutReady(run),
    ];
    let entries = (0..10).flat_map(|op| step(op, now)).collect();
    let completed = Run {
        status: RunStatus::Completed,
        started_ms: Some(now),
        ended_ms: Some(now),
        end: Some(RunEnd::Output("null".into())),
        entries: 20,
        ..queued
    };
    let completed = vec![
        Write::AppendJournal {
            run,
            chunk: JournalChunk { first: 0, entries },
        },
        put(&completed),
        Write::DeleteReady(run),
    ];
    [created, completed]
}

fn step(op: u32, now: u64) -> [Entry; 2] {
    [
        Entry::OperationStarted {
            op,
            after: op,
            kind: Kind::Run,
            id: format!("step-{op}"),
            occurrence: 0,
            digest: 0x1234_5678_9abc_def0,
            summary: String::new(),
            at_ms: now,
        },
        Entry::Completed {
            op,
            outcome: Outcome::Done(r#"{"ok":true,"value":17}"#.into()),
            attempts: 1,
            started_ms: now,
            at_ms: now,
        },
    ]
}
