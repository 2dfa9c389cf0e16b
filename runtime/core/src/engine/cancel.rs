//! Cancelling: a run ends where it is; what it had asked for is withdrawn.

use std::sync::Arc;

use super::{Answer, Context, Effect, Engine, ReplyId};
use crate::failure::{Failure, Origin};
use crate::ids::RunId;
use crate::state::{ReadError, Run, RunEnd, RunStatus, WaitKey, Write};

impl Engine {
    pub(super) fn cancel(
        &mut self,
        id: RunId,
        reason: &str,
        reply: ReplyId,
        cx: &mut Context<'_>,
    ) -> Result<(), ReadError> {
        let answer = match self.find(id, cx)? {
            None => Answer::NoSuchRun,
            Some(run) if run.status.is_final() => Answer::Ended(run.status),
            Some(run) => {
                self.cancel_run(run, reason, cx)?;
                self.cancel_withdrawn(cx)?;
                Answer::Cancelled
            }
        };
        cx.out.answer(reply, answer);
        Ok(())
    }

    pub(super) fn cancel_if_alive(
        &mut self,
        id: RunId,
        reason: &str,
        cx: &mut Context<'_>,
    ) -> Result<(), ReadError> {
        match self.find(id, cx)? {
            Some(run) if !run.status.is_final() => self.cancel_run(run, reason, cx),
            Some(_) | None => Ok(()),
        }
    }

    /// The run as it stands, this step's own creations included.
    fn find(&self, id: RunId, cx: &Context<'_>) -> Result<Option<Run>, ReadError> {
        if let Some(active) = self.active.get(&id) {
            return Ok(Some(active.run.clone()));
        }
        if let Some(run) = self.fresh.get(&id) {
            return Ok(Some(run.clone()));
        }
        cx.read.run(id)
    }

    /// Cancels a run; those that it invoked are [withdrawn](Self::cancel_withdrawn) only.
    fn cancel_run(
        &mut self,
        run: Run,
        reason: &str,
        cx: &mut Context<'_>,
    ) -> Result<(), ReadError> {
        let id = run.id;
        if let Some(active) = self.active.get(&id) {
            let token = active.token;
            cx.out.now.push(Effect::Stop { run: id, token });
            self.retire(id, token);
        }
        self.fresh.remove(&id);
        for (op, registration) in cx.read.registrations(id)? {
            let key = WaitKey { run: id, op };
            if !self.step.satisfied.insert(key) {
                continue;
            }
            let registration = Arc::new(registration);
            cx.out.write(Write::Unregister {
                run: id,
                op,
                registration: registration.clone(),
            });
            self.let_go(key, &registration, cx);
        }
        for (op, ..) in cx.read.arrivals(id)? {
            cx.out.write(Write::DeleteArrival { run: id, op });
        }
        let failure = Failure::permanent(Origin::Cancelled, reason);
        self.end_run(run, RunStatus::Cancelled, RunEnd::Failure(failure), cx)
    }
}
