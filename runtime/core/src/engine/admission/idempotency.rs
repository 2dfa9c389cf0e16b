//! `idempotency`: the first event of every value of the expression within 24 hours starts a run; others are skipped.
//!
//! | record                      | an event comes at `now`                       | its run is skipped by a later control |
//! |-----------------------------|-----------------------------------------------|---------------------------------------|
//! | none, or `until <= now`     | goes on; `Started { run, until: now + 24 h }` |                                       |
//! | `Started`                   | skipped                                       | none, if the record names that run    |
//!
//! The record is made once the run has its id: a run that a singleton skips at once leaves none, and the next event may try.

use super::super::{Context, Engine, Served};
use super::{Arriving, keys};
use crate::DAY_MS;
use crate::ids::RunId;
use crate::state::{Control, ControlKey, ControlKind, ReadError};

/// How long the first event of a value counts. SEMANTICS, section 2.
const WINDOW_MS: u64 = DAY_MS;

impl Engine {
    /// The record for the event, or why the event is skipped.
    pub(super) fn idempotent(
        &self,
        served: &Served,
        arriving: &Arriving,
        cx: &mut Context<'_>,
    ) -> Result<Result<ControlKey, String>, ReadError> {
        let source = (&served.exprs.idempotency, "idempotency");
        let key = Self::control_key(ControlKind::Idempotency, served, source, arriving, cx);
        Ok(match self.control(&key, cx)? {
            Some(Control::Started { run, until_ms }) if until_ms > cx.now_ms => Err(format!(
                "idempotency: run {run} was started within 24 hours{}",
                keys::for_people(&key)
            )),
            Some(_) | None => Ok(key),
        })
    }

    /// A run was started for the record, or collects events by now.
    pub(super) fn note_idempotent(&mut self, key: ControlKey, run: RunId, cx: &Context<'_>) {
        let until_ms = cx.now_ms.saturating_add(WINDOW_MS);
        self.put_control(key, Control::Started { run, until_ms });
    }

    /// The run was skipped after it had been given the record.
    pub(super) fn forget_idempotent(
        &mut self,
        served: &Served,
        arriving: &Arriving,
        run: RunId,
        cx: &mut Context<'_>,
    ) -> Result<(), ReadError> {
        if served.config.idempotency.is_none() {
            return Ok(());
        }
        let source = &served.exprs.idempotency;
        let key = keys::quietly(ControlKind::Idempotency, served, source, arriving);
        if let Some(Control::Started { run: named, .. }) = self.control(&key, cx)?
            && named == run
        {
            self.delete_control(key);
        }
        Ok(())
    }
}
