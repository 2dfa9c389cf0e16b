//! The component's exports: what the host calls.

use std::rc::Rc;

use crate::bindings::exports::abide::durable::functions::Guest;
use crate::bindings::types::{self, Failure, FunctionConfig, RunContext};
use crate::context::Context;
use crate::error::Error;
use crate::function::Function;
use crate::host::Imports;
use crate::logging;
use crate::runtime::Runtime;
use crate::schema::EventSchema;

/// What [`app!`](crate::app) implements: the list of functions, and the shapes of events.
pub trait App {
    /// All functions of the app.
    fn functions() -> Vec<Function>;

    /// The shapes of the events that it knows.
    fn schemas() -> Vec<EventSchema> {
        Vec::new()
    }
}

/// The exports of an app.
pub struct Exports<A>(std::marker::PhantomData<A>);

impl<A: App> Guest for Exports<A> {
    fn describe() -> Vec<FunctionConfig> {
        logging::install();
        describe(A::functions()).unwrap_or_else(|problem| panic!("{problem}"))
    }

    fn event_schemas() -> Vec<types::EventSchema> {
        logging::install();
        let schemas: Result<_, String> = A::schemas().into_iter().map(EventSchema::build).collect();
        schemas.unwrap_or_else(|problem| panic!("{problem}"))
    }

    fn run(ctx: RunContext) -> Result<String, Failure> {
        logging::install();
        let functions = A::functions();
        match functions
            .into_iter()
            .flat_map(Function::with_handler)
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

/// The configurations for the host, or everything that is wrong with them. It is the author's mistake, and ends the deploy.
fn describe(functions: Vec<Function>) -> Result<Vec<FunctionConfig>, String> {
    let mut problems: Vec<String> = functions
        .iter()
        .filter_map(|function| function.check().err())
        .map(|problem| problem.to_string())
        .collect();
    let mut configs: Vec<FunctionConfig> = Vec::new();
    for function in functions.into_iter().flat_map(Function::with_handler) {
        if configs.iter().any(|config| config.id == function.id()) {
            problems.push(format!(
                "function `{}`: id: two functions of the app have it",
                function.id()
            ));
        }
        configs.push(function.config().clone());
    }
    if problems.is_empty() {
        Ok(configs)
    } else {
        Err(problems.join("\n"))
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
