//! Requests to a model provider that the host performs durably.

use std::marker::PhantomData;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::bindings::types::{self, AiFormat, AiInferOptions};
use crate::duration::{IntoDuration, as_ms};
use crate::error::StepError;
use crate::operation::{Draft, Kind, Operation, Request, from_json, to_json};
use crate::runtime::Outcome;

/// Which model to ask, and in which provider's form of request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Model {
    format: AiFormat,
    name: String,
}

impl Model {
    /// A model behind `POST {url}/chat/completions`: `OpenAI`'s form, which many servers understand.
    pub fn openai(name: impl Into<String>) -> Self {
        Self {
            format: AiFormat::OpenaiChat,
            name: name.into(),
        }
    }

    /// A model behind `POST {url}/messages`: Anthropic's form.
    pub fn anthropic(name: impl Into<String>) -> Self {
        Self {
            format: AiFormat::Anthropic,
            name: name.into(),
        }
    }

    /// A model behind `POST {url}/models/{model}:generateContent`: Gemini's form.
    pub fn gemini(name: impl Into<String>) -> Self {
        Self {
            format: AiFormat::Gemini,
            name: name.into(),
        }
    }
}

/// A request to a model; gives the provider's answer, read as a `T`. Made by [`Context::infer`](crate::Context::infer).
pub struct Infer<T> {
    draft: Draft<AiInferOptions>,
    result: PhantomData<fn() -> T>,
}

impl<T> Infer<T> {
    pub(crate) fn new(model: Model) -> Self {
        let Model { format, name } = model;
        let body = "{}".to_owned();
        let options = AiInferOptions {
            format,
            model: name,
            url: None,
            key_variable: None,
            body,
            timeout: None,
            retries: None,
        };
        Self {
            draft: Draft::new(options),
            result: PhantomData,
        }
    }
}

impl<T: DeserializeOwned + 'static> Operation<Infer<T>> {
    /// The request in the provider's own shape, without the model: something that is an object in JSON.
    pub fn body(self, body: &(impl Serialize + ?Sized)) -> Self {
        self.map(|kind| {
            kind.draft
                .set("body", to_json(body), |options, it| options.body = it);
        })
    }

    /// The provider's base URL. Default: its public one.
    pub fn url(self, url: impl Into<String>) -> Self {
        self.map(|kind| kind.draft.options.url = Some(url.into()))
    }

    /// The name of the configured variable that holds the provider's key; the key itself never enters a journal. Default: no key is sent.
    pub fn key_variable(self, name: impl Into<String>) -> Self {
        self.map(|kind| kind.draft.options.key_variable = Some(name.into()))
    }

    /// The longest that one attempt may take. Default: 10 minutes.
    pub fn timeout(self, timeout: impl IntoDuration) -> Self {
        self.map(|kind| {
            kind.draft
                .set("timeout", timeout.into_duration(), |options, it| {
                    options.timeout = Some(as_ms(it));
                });
        })
    }

    /// How often a failed attempt is tried again, 0 to 20. Default: the function's `retries`.
    pub fn retries(self, retries: u32) -> Self {
        self.map(|kind| kind.draft.options.retries = Some(retries))
    }
}

impl<T: DeserializeOwned + 'static> Kind for Infer<T> {
    type Output = T;

    fn prepare(self) -> Result<Request, String> {
        Ok(types::Operation::AiInfer(self.draft.finish()?).into())
    }

    fn read(step: &str, outcome: Outcome) -> Result<T, StepError> {
        from_json(step, &outcome)
    }
}
