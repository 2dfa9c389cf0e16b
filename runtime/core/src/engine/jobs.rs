//! Jobs: one thing done to many runs, in portions, at a pace, across restarts.

use super::{Answer, Context, Engine, ReplyId};
use crate::ids::RunId;
use crate::state::{JobAction, ReadError, RunFilter};

impl Engine {
    pub(super) fn start_job(
        &mut self,
        _action: JobAction,
        _filter: RunFilter,
        _interval_us: Option<u64>,
        reply: ReplyId,
        cx: &mut Context<'_>,
    ) -> Result<(), ReadError> {
        cx.out
            .answer(reply, Answer::Refused("not available".into()));
        Ok(())
    }

    pub(super) fn stop_job(
        &mut self,
        _job: RunId,
        reply: ReplyId,
        cx: &mut Context<'_>,
    ) -> Result<(), ReadError> {
        cx.out
            .answer(reply, Answer::Refused("not available".into()));
        Ok(())
    }
}
