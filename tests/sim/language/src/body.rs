//! What the body of a step does.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::interpret::Thrown;
use crate::program::{Fails, Step};
use crate::{ASKED, REFUSED};

/// What the outside service is told by a body, as the body of a `POST`. It notes it, and answers with [`Reported`] and the same value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// The run.
    pub run_id: String,
    /// The program's key.
    pub key: String,
    /// The function's id.
    pub function: String,
    /// The step's id, without its repeat.
    pub step: String,
    /// Which attempt, from 0.
    pub attempt: u32,
    /// Differs for every attempt.
    pub idempotency_key: String,
    /// The same for every attempt; differs for every repeat.
    pub step_key: String,
    /// What to answer with.
    pub value: Value,
}

/// What the outside service answers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reported {
    /// The value that was asked for.
    pub value: Value,
}

/// One attempt at the body of `step`, which is to return `value`: `report` calls the outside service.
pub async fn perform<F>(
    step: Step,
    value: Value,
    attempt: u32,
    report: impl FnOnce(Value) -> F,
) -> Result<Value, Thrown>
where
    F: Future<Output = Result<Value, Thrown>>,
{
    let value = if step.call {
        report(value).await?
    } else {
        value
    };
    let fails = |name: &str, retriable, after_ms| {
        Err(Thrown {
            name: name.to_owned(),
            message: format!("attempt {attempt} fails as asked"),
            retriable,
            after_ms,
        })
    };
    match step.fails {
        Fails::First(below, after_ms) if attempt < below => fails(ASKED, true, after_ms),
        Fails::Always => Err(Thrown {
            // The same for every attempt: which one is the last is not for the program to say.
            message: "it fails as asked".to_owned(),
            ..Thrown::retriable(ASKED)
        }),
        Fails::Refuses(below) if attempt < below => fails(ASKED, true, None),
        Fails::Refuses(_) => Err(Thrown {
            message: "it refuses".to_owned(),
            ..Thrown::for_good(REFUSED)
        }),
        Fails::Never | Fails::First(..) => Ok(value),
    }
}
