//! The smallest possible SDK: one operation at a time.

use crate::bindings::abide::durable::operations::{finish, next, start};
use crate::bindings::abide::durable::types::{
    Failure, News, Operation, RetryAdvice, RunContext, RunOptions, Ticket,
};

/// What a run or a body ends with: JSON, or a failure.
pub(crate) type Outcome = Result<String, Failure>;

pub(crate) fn failure(name: &str, message: &str) -> Failure {
    Failure {
        name: name.to_owned(),
        message: message.to_owned(),
        stack: None,
        data: None,
        retry: RetryAdvice::NonRetriable,
    }
}

/// A step with the default options.
pub(crate) fn plain_run() -> Operation {
    Operation::Run(RunOptions {
        retries: None,
        timeout: None,
        backoff: None,
        input: None,
    })
}

/// Starts an operation and waits for its news; `body` is what a twin executes.
pub(crate) fn perform(
    id: &str,
    operation: &Operation,
    mut body: impl FnMut() -> Outcome,
) -> Outcome {
    let ticket = start(id, operation);
    loop {
        match next() {
            (t, News::Execute(_)) => hand_in(t, &body()),
            (t, news) if t == ticket => return read(news),
            _ => {}
        }
    }
}

/// A step.
pub(crate) fn step(id: &str, body: impl FnMut() -> Outcome) -> Outcome {
    perform(id, &plain_run(), body)
}

/// Hands in a body's outcome.
pub(crate) fn hand_in(ticket: Ticket, outcome: &Outcome) {
    finish(ticket, outcome.as_ref().map(String::as_str));
}

/// News as an outcome.
pub(crate) fn read(news: News) -> Outcome {
    match news {
        News::Done(json) => Ok(json),
        News::Failed(failure) => Err(failure),
        News::Empty => Ok("null".to_owned()),
        News::Execute(_) => Err(failure(
            "Execute",
            "a body was to be executed where none was expected",
        )),
    }
}

/// A JSON text of a string whose length is `bytes` altogether.
pub(crate) fn text_of(bytes: usize) -> String {
    format!("\"{}\"", "x".repeat(bytes.saturating_sub(2)))
}

/// The number `n` of the event's data: `{"n":10001}`, or else `default`. Read without a JSON library, which this guest lacks.
pub(crate) fn number(ctx: &RunContext, default: usize) -> usize {
    let Some((_, rest)) = ctx.event.data.split_once("\"n\":") else {
        return default;
    };
    let digits: String = rest
        .trim_start()
        .chars()
        .take_while(char::is_ascii_digit)
        .collect();
    digits.parse().unwrap_or(default)
}
