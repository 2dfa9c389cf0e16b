//! Replaying: a run that ended is done again, as a new run.

use super::{Answer, Context, Engine, FromStep, ReplyId};
use crate::ids::RunId;
use crate::state::ReadError;

impl Engine {
    pub(super) fn replay(
        &mut self,
        _run: RunId,
        _from_step: Option<FromStep>,
        reply: ReplyId,
        cx: &mut Context<'_>,
    ) -> Result<(), ReadError> {
        cx.out
            .answer(reply, Answer::Refused("not available".into()));
        Ok(())
    }
}
