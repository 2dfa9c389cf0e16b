//! A small HTTP client for step bodies.
//!
//! It works in bodies only: workflow code has no network, and uses [`Context::fetch`](crate::Context::fetch) instead. An app may as well use the
//! client of [`wstd`](https://docs.rs/wstd), whose reactor bodies run on, or any other for WASI 0.2.
//!
//! ```no_run
//! # use abide_sdk::prelude::*;
//! # #[derive(Serialize, Deserialize)] struct Receipt { id: String }
//! # async fn example(ctx: Context) -> Result<()> {
//! let receipt: Receipt = ctx
//!     .step("charge")
//!     .run_with(|exec| async move {
//!         http::post("https://payments.example.com/charges")
//!             .header("idempotency-key", &exec.step_key)
//!             .json(&json!({"amount": 499}))
//!             .send()
//!             .await?
//!             .error_for_status()?
//!             .json()
//!     })
//!     .await?;
//! # Ok(())
//! # }
//! ```

#[cfg(all(target_family = "wasm", feature = "http"))]
mod wasi;

use std::time::Duration;

use serde::Serialize;

#[cfg(all(target_family = "wasm", feature = "http"))]
use self::wasi::perform;
use crate::duration::IntoDuration;
use crate::error::{Error, Result};
use crate::operation::to_json;
pub use crate::response::Response;

/// A request that is being put together.
#[derive(Debug, Clone)]
#[must_use = "a request does nothing until it is sent"]
pub struct Request {
    method: String,
    url: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    timeout: Option<Duration>,
    problem: Option<String>,
}

/// A request with any method.
pub fn request(method: impl Into<String>, url: impl Into<String>) -> Request {
    Request {
        method: method.into(),
        url: url.into(),
        headers: Vec::new(),
        body: Vec::new(),
        timeout: None,
        problem: None,
    }
}

/// A `GET` request.
pub fn get(url: impl Into<String>) -> Request {
    request("GET", url)
}

/// A `POST` request.
pub fn post(url: impl Into<String>) -> Request {
    request("POST", url)
}

/// A `PUT` request.
pub fn put(url: impl Into<String>) -> Request {
    request("PUT", url)
}

/// A `PATCH` request.
pub fn patch(url: impl Into<String>) -> Request {
    request("PATCH", url)
}

/// A `DELETE` request.
pub fn delete(url: impl Into<String>) -> Request {
    request("DELETE", url)
}

impl Request {
    /// Adds a header.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// The body, as it is.
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// A body of JSON, with the header that says so.
    pub fn json(mut self, body: &(impl Serialize + ?Sized)) -> Self {
        match to_json(body) {
            Ok(text) => self.body = text.into_bytes(),
            Err(problem) => self.problem = Some(format!("the body: {problem}")),
        }
        self.header("content-type", "application/json")
    }

    /// The longest to wait for a connection, and for each part of the response. Default: the host's limits.
    pub fn timeout(mut self, timeout: impl IntoDuration) -> Self {
        match timeout.into_duration() {
            Ok(timeout) => self.timeout = Some(timeout),
            Err(invalid) => self.problem = Some(format!("the timeout: {invalid}")),
        }
        self
    }

    /// Sends the request and reads the whole response, whatever its status: see [`Response::error_for_status`]. That nobody answers is
    /// an error that trying again may cure.
    pub async fn send(self) -> Result<Response> {
        let doing = format!("{} {}", self.method, self.url);
        if let Some(problem) = &self.problem {
            return Err(Error::non_retriable(problem)
                .named("HttpRequest")
                .context(doing));
        }
        if !crate::body::executing() {
            let message = "workflow code has no network: move the request into a step's body, or use `ctx.fetch`";
            return Err(Error::non_retriable(message)
                .named("HttpRequest")
                .context(doing));
        }
        perform(self)
            .await
            .map_err(|error| error.context(doing).without_place())
    }
}

#[cfg(not(all(target_family = "wasm", feature = "http")))]
fn perform(_request: Request) -> std::future::Ready<Result<Response>> {
    let message =
        "the HTTP client works in a component on Abide only, with the feature `http` of abide-sdk";
    std::future::ready(Err(Error::non_retriable(message).named("HttpRequest")))
}
