//! Signals: named messages, each to at most one waiting run, kept for a while when nobody waits.

use std::sync::Arc;

use super::{Answer, Context, Engine, ReplyId};
use crate::failure::{Failure, Origin};
use crate::ids::RunId;
use crate::journal::Outcome;
use crate::operation::SendSignal;
use crate::state::{BufferedSignal, ReadError, Registration, WaitKey, Write};

impl Engine {
    pub(super) fn accept_signal(
        &mut self,
        signal: SendSignal,
        reply: ReplyId,
        cx: &mut Context<'_>,
    ) -> Result<(), ReadError> {
        let to = self.send_signal(signal, cx)?;
        cx.out.answer(reply, Answer::Signalled(to));
        Ok(())
    }

    /// Sends a signal to the run that waits for it, or keeps it. Returns the run.
    pub(super) fn send_signal(
        &mut self,
        signal: SendSignal,
        cx: &mut Context<'_>,
    ) -> Result<Option<RunId>, ReadError> {
        let ttl_ms = signal.ttl_ms();
        let data = signal.data.unwrap_or_else(|| "null".into());
        let name = signal.signal;
        if let Some(key) = self.signal_waiter(&name, cx)?
            && let Some(registration) = self.registration_in_step(key, cx)?
        {
            self.step.signal_waits.insert(name, None);
            self.satisfy(key, registration, (Outcome::Done(data), 0), cx);
            return Ok(Some(key.run));
        }
        if ttl_ms > 0 {
            let kept = BufferedSignal {
                data,
                until_ms: cx.now_ms.saturating_add(ttl_ms),
            };
            self.step.signals.insert(name.clone(), Some(kept.clone()));
            cx.out.write(Write::PutSignal { name, signal: kept });
        }
        Ok(None)
    }

    /// Watches for a signal, takes one that is kept, or settles a conflict with an earlier wait.
    pub(super) fn wait_for_signal(
        &mut self,
        key: WaitKey,
        registration: Registration,
        cx: &mut Context<'_>,
    ) -> Result<(), ReadError> {
        let Registration::Signal { name, replace, .. } = &registration else {
            return Ok(());
        };
        if let Some(kept) = self.kept_signal(name, cx)? {
            self.step.signals.insert(name.clone(), None);
            cx.out.write(Write::DeleteSignal { name: name.clone() });
            if kept.until_ms > cx.now_ms {
                self.keep_arrival(key, Outcome::Done(kept.data), 0, cx);
                return Ok(());
            }
        }
        if let Some(earlier) = self.signal_waiter(name, cx)?
            && let Some(its) = self.registration_in_step(earlier, cx)?
        {
            if !*replace {
                let failure = conflict(format!(
                    "run {} waits for the signal `{name}` already; use another name, or `on-conflict: replace`",
                    earlier.run
                ));
                self.keep_arrival(key, failure, 0, cx);
                return Ok(());
            }
            let failure = conflict(format!(
                "run {} took over the wait for the signal `{name}`",
                key.run
            ));
            self.satisfy(earlier, its, (failure, 0), cx);
        }
        self.step.signal_waits.insert(name.clone(), Some(key));
        self.register(key, Arc::new(registration), cx);
        Ok(())
    }

    fn signal_waiter(&self, name: &str, cx: &Context<'_>) -> Result<Option<WaitKey>, ReadError> {
        match self.step.signal_waits.get(name) {
            Some(waiter) => Ok(*waiter),
            None => cx.read.signal_wait(name),
        }
    }

    fn kept_signal(
        &self,
        name: &str,
        cx: &Context<'_>,
    ) -> Result<Option<BufferedSignal>, ReadError> {
        match self.step.signals.get(name) {
            Some(kept) => Ok(kept.clone()),
            None => cx.read.signal(name),
        }
    }
}

fn conflict(message: String) -> Outcome {
    Outcome::Failed(Failure {
        name: "SignalConflict".into(),
        ..Failure::permanent(Origin::Limit, message)
    })
}
