//! One run as a document: everything that is known of it, to be looked at and replayed on another node.
//!
//! The records are those of the store, as JSON. What an imported run is, [`Export::settled`] says: it has ended, and nothing of it is ever
//! executed unless somebody replays it as a new run.

use abide_core::event::Event;
use abide_core::failure::{Failure, Origin};
use abide_core::ids::{Digest, EventId, RunId};
use abide_core::journal::{Entry, Outcome};
use abide_core::state::{
    JournalChunk, LogLine, Read as _, ReadError, Run, RunEnd, RunStatus, Write,
};
use abide_core::{is_json, is_json_object};
use abide_store::View;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// The version of the document that is written and read.
pub(crate) const FORMAT: u32 = 1;

/// A run as a document.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Export {
    /// The version of this form.
    abide_run: u32,
    /// The version of the program that wrote it.
    exported_by: String,
    /// The run's record.
    pub(crate) run: Run,
    /// The events that started it, in order.
    events: Vec<Event>,
    /// Its journal.
    journal: Vec<Entry>,
    /// Its log lines, in the chunks in which they were written.
    logs: Vec<Vec<LogLine>>,
    /// The code that it is pinned to.
    component: Component,
}

/// The code of an exported run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Component {
    /// Its SHA-256.
    digest: Digest,
    /// Itself, in base64, if it was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    wasm: Option<String>,
}

/// Why a document is no run that can be imported.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unfit {
    #[error("the document is no exported run: {0}")]
    Form(String),
    #[error("the document has version {0}, and this program reads version {FORMAT}")]
    Version(u64),
    #[error(
        "there is another {what} with the id {id} here: nothing was imported. Remove nothing; import into another environment"
    )]
    Differs { what: &'static str, id: String },
}

fn form(reason: impl Into<String>) -> Unfit {
    Unfit::Form(reason.into())
}

impl Export {
    /// Everything that the store has of a run; `None` when there is no such run.
    pub(crate) fn read(view: &View, id: RunId) -> Result<Option<Self>, ReadError> {
        let Some(run) = view.get_run(id)? else {
            return Ok(None);
        };
        let ids = match run.event_count {
            0 | 1 => vec![run.event],
            _ => view.run_events(id)?,
        };
        let mut events = Vec::with_capacity(ids.len());
        for event in ids {
            events.extend(view.get_event(event)?);
        }
        let mut logs: Vec<Vec<LogLine>> = vec![Vec::new(); run.log_chunks as usize];
        for (chunk, line) in view.run_logs(id, 0)? {
            if let Some(lines) = logs.get_mut(chunk as usize) {
                lines.push(line);
            }
        }
        Ok(Some(Self {
            abide_run: FORMAT,
            exported_by: env!("CARGO_PKG_VERSION").to_owned(),
            component: Component {
                digest: run.digest,
                wasm: None,
            },
            journal: view.run_journal(id)?,
            events,
            logs,
            run,
        }))
    }

    /// The same, with the component.
    #[must_use]
    pub(crate) fn with_component(mut self, wasm: &[u8]) -> Self {
        self.component.wasm = Some(STANDARD.encode(wasm));
        self
    }

    /// Reads a document that comes from outside.
    pub(crate) fn parse(text: &[u8]) -> Result<Self, Unfit> {
        #[derive(Deserialize)]
        struct Version {
            abide_run: u64,
        }
        let invalid = |error: serde_json::Error| form(error.to_string());
        let version: Version = serde_json::from_slice(text).map_err(invalid)?;
        if version.abide_run != u64::from(FORMAT) {
            return Err(Unfit::Version(version.abide_run));
        }
        let export: Self = serde_json::from_slice(text).map_err(invalid)?;
        export.check()?;
        Ok(export.settled())
    }

    /// The component, if the document has it.
    pub(crate) fn component(&self) -> Result<Option<bytes::Bytes>, Unfit> {
        let Some(text) = &self.component.wasm else {
            return Ok(None);
        };
        let wasm = STANDARD
            .decode(text)
            .map_err(|error| form(format!("component.wasm is no base64: {error}")))?;
        if abide_host::digest_of(&wasm) != self.component.digest {
            return Err(form("component.wasm does not fit component.digest"));
        }
        Ok(Some(wasm.into()))
    }

    /// Whether the parts belong together, and what should be JSON is JSON.
    fn check(&self) -> Result<(), Unfit> {
        let run = &self.run;
        let ids: Vec<EventId> = self.events.iter().map(|event| event.id).collect();
        let fits = [
            (
                self.component.digest == run.digest,
                "component.digest and run.digest differ",
            ),
            (
                run.entries as usize == self.journal.len(),
                "run.entries and the journal differ",
            ),
            (
                run.log_chunks as usize == self.logs.len(),
                "run.log_chunks and the logs differ",
            ),
            (
                run.event_count as usize == ids.len(),
                "run.event_count and the events differ",
            ),
            (
                ids.contains(&run.event),
                "run.event is not among the events",
            ),
        ];
        if let Some((_, reason)) = fits.iter().find(|(fits, _)| !fits) {
            return Err(form(*reason));
        }
        let fields = self
            .logs
            .iter()
            .flatten()
            .filter_map(|line| line.fields.as_deref());
        if !fields.into_iter().all(is_json_object) {
            return Err(form("the fields of a log line are no JSON object"));
        }
        for event in &self.events {
            let user = event.user.as_deref().is_none_or(is_json_object);
            if !is_json_object(&event.data) || !user {
                return Err(form(format!(
                    "event {}: its data are no JSON object",
                    event.id
                )));
            }
        }
        let end = match &run.end {
            Some(RunEnd::Output(output)) => is_json(output),
            Some(RunEnd::Failure(failure)) => sound(failure),
            Some(RunEnd::Skipped(_)) | None => true,
        };
        if !end {
            return Err(form("run.end holds something that is no JSON"));
        }
        match self.journal.iter().position(|entry| !entry_is_sound(entry)) {
            Some(index) => Err(form(format!(
                "journal[{index}] holds something that is no JSON"
            ))),
            None => Ok(()),
        }
    }

    /// As it is on a node that did not execute it: ended, and watched for nothing.
    fn settled(mut self) -> Self {
        let run = &mut self.run;
        if !run.status.is_final() {
            let reason = format!(
                "it was exported while it was {}: this copy ends here",
                run.status.as_str()
            );
            let last = self.journal.iter().rev().find_map(Entry::at_ms);
            run.ended_ms = Some(last.unwrap_or(run.queued_ms));
            run.end = Some(RunEnd::Failure(Failure::permanent(
                Origin::Cancelled,
                reason,
            )));
            run.status = RunStatus::Cancelled;
        }
        run.queue = None;
        run.guarded = false;
        run.singleton = None;
        self
    }

    /// What is to be written for it; nothing if exactly this run is there already.
    pub(crate) fn writes(&self, view: &View) -> Result<Result<Vec<Write>, Unfit>, ReadError> {
        let differs = |what, id: String| Ok(Err(Unfit::Differs { what, id }));
        let run = &self.run;
        if let Some(there) = Self::read(view, run.id)? {
            let there = there.settled();
            let same = (&there.run, &there.events, &there.journal, &there.logs)
                == (&self.run, &self.events, &self.journal, &self.logs);
            return if same {
                Ok(Ok(Vec::new()))
            } else {
                differs("run", run.id.to_string())
            };
        }
        let mut writes = Vec::new();
        for event in &self.events {
            match view.get_event(event.id)? {
                Some(there) if there == *event => {}
                Some(_) => return differs("event", event.id.to_string()),
                None => writes.push(Write::PutEvent(Arc::new(event.clone()))),
            }
            writes.push(Write::LinkEvent {
                event: event.id,
                run: run.id,
            });
        }
        if run.event_count > 1 {
            writes.push(Write::PutRunEvents {
                run: run.id,
                first: 0,
                events: self.events.iter().map(|event| event.id).collect(),
            });
        }
        writes.push(Write::AppendJournal {
            run: run.id,
            chunk: JournalChunk {
                first: 0,
                entries: self.journal.clone(),
            },
        });
        for (chunk, lines) in (0..).zip(&self.logs) {
            writes.push(Write::AppendLog {
                run: run.id,
                chunk,
                lines: lines.clone(),
            });
        }
        writes.push(Write::PutRun(Arc::new(run.clone())));
        Ok(Ok(writes))
    }
}

fn sound(failure: &Failure) -> bool {
    failure.data.as_deref().is_none_or(is_json)
}

fn outcome_is_sound(outcome: &Outcome) -> bool {
    match outcome {
        Outcome::Done(json) => is_json(json),
        Outcome::Failed(failure) => sound(failure),
        Outcome::Empty => true,
    }
}

fn entry_is_sound(entry: &Entry) -> bool {
    match entry {
        Entry::Input { input, .. } => is_json(input),
        Entry::Carried(carried) => {
            outcome_is_sound(&carried.outcome) && carried.input.as_deref().is_none_or(is_json)
        }
        Entry::Completed { outcome, .. } => outcome_is_sound(outcome),
        Entry::BodyFailed { failure, .. } | Entry::WorkflowFailed { failure, .. } => sound(failure),
        Entry::WorkflowReturned { output, .. } => is_json(output),
        Entry::AttemptStarted { .. }
        | Entry::OperationStarted { .. }
        | Entry::BodyStarted { .. }
        | Entry::BodyReachedOut { .. }
        | Entry::BodyInterrupted { .. }
        | Entry::Recalled { .. }
        | Entry::Cancelled { .. }
        | Entry::Logged { .. } => true,
    }
}
