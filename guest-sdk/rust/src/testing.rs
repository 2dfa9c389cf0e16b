//! Tests of workflows, natively and without a host: the test plays the host's part and reads like a story.
//!
//! ```
//! use abide_sdk::prelude::*;
//! use abide_sdk::testing::{Run, event};
//!
//! #[abide::function(id = "drip", on = "user/signed.up")]
//! async fn drip(ctx: Context, event: Event) -> Result<bool> {
//!     ctx.step("welcome").run(async { Ok(()) }).await?;
//!     ctx.sleep("pause", "3 days").await?;
//!     let done = ctx.wait_for_event::<Value>("done").event("user/done").timeout("7 days").await?;
//!     Ok(done.is_some())
//! }
//!
//! # fn main() {
//! let mut run = Run::of::<drip>(event("user/signed.up", json!({"user_id": "u-1"})));
//! run.execute("welcome").unwrap();
//! assert_eq!(run.asked("pause"), json!({"kind": "sleep", "ms": 259_200_000}));
//! run.complete("pause", json!(null));
//! run.time_out("done");
//! assert_eq!(run.output(), Some(Ok(json!(false))));
//! # }
//! ```
//!
//! It panics, with a message that lists what the run is waiting for, when the test names an operation that is not pending.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

use serde::Serialize;
use serde_json::{Value, json};

use crate::bindings::types::{self, Failure, News, Ticket};
use crate::context::Context;
use crate::error::Error;
use crate::function::{Declared, Function};
use crate::host::Host;
use crate::runtime::{Outcome, Runtime};

/// An event to start a run with.
pub fn event(name: &str, data: impl Serialize) -> types::Event {
    let data = serde_json::to_string(&data).expect("the event's data can be written as JSON");
    types::Event {
        id: "01JTESTEVENT0000000000000".to_owned(),
        name: name.to_owned(),
        data,
        user: None,
        ts: 1_767_225_600_000,
        v: None,
    }
}

/// A run of a function whose host is the test.
pub struct Run {
    runtime: Rc<Runtime>,
    host: Rc<Scripted>,
    output: Option<Result<Value, TestFailure>>,
}

/// How a body or a run failed, as far as a test wants to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestFailure {
    /// The kind of error.
    pub name: String,
    /// One sentence.
    pub message: String,
    /// Whether it would be tried again.
    pub retriable: bool,
}

impl From<Failure> for TestFailure {
    fn from(failure: Failure) -> Self {
        let retriable = failure.retry != types::RetryAdvice::NonRetriable;
        Self {
            name: failure.name,
            message: failure.message,
            retriable,
        }
    }
}

impl Run {
    /// Starts a run of a function that was declared with the attribute, and lets it go on until it waits for something.
    pub fn of<F: Declared>(event: types::Event) -> Self {
        Self::start(&F::function(), event)
    }

    /// As [`Run::of`], for a function that was built.
    pub fn start(function: &Function, event: types::Event) -> Self {
        let host = Rc::new(Scripted::default());
        let runtime = Runtime::new(Rc::clone(&host) as Rc<dyn Host>);
        let ctx = types::RunContext {
            app_id: "test".to_owned(),
            function_id: function.id().to_owned(),
            run_id: "01JTESTRUN000000000000000".to_owned(),
            attempt: 0,
            max_attempts: 5,
            events: vec![event.clone()],
            event,
        };
        runtime.begin(function.begin(Context::new(Rc::clone(&runtime), ctx)));
        let mut run = Self {
            runtime,
            host,
            output: None,
        };
        run.go_on();
        run
    }

    /// The ids of the operations that the run waits for, in the order of their start.
    pub fn pending(&self) -> Vec<String> {
        self.host
            .pending
            .borrow()
            .values()
            .map(|operation| operation.id.clone())
            .collect()
    }

    /// The ids of the operations that the run gave up, in that order.
    pub fn cancelled(&self) -> Vec<String> {
        self.host.cancelled.borrow().clone()
    }

    /// What the run asked for with a pending operation: its `kind` and its options.
    pub fn asked(&self, id: &str) -> Value {
        let ticket = self.ticket(id);
        self.host.pending.borrow()[&ticket].asked.clone()
    }

    /// Executes the body of a pending step and hands its outcome to the run: the result, or the failure, as though no attempt were left.
    pub fn execute(&mut self, id: &str) -> Result<Value, TestFailure> {
        let ticket = self.ticket(id);
        let execution = types::Execution {
            attempt: 0,
            max_attempts: 5,
            idempotency_key: format!("01JTESTRUN000000000000000/{id}/0"),
            step_key: format!("01JTESTRUN000000000000000/{id}"),
            input: None,
        };
        match self.runtime.execute(ticket, execution) {
            Ok(json) => {
                let value = parse(&json);
                self.deliver(ticket, Outcome::Done(json));
                Ok(value)
            }
            Err(failure) => {
                self.deliver(ticket, Outcome::Failed(failure.clone()));
                Err(failure.into())
            }
        }
    }

    /// Completes a pending operation with this result, without executing anything.
    pub fn complete(&mut self, id: &str, result: impl Serialize) {
        let json = serde_json::to_string(&result).expect("the result can be written as JSON");
        self.deliver(self.ticket(id), Outcome::Done(json));
    }

    /// Lets a pending operation fail for good.
    pub fn fail(&mut self, id: &str, error: Error) {
        self.deliver(self.ticket(id), Outcome::Failed(error.into()));
    }

    /// Lets a pending wait time out.
    pub fn time_out(&mut self, id: &str) {
        self.deliver(self.ticket(id), Outcome::Empty);
    }

    /// The run's output, or the error that ended it, once it has ended.
    pub fn output(&self) -> Option<Result<Value, TestFailure>> {
        self.output.clone()
    }

    fn deliver(&mut self, ticket: Ticket, outcome: Outcome) {
        self.host.pending.borrow_mut().remove(&ticket);
        let news = match outcome {
            Outcome::Done(json) => News::Done(json),
            Outcome::Failed(failure) => News::Failed(failure),
            Outcome::Empty => News::Empty,
        };
        self.runtime.handle(ticket, news);
        self.go_on();
    }

    fn go_on(&mut self) {
        if let Some(output) = self.runtime.run_ready() {
            self.output = Some(output.map(|json| parse(&json)).map_err(TestFailure::from));
        }
    }

    fn ticket(&self, id: &str) -> Ticket {
        let pending = self.host.pending.borrow();
        let found = pending
            .iter()
            .find(|(_, operation)| operation.id == id)
            .map(|(ticket, _)| *ticket);
        found.unwrap_or_else(|| {
            panic!(
                "no operation `{id}` is pending, but {:?}; the output is {:?}",
                self.pending(),
                self.output
            )
        })
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        self.runtime.clear();
    }
}

impl std::fmt::Debug for Run {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Run")
            .field("pending", &self.pending())
            .field("output", &self.output)
            .finish_non_exhaustive()
    }
}

fn parse(json: &str) -> Value {
    serde_json::from_str(json).expect("what the SDK wrote is JSON")
}

/// A host that remembers what it was asked, and answers when the test does.
#[derive(Default)]
struct Scripted {
    next_ticket: Cell<Ticket>,
    occurrences: RefCell<HashMap<String, u32>>,
    pending: RefCell<BTreeMap<Ticket, Pending>>,
    cancelled: RefCell<Vec<String>>,
}

struct Pending {
    id: String,
    asked: Value,
}

impl Host for Scripted {
    fn start(&self, id: &str, operation: &types::Operation) -> Ticket {
        let ticket = self.next_ticket.replace(self.next_ticket.get() + 1);
        let mut occurrences = self.occurrences.borrow_mut();
        let occurrence = occurrences.entry(id.to_owned()).or_insert(0);
        let unique = if *occurrence == 0 {
            id.to_owned()
        } else {
            format!("{id}:{occurrence}")
        };
        *occurrence += 1;
        self.pending.borrow_mut().insert(
            ticket,
            Pending {
                id: unique,
                asked: to_value(operation),
            },
        );
        ticket
    }

    fn next(&self) -> (Ticket, News) {
        unreachable!("the test hands out the news")
    }

    fn finish(&self, _ticket: Ticket, _outcome: Result<String, Failure>) {}

    fn cancel(&self, ticket: Ticket) {
        if let Some(operation) = self.pending.borrow_mut().remove(&ticket) {
            self.cancelled.borrow_mut().push(operation.id);
        }
    }
}

/// An operation as a test sees it. Options that were not given are left out.
fn to_value(operation: &types::Operation) -> Value {
    let optional = |json: &Option<String>| json.as_deref().map(parse);
    let value = match operation {
        types::Operation::Run(it) => {
            json!({"kind": "run", "retries": it.retries, "timeout_ms": it.timeout, "input": optional(&it.input)})
        }
        types::Operation::Sleep(ms) => json!({"kind": "sleep", "ms": ms}),
        types::Operation::SleepUntil(ms) => json!({"kind": "sleep-until", "time_ms": ms}),
        types::Operation::WaitForEvent(it) => json!({
            "kind": "wait-for-event", "event": it.event, "timeout_ms": it.timeout, "if": it.if_, "match": it.match_, "lookback_ms": it.lookback,
        }),
        types::Operation::WaitForSignal(it) => {
            json!({"kind": "wait-for-signal", "signal": it.signal, "timeout_ms": it.timeout})
        }
        types::Operation::SendEvents(events) => {
            let event = |it: &types::NewEvent| {
                without_nulls(
                    json!({"id": it.id, "name": it.name, "data": optional(&it.data), "user": optional(&it.user), "ts": it.ts, "v": it.v}),
                )
            };
            json!({"kind": "send-events", "events": events.iter().map(event).collect::<Vec<_>>()})
        }
        types::Operation::SendSignal(it) => {
            json!({"kind": "send-signal", "signal": it.signal, "data": optional(&it.data), "ttl_ms": it.ttl})
        }
        types::Operation::Invoke(it) => {
            json!({"kind": "invoke", "function": it.function, "data": optional(&it.data), "timeout_ms": it.timeout})
        }
        types::Operation::Fetch(it) => json!({
            "kind": "fetch", "method": it.method, "url": it.url, "headers": it.headers, "retries": it.retries, "timeout_ms": it.timeout,
            "body": it.body.as_deref().map(String::from_utf8_lossy),
        }),
        types::Operation::AiInfer(it) => json!({
            "kind": "ai-infer", "model": it.model, "url": it.url, "key_variable": it.key_variable, "body": parse(&it.body),
            "retries": it.retries, "timeout_ms": it.timeout,
        }),
    };
    without_nulls(value)
}

fn without_nulls(mut value: Value) -> Value {
    if let Some(members) = value.as_object_mut() {
        members.retain(|_, member| !member.is_null());
    }
    value
}
