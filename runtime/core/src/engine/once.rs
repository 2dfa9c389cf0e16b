//! Requests that their sender names, and that have their effect once however often they come.
//!
//! | record                  | a request comes at `now`                                                      |
//! |-------------------------|-------------------------------------------------------------------------------|
//! | none, or `until <= now` | it is done; if it changed something, `Answered { made, until: now + 2 days }`  |
//! | `Answered`              | nothing is done; the answer names what the first one made                      |
//!
//! The record and what was done are written as one: after a crash there are both or neither, so that a sender who got no answer may ask
//! again, and must. What was refused has no record.

use super::{Answer, Context, Engine, Input, Output, ReplyId};
use crate::DAY_MS;
use crate::ids::{FunctionId, RunId};
use crate::state::{Control, ControlKey, ControlKind, ReadError};

/// How long a request is remembered: longer than a sender may ask again.
const REMEMBERED_MS: u64 = 2 * DAY_MS;

/// Stands in the records' keys where those of controls have an app.
const REQUESTS: &str = "requests";

/// Where the record of a request lies.
pub fn request_key(request: &str) -> ControlKey {
    ControlKey {
        kind: ControlKind::Request,
        function: FunctionId::new(REQUESTS, ""),
        key: request.to_owned(),
    }
}

impl Engine {
    /// Does what a request asks for, unless it was done before.
    pub(super) fn once(
        &mut self,
        request: &str,
        input: Input,
        reply: ReplyId,
        cx: &mut Context<'_>,
    ) -> Result<(), ReadError> {
        let key = request_key(request);
        if let Some(Control::Answered { made, until_ms }) = self.control(&key, cx)?
            && until_ms > cx.now_ms
        {
            cx.out.answer(reply, Answer::DoneBefore(made));
            return Ok(());
        }
        let keeps = matches!(&input, Input::Signal { signal, .. } if signal.ttl_ms() > 0);
        self.take(input, cx)?;
        if let Some(Made(made)) = cx
            .out
            .answered(reply)
            .and_then(|answer| made(answer, keeps))
        {
            let until_ms = cx.now_ms.saturating_add(REMEMBERED_MS);
            self.put_control(key, Control::Answered { made, until_ms });
        }
        Ok(())
    }
}

/// That a request changed something; the run or the job that it made or reached, if it was one.
struct Made(Option<RunId>);

/// What a request made or reached, if it changed anything. A signal that nobody waits for did so only if it is kept.
fn made(answer: &Answer, keeps: bool) -> Option<Made> {
    let made = match answer {
        Answer::Job(job) => Some(job.id),
        Answer::Replayed(run) | Answer::Invoked { run, .. } => Some(*run),
        Answer::Signalled(None) if !keeps => return None,
        Answer::Signalled(run) => *run,
        Answer::Accepted(_)
        | Answer::Delivered { .. }
        | Answer::Cancelled
        | Answer::Deployed
        | Answer::Paused
        | Answer::Resumed
        | Answer::SchemaChanged => None,
        Answer::DoneBefore(_)
        | Answer::Ended(_)
        | Answer::NoSuchRun
        | Answer::NoSuchJob
        | Answer::NoSuchFunction
        | Answer::Refused(_) => return None,
    };
    Some(Made(made))
}

impl Output {
    /// What this step answers to one who waits.
    fn answered(&self, to: ReplyId) -> Option<&Answer> {
        self.durable.iter().rev().find_map(|effect| match effect {
            super::Effect::Answer { reply, answer } if *reply == to => Some(answer),
            _ => None,
        })
    }
}
