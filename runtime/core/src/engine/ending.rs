//! What ends a run before its code does: events that cancel it, and times.

use super::{Context, Engine};
use crate::ids::RunId;
use crate::state::{ReadError, TimeoutKind};

impl Engine {
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
