//! The component's exports: what the host calls.

use std::rc::Rc;

use crate::bindings::exports::abide::durable::functions::Guest;
use crate::bindings::types::{Failure, FunctionConfig, RunContext};
use crate::context::Context;
use crate::error::Error;
use crate::function::Function;
use crate::host::Imports;
use crate::logging;
use crate::runtime::Runtime;

/// What [`app!`](crate::app) implements: the list of functions.
pub trait App {
    /// All functions of the app.
    fn functions() -> Vec<Function>;
}

/// The exports of an app.
pub struct Exports<A>(std::marker::PhantomData<A>);

impl<A: App> Guest for Exports<A> {
    fn describe() -> Vec<FunctionConfig> {
        logging::install();
        A::functions()
            .into_iter()
            .map(Function::into_config)
            .collect()
    }

    fn run(ctx: RunContext) -> Result<String, Failure> {
        logging::install();
        match A::functions()
            .into_iter()
            .find(|function| function.id() == ctx.function_id)
        {
            Some(function) => run(&function, ctx),
            None => Err(Error::non_retriable(format!(
                "the app `{}` has no function `{}`",
                ctx.app_id, ctx.function_id
            ))
            .into()),
        }
    }
}

fn run(function: &Function, ctx: RunContext) -> Result<String, Failure> {
    if cfg!(not(target_family = "wasm")) {
        let message = format!(
            "`{}` can run only as a component on Abide; tests use `abide_sdk::testing`",
            function.id()
        );
        return Err(Error::non_retriable(message).into());
    }
    let runtime = Runtime::new(Rc::new(Imports));
    let workflow = function.begin(Context::new(Rc::clone(&runtime), ctx));
    runtime.drive(workflow)
}
