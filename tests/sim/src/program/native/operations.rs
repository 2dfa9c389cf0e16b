//! What the interpreter asks for, as operations with the options that the SDK sets.

use std::sync::Arc;

use abide_core::Json;
use abide_core::event::NewEvent;
use abide_core::failure::Failure;
use abide_core::journal::Outcome;
use abide_core::machine::Execution;
use abide_core::operation::{
    Fetch, Invoke, Operation, RunOptions, SendSignal, WaitForEvent, WaitForSignal,
};
use abide_core::retry::{Backoff, BackoffKind};
use serde_json::Value;

use super::runtime::{Body, Runtime, Started};
use super::{Begin, Calls, branches, to_failure};
use crate::program::{
    Boxed, EventWait, Exit, Flow, Growth, Program, Report, Sent, Step, Thrown, Workflow, perform,
    version_step,
};

/// One attempt at the code of a run.
pub(super) struct Native<C> {
    runtime: Arc<Runtime<C>>,
    begin: Begin,
    key: String,
}

impl<C: Calls> Native<C> {
    pub(super) fn new(runtime: Arc<Runtime<C>>, begin: Begin, key: String) -> Self {
        Self {
            runtime,
            begin,
            key,
        }
    }

    /// What a later version of the app does first.
    pub(super) async fn version_step(&self) -> Result<(), Thrown> {
        let Some(id) = version_step(self.begin.version) else {
            return Ok(());
        };
        let body: Body = Box::new(|_| Box::pin(std::future::ready(Ok("null".into()))));
        let operation = Operation::Run(RunOptions::default());
        self.ask(&id, operation, Some(body), |_| ()).await
    }

    fn ask<'a, T: 'a>(
        &'a self,
        id: &'a str,
        operation: Operation,
        body: Option<Body>,
        read: impl FnOnce(Option<Value>) -> T + Send + 'a,
    ) -> Boxed<'a, Result<T, Thrown>> {
        let started = Started::new(&self.runtime, id, operation, body);
        Box::pin(async move {
            match started.await {
                Outcome::Done(json) => Ok(read(Some(parsed(&json)))),
                Outcome::Empty => Ok(read(None)),
                Outcome::Failed(failure) => Err(failed(id, failure)),
            }
        })
    }

    fn body(&self, step: &Step, value: Value) -> Body {
        let report = Report {
            run_id: self.begin.run_id.clone(),
            key: self.key.clone(),
            function: self.begin.function.clone(),
            step: step.id.clone(),
            attempt: 0,
            idempotency_key: String::new(),
            step_key: String::new(),
            value: Value::Null,
        };
        let (step, calls) = (step.clone(), self.runtime.calls.clone());
        Box::new(move |execution: Execution| {
            Box::pin(async move {
                let attempt = execution.attempt;
                let call = |value| async move {
                    let report = Report {
                        attempt,
                        idempotency_key: execution.idempotency_key,
                        step_key: execution.step_key,
                        value,
                        ..report
                    };
                    let answered = calls.report(report).await;
                    let answered = answered.map_err(|message| Thrown {
                        message,
                        ..Thrown::retriable("HttpRequest")
                    })?;
                    Ok(answered.value)
                };
                let performed = perform(step, value, attempt, call).await;
                performed.map(|value| text(&value)).map_err(to_failure)
            })
        })
    }
}

fn text(value: &Value) -> Json {
    value.to_string().into()
}

fn parsed(json: &Json) -> Value {
    serde_json::from_str(json).unwrap_or_default()
}

/// An error of an operation: the SDK's own words, and final.
fn failed(id: &str, failure: Failure) -> Thrown {
    let message = if failure.message.starts_with("step `") {
        failure.message
    } else {
        format!("step `{id}`: {}", failure.message)
    };
    Thrown {
        message,
        ..Thrown::for_good(&failure.name)
    }
}

fn schedule(kind: BackoffKind, base_ms: u64) -> Backoff {
    Backoff {
        kind,
        base_ms,
        factor: None,
        max_ms: None,
        jitter_ms: None,
    }
}

impl<C: Calls> Workflow for Native<C> {
    fn attempt(&self) -> u32 {
        self.begin.attempt
    }

    fn run<'a>(&'a self, step: &'a Step, value: Value) -> Boxed<'a, Result<Value, Thrown>> {
        let operation = Operation::Run(RunOptions {
            retries: step.retries,
            timeout_ms: step.timeout_ms,
            backoff: step.backoff.map(|it| {
                let kind = match it.growth {
                    Growth::Constant => BackoffKind::Constant,
                    Growth::Linear => BackoffKind::Linear,
                    Growth::Exponential => BackoffKind::Exponential,
                };
                schedule(kind, it.base_ms)
            }),
            input: None,
        });
        let body = self.body(step, value);
        self.ask(&step.id, operation, Some(body), Option::unwrap_or_default)
    }

    fn sleep<'a>(&'a self, id: &'a str, ms: u64) -> Boxed<'a, Result<(), Thrown>> {
        self.ask(id, Operation::Sleep(ms), None, |_| ())
    }

    fn sleep_until<'a>(&'a self, id: &'a str, at_ms: u64) -> Boxed<'a, Result<(), Thrown>> {
        self.ask(id, Operation::SleepUntil(at_ms), None, |_| ())
    }

    fn wait_for_event<'a>(
        &'a self,
        id: &'a str,
        wait: EventWait,
    ) -> Boxed<'a, Result<Option<Value>, Thrown>> {
        let operation = Operation::WaitForEvent(WaitForEvent {
            event: wait.event,
            timeout_ms: wait.timeout_ms,
            if_expr: wait.condition,
            match_path: wait.matching.map(str::to_owned),
            lookback_ms: wait.lookback_ms.unwrap_or(0),
        });
        self.ask(id, operation, None, |event| {
            event.map(|event| event["data"]["value"].clone())
        })
    }

    fn wait_for_signal<'a>(
        &'a self,
        id: &'a str,
        name: String,
        timeout_ms: u64,
    ) -> Boxed<'a, Result<Option<Value>, Thrown>> {
        let operation = Operation::WaitForSignal(WaitForSignal {
            signal: name,
            timeout_ms,
            replace: false,
        });
        self.ask(id, operation, None, |data| data)
    }

    fn send_events<'a>(
        &'a self,
        id: &'a str,
        events: Vec<Sent>,
    ) -> Boxed<'a, Result<usize, Thrown>> {
        let events = events.into_iter().map(|event| NewEvent {
            id: event.id,
            name: event.name,
            data: Some(text(&event.data)),
            ..NewEvent::default()
        });
        let operation = Operation::SendEvents(events.collect());
        self.ask(id, operation, None, |ids| {
            ids.as_ref().and_then(Value::as_array).map_or(0, Vec::len)
        })
    }

    fn send_signal<'a>(
        &'a self,
        id: &'a str,
        name: String,
        data: Value,
        ttl_ms: u64,
    ) -> Boxed<'a, Result<(), Thrown>> {
        let operation = Operation::SendSignal(SendSignal {
            signal: name,
            data: Some(text(&data)),
            ttl_ms: Some(ttl_ms),
        });
        self.ask(id, operation, None, |_| ())
    }

    fn invoke<'a>(
        &'a self,
        id: &'a str,
        program: Program,
        timeout_ms: u64,
    ) -> Boxed<'a, Result<Value, Thrown>> {
        let operation = Operation::Invoke(Invoke {
            function: program.function.id().to_owned(),
            data: serde_json::to_string(&program).ok().map(Into::into),
            timeout_ms: Some(timeout_ms),
        });
        self.ask(id, operation, None, Option::unwrap_or_default)
    }

    fn fetch<'a>(
        &'a self,
        id: &'a str,
        url: String,
        body: Value,
        retries: u32,
    ) -> Boxed<'a, Result<(u16, Value), Thrown>> {
        let operation = Operation::Fetch(Fetch {
            method: "POST".to_owned(),
            url,
            headers: vec![("content-type".to_owned(), "application/json".to_owned())],
            body: Some(body.to_string().into_bytes()),
            timeout_ms: None,
            retries: Some(retries),
            backoff: Some(schedule(BackoffKind::Constant, 1_000)),
        });
        self.ask(id, operation, None, |response| {
            let response = response.unwrap_or_default();
            let status = response["status"].as_u64().unwrap_or(0);
            let body = response["body"].as_str().unwrap_or_default();
            let answer: Value = serde_json::from_str(body).unwrap_or_default();
            let status = u16::try_from(status).unwrap_or(0);
            (status, answer["value"].clone())
        })
    }

    fn log(&self, line: &str) {
        self.runtime.calls.log(line);
    }

    fn all<'a>(&'a self, branches: Vec<Boxed<'a, Flow>>) -> Boxed<'a, Vec<Flow>> {
        Box::pin(branches::all(branches))
    }

    fn all_or_first_exit<'a>(
        &'a self,
        branches: Vec<Boxed<'a, Flow>>,
    ) -> Boxed<'a, Result<Vec<Value>, Exit>> {
        Box::pin(branches::all_or_first_exit(branches))
    }

    fn race<'a>(&'a self, branches: Vec<Boxed<'a, Flow>>) -> Boxed<'a, Flow> {
        Box::pin(branches::race(branches))
    }
}
