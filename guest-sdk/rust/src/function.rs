//! Functions: a workflow with its configuration.

use std::fmt;
use std::future::Future;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::backoff::Backoff;
use crate::bindings::types::{self, EventTrigger, Failure, FunctionConfig};
use crate::context::Context;
use crate::error::{Error, Result};
use crate::event::Event;
use crate::operation::{Draft, to_json};
use crate::runtime::LocalFuture;

/// A function of an app: a workflow, and what starts it.
///
/// Usually the attribute [`function`](macro@crate::function) makes it; this is the builder form, for a function whose configuration is computed.
///
/// ```
/// use abide_sdk::prelude::*;
///
/// fn cleanup(region: &str) -> Function {
///     Function::new(format!("cleanup-{region}"), async |ctx: Context, event: Event| {
///         ctx.sleep("grace", "1 day").await?;
///         Ok::<_, Error>(event.data)
///     })
///     .on(format!("account/closed.{region}").as_str())
///     .on(Trigger::event("account/reported").when("event.data.reports > 3"))
///     .retries(2)
/// }
///
/// abide::app!(cleanup("eu"), cleanup("us"));
/// # fn main() {}
/// ```
#[must_use]
pub struct Function {
    draft: Draft<FunctionConfig>,
    workflow: Box<dyn Fn(Context) -> LocalFuture<Result<String>>>,
}

impl Function {
    /// A function with this id (kebab-case, unique in the app). `workflow` is an async function of the [`Context`] and the [`Event`], or of
    /// the context alone.
    pub fn new<Arguments>(id: impl Into<String>, workflow: impl Workflow<Arguments>) -> Self {
        let config = FunctionConfig {
            id: id.into(),
            name: None,
            triggers: Vec::new(),
            retries: None,
            backoff: None,
        };
        Self {
            draft: Draft::new(config),
            workflow: Box::new(move |ctx| workflow.begin(ctx)),
        }
    }

    /// What people call it. Default: the id.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.draft.options.name = Some(name.into());
        self
    }

    /// Adds a trigger: the name of an event, or a [`Trigger`]. A function can have 10; one without any runs only by `invoke`.
    pub fn on(mut self, trigger: impl Into<Trigger>) -> Self {
        self.draft
            .options
            .triggers
            .push(types::Trigger::Event(trigger.into().0));
        self
    }

    /// How often a failed step, and failed workflow code, is tried again, 0 to 20. Default: 4.
    pub fn retries(mut self, retries: u32) -> Self {
        self.draft.options.retries = Some(retries);
        self
    }

    /// How the wait before the next attempt grows.
    pub fn backoff(mut self, backoff: Backoff) -> Self {
        self.draft.set("backoff", backoff.build(), |config, it| {
            config.backoff = Some(it);
        });
        self
    }

    pub(crate) fn id(&self) -> &str {
        &self.draft.options.id
    }

    /// The configuration for the host. A wrong duration in it is the author's mistake, and ends the deploy.
    pub(crate) fn into_config(self) -> FunctionConfig {
        let id = self.draft.options.id.clone();
        self.draft
            .build()
            .unwrap_or_else(|problem| panic!("function `{id}`: {problem}"))
    }

    pub(crate) fn begin(&self, ctx: Context) -> LocalFuture<Result<String, Failure>> {
        let workflow = (self.workflow)(ctx);
        Box::pin(async move { workflow.await.map_err(Failure::from) })
    }
}

impl fmt::Debug for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Function")
            .field("config", &self.draft.options)
            .finish_non_exhaustive()
    }
}

/// What starts a function.
#[derive(Debug, Clone, PartialEq)]
#[must_use]
pub struct Trigger(EventTrigger);

impl Trigger {
    /// Every event with this name, or, if the last part of it is `/*` or `.*`, every event whose name begins with the rest.
    pub fn event(name: impl Into<String>) -> Self {
        Self(EventTrigger {
            event: name.into(),
            if_: None,
        })
    }

    /// Only events for which this CEL expression over `event` is true: `"event.data.plan == 'pro'"`.
    pub fn when(mut self, expression: impl Into<String>) -> Self {
        self.0.if_ = Some(expression.into());
        self
    }
}

impl From<&str> for Trigger {
    fn from(event: &str) -> Self {
        Self::event(event)
    }
}

/// What can be the workflow of a [`Function`]: an async function of `(Context, Event<T>)` or of `(Context)` that returns a `Result` whose
/// value can be written as JSON. Data that are no `T` fail the run at once.
#[diagnostic::on_unimplemented(
    message = "this is not a workflow",
    label = "a workflow is `async fn(Context, Event<T>) -> Result<Output>`",
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
        let attempt = self(ctx);
        Box::pin(async move { write(&attempt.await.map_err(Into::into)?) })
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
            Ok(event) => {
                let attempt = self(ctx, event);
                Box::pin(async move { write(&attempt.await.map_err(Into::into)?) })
            }
            Err(error) => Box::pin(async { Err(error) }),
        }
    }
}

fn write(output: &impl Serialize) -> Result<String> {
    to_json(output).map_err(|problem| {
        Error::non_retriable(format!("the function's output: {problem}")).named("InvalidResult")
    })
}

/// A function that the attribute [`function`](macro@crate::function) declared. The attribute implements it, for a type with the name of the
/// function.
pub trait Declared {
    /// The function with its configuration.
    fn function() -> Function;
}
