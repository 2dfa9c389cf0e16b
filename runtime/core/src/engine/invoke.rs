//! Invoke: a run that another run started and waits for, or that somebody outside started by the function's id.

use std::sync::Arc;

use super::admission::{NewRun, Via};
use super::internal::INVOKED;
use super::{Answer, Context, Engine, ReplyId};
use crate::Json;
use crate::event::{EventSource, InvalidEvent, NewEvent};
use crate::failure::{Failure, Origin};
use crate::ids::{EventId, FunctionId, RunId};
use crate::journal::{OpNumber, Outcome};
use crate::limits::Limits;
use crate::operation::Invoke;
use crate::state::{ReadError, Registration, Run, WaitKey};
use crate::trace::TraceContext;

/// What somebody outside gives to a function that he invokes, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invocation {
    pub(super) data: Option<Json>,
    pub(super) user: Option<Json>,
}

impl Invocation {
    /// Checks `data` and `user` as an event's.
    pub fn check(
        data: Option<Json>,
        user: Option<Json>,
        limits: &Limits,
    ) -> Result<Self, InvalidEvent> {
        // The name of the event that the function sees is reserved; any other will do for the rest.
        let event = NewEvent {
            name: "invocation".into(),
            data,
            user,
            ..NewEvent::default()
        };
        event.validate(limits)?;
        let NewEvent { data, user, .. } = event;
        Ok(Self { data, user })
    }
}

impl Engine {
    /// Starts a function for somebody outside. Its controls on events have no say, as where a run invokes it; its limits have.
    pub(super) fn invoke_from_outside(
        &mut self,
        function: FunctionId,
        Invocation { data, user }: Invocation,
        reply: ReplyId,
        cx: &mut Context<'_>,
    ) -> Result<(), ReadError> {
        let id = EventId(self.ids.next(cx.now_ms));
        let event = NewEvent {
            name: INVOKED.into(),
            data,
            user,
            ..NewEvent::default()
        };
        let event = Arc::new(event.accept(id, cx.now_ms, EventSource::Api));
        let spec = NewRun::of(function, event.clone(), Via::Invoke);
        let answer = match self.create(spec, cx)? {
            Some(run) => {
                self.record(event.clone(), cx);
                self.announce(&event, cx)?;
                Answer::Invoked { run, event: id }
            }
            None => Answer::NoSuchFunction,
        };
        cx.out.answer(reply, answer);
        Ok(())
    }

    /// Starts the function that a run invokes, and watches for its end.
    pub(super) fn invoke(
        &mut self,
        caller: &Run,
        key: WaitKey,
        invoke: Box<Invoke>,
        due_ms: u64,
        cx: &mut Context<'_>,
    ) -> Result<(), ReadError> {
        let function = FunctionId::resolve(&invoke.function, &caller.function.app);
        let id = EventId(self.ids.next(cx.now_ms));
        let event = NewEvent {
            name: INVOKED.into(),
            data: invoke.data.clone(),
            ..NewEvent::default()
        };
        let event = event.accept(id, cx.now_ms, EventSource::Run(caller.id));
        let event = Arc::new(event.traced(self.trace_of(caller, key.op, cx)?));
        let spec = NewRun {
            parent: Some((key.run, key.op)),
            ..NewRun::of(function.clone(), event.clone(), Via::Invoke)
        };
        match self.create(spec, cx)? {
            Some(child) => {
                self.record(event.clone(), cx);
                if !caller.quiet {
                    self.announce(&event, cx)?;
                }
                let registration = Arc::new(Registration::Invoke {
                    invoke,
                    due_ms,
                    child: Some(child),
                });
                self.register(key, registration, cx);
            }
            None => {
                let failure = Failure::permanent(
                    Origin::Invoke,
                    format!(
                        "the function `{function}` does not exist on this node; deploy its app first, or correct the id \
                         (`function` within the same app, `app/function` for another one)"
                    ),
                );
                self.keep_arrival(key, Outcome::Failed(failure), 0, cx);
            }
        }
        Ok(())
    }

    /// The place in a trace of what an operation of the run sends or starts, if the run has one.
    pub(super) fn trace_of(
        &self,
        run: &Run,
        op: OpNumber,
        cx: &Context<'_>,
    ) -> Result<Option<Box<TraceContext>>, ReadError> {
        let event = self.event(run.event, cx)?;
        let given = event.and_then(|event| event.trace.clone());
        let trace = TraceContext::of_run(given.as_deref(), run.id, self.config.sampling);
        Ok(trace.map(|trace| Box::new(trace.of_attempt(run.id, op, 0))))
    }

    /// The caller gave up on an invoked run: it is to be cancelled, unless the wait just timed out.
    pub(super) fn withdraw_child(&mut self, child: RunId, due_ms: u64, cx: &Context<'_>) {
        if due_ms > cx.now_ms {
            self.step.withdrawn.push(child);
        }
    }

    /// Cancels the runs that were withdrawn, and those that they had invoked. Runs can invoke each other to any depth: it
    /// must not cost stack.
    pub(super) fn cancel_withdrawn(&mut self, cx: &mut Context<'_>) -> Result<(), ReadError> {
        while let Some(child) = self.step.withdrawn.pop() {
            self.cancel_if_alive(child, "the run that invoked it gave it up", cx)?;
        }
        Ok(())
    }
}
