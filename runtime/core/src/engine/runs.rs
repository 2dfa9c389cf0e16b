//! Runs: what comes for them, and how they end.

use std::sync::Arc;

use super::{Context, Engine};
use crate::failure::{Failure, Origin};
use crate::journal::Outcome;
use crate::state::{ReadError, Registration, Run, RunEnd, RunStatus, WaitKey, Write};

impl Run {
    /// Whether the store lists it among the runs whose code is to execute.
    pub(super) fn is_listed_ready(&self) -> bool {
        matches!(self.status, RunStatus::Queued | RunStatus::Running) && !self.is_in_lane()
    }
}

impl Engine {
    /// Keeps an outcome for an operation that was watched, stops watching, and makes the run go on.
    pub(super) fn satisfy(
        &mut self,
        key: WaitKey,
        registration: Arc<Registration>,
        (outcome, attempts): (Outcome, u32),
        cx: &mut Context<'_>,
    ) {
        self.unregister(key, registration, cx);
        self.keep_arrival(key, outcome, attempts, cx);
    }

    /// Keeps an outcome for an operation that is watched no more, or never was, and makes the run go on.
    pub(super) fn keep_arrival(
        &mut self,
        key: WaitKey,
        outcome: Outcome,
        attempts: u32,
        cx: &mut Context<'_>,
    ) {
        self.step.arrivals.insert(key);
        cx.out.write(Write::PutArrival {
            run: key.run,
            op: key.op,
            arrival: (outcome.clone(), attempts, cx.now_ms),
        });
        self.wake(
            key,
            crate::machine::Arrival::Outcome { outcome, attempts },
            cx,
        );
    }

    /// Records that a run ended, and tells the run that invoked it. Its registrations are gone already.
    pub(super) fn end_run(
        &mut self,
        mut run: Run,
        status: RunStatus,
        end: RunEnd,
        cx: &mut Context<'_>,
    ) -> Result<(), ReadError> {
        if run.is_listed_ready() {
            cx.out.write(Write::DeleteReady(run.id));
        }
        self.acquit(run.id);
        self.leave_queue(&run, cx)?;
        self.step.ended.insert(run.id);
        self.release_singleton(&run, cx)?;
        let outcome = run.parent.map(|_| outcome_for_parent(&run, status, &end));
        run.status = status;
        run.ended_ms = Some(cx.now_ms);
        run.end = Some(end);
        cx.out.put_run(&run);
        if run.guarded {
            self.unguard(run.id, cx)?;
        }
        self.publish_end(&run, cx)?;
        if let (Some((parent, op)), Some(outcome)) = (run.parent, outcome) {
            let key = WaitKey { run: parent, op };
            if let Some(registration) = self.registration_in_step(key, cx)? {
                self.satisfy(key, registration, (outcome, 0), cx);
            }
        }
        Ok(())
    }
}

fn outcome_for_parent(run: &Run, status: RunStatus, end: &RunEnd) -> Outcome {
    match end {
        RunEnd::Output(json) => Outcome::Done(json.clone()),
        RunEnd::Skipped(reason) => Outcome::Failed(Failure::permanent(
            Origin::Invoke,
            format!(
                "the invoked function {} was skipped (run {}): {reason}",
                run.function, run.id
            ),
        )),
        RunEnd::Failure(failure) => {
            let verb = if status == RunStatus::Cancelled {
                "was cancelled"
            } else {
                "failed"
            };
            Outcome::Failed(Failure {
                stack: failure.stack.clone(),
                data: failure.data.clone(),
                ..Failure::permanent(
                    Origin::Invoke,
                    format!(
                        "the invoked function {} {verb} (run {}): {failure}",
                        run.function, run.id
                    ),
                )
            })
        }
    }
}
