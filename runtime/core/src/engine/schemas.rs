//! Schemas of events that an operator sets.

use super::{Answer, Context, Engine, ReplyId};
use crate::state::{EventSchema, ReadError};

impl Engine {
    pub(super) fn put_schema(
        &mut self,
        _schema: EventSchema,
        reply: ReplyId,
        cx: &mut Context<'_>,
    ) -> Result<(), ReadError> {
        cx.out
            .answer(reply, Answer::Refused("not available".into()));
        Ok(())
    }

    pub(super) fn delete_schema(
        &mut self,
        _event: String,
        _v: Option<String>,
        reply: ReplyId,
        cx: &mut Context<'_>,
    ) -> Result<(), ReadError> {
        cx.out
            .answer(reply, Answer::Refused("not available".into()));
        Ok(())
    }
}
