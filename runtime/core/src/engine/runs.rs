//! Runs: how they are created and how they end.

use std::sync::Arc;

use super::{Context, Engine};
use crate::event::Event;
use crate::failure::{Failure, Origin};
use crate::ids::{FunctionId, RunId};
use crate::journal::{OpNumber, Outcome, WORKFLOW_OP};
use crate::state::{ReadError, Registration, Run, RunEnd, RunStatus, TimerKey, WaitKey, Write};

impl Run {
    /// Whether the store lists it among the runs whose code is to execute.
    pub(super) fn is_listed_ready(&self) -> bool {
        matches!(self.status, RunStatus::Queued | RunStatus::Running)
    }
}

impl Engine {
    /// Creates a run of the function's current version. `None` if it is not deployed.
    pub(super) fn create_run(
        &mut self,
        function: &FunctionId,
        event: &Event,
        parent: Option<(RunId, OpNumber)>,
        cx: &mut Context<'_>,
    ) -> Option<RunId> {
        let app = self.apps.get(&function.app)?;
        let config = app
            .current
            .functions
            .iter()
            .find(|config| *config.id == *function.function)?;
        let run = Run {
            id: RunId(self.ids.next(cx.now_ms)),
            function: function.clone(),
            digest: app.current.digest,
            policy: config.policy(),
            event: event.id,
            event_count: 1,
            batch: false,
            parent,
            original: None,
            cron: None,
            queue: None,
            guarded: false,
            quiet: false,
            input: None,
            status: RunStatus::Queued,
            queued_ms: cx.now_ms,
            started_ms: None,
            ended_ms: None,
            end: None,
            entries: 0,
            log_chunks: 0,
        };
        let id = run.id;
        cx.out.write(Write::LinkEvent {
            event: event.id,
            run: id,
        });
        if event.ts > cx.now_ms {
            // It sleeps until then; the timer lists it as ready.
            let run = Run {
                status: RunStatus::Sleeping,
                ..run
            };
            cx.out.put_run(&run);
            let registration = Arc::new(Registration::Start { due_ms: event.ts });
            self.register(
                WaitKey {
                    run: id,
                    op: WORKFLOW_OP,
                },
                registration,
                cx,
            );
        } else {
            cx.out.put_run(&run);
            cx.out.write(Write::PutReady(id));
            self.make_ready(id);
            self.keep_fresh(run);
        }
        Some(id)
    }

    /// Watches something for a run.
    pub(super) fn register(
        &mut self,
        key: WaitKey,
        registration: Arc<Registration>,
        cx: &mut Context<'_>,
    ) {
        if let Some(due_ms) = registration.due_ms() {
            self.note_timer(TimerKey {
                due_ms,
                run: key.run,
                op: key.op,
            });
        }
        cx.out.write(Write::Register {
            run: key.run,
            op: key.op,
            registration,
        });
    }

    /// Keeps an outcome for an operation that was watched, stops watching, and makes the run go on.
    pub(super) fn satisfy(
        &mut self,
        key: WaitKey,
        registration: Arc<Registration>,
        (outcome, attempts): (Outcome, u32),
        cx: &mut Context<'_>,
    ) {
        self.step.satisfied.insert(key);
        cx.out.write(Write::Unregister {
            run: key.run,
            op: key.op,
            registration,
        });
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
        let outcome = run.parent.map(|_| outcome_for_parent(&run, status, &end));
        run.status = status;
        run.ended_ms = Some(cx.now_ms);
        run.end = Some(end);
        cx.out.put_run(&run);
        if let (Some((parent, op)), Some(outcome)) = (run.parent, outcome) {
            let key = WaitKey { run: parent, op };
            if let Some(registration) = cx.read.registration(parent, op)?
                && !self.step.satisfied.contains(&key)
            {
                self.satisfy(key, Arc::new(registration), (outcome, 0), cx);
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
