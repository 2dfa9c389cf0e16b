//! Debounces and batches: what collects events for a run that is not created yet.

use std::sync::Arc;

use super::super::overlay::Pending;
use super::super::{Context, Engine};
use crate::ids::RunId;
use crate::journal::WORKFLOW_OP;
use crate::state::{ReadError, WaitKey, Write};

impl Engine {
    /// The time of a debounce or a batch has come.
    pub(in crate::engine) fn collected(
        &mut self,
        _run: RunId,
        _due_ms: u64,
        _cx: &mut Context<'_>,
    ) -> Result<(), ReadError> {
        Ok(())
    }

    /// Writes what a step leaves behind of a debounce or a batch.
    pub(in crate::engine) fn write_pending(
        &mut self,
        run: RunId,
        pending: Pending,
        cx: &mut Context<'_>,
    ) {
        let key = WaitKey {
            run,
            op: WORKFLOW_OP,
        };
        let now = pending.now.map(Arc::new);
        if now != pending.stored {
            if let Some(stored) = pending.stored {
                self.unregister(key, stored, cx);
            }
            if let Some(now) = now {
                self.register(key, now, cx);
            }
        }
        let (first, events) = pending.events;
        if !events.is_empty() {
            cx.out.write(Write::PutRunEvents { run, first, events });
        }
    }
}
