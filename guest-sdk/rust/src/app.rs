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
use crate::schema::{self, EventSchema};

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
        schema::all(A::schemas()).unwrap_or_else(|problem| panic!("{problem}"))
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
        Err(problems.join("; "))
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

#[cfg(test)]
mod tests {
    use super::*;

    async fn work(_ctx: Context) -> crate::Result<()> {
        std::future::ready(Ok(())).await
    }

    #[test]
    fn a_failure_handler_is_described_behind_its_function() {
        let functions = vec![
            Function::new("a", work).on_failure(work),
            Function::new("b", work),
        ];
        let configs = describe(functions).unwrap();
        let ids: Vec<&str> = configs.iter().map(|config| config.id.as_str()).collect();
        assert_eq!(ids, ["a", "a-failure", "b"]);
        let trigger = types::Trigger::FailureOf("a".to_owned());
        assert_eq!(configs[1].triggers, [trigger]);
    }

    #[test]
    fn the_faults_of_all_functions_end_the_deploy_together() {
        let functions = vec![
            Function::new("a", work).on_failure(work).retries(21),
            Function::new("a-failure", work),
            Function::new("c", work).concurrency(0),
        ];
        assert_eq!(
            describe(functions).unwrap_err(),
            "function `a`: retries: must be 0 to 20, not 21; \
             function `c`: concurrency.limit: must be at least 1; to stop a function for a while, pause it; \
             function `a-failure`: id: two functions of the app have it"
        );
    }
}
