//! What ends a run before its code does: events that cancel it, and times. Together they are its *guards*.
//!
//! | a guard                | is watched from            | until                          |
//! |------------------------|----------------------------|--------------------------------|
//! | an event of `cancelOn` | the run's creation         | its own timeout; the run's end |
//! | `timeouts.start`       | the run's creation         | the run's start; its end       |
//! | `timeouts.finish`      | the run's start            | the run's end                  |
//!
//! Guards are registrations with numbers of their own ([`is_guard`]), so events and times find them as they find what a run's code waits for.
//! The event that starts a run never cancels it: an event is offered to those who wait for it before it starts anything. The time for
//! which a run is paused by itself does not count for its timeouts; events cancel it all the same.

use std::sync::Arc;

use super::served::Served;
use super::{Arriving, Context, Engine};
use crate::event::Event;
use crate::expr::match_key;
use crate::function::span;
use crate::ids::RunId;
use crate::journal::{FINISH_TIMEOUT_OP, FIRST_CANCEL_ON_OP, START_TIMEOUT_OP, is_guard};
use crate::state::{ReadError, Registration, Run, RunStatus, TimeoutKind, WaitKey};

impl Engine {
    /// Watches for what ends a run that is being created: called for functions with `cancelOn` or `timeouts`. `at_ms` is when the run queues.
    pub(super) fn register_guards(
        &mut self,
        run: &mut Run,
        served: &Served,
        arriving: &Arriving,
        at_ms: u64,
        cx: &mut Context<'_>,
    ) {
        run.guarded = true;
        for (op, option) in (FIRST_CANCEL_ON_OP..).zip(&served.config.cancel_on) {
            let match_path = match &option.match_path {
                Some(path) => Some((path.clone(), match_key(arriving.scope(), path))),
                None => self.match_of(option.if_expr.as_deref(), |path| {
                    match_key(arriving.scope(), path)
                }),
            };
            let registration = Registration::CancelOn {
                name: option.event.clone(),
                match_path,
                if_expr: option.if_expr.clone(),
                until_ms: option
                    .timeout_ms
                    .map(|timeout_ms| cx.now_ms.saturating_add(timeout_ms)),
            };
            self.register(WaitKey { run: run.id, op }, Arc::new(registration), cx);
        }
        if let Some(after_ms) = served.config.timeouts.start_ms {
            self.register_timeout(run.id, TimeoutKind::Start, at_ms, after_ms, cx);
        }
    }

    fn register_timeout(
        &mut self,
        run: RunId,
        kind: TimeoutKind,
        from_ms: u64,
        after_ms: u64,
        cx: &mut Context<'_>,
    ) {
        let registration = Registration::Timeout {
            due_ms: from_ms.saturating_add(after_ms),
            kind,
            after_ms,
            left_ms: None,
        };
        let op = op_of(kind);
        self.register(WaitKey { run, op }, Arc::new(registration), cx);
    }

    /// The code of a guarded run begins: from now on it is the other timeout that counts.
    pub(super) fn guard_from_start(
        &mut self,
        run: &Run,
        cx: &mut Context<'_>,
    ) -> Result<(), ReadError> {
        let key = |kind| WaitKey {
            run: run.id,
            op: op_of(kind),
        };
        let start = key(TimeoutKind::Start);
        if let Some(registration) = self.registration_in_step(start, cx)? {
            self.unregister(start, registration, cx);
        }
        let finish_ms = self
            .served(&run.function)
            .and_then(|served| served.config.timeouts.finish_ms);
        if let Some(after_ms) = finish_ms
            && self
                .registration_in_step(key(TimeoutKind::Finish), cx)?
                .is_none()
        {
            self.register_timeout(run.id, TimeoutKind::Finish, cx.now_ms, after_ms, cx);
        }
        Ok(())
    }

    /// Stops watching for what ends a run: it has ended.
    pub(super) fn unguard(&mut self, run: RunId, cx: &mut Context<'_>) -> Result<(), ReadError> {
        for (key, registration) in self.registrations_in_step(run, cx)? {
            if is_guard(key.op) {
                self.unregister(key, registration, cx);
            }
        }
        Ok(())
    }

    /// One of a run's timeouts has passed.
    pub(super) fn time_out(
        &mut self,
        run: RunId,
        kind: TimeoutKind,
        after_ms: u64,
        cx: &mut Context<'_>,
    ) -> Result<(), ReadError> {
        let Some(found) = self.find(run, cx)? else {
            return Ok(());
        };
        let after = span(after_ms);
        let reason = match kind {
            // It has begun in this very moment.
            TimeoutKind::Start if self.active.contains_key(&run) => return Ok(()),
            TimeoutKind::Start => {
                format!("it did not start within {after} (option `timeouts.start`)")
            }
            TimeoutKind::Finish => {
                format!("it did not end within {after} of its start (option `timeouts.finish`)")
            }
        };
        if found.status.is_final() || found.status == RunStatus::Paused {
            return Ok(());
        }
        self.cancel_if_alive(run, &reason, cx)?;
        self.cancel_withdrawn(cx)
    }

    /// An event of `cancelOn` came. What the run invoked is withdrawn only.
    pub(super) fn cancel_by_event(
        &mut self,
        run: RunId,
        event: &Event,
        cx: &mut Context<'_>,
    ) -> Result<(), ReadError> {
        let reason = format!(
            "the event `{}` ({}) cancelled it (option `cancelOn`)",
            event.name, event.id
        );
        self.cancel_if_alive(run, &reason, cx)
    }

    /// The timeouts of a run that is paused stand still.
    pub(super) fn hold_timeouts(
        &mut self,
        run: RunId,
        cx: &mut Context<'_>,
    ) -> Result<(), ReadError> {
        self.change_timeouts(run, cx, |due_ms, left_ms, now_ms| {
            (due_ms, left_ms.or(Some(due_ms.saturating_sub(now_ms))))
        })
    }

    /// The timeouts of a run that was paused count on.
    pub(super) fn release_timeouts(
        &mut self,
        run: RunId,
        cx: &mut Context<'_>,
    ) -> Result<(), ReadError> {
        self.change_timeouts(run, cx, |due_ms, left_ms, now_ms| {
            let due_ms = left_ms.map_or(due_ms, |left_ms| now_ms.saturating_add(left_ms));
            (due_ms, None)
        })
    }

    fn change_timeouts(
        &mut self,
        run: RunId,
        cx: &mut Context<'_>,
        change: impl Fn(u64, Option<u64>, u64) -> (u64, Option<u64>),
    ) -> Result<(), ReadError> {
        for (key, registration) in self.registrations_in_step(run, cx)? {
            if let Registration::Timeout {
                due_ms,
                kind,
                after_ms,
                left_ms,
            } = *registration
            {
                let (due_ms, left_ms) = change(due_ms, left_ms, cx.now_ms);
                self.unregister(key, registration, cx);
                let changed = Registration::Timeout {
                    due_ms,
                    kind,
                    after_ms,
                    left_ms,
                };
                self.register(key, Arc::new(changed), cx);
            }
        }
        Ok(())
    }
}

fn op_of(kind: TimeoutKind) -> crate::journal::OpNumber {
    match kind {
        TimeoutKind::Start => START_TIMEOUT_OP,
        TimeoutKind::Finish => FINISH_TIMEOUT_OP,
    }
}
