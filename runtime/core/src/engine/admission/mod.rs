//! From an event to a run: the controls of a function, in the order that SEMANTICS gives (section 2, "Order of controls").

use super::{Context, Engine};
use crate::state::{PendingBatch, PendingDebounce, ReadError, WaitKey};

impl Engine {
    /// A debounce has been quiet for long enough.
    pub(super) fn debounce_due(
        &mut self,
        _key: WaitKey,
        _pending: PendingDebounce,
        _cx: &mut Context<'_>,
    ) -> Result<(), ReadError> {
        Ok(())
    }

    /// A batch has waited for long enough.
    pub(super) fn batch_due(
        &mut self,
        _key: WaitKey,
        _pending: PendingBatch,
        _cx: &mut Context<'_>,
    ) -> Result<(), ReadError> {
        Ok(())
    }
}
