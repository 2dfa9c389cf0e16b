//! Pausing: a run, or a function whose events then queue.

use super::{Answer, Context, Engine, ReplyId};
use crate::ids::{FunctionId, RunId};
use crate::state::ReadError;

impl Engine {
    pub(super) fn pause_run(
        &mut self,
        _run: RunId,
        _reason: &str,
        reply: ReplyId,
        cx: &mut Context<'_>,
    ) -> Result<(), ReadError> {
        cx.out
            .answer(reply, Answer::Refused("not available".into()));
        Ok(())
    }

    pub(super) fn resume_run(
        &mut self,
        _run: RunId,
        reply: ReplyId,
        cx: &mut Context<'_>,
    ) -> Result<(), ReadError> {
        cx.out
            .answer(reply, Answer::Refused("not available".into()));
        Ok(())
    }

    pub(super) fn pause_function(
        &mut self,
        _function: FunctionId,
        reply: ReplyId,
        cx: &mut Context<'_>,
    ) -> Result<(), ReadError> {
        cx.out
            .answer(reply, Answer::Refused("not available".into()));
        Ok(())
    }

    pub(super) fn resume_function(
        &mut self,
        _function: FunctionId,
        reply: ReplyId,
        cx: &mut Context<'_>,
    ) -> Result<(), ReadError> {
        cx.out
            .answer(reply, Answer::Refused("not available".into()));
        Ok(())
    }
}
