//! Replaying: a run that ended is done again, as a new run of the deployed code, for the same events.
//!
//! From a step, the new run's journal begins with the results that were there when the original run first started that step, in the order in
//! which they came about ([`Entry::Carried`]). The new run's code is told each of them when it asks for the operation of the same id and repeat;
//! whatever else it asks for is done: what ran beside the step, what was given up, what failed workflow code never reached. Attempts count
//! anew. The machine says what becomes of a result that no longer fits.
//!
//! Invariants:
//! - The original run is not changed, and what it did is not undone.
//! - A result that is carried over is in the new journal: the original may be forgotten the moment after.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::admission::{NewRun, Via};
use super::{Answer, Context, Engine, FromStep, ReplyId};
use crate::ids::{EventId, RunId};
use crate::journal::{Carried, Entry, OpNumber, step_key};
use crate::operation::Kind;
use crate::state::{JournalChunk, ReadError, Run, StepInput, Write};
use crate::{is_json, is_json_object};

/// The most steps that a refusal lists.
const STEPS_LISTED: usize = 50;

impl Engine {
    pub(super) fn replay(
        &mut self,
        id: RunId,
        from_step: Option<FromStep>,
        reply: ReplyId,
        cx: &mut Context<'_>,
    ) -> Result<(), ReadError> {
        let answer = match self.find(id, cx)? {
            None => Answer::NoSuchRun,
            Some(run) => match self.replay_run(&run, from_step, cx)? {
                Ok(new) => Answer::Replayed(new),
                Err(reason) => Answer::Refused(reason),
            },
        };
        cx.out.answer(reply, answer);
        Ok(())
    }

    /// Creates the run that replays this one, or says why not.
    pub(super) fn replay_run(
        &mut self,
        run: &Run,
        from_step: Option<FromStep>,
        cx: &mut Context<'_>,
    ) -> Result<Result<RunId, String>, ReadError> {
        if !run.status.is_final() {
            return Ok(Err(format!(
                "the run {} has not ended (it is {}); cancel it first, then replay it",
                run.id,
                run.status.as_str()
            )));
        }
        let Some(served) = self.served(&run.function).cloned() else {
            return Ok(Err(format!(
                "the function {} is not deployed any more; deploy an app that has it, then replay the run",
                run.function
            )));
        };
        let Some(event) = self.event(run.event, cx)? else {
            return Ok(Err(gone(run, &run.event)));
        };
        let mut events = Vec::new();
        if run.event_count > 1 {
            events = cx.read.run_events(run.id)?;
            for id in &events {
                if !cx.read.has_event(*id)? {
                    return Ok(Err(gone(run, id)));
                }
            }
        }
        let (mut carried, mut input) = (Vec::new(), None);
        if let Some(from) = from_step {
            let journal = cx.read.journal(run.id)?;
            match carry_over(&journal, &from, run.digest == served.digest) {
                Ok(results) => carried = results,
                Err(reason) => return Ok(Err(reason)),
            }
            let step = from.step;
            input = from.input.map(|input| Box::new(StepInput { step, input }));
        }
        let spec = NewRun {
            events,
            event_count: run.event_count,
            batch: run.batch,
            original: Some(run.id),
            cron: run.cron.clone(),
            input,
            carried,
            ..NewRun::of(run.function.clone(), event, Via::Replay)
        };
        let created = self.create(spec, cx)?;
        Ok(created.ok_or_else(|| format!("the function {} does not start it", run.function)))
    }

    /// Begins the journal of a run with results that it keeps of another one.
    pub(super) fn keep_carried(run: &mut Run, carried: Vec<Carried>, cx: &mut Context<'_>) {
        let carried = carried.into_iter().map(Box::new);
        let entries: Vec<_> = carried.map(Entry::Carried).collect();
        run.entries = u32::try_from(entries.len()).unwrap_or(u32::MAX);
        cx.out.write(Write::AppendJournal {
            run: run.id,
            chunk: JournalChunk { first: 0, entries },
        });
    }
}

fn gone(run: &Run, event: &EventId) -> String {
    format!(
        "the event {event}, which started the run {}, is no longer kept: its retention is over. Send the event again instead",
        run.id
    )
}

/// The results that a replay from this step keeps. A refusal says why.
fn carry_over(journal: &[Entry], from: &FromStep, same_code: bool) -> Result<Vec<Carried>, String> {
    let history = History::new(journal);
    let Some(step) = history.first(&from.step) else {
        return Err(history.unknown(&from.step));
    };
    if let Some(input) = &from.input {
        step.takes(input)?;
    }
    let kept = history.completed.iter().take(step.carried.before as usize);
    let kept = kept.filter_map(|op| history.ops.get(*op as usize));
    let carried = (0..).zip(kept).map(|(op, kept)| Carried {
        op,
        same_options: kept.carried.same_options || !same_code && options_ask(kept.carried.kind),
        ..kept.carried.clone()
    });
    Ok(carried.collect())
}

/// Whether the options of an operation say what it asks for. Those of a step only say how it is tried, and times are over once they have passed.
fn options_ask(kind: Kind) -> bool {
    match kind {
        Kind::Run | Kind::Sleep | Kind::SleepUntil => false,
        Kind::WaitForEvent
        | Kind::WaitForSignal
        | Kind::SendEvents
        | Kind::SendSignal
        | Kind::Invoke
        | Kind::Fetch
        | Kind::AiInfer => true,
    }
}

/// The operations of a run, as its journal tells of them.
#[derive(Default)]
struct History {
    ops: Vec<Past>,
    /// Those that were completed, in order.
    completed: Vec<OpNumber>,
}

/// One operation; its outcome means nothing until it is among the completed ones.
struct Past {
    carried: Carried,
}

impl History {
    fn new(journal: &[Entry]) -> Self {
        let mut history = Self::default();
        for entry in journal {
            history.add(entry);
        }
        history
    }

    fn add(&mut self, entry: &Entry) {
        match entry {
            Entry::Carried(carried) => {
                self.completed.push(carried.op);
                let carried = (**carried).clone();
                self.ops.push(Past { carried });
            }
            Entry::OperationStarted {
                op,
                kind,
                id,
                occurrence,
                digest,
                summary,
                at_ms,
                ..
            } if *op as usize == self.ops.len() => {
                let before = u32::try_from(self.completed.len()).unwrap_or(u32::MAX);
                let carried = Carried {
                    op: *op,
                    kind: *kind,
                    id: id.clone(),
                    occurrence: *occurrence,
                    digest: *digest,
                    summary: summary.clone(),
                    same_options: false,
                    before,
                    input: None,
                    outcome: crate::journal::Outcome::Empty,
                    attempts: 0,
                    started_ms: *at_ms,
                    at_ms: *at_ms,
                };
                self.ops.push(Past { carried });
            }
            Entry::Input { op, input, .. } => {
                if let Some(past) = self.ops.get_mut(*op as usize) {
                    past.carried.input = Some(input.clone());
                }
            }
            Entry::Completed {
                op,
                outcome,
                attempts,
                started_ms,
                at_ms,
            } => {
                if let Some(past) = self.ops.get_mut(*op as usize) {
                    past.carried.outcome = outcome.clone();
                    past.carried.attempts = *attempts;
                    past.carried.started_ms = *started_ms;
                    past.carried.at_ms = *at_ms;
                    self.completed.push(*op);
                }
            }
            Entry::OperationStarted { .. }
            | Entry::AttemptStarted { .. }
            | Entry::BodyStarted { .. }
            | Entry::BodyReachedOut { .. }
            | Entry::BodyInterrupted { .. }
            | Entry::BodyFailed { .. }
            | Entry::Recalled { .. }
            | Entry::Cancelled { .. }
            | Entry::Logged { .. }
            | Entry::WorkflowFailed { .. }
            | Entry::WorkflowReturned { .. } => {}
        }
    }

    /// The operation of this key that was started first.
    fn first(&self, step: &str) -> Option<&Past> {
        self.ops.iter().find(|past| past.key() == step)
    }

    fn unknown(&self, step: &str) -> String {
        let step: String = step.chars().take(300).collect();
        let mut listed = BTreeSet::new();
        let keys: Vec<_> = self.ops.iter().map(Past::key).collect();
        let mut text: Vec<_> = keys.iter().filter(|key| listed.insert(*key)).collect();
        if text.is_empty() {
            return format!(
                "the run never came to a step `{step}`, nor to any other; replay it from the start"
            );
        }
        let more = text.len().saturating_sub(STEPS_LISTED);
        text.truncate(STEPS_LISTED);
        let text: Vec<_> = text.iter().map(|key| format!("`{key}`")).collect();
        let more = match more {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        format!(
            "the run never came to a step `{step}`; its steps are {}{more}",
            text.join(", ")
        )
    }
}

impl Past {
    fn key(&self) -> String {
        step_key(&self.carried.id, self.carried.occurrence)
    }

    /// Whether the operation takes this input in place of its own.
    fn takes(&self, input: &Arc<str>) -> Result<(), String> {
        let step = self.key();
        match self.carried.kind {
            Kind::Run if self.carried.input.is_none() => Err(format!(
                "the step `{step}` works on what the workflow captured and has no input of its own that could be replaced; give the step \
                 an input in the code, or replay without one"
            )),
            Kind::Run if !is_json(input) => Err(format!(
                "the input for the step `{step}` is not valid JSON of at most {} levels",
                crate::MAX_JSON_DEPTH
            )),
            Kind::Invoke | Kind::AiInfer if !is_json_object(input) => Err(format!(
                "the input for the step `{step}` must be a JSON object: it takes the place of the {}",
                if self.carried.kind == Kind::Invoke {
                    "invoked function's data"
                } else {
                    "request's body"
                }
            )),
            Kind::Run | Kind::Invoke | Kind::AiInfer => Ok(()),
            Kind::Sleep
            | Kind::SleepUntil
            | Kind::WaitForEvent
            | Kind::WaitForSignal
            | Kind::SendEvents
            | Kind::SendSignal
            | Kind::Fetch => Err(format!(
                "the step `{step}` is a `{}`, which takes no input; only steps with an input, `invoke` and `ai-infer` do",
                self.carried.kind.as_str()
            )),
        }
    }
}
