//! What of the engine's writes traces are made of: journal entries without their payloads, and where runs stand.

use std::sync::Arc;

use abide_core::Json;
use abide_core::failure::Failure;
use abide_core::ids::RunId;
use abide_core::journal::{Entry, Outcome};
use abide_core::span::AuthoredSpan;
use abide_core::state::{JournalChunk, LogLine, Run, Write};

/// One thing that was written.
#[derive(Debug, Clone)]
pub(crate) enum Sight {
    /// A run's journal grew by these entries.
    Entries {
        run: RunId,
        /// The index of the first of them.
        first: u32,
        /// Each with its place after the first.
        entries: Vec<(u32, Entry)>,
    },
    /// A run stands so now.
    Run(Arc<Run>),
    /// A run's author opened these spans, and they have ended.
    Spans(RunId, Vec<AuthoredSpan>),
    /// A run logged these lines.
    Lines(RunId, Vec<LogLine>),
}

/// What matters of a batch of writes and of the spans that come with it; with what was logged, if that goes out too.
pub(super) fn sights(
    writes: &[Write],
    spans: Vec<(RunId, Vec<AuthoredSpan>)>,
    with_lines: bool,
) -> Vec<Sight> {
    let written = writes.iter().filter_map(|write| match write {
        Write::AppendJournal {
            run,
            chunk: JournalChunk { first, entries },
        } => Some(Sight::Entries {
            run: *run,
            first: *first,
            entries: (*first..)
                .zip(entries)
                .filter_map(|(index, entry)| Some((index, slim(entry)?)))
                .collect(),
        }),
        Write::PutRun(run) => Some(Sight::Run(run.clone())),
        Write::AppendLog { run, lines, .. } if with_lines => {
            Some(Sight::Lines(*run, lines.clone()))
        }
        _ => None,
    });
    // First, since a run that ends is known no longer.
    let spans = spans
        .into_iter()
        .map(|(run, spans)| Sight::Spans(run, spans));
    spans.chain(written).collect()
}

/// The entry without payloads, if a trace has something to say of it.
fn slim(entry: &Entry) -> Option<Entry> {
    let entry = match entry {
        Entry::Input { .. } | Entry::Carried(_) | Entry::Recalled { .. } | Entry::Logged { .. } => {
            return None;
        }
        Entry::Completed {
            op,
            outcome,
            attempts,
            started_ms,
            at_ms,
        } => Entry::Completed {
            op: *op,
            outcome: match outcome {
                Outcome::Done(_) => Outcome::Done(nothing()),
                Outcome::Failed(failure) => Outcome::Failed(bare(failure)),
                Outcome::Empty => Outcome::Empty,
            },
            attempts: *attempts,
            started_ms: *started_ms,
            at_ms: *at_ms,
        },
        Entry::BodyFailed {
            op,
            attempt,
            failure,
            started_ms,
            at_ms,
            retry_at_ms,
        } => Entry::BodyFailed {
            op: *op,
            attempt: *attempt,
            failure: bare(failure),
            started_ms: *started_ms,
            at_ms: *at_ms,
            retry_at_ms: *retry_at_ms,
        },
        Entry::WorkflowFailed {
            failure,
            at_ms,
            retry_at_ms,
        } => Entry::WorkflowFailed {
            failure: bare(failure),
            at_ms: *at_ms,
            retry_at_ms: *retry_at_ms,
        },
        Entry::WorkflowReturned { at_ms, .. } => Entry::WorkflowReturned {
            output: nothing(),
            at_ms: *at_ms,
        },
        Entry::AttemptStarted { .. }
        | Entry::OperationStarted { .. }
        | Entry::BodyStarted { .. }
        | Entry::BodyReachedOut { .. }
        | Entry::BodyInterrupted { .. }
        | Entry::Cancelled { .. } => entry.clone(),
    };
    Some(entry)
}

fn nothing() -> Json {
    Json::from("")
}

/// Without what the author attached.
fn bare(failure: &Failure) -> Failure {
    Failure {
        data: None,
        ..failure.clone()
    }
}
