//! What an operation is given from elsewhere than its run's own code: results that were kept, an operator's input, the shapes of events.
//!
//! A result that is kept (of an earlier attempt at the workflow code, or of the run that this one replays) answers the operation of the same id
//! and repeat. It is told when the code waits, and in the order in which the results came about: whatever was first the first time is first
//! again.

use super::{Completion, Machine, Op};
use crate::event::NewEvent;
use crate::failure::{Failure, Origin};
use crate::journal::{Entry, OpNumber};
use crate::operation::{Kind, Operation};

impl Machine {
    /// Records what a new operation works on, and puts an operator's input in place of the code's.
    pub(super) fn record_input(&mut self, op: OpNumber) {
        let record = &mut self.ops[op as usize];
        let replacement = match &self.info.input {
            Some(replaced) if replaced.step == record.name() => Some(replaced.input.clone()),
            Some(_) | None => None,
        };
        let replaced = replacement.is_some();
        let input = match (&mut record.operation, replacement) {
            (Some(Operation::Run(options)), replacement) => replacement.or(options.input.clone()),
            (Some(Operation::Invoke(invoke)), Some(input)) => {
                Some(invoke.data.insert(input).clone())
            }
            (Some(Operation::AiInfer(infer)), Some(input)) => {
                infer.body = input.clone();
                Some(input)
            }
            _ => None,
        };
        if let Some(input) = input {
            self.keep_in_state(op, input.len());
            self.entries.push(Entry::Input {
                op,
                input,
                replaced,
            });
        }
    }

    /// The failure of a `send-events` of which an event breaks its schema. None of the events is sent then.
    pub(super) fn schema_fault(&self, events: &[NewEvent]) -> Option<Failure> {
        let check = |(index, event)| Some((index, self.info.schemas.check(event).err()?));
        let (index, fault) = events.iter().enumerate().find_map(check)?;
        Some(Failure {
            name: "InvalidEvent".into(),
            ..Failure::permanent(Origin::Limit, format!("event {index}: {fault}"))
        })
    }

    /// Whether there may be results that were kept, asked for already or not.
    pub(super) fn keeps_results(&self) -> bool {
        self.attempt > 0 || self.ops.first().is_some_and(|op| op.carried.is_some())
    }

    /// The next completion to tell. Results that are recalled are told one by one, in the order in which they came about: what the code does
    /// after one of them may ask for another that came before the rest.
    pub(super) fn next_completion(&mut self) -> Option<Completion> {
        if let Some(completion) = self.completions.get(self.next_completion) {
            return Some(*completion);
        }
        let (_, (op, at_ms)) = self.recalls.pop_first()?;
        let ticket = self.op(op).ticket?;
        let completion = Completion { ticket, at_ms };
        self.entries.push(Entry::Recalled { op, at_ms });
        self.completions.push(completion);
        Some(completion)
    }
}

impl Op {
    /// Why a result that was carried over does not fit what the code asks for now, if it does not.
    pub(super) fn misfit(&self, kind: Kind, digest: u64, summary: &str) -> Option<String> {
        let carried = self.carried.as_ref()?;
        let was = if self.kind != kind {
            format!(
                "was `{}` and is `{}` now",
                self.kind.as_str(),
                kind.as_str()
            )
        } else if carried.same_options && carried.digest != digest {
            let (was, is) = (&carried.summary, summary);
            format!("had other options (`{was}`; now `{is}`)")
        } else {
            return None;
        };
        Some(format!(
            "it {was}, in code that has changed since the run that is replayed: the result that was kept answers something else. Nothing was \
             done again. Replay from this step or from an earlier one, or from the start"
        ))
    }
}
