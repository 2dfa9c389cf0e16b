//! Durable functions in Rust, for Abide: async code whose steps are recorded, so that it survives crashes,
//! restarts, deploys and waits of months.
//!
//! # An app
//! ```
//! use abide_sdk::prelude::*;
//!
//! #[derive(Deserialize)]
//! struct Signup {
//!     user_id: String,
//!     email: String,
//! }
//!
//! #[derive(Deserialize)]
//! struct Finished {
//!     score: u32,
//! }
//!
//! #[derive(Serialize)]
//! struct Outcome {
//!     reminded: bool,
//! }
//!
//! #[abide::function(id = "welcome-drip", on = "user/signed.up", retries = 4)]
//! async fn welcome(ctx: Context, event: Event<Signup>) -> Result<Outcome> {
//!     let email = event.data.email.clone();
//!     ctx.step("send-welcome").run(async move { send_mail(&email, "Welcome!").await }).await?;
//!
//!     ctx.sleep("let-them-try", "3 days").await?;
//!
//!     let finished = ctx
//!         .wait_for_event::<Finished>("onboarded")
//!         .event("user/onboarding.finished")
//!         .matching("data.user_id")
//!         .timeout("7 days")
//!         .await?;
//!     if let Some(finished) = finished {
//!         log::info!("{} finished with {} points", event.data.user_id, finished.data.score);
//!         return Ok(Outcome { reminded: false });
//!     }
//!     ctx.step("send-reminder").run(async move { send_mail(&event.data.email, "Still there?").await }).await?;
//!     Ok(Outcome { reminded: true })
//! }
//!
//! async fn send_mail(to: &str, subject: &str) -> Result<()> {
//!     http::post("https://mail.example.com/send").json(&json!({"to": to, "subject": subject})).send().await?.error_for_status()?;
//!     Ok(())
//! }
//!
//! abide::app!(welcome);
//! # fn main() {}
//! ```
//! The package is a library of crate type `cdylib`, built for the target `wasm32-wasip2`. `abide new my-app` writes all of this; `abide dev` builds,
//! serves and watches it.
//!
//! # The one rule
//! A function is *workflow code* with *steps* in it. Workflow code runs again from its beginning whenever the run goes on, after a
//! wait, a crash or a deploy, and each operation that was completed before then returns what was recorded. So workflow code must do the same again; it need
//! not try: its clock stands at the last completion, its randomness repeats, and network, files and environment are closed to it.
//! Whatever touches the outside goes into the body of a [step](Context::step), which runs until it has succeeded once.
//!
//! A body takes what it needs along (`async move`) and returns what the workflow needs. It runs in an instance of its own: what it
//! changes in a captured variable or a global is never seen outside it.
//!
//! # What a workflow can do
//! | | |
//! |---|---|
//! | [`ctx.step(id).run(body)`](Context::step) | do work once and record its result; options for retries, timeout, backoff |
//! | [`ctx.step(id).with_input(input).run(body)`](Step::with_input) | the same, on an input that an operator may repair and replay |
//! | [`ctx.sleep`](Context::sleep), [`ctx.sleep_until`](Context::sleep_until) | let time pass, at no cost |
//! | [`ctx.wait_for_event`](Context::wait_for_event), [`ctx.wait_for_signal`](Context::wait_for_signal) | wait for something from outside, with a timeout |
//! | [`ctx.send_event`](Context::send_event), [`ctx.send_events`](Context::send_events), [`ctx.send_signal`](Context::send_signal) | tell others, exactly once |
//! | [`ctx.invoke`](Context::invoke) | call another function and wait for its result |
//! | [`ctx.fetch`](Context::fetch), [`ctx.infer`](Context::infer) | have the host perform a request durably |
//! | [`join!`], [`try_join!`], [`join_all`], [`race`], [`select`], [`ctx.spawn`](Context::spawn) | branches side by side; those of the `futures` crate work as well |
//!
//! Durations are a [`std::time::Duration`] or text like `"3 days"` ([`IntoDuration`]).
//!
//! # Errors
//! A body fails with an [`Error`]; `?` makes one of any standard error. It is tried again as the retry policy says, unless it was made by
//! [`Error::non_retriable`] or [`Error::retry_after`]. When no attempt is left, the workflow gets a [`StepError`], which it may catch; with `?` it ends
//! the run as Failed. An error of workflow code itself makes the workflow code be tried again, with all completed steps kept.
//! A panic is a failed attempt, with its message and place.
//!
//! ```no_run
//! # use abide_sdk::prelude::*;
//! # async fn book(what: &str) -> Result<String> { Ok(what.to_owned()) }
//! # async fn cancel(booking: String) -> Result<()> { Ok(()) }
//! # async fn example(ctx: Context) -> Result<()> {
//! let flight = ctx.step("book-flight").run(book("flight")).await?;
//! if let Err(error) = ctx.step("book-hotel").retries(2).run(book("hotel")).await {
//!     ctx.step("cancel-flight").run(cancel(flight)).await?;
//!     return Err(error.into());
//! }
//! # Ok(())
//! # }
//! ```
//!
//! When a run has failed for good, its function's `on_failure` handler runs: a run of its own, that is told what failed and for which event
//! ([`FunctionFailure`]).
//!
//! # Flow control
//! A function says how its runs are started, paced, merged and ended; the host does it, across restarts. Each option stands in the attribute
//! [`function`](macro@function) and is a method of [`Function`] of the same name, whose documentation says what it does exactly.
//!
//! | I want | option |
//! |---|---|
//! | to start at certain times | [`cron`](Trigger::cron) |
//! | at most so many at once; the rest waits | [`concurrency`](Concurrency) |
//! | at most so many starts in a period; the rest waits | [`throttle`](Throttle) |
//! | at most so many runs in a period; the rest is dropped | [`rate_limit`](RateLimit) |
//! | one run for a burst of events, of which the last counts | [`debounce`](Debounce) |
//! | one run for many events, all of which count | [`batch_events`](Batch) |
//! | one run for an order, however often it is announced | [`idempotency`](Function::idempotency) |
//! | no second run while one is alive | [`singleton`](Singleton) |
//! | some runs before others | [`priority`](Function::priority) |
//! | an event that ends runs; a limit to how long they take | [`cancel_on`](CancelOn), [`timeouts`](Timeouts) |
//! | something to happen when a run has failed for good | [`on_failure`](Function::on_failure) |
//! | finished runs to be kept longer, or not so long | [`retention`](Function::retention) |
//!
//! Expressions (`key`, `if`, `priority`…) are CEL over `event`, the event that starts the run. A field that is missing is null and never an
//! error, and ordering against it is false (Inngest fails there); a condition that gives no boolean does not hold, and the function shows a warning (Inngest is silent). With a key, an option
//! works for every value of it on its own: `"event.data.shop"` makes *10 in a minute* into *10 in a minute for every shop*.
//!
//! For one event and one function they apply in this order: triggers and their conditions; batch; rate limit or idempotency; debounce; singleton; then the run exists, is queued
//! by its priority, waits for the throttle when it starts, and for concurrency at every step.
//!
//! ```
//! use abide_sdk::prelude::*;
//!
//! #[derive(Deserialize)]
//! struct Mention { by: String }
//!
//! /// One mail about up to 50 mentions of a user, ten minutes after the first at the latest; urgent ones at once. Not more than 5 mails at a time.
//! #[abide::function(
//!     id = "mention-digest",
//!     on = "user/mentioned",
//!     batch_events(max_size = 50, timeout = "10m", key = "event.data.user", if = "event.data.urgent != true"),
//!     concurrency = 5,
//! )]
//! async fn mention_digest(ctx: Context, mentions: Vec<Event<Mention>>) -> Result<()> {
//!     let by: Vec<String> = mentions.into_iter().map(|event| event.data.by).collect();
//!     ctx.step("send").run(async move { Ok(log::info!("mentioned by {}", by.join(", "))) }).await?;
//!     Ok(())
//! }
//! ```
//! What can be known to be wrong with an option is a compile error at its place; what concerns the function as a whole (for example two options that
//! exclude each other) ends the deploy, with all faults at once, and [`Function::check`] finds it in a test. Expressions are checked at deploy, since the host reads
//! them.
//!
//! # Shapes of events
//! An app may say what the data of its events look like ([`EventSchema`], in [`app!`]). An event that breaks its schema is refused, whoever sends it.
//!
//! # Logging
//! The macros of `log` and `tracing` (both re-exported) log to the run, and to the step if a body says it, with their fields
//! (`tracing::info!(order = 42, "charged")`) and those of the spans around them; spans of `tracing` are in the run's trace. A line of workflow code is recorded once, however often the run is replayed. Records below `debug` are dropped unless the app calls `log::set_max_level`.
//!
//! # Configuration
//! Configured variables are the environment of bodies: `std::env::var("API_KEY")` works there, and only there.
//!
//! # Tests
//! [`testing`] runs a workflow natively, with the test in the part of the host: also with several events, as the handler of a failure, or with a step's input
//! replaced. It shows a function's configuration as JSON, too.

// The macros name this crate by its public name, inside it as well as outside.
#[doc(hidden)]
pub extern crate self as abide_sdk;

mod app;
mod backoff;
mod bindings;
mod body;
mod combine;
mod config;
mod context;
mod duration;
mod error;
mod event;
mod failure;
mod fetch;
mod function;
mod host;
pub mod http;
mod infer;
mod invoke;
mod logging;
mod numbered;
mod operation;
mod response;
mod runtime;
#[cfg(test)]
mod runtime_tests;
mod schema;
mod send;
mod sleep;
mod step;
mod task;
pub mod testing;
mod timestamp;
mod wait;
mod workflow;

pub use abide_sdk_macros::{app, function};
pub use backoff::Backoff;
pub use combine::{Either, join_all, race, select, try_join_all};
pub use config::{
    Batch, CancelOn, Catchup, Concurrency, CronTrigger, Debounce, EventTrigger, InvalidFunction,
    RateLimit, Scope, Singleton, Throttle, Timeouts, Trigger,
};
pub use context::Context;
pub use duration::{IntoDuration, InvalidDuration};
pub use error::{Error, Result, Retry, StepError};
pub use event::{Event, NewEvent};
pub use failure::{FunctionFailure, RunError};
pub use fetch::Fetch;
pub use function::{Declared, Function};
pub use infer::{Infer, Model};
pub use invoke::Invoke;
pub use log;
pub use operation::{Kind, Operation};
pub use response::Response;
pub use schema::EventSchema;
pub use send::{SendEvent, SendEvents, SendSignal};
pub use serde_json;
pub use sleep::Sleep;
pub use step::{Execution, Run, Step, StepWithInput};
pub use task::Task;
pub use timestamp::{IntoTimestamp, InvalidTimestamp, Timestamp};
pub use tracing;
pub use wait::{WaitForEvent, WaitForSignal};
pub use workflow::Workflow;

/// Everything that an app usually needs: `use abide_sdk::prelude::*;`.
///
/// It brings this crate in as `abide` too, so that the macros read `#[abide::function(…)]` and `abide::app!(…)`.
pub mod prelude {
    pub use std::time::Duration;

    pub use ::abide_sdk as abide;
    pub use log;
    pub use serde::{Deserialize, Serialize};
    pub use serde_json::{Value, json};

    pub use crate::combine::{Either, join_all, race, select, try_join_all};
    pub use crate::{
        Backoff, Batch, CancelOn, Catchup, Concurrency, Context, Debounce, Error, Event,
        EventSchema, Execution, Function, FunctionFailure, NewEvent, RateLimit, Result, Scope,
        Singleton, StepError, Throttle, Timeouts, Timestamp, Trigger, http, join, try_join,
    };
}

/// What the macros expand to. Not for authors.
#[doc(hidden)]
pub mod __private {
    pub use wit_bindgen;

    pub use crate::app::{App, Exports};
    pub use crate::combine::{JoinTuple, TryJoinTuple};
    pub use crate::config::limits;
    pub use crate::duration::parse_ms;

    pub mod bindings {
        pub use crate::bindings::*;
    }
}
