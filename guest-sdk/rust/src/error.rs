//! What can go wrong, and what an author says about trying again.
//!
//! [`Error`] is what bodies and workflows return; any standard error turns into one with `?`. [`StepError`] is what an awaited
//! operation gives to the workflow: a standard error that may be caught, and passes on with `?` otherwise.

use std::any::Any;
use std::fmt;
use std::panic::Location;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::bindings::types::{Failure, RetryAdvice};
use crate::duration::{IntoDuration, as_ms};
use crate::timestamp::Timestamp;

/// The result of a step's body and of a workflow.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The error of a step's body or of workflow code, with the author's word on trying again.
///
/// Any standard error becomes one through `?`, and may be tried again as the retry policy says. The constructors say otherwise:
///
/// ```
/// use abide_sdk::prelude::*;
///
/// fn check(amount: i64) -> Result<i64> {
///     if amount <= 0 {
///         // Trying again would not help.
///         return Err(Error::non_retriable("the amount must be positive").named("InvalidAmount"));
///     }
///     let fee: i64 = "12".parse()?; // a standard error: retriable
///     Ok(amount + fee)
/// }
///
/// let error = check(0).unwrap_err();
/// assert_eq!((error.name(), error.is_retriable()), ("InvalidAmount", false));
/// ```
///
/// It does not implement `std::error::Error` itself, which is what makes `?` work for every type that does.
pub struct Error(Box<Inner>);

struct Inner {
    name: String,
    message: String,
    /// Innermost place first.
    stack: Vec<String>,
    data: Option<Value>,
    retry: Retry,
}

/// Whether and when trying again may help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// As the retry policy says.
    ByPolicy,
    /// Trying again cannot help.
    Never,
    /// After this long, clamped to 1 second … 24 hours.
    After(Duration),
    /// At this time, clamped to 1 second … 24 hours from now.
    At(Timestamp),
}

impl Error {
    #[track_caller]
    fn new(name: &str, message: String, retry: Retry) -> Self {
        let stack = vec![place(Location::caller())];
        Self(Box::new(Inner {
            name: name.to_owned(),
            message,
            stack,
            data: None,
            retry,
        }))
    }

    /// An error that trying again may cure: the retry policy decides.
    #[track_caller]
    pub fn retriable(message: impl fmt::Display) -> Self {
        Self::new("Error", message.to_string(), Retry::ByPolicy)
    }

    /// An error that trying again cannot cure: the step, or the run, fails at once.
    #[track_caller]
    pub fn non_retriable(message: impl fmt::Display) -> Self {
        Self::new("Error", message.to_string(), Retry::Never)
    }

    /// An error to be tried again after `delay`, for example because a service said so.
    ///
    /// The delay is clamped to 1 second … 24 hours. If it is text that says no length of time, the retry policy decides, and
    /// the message says so.
    ///
    /// ```
    /// use abide_sdk::{Error, Retry};
    /// use std::time::Duration;
    ///
    /// let error = Error::retry_after("the gateway is busy", "90s");
    /// assert_eq!(error.retry(), Retry::After(Duration::from_secs(90)));
    /// ```
    #[track_caller]
    pub fn retry_after(message: impl fmt::Display, delay: impl IntoDuration) -> Self {
        match delay.into_duration() {
            Ok(delay) => Self::new("Error", message.to_string(), Retry::After(delay)),
            Err(invalid) => Self::new("Error", format!("{message} ({invalid})"), Retry::ByPolicy),
        }
    }

    /// An error to be tried again at a certain time, clamped to 1 second … 24 hours from now.
    #[track_caller]
    pub fn retry_at(message: impl fmt::Display, time: impl Into<Timestamp>) -> Self {
        Self::new("Error", message.to_string(), Retry::At(time.into()))
    }

    /// Gives the kind of error a name, for whoever catches it or counts it. Default: `Error`, or the type of the standard error.
    #[must_use]
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.0.name = name.into();
        self
    }

    /// Attaches data, which [`StepError::data`] gives to whoever catches it. What JSON cannot express is left out.
    #[must_use]
    pub fn with_data(mut self, data: impl Serialize) -> Self {
        self.0.data = serde_json::to_value(data).ok();
        self
    }

    /// Says what was being done, in front of the message: `charging order 7: connection refused`.
    #[must_use]
    pub fn context(mut self, doing: impl fmt::Display) -> Self {
        self.0.message = format!("{doing}: {}", self.0.message);
        self
    }

    /// The same error, with another word on trying again.
    #[must_use]
    pub fn with_retry(mut self, retry: Retry) -> Self {
        self.0.retry = retry;
        self
    }

    /// Forgets the place where the error was made: one inside the SDK tells an author nothing.
    pub(crate) fn without_place(mut self) -> Self {
        self.0.stack.clear();
        self
    }

    /// The kind of error.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// One sentence for a human.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// What it says about trying again.
    pub fn retry(&self) -> Retry {
        self.0.retry
    }

    /// Whether trying again may help.
    pub fn is_retriable(&self) -> bool {
        self.0.retry != Retry::Never
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.0.name, self.0.message)?;
        self.0
            .stack
            .iter()
            .try_for_each(|line| write!(f, "\n  {line}"))
    }
}

impl<E: std::error::Error + 'static> From<E> for Error {
    #[track_caller]
    fn from(error: E) -> Self {
        if let Some(failed) = (&error as &dyn Any).downcast_ref::<StepError>() {
            return failed.to_error(Location::caller());
        }
        let mut message = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            let text = cause.to_string();
            if !message.contains(&text) {
                message = format!("{message}: {text}");
            }
            source = cause.source();
        }
        Self::new(type_name::<E>(), message, Retry::ByPolicy)
    }
}

/// The last part of a type's path: `ParseIntError`.
fn type_name<E>() -> &'static str {
    let path = std::any::type_name::<E>();
    let path = path.split('<').next().unwrap_or(path);
    path.rsplit("::").next().unwrap_or(path)
}

fn place(location: &Location<'_>) -> String {
    format!(
        "at {}:{}:{}",
        location.file(),
        location.line(),
        location.column()
    )
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let Inner {
            name,
            message,
            stack,
            data,
            retry,
        } = *error.0;
        Self {
            name,
            message,
            stack: (!stack.is_empty()).then(|| stack.join("\n")),
            data: data.map(|data| data.to_string()),
            retry: match retry {
                Retry::ByPolicy => RetryAdvice::Retriable,
                Retry::Never => RetryAdvice::NonRetriable,
                Retry::After(delay) => RetryAdvice::RetryAfter(as_ms(delay)),
                Retry::At(time) => RetryAdvice::RetryAt(time.as_millis()),
            },
        }
    }
}

/// Why an operation did not give what the workflow asked for: its last attempt failed, or the request itself was wrong.
///
/// Workflow code may catch it; passed on with `?` it ends the run, and since the failure is recorded, workflow code is not tried again.
///
/// ```no_run
/// # use abide_sdk::prelude::*;
/// # async fn charge() -> Result<String> { Ok(String::new()) }
/// # async fn refund() -> Result<()> { Ok(()) }
/// # async fn example(ctx: Context) -> Result<()> {
/// match ctx.step("charge").run(charge()).await {
///     Ok(receipt) => log::info!("paid: {receipt}"),
///     Err(error) if error.name() == "CardDeclined" => log::warn!("{error}"),
///     Err(error) => return Err(error.into()),
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepError(Box<StepInner>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct StepInner {
    step: String,
    name: String,
    message: String,
    stack: Option<String>,
    data: Option<Value>,
}

impl StepError {
    pub(crate) fn new(step: &str, name: &str, message: impl fmt::Display) -> Self {
        let (step, name, message) = (step.to_owned(), name.to_owned(), message.to_string());
        Self(Box::new(StepInner {
            step,
            name,
            message,
            stack: None,
            data: None,
        }))
    }

    pub(crate) fn from_failure(step: &str, failure: Failure) -> Self {
        let data = failure
            .data
            .and_then(|text| serde_json::from_str(&text).ok());
        let Failure {
            name,
            message,
            stack,
            ..
        } = failure;
        Self(Box::new(StepInner {
            step: step.to_owned(),
            name,
            message,
            stack,
            data,
        }))
    }

    /// The id of the step, as the author wrote it.
    pub fn step(&self) -> &str {
        &self.0.step
    }

    /// The kind of error: what [`Error::named`] said in the body, or one of the SDK's own: `InvalidOptions` (the operation was asked for
    /// wrongly), `InvalidResult` (the recorded result is not of the expected type), `NestedOperation` (a body used the context).
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// One sentence for a human, without the step's id.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// What [`Error::with_data`] attached, if it is there and is a `T`.
    pub fn data<T: DeserializeOwned>(&self) -> Option<T> {
        T::deserialize(self.0.data.as_ref()?).ok()
    }

    fn to_error(&self, caught: &Location<'_>) -> Error {
        let stack = self
            .0
            .stack
            .iter()
            .cloned()
            .chain([place(caught)])
            .collect();
        let (name, data) = (self.0.name.clone(), self.0.data.clone());
        Error(Box::new(Inner {
            name,
            message: self.to_string(),
            stack,
            data,
            retry: Retry::Never,
        }))
    }
}

impl fmt::Display for StepError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A failure of the platform names its step already.
        if self.0.message.starts_with("step `") {
            f.write_str(&self.0.message)
        } else {
            write!(f, "step `{}`: {}", self.0.step, self.0.message)
        }
    }
}

impl std::error::Error for StepError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<i32> {
        Ok(text.parse()?)
    }

    #[test]
    fn a_standard_error_keeps_its_type_its_message_and_the_place_of_the_question_mark() {
        let failure = Failure::from(parse("x").unwrap_err());
        assert_eq!(failure.name, "ParseIntError");
        assert_eq!(failure.message, "invalid digit found in string");
        assert_eq!(failure.retry, RetryAdvice::Retriable);
        let stack = failure.stack.unwrap();
        assert!(stack.starts_with("at src/error.rs:"), "{stack}");
    }

    #[test]
    fn causes_follow_the_message_once() {
        #[derive(Debug)]
        struct Outer(std::num::ParseIntError);
        impl fmt::Display for Outer {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("reading the amount")
            }
        }
        impl std::error::Error for Outer {
            fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
                Some(&self.0)
            }
        }
        let error = Error::from(Outer("x".parse::<i32>().unwrap_err()));
        assert_eq!(
            error.to_string(),
            "reading the amount: invalid digit found in string"
        );
        assert_eq!(error.name(), "Outer");
    }

    #[test]
    fn an_uncaught_step_error_is_final_and_keeps_name_and_data() {
        let body = Error::retriable("declined")
            .named("CardDeclined")
            .with_data(7);
        let error = Error::from(StepError::from_failure("charge", body.into()));
        assert_eq!(
            (error.name(), error.message(), error.retry()),
            ("CardDeclined", "step `charge`: declined", Retry::Never)
        );
        assert_eq!(Failure::from(error).data.as_deref(), Some("7"));
    }
}
