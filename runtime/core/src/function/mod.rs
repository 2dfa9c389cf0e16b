//! Functions: their configuration, and which of them an event starts.
//!
//! Source of the rules: SEMANTICS, section 2. [`options`] holds the shapes, `check` what is allowed, `triggers` the index by which an event
//! finds functions, `effective` what is
//! in force.

mod check;
mod effective;
pub mod options;
mod triggers;

use serde::{Deserialize, Serialize};

use crate::retry::{Backoff, DEFAULT_RETRIES, RetryPolicy};
use options::{
    BatchEvents, CancelOn, Concurrency, Debounce, RateLimit, Singleton, Throttle, Timeouts,
};

pub use options::Trigger;

pub use check::{InvalidFunction, is_kebab_case, validate_functions};
pub use effective::Setting;
pub(crate) use effective::span;
pub use triggers::{TriggerIndex, Undecided};

/// A function as its author configured it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct FunctionConfig {
    /// kebab-case, unique in its app.
    pub id: String,
    /// What people call it.
    pub name: Option<String>,
    /// What starts it; nothing: only `invoke`.
    pub triggers: Vec<Trigger>,
    /// Retries of steps and workflow code.
    pub retries: Option<u32>,
    /// The schedule of retries.
    pub backoff: Option<Backoff>,
    /// How much may go on at once: up to two limits, of which all hold.
    pub concurrency: Vec<Concurrency>,
    /// How fast runs may start.
    pub throttle: Option<Throttle>,
    /// How many events of a period start runs.
    pub rate_limit: Option<RateLimit>,
    /// One run after a time without events.
    pub debounce: Option<Debounce>,
    /// One run for several events.
    pub batch_events: Option<BatchEvents>,
    /// Seconds by which the run comes before others in the queue.
    pub priority: Option<String>,
    /// The first event of every value within 24 hours starts a run.
    pub idempotency: Option<String>,
    /// At most one live run.
    pub singleton: Option<Singleton>,
    /// Events that cancel runs.
    pub cancel_on: Vec<CancelOn>,
    /// How long a run may take.
    pub timeouts: Timeouts,
    /// How long a finished run is kept, if not as long as the node is configured.
    pub retention_ms: Option<u64>,
}

impl FunctionConfig {
    /// The retry policy of steps that set nothing of their own, and of workflow code.
    pub fn policy(&self) -> RetryPolicy {
        RetryPolicy {
            max_attempts: self.retries.unwrap_or(DEFAULT_RETRIES) + 1,
            backoff: self.backoff,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::options::EventTrigger;
    use super::*;
    use crate::event::{EventSource, NewEvent};
    use crate::expr::Scope;
    use crate::ids::{EventId, FunctionId};

    fn function(id: &str, triggers: &[(&str, Option<&str>)]) -> FunctionConfig {
        FunctionConfig {
            id: id.into(),
            triggers: triggers
                .iter()
                .map(|(event, if_expr)| {
                    Trigger::Event(EventTrigger {
                        event: (*event).into(),
                        if_expr: if_expr.map(str::to_owned),
                    })
                })
                .collect(),
            ..FunctionConfig::default()
        }
    }

    fn started(functions: &[FunctionConfig], name: &str, data: &str) -> Vec<String> {
        let mut index = TriggerIndex::default();
        for config in functions {
            index.add(&FunctionId::new("app", config.id.as_str()), config);
        }
        let event = NewEvent {
            name: name.into(),
            data: Some(data.into()),
            ..NewEvent::default()
        }
        .accept(EventId(1), 0, EventSource::Api);
        let scope = Scope::parse(&event.to_json()).expect("JSON");
        let (found, _) = index.matching(&event, || &scope);
        found.iter().map(|id| id.function.to_string()).collect()
    }

    #[test]
    fn exact_names_patterns_and_conditions_start_functions_once() {
        let functions = [
            function("exact", &[("user/created", None), ("user/*", None)]),
            function("dotted", &[("user/created.*", None)]),
            function("adults", &[("user/created", Some("event.data.age >= 18"))]),
        ];
        assert_eq!(started(&functions, "user/created", "{}"), ["exact"]);
        assert_eq!(
            started(&functions, "user/created", r#"{"age":20}"#),
            ["adults", "exact"]
        );
        assert_eq!(
            started(&functions, "user/created.eu.it", "{}"),
            ["dotted", "exact"]
        );
        assert!(started(&functions, "users/created", "{}").is_empty());
    }
}
