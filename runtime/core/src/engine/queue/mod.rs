//! The queue: which runs may start, and which steps may execute, under the limits of their functions.

use std::sync::Arc;

use super::{Context, Engine};
use crate::journal::WORKFLOW_OP;
use crate::state::{Registration, Run, RunStatus, WaitKey, Write};

impl Engine {
    /// Makes a run that was just created start at `at_ms`, and records it.
    pub(super) fn enqueue(&mut self, mut run: Run, at_ms: u64, cx: &mut Context<'_>) {
        if at_ms > cx.now_ms {
            // It sleeps until then; the timer lists it as ready.
            run.status = RunStatus::Sleeping;
            cx.out.put_run(&run);
            let key = WaitKey {
                run: run.id,
                op: WORKFLOW_OP,
            };
            let registration = Arc::new(Registration::Start { due_ms: at_ms });
            self.register(key, registration, cx);
            self.step.created.insert(run.id, run);
        } else {
            cx.out.put_run(&run);
            cx.out.write(Write::PutReady(run.id));
            self.make_ready(run.id);
            self.keep_fresh(run);
        }
    }
}
