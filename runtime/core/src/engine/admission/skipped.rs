//! Skipped runs: the record of an event that a control did not let start its function, so that nothing is dropped silently.

use super::super::{Context, Engine};
use crate::state::{Run, RunEnd, RunStatus};

impl Engine {
    /// Records that the run never began, and why, in one sentence for people. Its events are linked to it like to any other.
    pub(super) fn skip(mut run: Run, reason: String, cx: &mut Context<'_>) {
        run.status = RunStatus::Skipped;
        run.ended_ms = Some(cx.now_ms);
        run.end = Some(RunEnd::Skipped(reason));
        cx.out.put_run(&run);
    }
}
