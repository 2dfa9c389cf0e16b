//! What an `on_failure` handler is told.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::context::Context;
use crate::error::Result;
use crate::event::Event;

/// The final failure of a run, as the handler of [`Function::on_failure`](crate::Function::on_failure) gets it. With `T = Value`, the default, the data of
/// the original event are read as they are.
///
/// A function with the trigger `inngest/function.failed` takes it as well: it runs after the failure of any function of the environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct FunctionFailure<T = Value> {
    /// The function whose run failed, with its app: `app/function`.
    pub function_id: String,
    /// The run that failed. (The handler's own is [`Context::run_id`].)
    pub run_id: String,
    /// What ended it.
    pub error: RunError,
    /// The event that had started it.
    pub event: Event<T>,
    /// All of them, where several had; otherwise just the one.
    #[serde(default = "Vec::new")]
    pub events: Vec<Event<T>>,
}

/// The error that ended a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RunError {
    /// The kind of error.
    pub name: String,
    /// One sentence for a human.
    pub message: String,
    /// The stack of the place that raised it, if there is one.
    #[serde(default)]
    pub stack: Option<String>,
}

impl<T: DeserializeOwned> FunctionFailure<T> {
    /// Reads it from the event that started the handler's run.
    pub(crate) fn of(ctx: &Context) -> Result<Self> {
        Ok(ctx.event::<Self>()?.data)
    }
}
