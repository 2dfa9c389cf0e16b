//! From an event to a run: the controls of a function, in the order that SEMANTICS gives (section 2, "Order of controls").
//!
//! One small module a control, each with the states that its record can be in. They see what the events before have done, in this step too
//! (see [`overlay`](super::overlay)), and they write nothing at all for a function without controls.

mod batch;
mod create;
mod debounce;
mod idempotency;
mod keys;
mod pending;
mod rate_limit;
mod singleton;
mod skipped;

use super::{Arriving, Context, DEDUPE_MS, Engine};
use crate::event::Event;
use crate::ids::{FunctionId, RunId};
use crate::state::{ReadError, Write};

pub(super) use create::{NewRun, Via};

impl Engine {
    /// Takes an event through the controls of a function whose trigger it matches.
    pub(super) fn admit(
        &mut self,
        function: &FunctionId,
        arriving: &Arriving,
        cx: &mut Context<'_>,
    ) -> Result<(), ReadError> {
        let Some(served) = self.served(function).cloned() else {
            return Ok(());
        };
        if self.has_started(function, &arriving.event, cx)? {
            return Ok(());
        }
        if let Some(option) = &served.config.batch_events
            && self.batch(&served, option, arriving, cx)?
        {
            return Ok(());
        }
        let spec = NewRun::of(function.clone(), arriving.event.clone(), Via::Event);
        let mut idempotent = None;
        if served.config.idempotency.is_some() {
            match self.idempotent(&served, arriving, cx)? {
                Ok(key) => idempotent = Some(key),
                Err(reason) => {
                    self.drop_event(&served, spec, reason, cx);
                    return Ok(());
                }
            }
        } else if let Some(option) = &served.config.rate_limit
            && let Some(reason) = self.limit_rate(&served, option, arriving, cx)?
        {
            self.drop_event(&served, spec, reason, cx);
            return Ok(());
        }
        let run = match &served.config.debounce {
            Some(option) => Some(self.debounce(&served, option, arriving, cx)?),
            None => self.create_from(&served, spec, arriving, cx)?,
        };
        if let Some(run) = run {
            self.note_started(function, &arriving.event, run, cx);
            if let Some(key) = idempotent {
                self.note_idempotent(key, run, cx);
            }
        }
        Ok(())
    }

    /// Whether an event of the same external id has started the function already: then this one has no effect on it at all.
    fn has_started(
        &self,
        function: &FunctionId,
        event: &Event,
        cx: &Context<'_>,
    ) -> Result<bool, ReadError> {
        let Some(external_id) = &event.external_id else {
            return Ok(false);
        };
        let key = (function.clone(), external_id.clone());
        if let Some(started) = self.step.deduped.get(&key) {
            return Ok(*started);
        }
        let earlier = cx.read.dedupe(function, external_id)?;
        Ok(earlier.is_some_and(|(_, until_ms)| until_ms > cx.now_ms))
    }

    /// Remembers that an event started a function.
    fn note_started(
        &mut self,
        function: &FunctionId,
        event: &Event,
        run: RunId,
        cx: &mut Context<'_>,
    ) {
        self.remember(function, event, run, cx.now_ms + DEDUPE_MS, cx);
    }

    /// The run that an event was collected for was skipped: the event has not started the function after all.
    fn forget_started(
        &mut self,
        function: &FunctionId,
        event: &Event,
        run: RunId,
        cx: &mut Context<'_>,
    ) {
        self.remember(function, event, run, cx.now_ms, cx);
    }

    /// Lets an event with this external id count as the function's until then.
    fn remember(
        &mut self,
        function: &FunctionId,
        event: &Event,
        run: RunId,
        until_ms: u64,
        cx: &mut Context<'_>,
    ) {
        if let Some(external_id) = event.external_id.clone() {
            let key = (function.clone(), external_id.clone());
            self.step.deduped.insert(key, until_ms > cx.now_ms);
            cx.out.write(Write::PutDedupe {
                function: function.clone(),
                external_id,
                run,
                until_ms,
            });
        }
    }
}
