//! What can be a workflow: an async function of the context, and of what started the run if it wants that.

use std::future::Future;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::context::Context;
use crate::error::{Error, Result};
use crate::event::Event;
use crate::failure::FunctionFailure;
use crate::operation::to_json;
use crate::runtime::LocalFuture;

/// What can be the workflow of a [`Function`](crate::Function): an async function of `(Context, Event<T>)` or of `(Context)` that returns a `Result` whose
/// value can be written as JSON. Data that are no `T` fail the run at once. One that several events start
/// takes `(Context, Vec<Event<T>>)` if it likes, a handler of failures `(Context, FunctionFailure<T>)`.
#[diagnostic::on_unimplemented(
    message = "this is not a workflow",
    label = "a workflow is `async fn(Context, Event<T>) -> Result<Output>`",
    note = "of a batch it is `async fn(Context, Vec<Event<T>>) -> Result<Output>`",
    note = "a handler of failures is `async fn(Context, FunctionFailure<T>) -> Result<Output>`",
    note = "`T` must be readable from JSON (`serde::Deserialize`), the output writable as JSON (`serde::Serialize`)"
)]
pub trait Workflow<Arguments>: 'static {
    /// Begins one attempt.
    #[doc(hidden)]
    fn begin(&self, ctx: Context) -> LocalFuture<Result<String>>;
}

impl<W, F, O, E> Workflow<(Context,)> for W
where
    W: Fn(Context) -> F + 'static,
    F: Future<Output = Result<O, E>> + 'static,
    O: Serialize,
    E: Into<Error>,
{
    fn begin(&self, ctx: Context) -> LocalFuture<Result<String>> {
        written(self(ctx))
    }
}

impl<W, F, T, O, E> Workflow<(Context, Event<T>)> for W
where
    W: Fn(Context, Event<T>) -> F + 'static,
    F: Future<Output = Result<O, E>> + 'static,
    T: DeserializeOwned,
    O: Serialize,
    E: Into<Error>,
{
    fn begin(&self, ctx: Context) -> LocalFuture<Result<String>> {
        match ctx.event() {
            Ok(event) => written(self(ctx, event)),
            Err(error) => Box::pin(async { Err(error) }),
        }
    }
}

impl<W, F, T, O, E> Workflow<(Context, Vec<Event<T>>)> for W
where
    W: Fn(Context, Vec<Event<T>>) -> F + 'static,
    F: Future<Output = Result<O, E>> + 'static,
    T: DeserializeOwned,
    O: Serialize,
    E: Into<Error>,
{
    fn begin(&self, ctx: Context) -> LocalFuture<Result<String>> {
        match ctx.events() {
            Ok(events) => written(self(ctx, events)),
            Err(error) => Box::pin(async { Err(error) }),
        }
    }
}

impl<W, F, T, O, E> Workflow<(Context, FunctionFailure<T>)> for W
where
    W: Fn(Context, FunctionFailure<T>) -> F + 'static,
    F: Future<Output = Result<O, E>> + 'static,
    T: DeserializeOwned,
    O: Serialize,
    E: Into<Error>,
{
    fn begin(&self, ctx: Context) -> LocalFuture<Result<String>> {
        match FunctionFailure::of(&ctx) {
            Ok(failure) => written(self(ctx, failure)),
            Err(error) => Box::pin(async { Err(error) }),
        }
    }
}

/// The attempt, whose output becomes text.
fn written<O: Serialize, E: Into<Error>>(
    attempt: impl Future<Output = Result<O, E>> + 'static,
) -> LocalFuture<Result<String>> {
    Box::pin(async move {
        let output = attempt.await.map_err(Into::into)?;
        to_json(&output).map_err(|problem| {
            Error::non_retriable(format!("the function's output: {problem}")).named("InvalidResult")
        })
    })
}
