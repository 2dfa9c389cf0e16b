//! Signals: named messages, each to at most one waiting run, kept for a while when nobody waits.
//!
//! | a name has                | a signal comes              | a run waits for it                                          |
//! |---------------------------|-----------------------------|-------------------------------------------------------------|
//! | nothing                   | it is kept for its lifetime | it is the one that waits                                    |
//! | signals that are kept     | it is kept behind them      | it gets the oldest that has not expired                     |
//! | a run that waits          | the run gets it             | one of the two fails, as the new one says                   |
//! | a run whose time is over  | it is kept for its lifetime | it is the one that waits                                    |
//!
//! Signals that are kept queue: none takes the place of another, so whoever sends one knows that it is delivered unless it expires.

use std::sync::Arc;

use super::{Answer, Context, Engine, ReplyId};
use crate::failure::{Failure, Origin};
use crate::ids::RunId;
use crate::journal::Outcome;
use crate::operation::SendSignal;
use crate::state::{BufferedSignal, ReadError, Registration, WaitKey, Write};

/// Signals of one name that are read at once.
const PAGE: usize = 16;

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
        if let Some((key, registration)) = self.signal_waiter(&name, cx)? {
            self.step.signal_waits.insert(name, None);
            self.satisfy(key, registration, (Outcome::Done(data), 0), cx);
            return Ok(Some(key.run));
        }
        if ttl_ms > 0 {
            let number = self.ids.next(cx.now_ms);
            let kept = BufferedSignal {
                data,
                until_ms: cx.now_ms.saturating_add(ttl_ms),
            };
            self.step
                .signals
                .insert((name.clone(), number), Some(kept.clone()));
            cx.out.write(Write::PutSignal {
                name,
                number,
                signal: kept,
            });
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
        if let Some(kept) = self.take_kept(name, cx)? {
            self.keep_arrival(key, Outcome::Done(kept.data), 0, cx);
            return Ok(());
        }
        if let Some((earlier, its)) = self.signal_waiter(name, cx)? {
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

    /// Who waits for a signal. A wait whose time is over counts no more: its run is told so, if nobody has told it yet.
    fn signal_waiter(
        &mut self,
        name: &str,
        cx: &mut Context<'_>,
    ) -> Result<Option<(WaitKey, Arc<Registration>)>, ReadError> {
        let waiter = match self.step.signal_waits.get(name) {
            Some(waiter) => *waiter,
            None => cx.read.signal_wait(name)?,
        };
        let Some(key) = waiter else { return Ok(None) };
        let Some(registration) = self.registration_in_step(key, cx)? else {
            return Ok(None);
        };
        if registration
            .due_ms()
            .is_some_and(|due_ms| due_ms <= cx.now_ms)
        {
            self.satisfy(key, registration, (Outcome::Empty, 0), cx);
            return Ok(None);
        }
        Ok(Some((key, registration)))
    }

    /// Takes the oldest signal of this name that is kept and has not expired; those that have are forgotten.
    fn take_kept(
        &mut self,
        name: &str,
        cx: &mut Context<'_>,
    ) -> Result<Option<BufferedSignal>, ReadError> {
        let mut after = None;
        loop {
            let page = cx.read.signals(name, after, PAGE)?;
            after = page.last().map(|(number, _)| *number);
            let whole = page.len() < PAGE;
            for (number, kept) in page {
                let key = (name.to_owned(), number);
                if !self.step.signals.contains_key(&key)
                    && let Some(kept) = self.take_signal(key, kept, cx)
                {
                    return Ok(Some(kept));
                }
            }
            if whole {
                break;
            }
        }
        // Those that this very step kept are not among the reads.
        let all = (name.to_owned(), 0)..=(name.to_owned(), u128::MAX);
        let kept_now = self.step.signals.range(all);
        let kept_now: Vec<_> = kept_now
            .filter_map(|(key, kept)| Some((key.clone(), kept.clone()?)))
            .collect();
        let mut taken = kept_now
            .into_iter()
            .filter_map(|(key, kept)| self.take_signal(key, kept, cx));
        Ok(taken.next())
    }

    /// Takes a signal out of those that are kept; nothing if it has expired.
    fn take_signal(
        &mut self,
        (name, number): (String, u128),
        kept: BufferedSignal,
        cx: &mut Context<'_>,
    ) -> Option<BufferedSignal> {
        self.step.signals.insert((name.clone(), number), None);
        cx.out.write(Write::DeleteSignal { name, number });
        (kept.until_ms > cx.now_ms).then_some(kept)
    }
}

fn conflict(message: String) -> Outcome {
    Outcome::Failed(Failure {
        name: "SignalConflict".into(),
        ..Failure::permanent(Origin::Limit, message)
    })
}
