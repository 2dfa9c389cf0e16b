//! Functions: their configuration, and which of them an event starts.
//!
//! Source of the rules: SEMANTICS, section 2. This module holds event triggers; other ways to start, pace and end runs are
//! further fields of [`FunctionConfig`], each checked in [`FunctionConfig::validate`].

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::event::Event;
use crate::expr::{Expr, InvalidExpr, Scope};
use crate::ids::FunctionId;
use crate::retry::{Backoff, DEFAULT_RETRIES, MAX_RETRIES, RetryPolicy};

/// The most triggers of one function.
const MAX_TRIGGERS: usize = 10;

/// The longest id of an app or a function.
const MAX_ID_CHARS: usize = 128;

/// What starts a function.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trigger {
    /// An event's exact name, or a pattern that ends in `/*` or `.*`.
    pub event: String,
    /// CEL over `event`; every such event if absent.
    pub if_expr: Option<String>,
}

/// A function as its author configured it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
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
}

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
    /// The retry policy of steps that set nothing of their own, and of workflow code.
    pub fn policy(&self) -> RetryPolicy {
        RetryPolicy {
            max_attempts: self.retries.unwrap_or(DEFAULT_RETRIES) + 1,
            backoff: self.backoff,
        }
    }

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

    fn condition(&self) -> Result<Option<Expr>, InvalidExpr> {
        let source = self.if_expr.as_deref();
        source.map(Expr::compile_without_async).transpose()
    }
}

/// What a pattern's matches begin with, if `event` is a pattern.
fn prefix_of(event: &str) -> Option<&str> {
    let prefix = event.strip_suffix('*')?;
    (prefix.ends_with('/') || prefix.ends_with('.')).then_some(prefix)
}

/// Finds the functions that an event starts.
#[derive(Debug, Default)]
pub struct TriggerIndex {
    exact: BTreeMap<String, Vec<Candidate>>,
    prefixes: BTreeMap<String, Vec<Candidate>>,
}

#[derive(Debug)]
struct Candidate {
    function: FunctionId,
    condition: Option<Expr>,
}

/// A condition that could not be decided: the event does not start the function, and the author should know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UndecidedTrigger {
    /// The function that was not started.
    pub function: FunctionId,
    /// The error of the evaluation.
    pub problem: String,
}

impl TriggerIndex {
    /// Adds the triggers of a function whose configuration was validated.
    pub fn add(&mut self, id: &FunctionId, config: &FunctionConfig) {
        for trigger in &config.triggers {
            // A condition that today's rules refuse, accepted by an earlier version: it starts nothing rather than everything.
            let Ok(condition) = trigger.condition() else {
                continue;
            };
            let candidate = Candidate {
                function: id.clone(),
                condition,
            };
            let (map, key) = match prefix_of(&trigger.event) {
                Some(prefix) => (&mut self.prefixes, prefix),
                None => (&mut self.exact, trigger.event.as_str()),
            };
            map.entry(key.to_owned()).or_default().push(candidate);
        }
    }

    /// Removes every trigger of an app.
    pub fn remove_app(&mut self, app: &str) {
        for map in [&mut self.exact, &mut self.prefixes] {
            map.retain(|_, candidates| {
                candidates.retain(|c| &*c.function.app != app);
                !candidates.is_empty()
            });
        }
    }

    /// The functions that `event` starts, each once, in the order of their ids.
    pub fn matching(&self, event: &Event) -> (Vec<FunctionId>, Vec<UndecidedTrigger>) {
        let mut found = Vec::new();
        let mut undecided = Vec::new();
        let mut scope: Option<Scope> = None;
        let exact = self.exact.get(&*event.name);
        let patterns = self
            .prefixes
            .iter()
            .filter(|(prefix, _)| event.name.starts_with(prefix.as_str()))
            .map(|(_, candidates)| candidates);
        for candidate in exact.into_iter().chain(patterns).flatten() {
            match &candidate.condition {
                None => found.push(candidate.function.clone()),
                Some(condition) => {
                    let scope = scope
                        .get_or_insert_with(|| Scope::parse(&event.to_json()).unwrap_or_default());
                    match condition.matches(scope, None) {
                        Ok(true) => found.push(candidate.function.clone()),
                        Ok(false) => {}
                        Err(error) => undecided.push(UndecidedTrigger {
                            function: candidate.function.clone(),
                            problem: error.to_string(),
                        }),
                    }
                }
            }
        }
        found.sort();
        found.dedup();
        (found, undecided)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{EventSource, NewEvent};
    use crate::ids::EventId;

    fn function(id: &str, triggers: &[(&str, Option<&str>)]) -> FunctionConfig {
        FunctionConfig {
            id: id.into(),
            name: None,
            triggers: triggers
                .iter()
                .map(|(event, if_expr)| Trigger {
                    event: (*event).into(),
                    if_expr: if_expr.map(str::to_owned),
                })
                .collect(),
            retries: None,
            backoff: None,
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
        let (found, _) = index.matching(&event);
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

    #[test]
    fn what_an_author_can_get_wrong_is_named() {
        let problem = |f: FunctionConfig| f.validate().unwrap_err().to_string();
        assert!(problem(function("Not_Kebab", &[])).contains("kebab-case"));
        assert!(problem(function("a", &[("user/*/x", None)])).contains("trigger 0: event:"));
        assert!(problem(function("a", &[("x", Some("1 +"))])).contains("trigger 0: if:"));
        let mut many = function("a", &[]);
        many.retries = Some(21);
        assert!(problem(many).contains("retries: 21"));
        let twice = [function("a", &[]), function("a", &[])];
        assert!(validate_functions(&twice).is_err());
    }
}
