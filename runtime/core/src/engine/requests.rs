//! Requests that the host performs for runs which need not be in memory: `fetch` and `ai-infer`.
//!
//! A request is on disk until its outcome is. At most a set number is under way at once; the rest is taken from disk as
//! there is room.

use std::sync::Arc;

use super::{Context, Effect, Engine, Request};
use crate::Json;
use crate::failure::Failure;
use crate::journal::Outcome;
use crate::state::{ReadError, Registration, RunStatus, WaitKey};

/// Requests that are read from disk at once.
const PAGE: usize = 256;

impl Engine {
    /// Has a request performed, now or when there is room.
    pub(super) fn issue(
        &mut self,
        key: WaitKey,
        registration: Registration,
        cx: &mut Context<'_>,
    ) -> Result<(), ReadError> {
        let issued = self.issue_if_possible(key, registration, cx)?;
        if !issued {
            // Slots that it has are for others meanwhile.
            self.queues.drop_granted(key);
        }
        Ok(())
    }

    /// A request has the slots that it needs.
    pub(super) fn issue_granted(
        &mut self,
        key: WaitKey,
        cx: &mut Context<'_>,
    ) -> Result<(), ReadError> {
        match self.registration_in_step(key, cx)? {
            Some(registration) => self.issue(key, (*registration).clone(), cx),
            None => {
                self.queues.drop_step(key.run, key.op);
                Ok(())
            }
        }
    }

    /// `false` if it cannot be performed now.
    fn issue_if_possible(
        &mut self,
        key: WaitKey,
        registration: Registration,
        cx: &mut Context<'_>,
    ) -> Result<bool, ReadError> {
        if self.requests.len() >= self.config.max_requests {
            self.requests_on_disk = true;
            return Ok(false);
        }
        let run = match self.active.get(&key.run) {
            Some(active) => Some(active.run.clone()),
            None => cx.read.run(key.run)?,
        };
        let Some(run) = run.filter(|run| !run.status.is_final() && run.status != RunStatus::Paused)
        else {
            return Ok(false);
        };
        let (request, attempt) = match registration {
            Registration::Fetch { fetch, attempt, .. } => (Request::Fetch(fetch), attempt),
            Registration::AiInfer { infer, attempt, .. } => (Request::AiInfer(infer), attempt),
            Registration::Sleep { .. }
            | Registration::Retry { .. }
            | Registration::Start { .. }
            | Registration::Event { .. }
            | Registration::CancelOn { .. }
            | Registration::Timeout { .. }
            | Registration::Debounce(_)
            | Registration::Batch(_)
            | Registration::Signal { .. }
            | Registration::Invoke { .. } => return Ok(false),
        };
        if run.is_gated() && !self.ask(&run, key.op, true) {
            return Ok(true);
        }
        if self.requests.insert(key) {
            cx.out.durable.push(Effect::Request {
                run: Box::new(run),
                op: key.op,
                attempt,
                request,
            });
        }
        Ok(true)
    }

    /// Takes up requests that are on disk only.
    pub(super) fn issue_from_disk(&mut self, cx: &mut Context<'_>) -> Result<(), ReadError> {
        let mut after = None;
        while self.requests_on_disk && self.requests.len() < self.config.max_requests {
            let page = cx.read.requests_after(after, PAGE)?;
            after = page.last().copied();
            if page.len() < PAGE {
                self.requests_on_disk = false;
            }
            for key in page {
                if self.requests.contains(&key) {
                    continue;
                }
                if let Some(registration) = cx.read.registration(key.run, key.op)?
                    && registration
                        .due_ms()
                        .is_none_or(|due_ms| due_ms <= cx.now_ms)
                {
                    self.issue(key, registration, cx)?;
                }
            }
        }
        Ok(())
    }

    /// A request ended: its outcome goes to the run, or it is tried again.
    pub(super) fn request_done(
        &mut self,
        key: WaitKey,
        attempt: u32,
        result: Result<Json, Failure>,
        cx: &mut Context<'_>,
    ) -> Result<(), ReadError> {
        if !self.requests.remove(&key) {
            return Ok(());
        }
        self.queues.drop_step(key.run, key.op);
        let Some(mut registration) = cx.read.registration(key.run, key.op)? else {
            return Ok(());
        };
        let old = Arc::new(registration.clone());
        let (policy, due, number) = match &mut registration {
            Registration::Fetch {
                policy,
                attempt,
                due_ms,
                ..
            }
            | Registration::AiInfer {
                policy,
                attempt,
                due_ms,
                ..
            } => (*policy, due_ms, attempt),
            Registration::Sleep { .. }
            | Registration::Retry { .. }
            | Registration::Start { .. }
            | Registration::Event { .. }
            | Registration::CancelOn { .. }
            | Registration::Timeout { .. }
            | Registration::Debounce(_)
            | Registration::Batch(_)
            | Registration::Signal { .. }
            | Registration::Invoke { .. } => return Ok(()),
        };
        if *number != attempt {
            return Ok(());
        }
        let outcome = match result {
            Ok(json) => Outcome::Done(json),
            Err(failure) => {
                let mut identity = key.run.to_bytes().to_vec();
                identity.extend_from_slice(&key.op.to_be_bytes());
                match policy.next_attempt_ms(&failure, attempt, cx.now_ms, &identity) {
                    None => Outcome::Failed(failure),
                    Some(retry_at_ms) => {
                        *number += 1;
                        *due = Some(retry_at_ms);
                        self.unregister(key, old, cx);
                        self.register(key, Arc::new(registration), cx);
                        return Ok(());
                    }
                }
            }
        };
        self.satisfy(key, old, (outcome, attempt + 1), cx);
        Ok(())
    }

    /// Nobody wants the outcome any more.
    pub(super) fn drop_request(&mut self, key: WaitKey, cx: &mut Context<'_>) {
        self.queues.drop_step(key.run, key.op);
        if self.requests.remove(&key) {
            // Like the request itself only once it is durable: it must not overtake it.
            cx.out.durable.push(Effect::DropRequest {
                run: key.run,
                op: key.op,
            });
        }
    }
}
