//! From an event to a run: the controls of a function, in the order that SEMANTICS gives (section 2, "Order of controls").
//!
//! One small module a control, each with the states that its record can be in. They see what the events before have done, in this step too
//! (see [`overlay`](super::overlay)), and they write nothing at all for a function without controls.

mod create;
mod keys;
mod pending;
mod singleton;
mod skipped;

use std::cell::OnceCell;
use std::sync::Arc;

use super::{Context, DEDUPE_MS, Engine};
use crate::event::Event;
use crate::expr::Scope;
use crate::ids::{FunctionId, RunId};
use crate::state::{ReadError, Write};

pub(super) use create::{NewRun, Via};

/// An event on its way through the controls of the functions that it starts, parsed when an expression first asks for it.
pub(super) struct Arriving {
    pub event: Arc<Event>,
    scope: OnceCell<Scope>,
}

impl Arriving {
    pub(in crate::engine) fn new(event: Arc<Event>) -> Self {
        Self {
            event,
            scope: OnceCell::new(),
        }
    }

    pub(super) fn scope(&self) -> &Scope {
        self.scope
            .get_or_init(|| Scope::parse(&self.event.to_json()).unwrap_or_default())
    }
}

impl Engine {
    /// Takes an event through the controls of a function whose trigger it matches.
    pub(super) fn admit(
        &mut self,
        function: &FunctionId,
        arriving: &Arriving,
        cx: &mut Context<'_>,
    ) -> Result<(), ReadError> {
        if self.has_started(function, &arriving.event, cx)? {
            return Ok(());
        }
        let spec = NewRun::of(function.clone(), arriving.event.clone(), Via::Event);
        if let Some(run) = self.create_from(spec, arriving, cx)? {
            self.note_started(function, &arriving.event, run, cx);
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
        if self.step.deduped.contains(&key) {
            return Ok(true);
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
        if let Some(external_id) = event.external_id.clone() {
            let key = (function.clone(), external_id.clone());
            self.step.deduped.insert(key);
            cx.out.write(Write::PutDedupe {
                function: function.clone(),
                external_id,
                run,
                until_ms: cx.now_ms + DEDUPE_MS,
            });
        }
    }
}
