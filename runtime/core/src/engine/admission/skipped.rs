//! Skipped runs: the record of an event that a control did not let start its function, so that nothing is dropped silently.
//!
//! A skipped run is linked to its events like any other, has ended when it is created, and is never queued. It publishes no internal event.

use super::super::{Context, Engine, Served};
use super::NewRun;
use super::create::new_run;
use crate::ids::RunId;
use crate::retry::RetryPolicy;
use crate::state::{Run, RunEnd, RunStatus};

impl Engine {
    /// Records that the run never began, and why, in one sentence for people.
    pub(super) fn skip(mut run: Run, reason: String, cx: &mut Context<'_>) {
        run.status = RunStatus::Skipped;
        run.ended_ms = Some(cx.now_ms);
        run.end = Some(RunEnd::Skipped(reason));
        cx.out.put_run(&run);
    }

    /// Records that an event was dropped before a run was created for it.
    pub(super) fn drop_event(
        &mut self,
        served: &Served,
        spec: NewRun,
        reason: String,
        cx: &mut Context<'_>,
    ) {
        let id = RunId(self.ids.next(cx.now_ms));
        Self::link(id, &spec, cx);
        let run = new_run(id, spec, (served.digest, served.policy), cx);
        Self::skip(run, reason, cx);
    }

    /// Records that a run has collected events for a function that a later deployment has left out.
    pub(super) fn skip_undeployed(&mut self, run: RunId, mut spec: NewRun, cx: &mut Context<'_>) {
        self.put_events(run, &mut spec, cx);
        if let Some(app) = self.apps.get(&spec.function.app) {
            let reason = format!(
                "the function `{}` was no longer deployed when its events were due",
                spec.function
            );
            let run = new_run(run, spec, (app.current.digest, RetryPolicy::default()), cx);
            Self::skip(run, reason, cx);
        }
    }
}
