//! Programs without a component: the interpreter over the four calls of the contract, as native code.
//!
//! What the SDK does in an instance happens here in one future: all code that can go on runs, then there is one `next`, whose news go to the
//! operation that they concern. Operations start when they are first polled and are given up when they are dropped, and branches are polled in the
//! order in which the SDK polls them. So the same program makes the same calls as the guest does, one by one.
//!
//! - [`Calls`] is what an instance needs of the host around it
//! - `operations` turns what the interpreter asks for into operations, with the options that the SDK sets
//! - `runtime` knows what was started, and wakes
//! - `branches` is the SDK's way to wait for several futures
//!
//! It must not know the machine or the host. Invariants: a body runs at most once in an instance, and only between `execute` and `finish`.

mod branches;
mod operations;
mod runtime;

use abide_core::Json;
use abide_core::failure::{Failure, Origin, RetryAdvice};
use abide_core::journal::Outcome;
use abide_core::machine::{Execution, Ticket};
use abide_core::operation::Operation;

use super::{Boxed, Program, Report, Reported, Thrown, interpret};
use operations::Native;
use runtime::Runtime;

/// The host has ended the instance: a call was refused, or nobody wants the instance any more. It knows why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Halted;

/// What an instance is told.
#[derive(Debug, Clone, PartialEq)]
pub enum News {
    /// An operation is over.
    Over(Outcome),
    /// In a twin: execute this body now.
    Execute(Execution),
}

/// What an instance needs of the host around it: the calls of `wit/operations.wit`, and what bodies need of WASI.
pub trait Calls: Send + Sync + 'static {
    /// Starts an operation.
    fn start(&self, id: &str, operation: Operation) -> Result<Ticket, Halted>;
    /// Waits for news.
    fn next(&self) -> Boxed<'_, Result<(Ticket, News), Halted>>;
    /// Hands in the outcome of the body that `next` asked for.
    fn finish(&self, ticket: Ticket, outcome: Result<Json, Failure>) -> Result<(), Halted>;
    /// Gives up on an operation.
    fn cancel(&self, ticket: Ticket) -> Result<(), Halted>;
    /// Logs a line of workflow code.
    fn log(&self, line: &str);
    /// A body calls the outside service, as the guest does at `WITNESS_URL`; or what went wrong.
    fn report(&self, report: Report) -> Boxed<'static, Result<Reported, String>>;
}

/// What an instance is begun with, beside its program.
#[derive(Debug, Clone)]
pub struct Begin {
    /// The run's id.
    pub run_id: String,
    /// The function's id.
    pub function: String,
    /// Which attempt at the workflow code, from 0.
    pub attempt: u32,
    /// The version of the app, from 0: later ones execute a step more.
    pub version: u8,
}

/// Runs one instance, the workflow's or a twin, to its end: what the guest's `run` does.
pub async fn run<C: Calls>(
    calls: std::sync::Arc<C>,
    begin: Begin,
    program: Program,
) -> Result<Result<Json, Failure>, Halted> {
    let runtime = Runtime::new(calls);
    let native = Native::new(runtime.clone(), begin, program.key.clone());
    let code = Box::pin(async move {
        native.version_step().await?;
        interpret(&native, &program).await
    });
    let output = runtime.drive(code).await?;
    Ok(output
        .map(|value| value.to_string().into())
        .map_err(to_failure))
}

/// The error as the SDK hands it to the host, without a stack.
fn to_failure(thrown: Thrown) -> Failure {
    Failure {
        name: thrown.name,
        message: thrown.message,
        stack: None,
        data: None,
        retry: match (thrown.retriable, thrown.after_ms) {
            (false, _) => RetryAdvice::NonRetriable,
            (true, None) => RetryAdvice::Retriable,
            (true, Some(ms)) => RetryAdvice::After(ms),
        },
        origin: Origin::Guest,
    }
}
