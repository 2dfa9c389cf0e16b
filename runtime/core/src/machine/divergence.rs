//! Divergence: replayed code asks for something else than what is recorded.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::failure::{Failure, Origin, RetryAdvice};

/// One field in which the recorded and the attempted operation differ.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldDifference {
    /// Its name.
    pub field: String,
    /// What the journal says.
    pub recorded: String,
    /// What the code asks for now.
    pub attempted: String,
}

/// The first place where replayed code and journal part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Divergence {
    /// Which operation of the attempt, counted from 0.
    pub index: u32,
    /// The operation that is recorded there, if one is.
    pub recorded: Option<String>,
    /// The operation that the code asks for there, if it asks for one.
    pub attempted: Option<String>,
    /// How they differ.
    pub differences: Vec<FieldDifference>,
}

impl fmt::Display for Divergence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = |step: &Option<String>| match step {
            Some(step) => format!("`{step}`"),
            None => "nothing".to_owned(),
        };
        write!(
            f,
            "operation {} of the replay is not the recorded one: recorded {}, attempted {}",
            self.index,
            name(&self.recorded),
            name(&self.attempted)
        )?;
        for difference in &self.differences {
            write!(
                f,
                "; {}: recorded {}, attempted {}",
                difference.field, difference.recorded, difference.attempted
            )?;
        }
        Ok(())
    }
}

impl Divergence {
    /// The divergence as the reason for which a run is paused.
    pub fn to_failure(&self) -> Failure {
        Failure {
            name: "NonDeterminism".into(),
            message: format!(
                "{self}. The run is paused and nothing is lost. Workflow code must depend on nothing but the event and the \
                 results of its steps: move whatever reads the outside into a step"
            ),
            stack: None,
            data: None,
            retry: RetryAdvice::NonRetriable,
            origin: Origin::Limit,
        }
    }
}
