//! What an author can get wrong in a function's configuration, each fault with the option and the reason.

use std::collections::BTreeSet;

use super::FunctionConfig;
use super::options::{EventTrigger, Trigger};
use super::triggers::prefix_of;
use crate::retry::{Backoff, MAX_RETRIES};

/// The most triggers of one function.
const MAX_TRIGGERS: usize = 10;

/// The longest id of an app or a function.
const MAX_ID_CHARS: usize = 128;

/// What is wrong with a function's configuration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("function `{function}`: {problem}")]
pub struct InvalidFunction {
    /// The function's id.
    pub function: String,
    /// What is wrong, with the field.
    pub problem: String,
}

/// Whether `id` can name an app or a function: 1 to 128 lower-case letters, digits and single hyphens inside.
pub fn is_kebab_case(id: &str) -> bool {
    (1..=MAX_ID_CHARS).contains(&id.len())
        && id
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        && !id.starts_with('-')
        && !id.ends_with('-')
        && !id.contains("--")
}

impl FunctionConfig {
    /// Checks everything that an author can get wrong.
    pub fn validate(&self) -> Result<(), InvalidFunction> {
        let problem = self.problem();
        problem.map_or(Ok(()), |problem| {
            Err(InvalidFunction {
                function: self.id.clone(),
                problem,
            })
        })
    }

    fn problem(&self) -> Option<String> {
        if !is_kebab_case(&self.id) {
            return Some(format!(
                "id: must be kebab-case (a-z, 0-9 and single hyphens) of 1 to {MAX_ID_CHARS} characters"
            ));
        }
        if self.triggers.len() > MAX_TRIGGERS {
            let count = self.triggers.len();
            return Some(format!(
                "triggers: {count} are more than the limit of {MAX_TRIGGERS}"
            ));
        }
        if let Some(retries) = self.retries
            && retries > MAX_RETRIES
        {
            return Some(format!(
                "retries: {retries} is more than the limit of {MAX_RETRIES}"
            ));
        }
        if let Some(fault) = self.backoff.as_ref().and_then(Backoff::fault) {
            return Some(fault);
        }
        self.triggers
            .iter()
            .enumerate()
            .find_map(|(index, trigger)| Some(format!("trigger {index}: {}", trigger.problem()?)))
    }
}

/// Checks all functions of an app together.
pub fn validate_functions(functions: &[FunctionConfig]) -> Result<(), InvalidFunction> {
    let mut seen = BTreeSet::new();
    for function in functions {
        function.validate()?;
        if !seen.insert(&function.id) {
            return Err(InvalidFunction {
                function: function.id.clone(),
                problem: "the app has two functions of this id".into(),
            });
        }
    }
    Ok(())
}

impl Trigger {
    fn problem(&self) -> Option<String> {
        match self {
            Self::Event(trigger) => trigger.problem(),
            Self::Cron(_) => None,
            Self::FailureOf(function) => (!is_kebab_case(function))
                .then(|| format!("failure-of: `{function}` is no function's id")),
        }
    }
}

impl EventTrigger {
    fn problem(&self) -> Option<String> {
        let chars = self.event.chars().count();
        if chars == 0 || chars > crate::limits::MAX_NAME_CHARS {
            return Some(format!("event: must have 1 to 256 characters, has {chars}"));
        }
        let exact = prefix_of(&self.event).unwrap_or(&self.event);
        if exact.contains('*') {
            return Some(format!(
                "event: `{}` has a `*` in a place other than a last part `/*` or `.*`",
                self.event
            ));
        }
        let fault = self.condition().err()?;
        Some(format!("if: {fault}"))
    }
}
