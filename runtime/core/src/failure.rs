//! What went wrong, in the one form in which it is journaled, shown to operators and handed to workflow code.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::Json;

/// Whether and when trying again may help.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum RetryAdvice {
    /// As the retry policy says.
    Retriable,
    /// Not at all.
    NonRetriable,
    /// After this many milliseconds.
    After(u64),
    /// At this time, in milliseconds since the Unix epoch.
    At(u64),
}

/// Who or what raised a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Origin {
    /// The author's own code, on purpose.
    Guest,
    /// The instance trapped: a panic, an unreachable, a stack overflow.
    Trap,
    /// It took longer than it may.
    Timeout,
    /// It wanted more memory than it may have.
    Memory,
    /// It broke another limit, or a rule of the contract.
    Limit,
    /// An operator or an event ended it.
    Cancelled,
    /// The outside could not be reached.
    Network,
    /// The function that was invoked failed or does not exist.
    Invoke,
    /// The process ended, or the run was stopped, in the middle of it.
    Interrupted,
}

/// An error as it is recorded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// The kind of error in the author's terms, for example `PaymentDeclined`.
    pub name: String,
    /// One sentence for a human.
    pub message: String,
    /// The stack, innermost frame first.
    pub stack: Option<String>,
    /// What the author attached: JSON.
    pub data: Option<Json>,
    /// Whether trying again may help.
    pub retry: RetryAdvice,
    /// Who raised it.
    pub origin: Origin,
}

impl Failure {
    /// A failure of the platform that trying again may mend.
    pub fn platform(origin: Origin, message: impl Into<String>) -> Self {
        let name = match origin {
            Origin::Guest => "Error",
            Origin::Trap => "Trap",
            Origin::Timeout => "Timeout",
            Origin::Memory => "MemoryLimit",
            Origin::Limit => "LimitExceeded",
            Origin::Cancelled => "Cancelled",
            Origin::Network => "NetworkError",
            Origin::Invoke => "InvokeError",
            Origin::Interrupted => "Interrupted",
        };
        Self {
            name: name.into(),
            message: message.into(),
            stack: None,
            data: None,
            retry: RetryAdvice::Retriable,
            origin,
        }
    }

    /// The same, and trying again cannot help.
    pub fn permanent(origin: Origin, message: impl Into<String>) -> Self {
        Self {
            retry: RetryAdvice::NonRetriable,
            ..Self::platform(origin, message)
        }
    }

    /// The same failure with this stack.
    #[must_use]
    pub fn with_stack(mut self, stack: impl Into<String>) -> Self {
        self.stack = Some(stack.into());
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name, self.message)
    }
}
