//! Steps: work that runs outside the workflow, at least once, and whose result is recorded exactly once.

use std::future::Future;
use std::marker::PhantomData;
use std::rc::Rc;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::backoff::Backoff;
use crate::bindings::types::{self, Failure, RunOptions};
use crate::duration::{IntoDuration, as_ms};
use crate::error::{Error, Result, StepError};
use crate::operation::{Draft, Kind, Operation, Request, from_json, to_json};
use crate::runtime::{Body, Outcome, Runtime};

/// A step that still lacks its body. Made by [`Context::step`](crate::Context::step).
#[must_use = "a step does nothing without a body: call `run`"]
pub struct Step {
    runtime: Rc<Runtime>,
    id: String,
    draft: Draft<RunOptions>,
}

impl Step {
    pub(crate) fn new(runtime: Rc<Runtime>, id: String) -> Self {
        let options = RunOptions {
            retries: None,
            timeout: None,
            backoff: None,
            input: None,
        };
        Self {
            runtime,
            id,
            draft: Draft::new(options),
        }
    }

    /// How often a failed body is tried again, 0 to 20. Default: the function's `retries`.
    pub fn retries(mut self, retries: u32) -> Self {
        self.draft.options.retries = Some(retries);
        self
    }

    /// The longest that one attempt may take. After it the attempt fails, and may be tried again. Default: the host's limit.
    pub fn timeout(mut self, timeout: impl IntoDuration) -> Self {
        self.draft
            .set("timeout", timeout.into_duration(), |options, it| {
                options.timeout = Some(as_ms(it));
            });
        self
    }

    /// How the wait before the next attempt grows. Default: the function's.
    pub fn backoff(mut self, backoff: Backoff) -> Self {
        self.draft.set("backoff", backoff.build(), |options, it| {
            options.backoff = Some(it);
        });
        self
    }

    /// What the step works on, for an operator to see beside the result. It has no other effect on a body that does not look at
    /// [`Execution::input`]; [`Step::with_input`] is the form whose body does.
    pub fn input(mut self, input: &(impl Serialize + ?Sized)) -> Self {
        self.draft.set("input", to_json(input), |options, it| {
            options.input = Some(it);
        });
        self
    }

    /// What the step works on, handed to its body. An operator sees it beside the result, and may replace it when the run is replayed from this step: then
    /// the body works on the replacement. The [`run`](StepWithInput::run) of what it returns takes a closure of the input.
    ///
    /// Use it for steps that a person may have to repair: the address that a parcel goes to, the amount of a refund.
    ///
    /// ```no_run
    /// # use abide_sdk::prelude::*;
    /// # #[derive(Serialize, Deserialize)]
    /// # struct Parcel { address: String }
    /// # async fn dispatch(parcel: &Parcel) -> Result<String> { Ok(parcel.address.clone()) }
    /// # async fn example(ctx: Context, parcel: Parcel) -> Result<()> {
    /// let tracking = ctx
    ///     .step("dispatch")
    ///     .retries(2)
    ///     .with_input(parcel)
    ///     .run(async |parcel| dispatch(&parcel).await)
    ///     .await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn with_input<I>(self, input: I) -> StepWithInput<I>
    where
        I: Serialize + DeserializeOwned + 'static,
    {
        StepWithInput {
            step: self.input(&input),
            input,
        }
    }

    /// Gives the step its body.
    ///
    /// The body may read the clock, use randomness and send HTTP requests, none of which workflow code can. It executes at least
    /// once, and again when it fails, as the retry policy says; as soon as it has succeeded its result is recorded and it never executes again.
    /// What it changes in memory stays with it: it returns what the workflow needs, as something that JSON can express.
    ///
    /// It owns what it uses (`async move`), so clone what the workflow needs afterwards.
    ///
    /// ```no_run
    /// # use abide_sdk::prelude::*;
    /// # async fn render(user: &str) -> Result<String> { Ok(user.to_owned()) }
    /// # async fn example(ctx: Context, user: String) -> Result<()> {
    /// let mail: String = ctx.step("render-mail").retries(2).timeout("30s").run(async move { render(&user).await }).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn run<T, F>(self, body: F) -> Operation<Run<T>>
    where
        T: Serialize + DeserializeOwned + 'static,
        F: Future<Output = Result<T>> + 'static,
    {
        self.run_with(|_| body)
    }

    /// As [`Step::run`], for a body that wants to know about the attempt: which one it is, and the keys by which outside services can
    /// tell a repetition.
    ///
    /// ```no_run
    /// # use abide_sdk::prelude::*;
    /// # async fn charge(key: &str) -> Result<String> { Ok(key.to_owned()) }
    /// # async fn example(ctx: Context) -> Result<()> {
    /// let receipt = ctx.step("charge").run_with(|exec| async move { charge(&exec.step_key).await }).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn run_with<T, F, B>(self, body: B) -> Operation<Run<T>>
    where
        T: Serialize + DeserializeOwned + 'static,
        F: Future<Output = Result<T>> + 'static,
        B: FnOnce(Execution) -> F + 'static,
    {
        let body: Body = Box::new(move |execution| {
            Box::pin(async move {
                let result = body(Execution::from(execution))
                    .await
                    .map_err(Failure::from)?;
                to_json(&result).map_err(|problem| {
                    Error::non_retriable(format!("the result: {problem}"))
                        .named("InvalidResult")
                        .into()
                })
            })
        });
        Operation::new(
            self.runtime,
            self.id,
            Run {
                draft: self.draft,
                body,
                result: PhantomData,
            },
        )
    }
}

/// A step with its input, that still lacks its body. Made by [`Step::with_input`].
#[must_use = "a step does nothing without a body: call `run`"]
pub struct StepWithInput<I> {
    step: Step,
    input: I,
}

impl<I: DeserializeOwned + 'static> StepWithInput<I> {
    /// Gives the step its body, which works on the input. Else as [`Step::run`].
    pub fn run<T, F, B>(self, body: B) -> Operation<Run<T>>
    where
        T: Serialize + DeserializeOwned + 'static,
        F: Future<Output = Result<T>> + 'static,
        B: FnOnce(I) -> F + 'static,
    {
        self.run_with(|input, _| body(input))
    }

    /// As [`StepWithInput::run`], for a body that wants to know about the attempt as well.
    pub fn run_with<T, F, B>(self, body: B) -> Operation<Run<T>>
    where
        T: Serialize + DeserializeOwned + 'static,
        F: Future<Output = Result<T>> + 'static,
        B: FnOnce(I, Execution) -> F + 'static,
    {
        let captured = self.input;
        self.step.run_with(|execution| async move {
            let input = match &execution.input {
                Some(replacement) => I::deserialize(replacement).map_err(|error| {
                    let expected = std::any::type_name::<I>();
                    let message = format!(
                        "the input that an operator put in its place is not a `{expected}`: {error}"
                    );
                    Error::non_retriable(message).named("InvalidInput")
                })?,
                None => captured,
            };
            body(input, execution).await
        })
    }
}

/// One attempt at a step's body.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Execution {
    /// Which attempt it is, from 0.
    pub attempt: u32,
    /// How many there can be altogether.
    pub max_attempts: u32,
    /// Differs for every attempt.
    pub idempotency_key: String,
    /// The same for every attempt at this step of this run: hand it to services that deduplicate.
    pub step_key: String,
    /// What an operator put in the place of the step's input when the run was replayed from this step. A body that was given by
    /// [`Step::with_input`] gets it as its input.
    pub input: Option<Value>,
}

impl Execution {
    /// Whether the step fails for good if this attempt does.
    pub fn is_last(&self) -> bool {
        self.attempt + 1 >= self.max_attempts
    }
}

impl From<types::Execution> for Execution {
    fn from(execution: types::Execution) -> Self {
        let types::Execution {
            attempt,
            max_attempts,
            idempotency_key,
            step_key,
            input,
        } = execution;
        Self {
            attempt,
            max_attempts,
            idempotency_key,
            step_key,
            // The host lets nothing pass that is not JSON.
            input: input.and_then(|json| serde_json::from_str(&json).ok()),
        }
    }
}

/// A step with its body.
pub struct Run<T> {
    draft: Draft<RunOptions>,
    body: Body,
    result: PhantomData<fn() -> T>,
}

impl<T: DeserializeOwned + 'static> Kind for Run<T> {
    type Output = T;

    fn prepare(self) -> std::result::Result<Request, String> {
        Ok(Request {
            operation: types::Operation::Run(self.draft.finish()?),
            body: Some(self.body),
        })
    }

    fn read(step: &str, outcome: Outcome) -> std::result::Result<T, StepError> {
        from_json(step, &outcome)
    }
}
