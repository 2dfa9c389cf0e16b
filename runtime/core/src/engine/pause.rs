//! Pausing: a run that stops where it is, or a function whose runs do not start.
//!
//! | a run is                       | pause                                    | resume                                  |
//! |--------------------------------|------------------------------------------|-----------------------------------------|
//! | queued                         | leaves the queue                         | queues again                            |
//! | executing                      | its execution is stopped                 | executes from its journal               |
//! | sleeping, waiting              | its timers and waits go on without it    | executes, with what has come meanwhile  |
//! | sleeping until it may begin    | its time may pass                        | queues, or sleeps on                    |
//! | paused                         | stays so                                 | as above                                |
//! | ended                          | refused                                  | refused                                 |
//!
//! A paused run loses nothing: what comes for it is kept. A body that was executing executes again. Its timeouts stand still; an event
//! of `cancelOn`, or an operator, ends it all the same. Pausing a function keeps its runs from starting, whatever wants to start them; those that
//! have started go on.

use super::{Answer, Context, Effect, Engine, ReplyId};
use crate::failure::{Failure, Origin};
use crate::ids::{FunctionId, RunId};
use crate::journal::WORKFLOW_OP;
use crate::state::{
    Control, ControlKey, ControlKind, ReadError, Registration, Run, RunStatus, WaitKey, Write,
};

impl Engine {
    pub(super) fn pause_run(
        &mut self,
        id: RunId,
        reason: &str,
        reply: ReplyId,
        cx: &mut Context<'_>,
    ) -> Result<(), ReadError> {
        let answer = match self.find(id, cx)? {
            None => Answer::NoSuchRun,
            Some(run) if run.status.is_final() => Answer::Ended(run.status),
            Some(run) if run.status == RunStatus::Paused => Answer::Paused,
            Some(run) => {
                self.stop_execution(id, cx);
                let failure = Failure {
                    name: "Paused".into(),
                    ..Failure::permanent(Origin::Cancelled, reason)
                };
                self.pause(run, failure, cx)?;
                Answer::Paused
            }
        };
        cx.out.answer(reply, answer);
        Ok(())
    }

    pub(super) fn resume_run(
        &mut self,
        id: RunId,
        reply: ReplyId,
        cx: &mut Context<'_>,
    ) -> Result<(), ReadError> {
        let answer = match self.find(id, cx)? {
            None => Answer::NoSuchRun,
            Some(run) if run.status.is_final() => Answer::Ended(run.status),
            Some(run) if run.status != RunStatus::Paused => Answer::Resumed,
            Some(run) => {
                self.stop_execution(id, cx);
                self.resume(run, cx)?;
                Answer::Resumed
            }
        };
        cx.out.answer(reply, answer);
        Ok(())
    }

    fn stop_execution(&mut self, run: RunId, cx: &mut Context<'_>) {
        if let Some(active) = self.active.get(&run) {
            let token = active.token;
            cx.out.now.push(Effect::Stop { run, token });
            self.retire(run, token);
        }
        self.fresh.remove(&run);
    }

    fn resume(&mut self, mut run: Run, cx: &mut Context<'_>) -> Result<(), ReadError> {
        run.end = None;
        if run.guarded {
            self.release_timeouts(run.id, cx)?;
        }
        // Requests that came due meanwhile were not performed.
        self.requests_on_disk = true;
        let key = WaitKey {
            run: run.id,
            op: WORKFLOW_OP,
        };
        let later = self.registration_in_step(key, cx)?;
        let due = later
            .as_ref()
            .and_then(|later| later.due_ms())
            .is_none_or(|due_ms| due_ms <= cx.now_ms);
        if !due {
            run.status = RunStatus::Sleeping;
            cx.out.put_run(&run);
            return Ok(());
        }
        if let Some(later) = later
            && matches!(*later, Registration::Start { .. })
        {
            self.unregister(key, later, cx);
        }
        if run.started_ms.is_none() {
            run.status = RunStatus::Queued;
            self.enqueue(run, cx.now_ms, cx);
        } else {
            run.status = RunStatus::Running;
            cx.out.put_run(&run);
            cx.out.write(Write::PutReady(run.id));
            self.make_ready(run.id);
        }
        Ok(())
    }

    pub(super) fn pause_function(
        &mut self,
        function: FunctionId,
        reply: ReplyId,
        cx: &mut Context<'_>,
    ) {
        let known = self.served(&function).is_some();
        if known && !self.function_paused(&function) {
            let since_ms = cx.now_ms;
            self.put_control(pause_key(&function), Control::Paused { since_ms });
            self.queues.pause(function);
        }
        let answer = if known {
            Answer::Paused
        } else {
            Answer::NoSuchFunction
        };
        cx.out.answer(reply, answer);
    }

    pub(super) fn resume_function(
        &mut self,
        function: FunctionId,
        reply: ReplyId,
        cx: &mut Context<'_>,
    ) {
        // One that is deployed no more may still be paused.
        let paused = self.function_paused(&function);
        let answer = if paused || self.served(&function).is_some() {
            Answer::Resumed
        } else {
            Answer::NoSuchFunction
        };
        if paused {
            self.delete_control(pause_key(&function));
            self.queues.unpause(function);
        }
        cx.out.answer(reply, answer);
    }
}

fn pause_key(function: &FunctionId) -> ControlKey {
    ControlKey {
        kind: ControlKind::Pause,
        function: function.clone(),
        key: String::new(),
    }
}
