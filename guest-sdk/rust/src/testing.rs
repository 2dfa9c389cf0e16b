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
//!
//! A batch is a run of several events; a handler of failures has a run of its own; a configuration can be looked at:
//!
//! ```
//! use abide_sdk::prelude::*;
//! use abide_sdk::testing::{Run, config_of, event};
//!
//! #[abide::function(id = "digest", on = "user/mentioned", batch_events(max_size = 50, timeout = "10m"), on_failure = tell)]
//! async fn digest(ctx: Context, events: Vec<Event>) -> Result<usize> {
//!     Ok(events.len())
//! }
//!
//! async fn tell(ctx: Context, failure: FunctionFailure) -> Result<String> {
//!     Ok(format!("{} failed: {}", failure.function_id, failure.error.message))
//! }
//!
//! # fn main() {
//! let mention = |by: &str| event("user/mentioned", json!({"by": by}));
//! let run = Run::of::<digest>([mention("ada"), mention("bob")]);
//! assert_eq!(run.output(), Some(Ok(json!(2))));
//!
//! let run = Run::after_failure_of::<digest>(mention("ada"), Error::retriable("no mail server"));
//! assert_eq!(run.output(), Some(Ok(json!("test/digest failed: no mail server"))));
//!
//! assert_eq!(config_of::<digest>()["batch_events"], json!({"max_size": 50, "timeout_ms": 600_000}));
//! # }
//! ```

mod config;
mod events;
mod scripted;
mod view;

use std::rc::Rc;

use serde::Serialize;
use serde_json::Value;

use crate::bindings::types::{self, Failure, News, Ticket};
use crate::context::Context;
use crate::error::Error;
use crate::function::{Declared, Function};
use crate::host::Host;
use crate::runtime::{Outcome, Runtime};
use crate::testing::scripted::Scripted;
use crate::testing::view::parse;

pub use events::{Events, event};

/// The app that runs are of in tests.
const APP: &str = "test";

/// The configuration of a function that was declared with the attribute, as JSON without the options that were not given: durations are in milliseconds and
/// their names end in `_ms`. The handler of its failures is under `on_failure`. A configuration with faults panics, with all of them.
pub fn config_of<F: Declared>() -> Value {
    config(&F::function())
}

/// As [`config_of`], for a function that was built.
pub fn config(function: &Function) -> Value {
    if let Err(problem) = function.check() {
        panic!("{problem}");
    }
    let mut value = config::config_as_value(function.config());
    if let Some(handler) = function.failure_handler() {
        value["on_failure"] = config(handler);
    }
    value
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
    ///
    /// Several events make a run of a batch, or of a debounced function: there `event` is the newest, elsewhere the first.
    pub fn of<F: Declared>(events: impl Into<Events>) -> Self {
        Self::start(&F::function(), events)
    }

    /// Starts a run of the handler of a declared function's failures, as though a run that these events had started had failed with this error.
    pub fn after_failure_of<F: Declared>(events: impl Into<Events>, error: Error) -> Self {
        Self::after_failure(&F::function(), events, error)
    }

    /// As [`Run::after_failure_of`], for a function that was built.
    pub fn after_failure(function: &Function, events: impl Into<Events>, error: Error) -> Self {
        let handler = function.failure_handler();
        let handler = handler.unwrap_or_else(|| {
            panic!("the function `{}` has no `on_failure`", function.id());
        });
        Self::start(
            handler,
            events.into().of(function).failed(function.id(), error),
        )
    }

    /// As [`Run::of`], for a function that was built.
    pub fn start(function: &Function, events: impl Into<Events>) -> Self {
        let host = Rc::new(Scripted::default());
        let runtime = Runtime::new(Rc::clone(&host) as Rc<dyn Host>);
        let (event, events) = events.into().of(function).handed();
        let ctx = types::RunContext {
            app_id: APP.to_owned(),
            function_id: function.id().to_owned(),
            run_id: "01JTESTRUN000000000000000".to_owned(),
            attempt: 0,
            max_attempts: 5,
            events,
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
        self.execute_on(id, None)
    }

    /// As [`Run::execute`], when an operator has put `input` in the place of the step's own: see [`Step::with_input`](crate::Step::with_input).
    pub fn execute_with_input(
        &mut self,
        id: &str,
        input: impl Serialize,
    ) -> Result<Value, TestFailure> {
        let input = serde_json::to_string(&input).expect("the input can be written as JSON");
        self.execute_on(id, Some(input))
    }

    fn execute_on(&mut self, id: &str, input: Option<String>) -> Result<Value, TestFailure> {
        let ticket = self.ticket(id);
        let execution = types::Execution {
            attempt: 0,
            max_attempts: 5,
            idempotency_key: format!("01JTESTRUN000000000000000/{id}/0"),
            step_key: format!("01JTESTRUN000000000000000/{id}"),
            input,
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
