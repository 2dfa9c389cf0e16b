//! Calling another function and waiting for its result.

use std::marker::PhantomData;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::bindings::types::{self, InvokeOptions};
use crate::duration::{IntoDuration, as_ms};
use crate::error::StepError;
use crate::operation::{Draft, Kind, Operation, Request, from_json, to_json};
use crate::runtime::Outcome;

/// A call of another function whose result is read as a `T`. Made by [`Context::invoke`](crate::Context::invoke).
pub struct Invoke<T> {
    draft: Draft<InvokeOptions>,
    result: PhantomData<fn() -> T>,
}

impl<T> Invoke<T> {
    pub(crate) fn new(function: String) -> Self {
        Self {
            draft: Draft::new(InvokeOptions {
                function,
                data: None,
                timeout: None,
            }),
            result: PhantomData,
        }
    }
}

impl<T: DeserializeOwned + 'static> Operation<Invoke<T>> {
    /// The data of the event that the invoked function sees: something that is an object in JSON. Default: `{}`.
    pub fn data(self, data: &(impl Serialize + ?Sized)) -> Self {
        self.map(|kind| {
            kind.draft
                .set("data", to_json(data), |options, it| options.data = Some(it));
        })
    }

    /// How long to wait for the result, up to 366 days. Default: 1 year. After it the operation fails.
    pub fn timeout(self, timeout: impl IntoDuration) -> Self {
        self.map(|kind| {
            kind.draft
                .set("timeout", timeout.into_duration(), |options, it| {
                    options.timeout = Some(as_ms(it));
                });
        })
    }
}

impl<T: DeserializeOwned + 'static> Kind for Invoke<T> {
    type Output = T;

    fn prepare(self) -> Result<Request, String> {
        Ok(types::Operation::Invoke(self.draft.finish()?).into())
    }

    fn read(step: &str, outcome: Outcome) -> Result<T, StepError> {
        from_json(step, &outcome)
    }
}
