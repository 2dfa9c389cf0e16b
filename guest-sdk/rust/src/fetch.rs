//! HTTP requests that the host performs durably, while the function need not be in memory.

use serde::{Deserialize, Serialize};

use crate::backoff::Backoff;
use crate::bindings::types::{self, FetchOptions};
use crate::duration::{IntoDuration, as_ms};
use crate::error::StepError;
use crate::operation::{Draft, Kind, Operation, Request, from_json, to_json};
use crate::response::{Response, decode_base64};
use crate::runtime::Outcome;

/// A request that the host performs; gives the [`Response`]. Made by [`Context::fetch`](crate::Context::fetch).
pub struct Fetch(Draft<FetchOptions>);

impl Fetch {
    pub(crate) fn new(url: String) -> Self {
        let options = FetchOptions {
            method: "GET".to_owned(),
            url,
            headers: Vec::new(),
            body: None,
            timeout: None,
            retries: None,
            backoff: None,
        };
        Self(Draft::new(options))
    }
}

impl Operation<Fetch> {
    /// The method. Default: `GET`.
    pub fn method(self, method: impl Into<String>) -> Self {
        self.map(|kind| kind.0.options.method = method.into())
    }

    /// Adds a header.
    pub fn header(self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.map(|kind| kind.0.options.headers.push((name.into(), value.into())))
    }

    /// The body, as it is.
    pub fn body(self, body: impl Into<Vec<u8>>) -> Self {
        self.map(|kind| kind.0.options.body = Some(body.into()))
    }

    /// A body of JSON, with the header that says so.
    pub fn json(self, body: &(impl Serialize + ?Sized)) -> Self {
        self.map(|kind| {
            kind.0.set("json", to_json(body), |options, it| {
                options.body = Some(it.into_bytes());
            });
        })
        .header("content-type", "application/json")
    }

    /// The longest that one attempt may take. Default: 5 minutes.
    pub fn timeout(self, timeout: impl IntoDuration) -> Self {
        self.map(|kind| {
            kind.0
                .set("timeout", timeout.into_duration(), |options, it| {
                    options.timeout = Some(as_ms(it));
                });
        })
    }

    /// How often a failed attempt (no connection, a status of 500 and above, or 429) is tried again, 0 to 20. Default: the function's `retries`.
    pub fn retries(self, retries: u32) -> Self {
        self.map(|kind| kind.0.options.retries = Some(retries))
    }

    /// How the wait before the next attempt grows. Default: the function's.
    pub fn backoff(self, backoff: Backoff) -> Self {
        self.map(|kind| {
            kind.0.set("backoff", backoff.build(), |options, it| {
                options.backoff = Some(it);
            });
        })
    }
}

impl Kind for Fetch {
    type Output = Response;

    fn prepare(self) -> Result<Request, String> {
        Ok(types::Operation::Fetch(self.0.finish()?).into())
    }

    fn read(step: &str, outcome: Outcome) -> Result<Response, StepError> {
        let fetched: Fetched = from_json(step, &outcome)?;
        let headers = match fetched.headers {
            Headers::List(list) => list,
            Headers::Map(map) => map.into_iter().collect(),
        };
        let body = match (fetched.body, fetched.body_base64) {
            (Some(text), _) => text.into_bytes(),
            (None, Some(encoded)) => decode_base64(&encoded).ok_or_else(|| {
                StepError::new(step, "InvalidResult", "the recorded body is not base64")
            })?,
            (None, None) => Vec::new(),
        };
        Ok(Response {
            status: fetched.status,
            headers,
            body,
        })
    }
}

/// The form in which the host records a response.
#[derive(Deserialize)]
struct Fetched {
    status: u16,
    headers: Headers,
    body: Option<String>,
    body_base64: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Headers {
    List(Vec<(String, String)>),
    Map(std::collections::BTreeMap<String, String>),
}
