//! Cancelling: a run ends where it is; what it had asked for is withdrawn.

use super::{Answer, Context, Effect, Engine, ReplyId};
use crate::failure::{Failure, Origin};
use crate::ids::RunId;
use crate::journal::OpNumber;
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

    /// Cancels a run; those that it invoked are [withdrawn](Self::cancel_withdrawn) only.
    pub(super) fn cancel_run(
        &mut self,
        run: Run,
        reason: &str,
        cx: &mut Context<'_>,
    ) -> Result<(), ReadError> {
        let id = run.id;
        if self.step.reporting == Some(id) {
            // What it reports at this moment happened before.
            self.step.doomed.get_or_insert_with(|| reason.to_owned());
            return Ok(());
        }
        if let Some(active) = self.active.get(&id) {
            let token = active.token;
            cx.out.now.push(Effect::Stop { run: id, token });
            self.retire(id, token);
        }
        self.fresh.remove(&id);
        self.step.created.remove(&id);
        for (key, registration) in self.registrations_in_step(id, cx)? {
            self.unregister(key, registration.clone(), cx);
            self.let_go(key, &registration, cx);
        }
        self.drop_arrivals(id, cx)?;
        let failure = Failure::permanent(Origin::Cancelled, reason);
        self.end_run(run, RunStatus::Cancelled, RunEnd::Failure(failure), cx)
    }

    /// Forgets what was kept for a run's operations.
    fn drop_arrivals(&mut self, run: RunId, cx: &mut Context<'_>) -> Result<(), ReadError> {
        let stored = cx.read.arrivals(run)?.into_iter().map(|(op, ..)| op);
        let all = WaitKey { run, op: 0 }..=WaitKey {
            run,
            op: OpNumber::MAX,
        };
        let kept_now = self.step.arrivals.range(all).map(|key| key.op);
        for op in stored.chain(kept_now) {
            cx.out.write(Write::DeleteArrival { run, op });
        }
        Ok(())
    }
}
