//! What ends a run before its code does: events that cancel it, and times.

use super::{Context, Engine, Served};
use crate::event::Event;
use crate::ids::RunId;
use crate::state::{ReadError, Run, TimeoutKind};

impl Engine {
    /// Watches for what ends a run that is being created: called for functions with `cancelOn` or `timeouts`.
    pub(super) fn register_guards(
        &mut self,
        _run: &mut Run,
        _served: &Served,
        _event: &Event,
        _cx: &mut Context<'_>,
    ) {
    }

    /// One of a run's timeouts has passed.
    pub(super) fn time_out(
        &mut self,
        _run: RunId,
        _kind: TimeoutKind,
        _after_ms: u64,
        _cx: &mut Context<'_>,
    ) -> Result<(), ReadError> {
        Ok(())
    }
}
