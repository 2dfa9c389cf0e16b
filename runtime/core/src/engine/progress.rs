//! What an execution reports: entries, what to watch, what to send, where the run stands.

use std::sync::Arc;

use super::{Context, Effect, Engine, Notice, Token};
use crate::event::EventSource;
use crate::ids::RunId;
use crate::journal::{Entry, OpNumber};
use crate::machine::{Change, Position, Progress, Send};
use crate::state::{
    JournalChunk, LogLine, Logged, ReadError, Registration, Run, RunEnd, RunStatus, WaitKey, Write,
};

impl Engine {
    pub(super) fn progress(
        &mut self,
        id: RunId,
        token: Token,
        progress: Progress,
        cx: &mut Context<'_>,
    ) -> Result<(), ReadError> {
        // What comes from an execution that was ended, or after the run's end or pause, is late: a body in a task of its own
        // may still report.
        let Some(active) = self.active.get(&id) else {
            return Ok(());
        };
        let stopped = active.run.status.is_final() || active.run.status == RunStatus::Paused;
        if active.token != token || stopped {
            return Ok(());
        }
        let mut run = active.run.clone();
        if progress.first != run.entries {
            // An execution hands on each entry once, in order; anything else is a fault of the platform.
            let failure = crate::failure::Failure::permanent(
                crate::failure::Origin::Limit,
                format!(
                    "entry {} was reported where entry {} is due",
                    progress.first, run.entries
                ),
            );
            cx.out.now.push(Effect::Stop { run: id, token });
            return self.broken(id, token, failure, cx);
        }
        if self.deaths.suspects(id) && super::deaths::gets_on(&progress) {
            self.acquit(id);
        }
        if !progress.spans.is_empty() {
            cx.out.spans.push((id, progress.spans));
        }
        Self::append(
            &mut run,
            progress.entries,
            progress.logs,
            progress.logged,
            cx,
        );
        // What it sends may cancel it: the report as a whole comes before that.
        self.step.reporting = Some(id);
        self.watch_and_send(&run, progress.changes, progress.sends, cx)?;
        let gated = run.is_gated().then(|| run.clone());
        let goes_on = matches!(progress.position, Position::Running | Position::Gated);
        self.stand(run, progress.position, cx)?;
        match gated {
            Some(run) if goes_on => self.gate_steps(&run, &progress.wants, &progress.releases, cx),
            Some(run) => self.rest_in_queue(run.id),
            None => {}
        }
        self.step.reporting = None;
        match self.step.doomed.take() {
            Some(reason) => {
                self.cancel_if_alive(id, &reason, cx)?;
                self.cancel_withdrawn(cx)
            }
            None => Ok(()),
        }
    }

    fn append(
        run: &mut Run,
        entries: Vec<Entry>,
        logs: Vec<LogLine>,
        logged: Logged,
        cx: &mut Context<'_>,
    ) {
        if !logs.is_empty() {
            run.logged = Some(logged);
            cx.out.write(Write::AppendLog {
                run: run.id,
                chunk: run.log_chunks,
                lines: logs,
            });
            run.log_chunks += 1;
        }
        if entries.is_empty() {
            return;
        }
        if run.started_ms.is_none()
            && let Some(Entry::AttemptStarted { at_ms, .. }) = entries.first()
        {
            run.started_ms = Some(*at_ms);
        }
        let first = run.entries;
        run.entries += u32::try_from(entries.len()).unwrap_or(u32::MAX);
        cx.out.write(Write::AppendJournal {
            run: run.id,
            chunk: JournalChunk { first, entries },
        });
        cx.out.durable.push(Effect::Notice(Notice::Grew(run.id)));
    }

    /// Changes and sends, in the order of their operations: that is the order in which the run asked for them.
    fn watch_and_send(
        &mut self,
        run: &Run,
        changes: Vec<(OpNumber, Change)>,
        sends: Vec<(OpNumber, Send)>,
        cx: &mut Context<'_>,
    ) -> Result<(), ReadError> {
        let mut sends = sends.into_iter().peekable();
        for (op, change) in changes {
            while let Some((sent, send)) = sends.next_if(|(sent, _)| *sent < op) {
                self.send(run, sent, send, cx)?;
            }
            self.change(run, WaitKey { run: run.id, op }, change, cx)?;
        }
        sends.try_for_each(|(op, send)| self.send(run, op, send, cx))
    }

    fn send(
        &mut self,
        run: &Run,
        op: OpNumber,
        send: Send,
        cx: &mut Context<'_>,
    ) -> Result<(), ReadError> {
        match send {
            Send::Events(events) => {
                let trace = self.trace_of(run, op, cx)?;
                events.into_iter().try_for_each(|(id, event)| {
                    let event = event.accept(id, cx.now_ms, EventSource::Run(run.id));
                    self.ingest(event.traced(trace.clone()), cx)
                })
            }
            Send::Signal(signal) => self.send_signal(signal, cx).map(|_| ()),
        }
    }

    fn change(
        &mut self,
        run: &Run,
        key: WaitKey,
        change: Change,
        cx: &mut Context<'_>,
    ) -> Result<(), ReadError> {
        let (registration, replaces) = match change {
            Change::Unregister => return self.unwatch(key, cx),
            Change::Register {
                registration,
                replaces,
            } => (registration, replaces),
        };
        if replaces {
            self.unwatch(key, cx)?;
        }
        match registration {
            Registration::Event { .. } => self.wait_for_event(key, registration, cx),
            Registration::Signal { .. } => self.wait_for_signal(key, registration, cx),
            Registration::Invoke { invoke, due_ms, .. } => {
                self.invoke(run, key, invoke, due_ms, cx)
            }
            Registration::Fetch { .. } | Registration::AiInfer { .. } => {
                self.register(key, Arc::new(registration.clone()), cx);
                self.issue(key, registration, cx)
            }
            Registration::Sleep { .. }
            | Registration::Retry { .. }
            | Registration::Start { .. } => {
                self.register(key, Arc::new(registration), cx);
                Ok(())
            }
            // A run's code asks for none of these.
            Registration::CancelOn { .. }
            | Registration::Timeout { .. }
            | Registration::Debounce(_)
            | Registration::Batch(_) => Ok(()),
        }
    }

    /// Stops watching. What is watched no more has an arrival instead, which the journal now holds.
    fn unwatch(&mut self, key: WaitKey, cx: &mut Context<'_>) -> Result<(), ReadError> {
        let Some(registration) = self.registration_in_step(key, cx)? else {
            cx.out.write(Write::DeleteArrival {
                run: key.run,
                op: key.op,
            });
            return Ok(());
        };
        self.unregister(key, registration.clone(), cx);
        self.let_go(key, &registration, cx);
        self.cancel_withdrawn(cx)
    }

    /// Withdraws what was set going for a registration that nobody watches any more.
    pub(super) fn let_go(
        &mut self,
        key: WaitKey,
        registration: &Registration,
        cx: &mut Context<'_>,
    ) {
        match registration {
            Registration::Invoke {
                child: Some(child),
                due_ms,
                ..
            } => self.withdraw_child(*child, *due_ms, cx),
            Registration::Fetch { .. } | Registration::AiInfer { .. } => self.drop_request(key, cx),
            Registration::Invoke { child: None, .. }
            | Registration::Sleep { .. }
            | Registration::Retry { .. }
            | Registration::Start { .. }
            | Registration::Event { .. }
            | Registration::CancelOn { .. }
            | Registration::Timeout { .. }
            | Registration::Debounce(_)
            | Registration::Batch(_)
            | Registration::Signal { .. } => {}
        }
    }

    /// Records where the run stands now.
    fn stand(
        &mut self,
        mut run: Run,
        position: Position,
        cx: &mut Context<'_>,
    ) -> Result<(), ReadError> {
        let id = run.id;
        let was_listed = run.is_listed_ready();
        match position {
            Position::Running | Position::Gated => {
                if position == Position::Gated {
                    self.park(id);
                } else {
                    self.unpark(id);
                }
                if let Some(active) = self.active.get_mut(&id) {
                    active.gated = position == Position::Gated;
                }
                if run.status == RunStatus::Running {
                    // The record counts entries and log chunks: it must never lag behind them.
                    cx.out.write(Write::PutRun(Arc::new(run.clone())));
                } else {
                    run.status = RunStatus::Running;
                    cx.out.put_run(&run);
                }
                if !was_listed {
                    cx.out.write(Write::PutReady(id));
                }
            }
            Position::Parked { sleeping } => {
                Self::rest(&mut run, sleeping, cx);
                self.park(id);
            }
            Position::RetryLater => Self::rest(&mut run, true, cx),
            Position::Ended(end) => {
                let status = match &end {
                    RunEnd::Output(_) => RunStatus::Completed,
                    RunEnd::Failure(_) => RunStatus::Failed,
                    RunEnd::Skipped(_) => RunStatus::Skipped,
                };
                self.end_run(run.clone(), status, end, cx)?;
                run.status = status;
            }
            Position::Diverged(divergence) => {
                self.pause(run.clone(), divergence.to_failure(), cx)?;
                run.status = RunStatus::Paused;
            }
        }
        if let Some(active) = self.active.get_mut(&id) {
            active.run = run;
        }
        Ok(())
    }

    /// Records that a run's code has nothing to do until something comes.
    fn rest(run: &mut Run, sleeping: bool, cx: &mut Context<'_>) {
        if run.is_listed_ready() {
            cx.out.write(Write::DeleteReady(run.id));
        }
        run.status = if sleeping {
            RunStatus::Sleeping
        } else {
            RunStatus::Waiting
        };
        cx.out.put_run(run);
    }

    /// The execution goes on: what woke it came while its word that it rests was still on the way.
    fn unpark(&mut self, id: RunId) {
        if let Some(active) = self.active.get_mut(&id)
            && std::mem::take(&mut active.parked)
        {
            self.executing += 1;
        }
    }

    /// The execution keeps its instances but does not count among those that execute.
    fn park(&mut self, id: RunId) {
        if let Some(active) = self.active.get_mut(&id)
            && !std::mem::replace(&mut active.parked, true)
        {
            self.executing -= 1;
        }
    }
}
