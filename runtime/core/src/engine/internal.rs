//! Internal events: what the platform itself tells about runs.
//!
//! Each is published under two prefixes, `inngest/` and `abide/`, with the same payload. `function.failed` is always recorded, so that there
//! is a history of failures to look at. The others are recorded only where somebody could notice: a trigger names them, or a run
//! waits for them or is cancelled by them; otherwise every run would cost two more events.
//!
//! Runs that such an event starts are *quiet*: neither they nor what they invoke publish any, so that a function which listens to failures
//! and fails itself is not the beginning of an endless row. What a step publishes follows at its end, in order, as if it had arrived then.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::Serialize;
use serde_json::value::RawValue;

use super::admission::{NewRun, Via};
use super::{Context, Engine};
use crate::Json;
use crate::event::{Event, EventSource, NewEvent};
use crate::failure::Failure;
use crate::ids::{EventId, FunctionId};
use crate::journal::WORKFLOW_OP;
use crate::state::{ReadError, Run, RunEnd, RunStatus};

/// The event that a tick of a schedule gives its run.
pub(super) const SCHEDULED: &str = "inngest/scheduled.timer";

/// The event that an invoked function sees.
pub(super) const INVOKED: &str = "inngest/function.invoked";

/// What a run's end is told as, under both prefixes: finished, failed, cancelled.
const FINISHED: [&str; 2] = ["inngest/function.finished", "abide/function.finished"];
const FAILED: [&str; 2] = ["inngest/function.failed", "abide/function.failed"];
const CANCELLED: [&str; 2] = ["inngest/function.cancelled", "abide/function.cancelled"];

/// The second names of the events that runs have as their own.
const SECOND_NAMES: [(&str, &str); 2] = [
    (SCHEDULED, "abide/scheduled.timer"),
    (INVOKED, "abide/function.invoked"),
];

/// Every name that is published.
fn names() -> impl Iterator<Item = &'static str> {
    let ends = [FINISHED, FAILED, CANCELLED].into_iter().flatten();
    ends.chain(
        SECOND_NAMES
            .into_iter()
            .flat_map(|(first, second)| [first, second]),
    )
}

/// The published event of this name.
fn internal(name: &str) -> Option<&'static str> {
    // Most names are not even alike.
    let alike = name.starts_with("inngest/") || name.starts_with("abide/");
    alike.then(|| names().find(|internal| *internal == name))?
}

/// Whether an event of this name tells about the end of a run.
fn is_end(name: &str) -> bool {
    [FINISHED, FAILED, CANCELLED]
        .into_iter()
        .flatten()
        .any(|end| end == name)
}

/// Which internal events somebody may notice: what a run's end needs to know, without a question to the store.
#[derive(Debug, Default)]
pub(super) struct Listeners {
    /// Names that a trigger matches.
    triggered: BTreeSet<&'static str>,
    /// Names that a run waits for, or has waited for: the store knows.
    awaited: BTreeSet<&'static str>,
}

impl Listeners {
    /// Takes note of a wait.
    pub(super) fn note_wait(&mut self, name: &str) {
        self.awaited.extend(internal(name));
    }
}

/// An internal event on its way.
#[derive(Debug)]
pub(super) struct Published {
    event: Arc<Event>,
    /// Functions that it starts although no trigger of theirs names it.
    handlers: Vec<FunctionId>,
    /// Whether it is recorded already.
    recorded: bool,
}

#[derive(Serialize)]
struct Payload<'a> {
    function_id: String,
    run_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Error<'a>>,
    event: Option<Box<RawValue>>,
    events: Vec<Box<RawValue>>,
    /// Events that would make the payload larger than an event may be.
    #[serde(skip_serializing_if = "Option::is_none")]
    events_omitted: Option<usize>,
}

#[derive(Serialize)]
struct Error<'a> {
    name: &'a str,
    message: &'a str,
    stack: Option<&'a str>,
}

impl<'a> From<&'a Failure> for Error<'a> {
    fn from(failure: &'a Failure) -> Self {
        Self {
            name: &failure.name,
            message: &failure.message,
            stack: failure.stack.as_deref(),
        }
    }
}

fn raw(json: &str) -> Option<Box<RawValue>> {
    RawValue::from_string(json.to_owned()).ok()
}

impl Engine {
    /// Finds out which internal events runs wait for.
    pub(super) fn recover_listeners(&mut self, cx: &Context<'_>) -> Result<(), ReadError> {
        for name in names() {
            if cx.read.has_waits(name)? {
                self.listeners.awaited.insert(name);
            }
        }
        Ok(())
    }

    /// Takes note of changed triggers.
    pub(super) fn note_triggers(&mut self) {
        let triggered = names().filter(|name| self.triggers.listens(name));
        self.listeners.triggered = triggered.collect();
    }

    fn is_noticed(&mut self, name: &'static str, cx: &Context<'_>) -> Result<bool, ReadError> {
        if self.listeners.triggered.contains(name) {
            return Ok(true);
        }
        if !self.listeners.awaited.contains(name) {
            return Ok(false);
        }
        let awaited = self.step.watched.awaits(name) || cx.read.has_waits(name)?;
        if !awaited {
            self.listeners.awaited.remove(name);
        }
        Ok(awaited)
    }

    /// Tells how a run ended.
    pub(super) fn publish_end(&mut self, run: &Run, cx: &mut Context<'_>) -> Result<(), ReadError> {
        if run.quiet {
            return Ok(());
        }
        let names: &[[&'static str; 2]] = match run.status {
            RunStatus::Completed => &[FINISHED],
            RunStatus::Failed => &[FINISHED, FAILED],
            RunStatus::Cancelled => &[CANCELLED],
            RunStatus::Skipped
            | RunStatus::Queued
            | RunStatus::Running
            | RunStatus::Sleeping
            | RunStatus::Waiting
            | RunStatus::Paused => &[],
        };
        let mut data: Option<Json> = None;
        for name in names.iter().flatten().copied() {
            if !FAILED.contains(&name) && !self.is_noticed(name, cx)? {
                continue;
            }
            let data = match &data {
                Some(data) => data.clone(),
                None => data.insert(self.payload(run, cx)?).clone(),
            };
            let handlers = if name == FAILED[0] {
                self.triggers.handlers_of_failure(&run.function).to_vec()
            } else {
                Vec::new()
            };
            let trace = self.trace_of(run, WORKFLOW_OP, cx)?;
            let event = self.platform_event(name, data, cx).traced(trace);
            self.step.published.push_back(Published {
                event: Arc::new(event),
                handlers,
                recorded: false,
            });
        }
        Ok(())
    }

    /// Lets others notice an event that a run has as its own, and that is recorded.
    pub(super) fn announce(
        &mut self,
        event: &Arc<Event>,
        cx: &mut Context<'_>,
    ) -> Result<(), ReadError> {
        for (first, second) in SECOND_NAMES {
            if *event.name != *first {
                continue;
            }
            if self.is_noticed(first, cx)? {
                self.step.published.push_back(Published {
                    event: event.clone(),
                    handlers: Vec::new(),
                    recorded: true,
                });
            }
            if self.is_noticed(second, cx)? {
                let second_name = self.platform_event(second, event.data.clone(), cx);
                let event = second_name.traced(event.trace.clone());
                self.step.published.push_back(Published {
                    event: Arc::new(event),
                    handlers: Vec::new(),
                    recorded: false,
                });
            }
        }
        Ok(())
    }

    /// Whether nothing is told about the run that is about to be created, because such an event started it, or the run that invokes it.
    pub(super) fn is_quiet(&self, spec: &NewRun) -> bool {
        match spec.via {
            Via::Event => internal(&spec.event.name).is_some(),
            Via::Invoke => {
                let caller = spec.parent.and_then(|(run, _)| self.active.get(&run));
                caller.is_some_and(|caller| caller.run.quiet)
            }
            Via::Cron => false,
            Via::Replay => is_end(&spec.event.name),
        }
    }

    fn platform_event(&mut self, name: &str, data: Json, cx: &Context<'_>) -> Event {
        let event = NewEvent {
            name: name.into(),
            data: Some(data),
            ..NewEvent::default()
        };
        let id = EventId(self.ids.next(cx.now_ms));
        event.accept(id, cx.now_ms, EventSource::Platform)
    }

    /// What is told about a run that ended.
    fn payload(&self, run: &Run, cx: &Context<'_>) -> Result<Json, ReadError> {
        let own = self.event(run.event, cx)?.map(|event| event.to_json());
        let mut events = Vec::new();
        let mut omitted = 0;
        if run.event_count > 1 {
            let mut bytes = 0;
            let ids = match self.step.run_events.get(&run.id) {
                Some(events) => events.clone(),
                None => cx.read.run_events(run.id)?,
            };
            for id in ids {
                let Some(event) = self.event(id, cx)? else {
                    continue;
                };
                let json = event.to_json();
                bytes += json.len();
                if bytes > self.config.limits.event_bytes {
                    omitted += 1;
                } else {
                    events.extend(raw(&json));
                }
            }
        } else {
            events.extend(own.as_deref().and_then(raw));
        }
        let (result, error) = match &run.end {
            Some(RunEnd::Output(json)) => (serde_json::from_str(json).ok(), None),
            Some(RunEnd::Failure(failure)) => (None, Some(failure.into())),
            Some(RunEnd::Skipped(_)) | None => (None, None),
        };
        let payload = Payload {
            function_id: run.function.to_string(),
            run_id: run.id.to_string(),
            result,
            error,
            event: own.as_deref().and_then(raw),
            events,
            events_omitted: (omitted > 0).then_some(omitted),
        };
        let json = serde_json::to_string(&payload);
        Ok(json.map_or_else(|_| crate::event::EMPTY_OBJECT.into(), Into::into))
    }

    /// Has everything that the step published arrive.
    pub(super) fn deliver_published(&mut self, cx: &mut Context<'_>) -> Result<(), ReadError> {
        while let Some(published) = self.step.published.pop_front() {
            let Published {
                event,
                handlers,
                recorded,
            } = published;
            if !recorded {
                self.record(event.clone(), cx);
            }
            self.arrived(&event, handlers, cx)?;
        }
        Ok(())
    }
}
