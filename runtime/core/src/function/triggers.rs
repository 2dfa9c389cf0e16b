//! The index by which an event finds the functions that it starts.

use std::collections::BTreeMap;

use super::FunctionConfig;
use super::options::{EventTrigger, Trigger};
use crate::event::Event;
use crate::expr::{Expr, InvalidExpr, Scope};
use crate::ids::FunctionId;

/// What a pattern's matches begin with, if `event` is a pattern.
pub(super) fn prefix_of(event: &str) -> Option<&str> {
    let prefix = event.strip_suffix('*')?;
    (prefix.ends_with('/') || prefix.ends_with('.')).then_some(prefix)
}

/// Finds the functions that an event starts.
#[derive(Debug, Default)]
pub struct TriggerIndex {
    exact: BTreeMap<String, Vec<Candidate>>,
    prefixes: BTreeMap<String, Vec<Candidate>>,
    /// By the function that failed.
    failures: BTreeMap<FunctionId, Vec<FunctionId>>,
}

impl EventTrigger {
    /// Whether events of this name come under its condition: the name is the trigger's own, or one that its pattern takes in.
    pub fn listens_to(&self, name: &str) -> bool {
        match prefix_of(&self.event) {
            Some(prefix) => name.starts_with(prefix),
            None => self.event == name,
        }
    }

    /// Its condition, compiled; none if it takes every event of its name.
    pub fn condition(&self) -> Result<Option<Expr>, InvalidExpr> {
        let source = self.if_expr.as_deref();
        source.map(Expr::compile_without_async).transpose()
    }
}

#[derive(Debug)]
struct Candidate {
    function: FunctionId,
    /// Which of the function's triggers it is.
    place: usize,
    condition: Option<Expr>,
}

/// An expression of a function that could not be decided for an event: its author should know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Undecided {
    /// The function.
    pub function: FunctionId,
    /// The option that holds the expression, for example `trigger 0 if`.
    pub option: String,
    /// The error of the evaluation, and what follows from it.
    pub problem: String,
}

impl TriggerIndex {
    /// Adds the triggers of a function whose configuration was validated.
    pub fn add(&mut self, id: &FunctionId, config: &FunctionConfig) {
        for (place, trigger) in config.triggers.iter().enumerate() {
            let trigger = match trigger {
                Trigger::Event(trigger) => trigger,
                Trigger::Cron(_) => continue,
                Trigger::FailureOf(failing) => {
                    let failing = FunctionId::new(id.app.clone(), failing.as_str());
                    self.failures.entry(failing).or_default().push(id.clone());
                    continue;
                }
            };
            // A condition that today's rules refuse, accepted by an earlier version: it starts nothing rather than everything.
            let Ok(condition) = trigger.condition() else {
                continue;
            };
            let candidate = Candidate {
                function: id.clone(),
                place,
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
        self.failures.retain(|failing, _| &*failing.app != app);
    }

    /// Whether events of this name start functions, perhaps under a condition.
    pub fn listens(&self, name: &str) -> bool {
        let patterns = || self.prefixes.keys();
        self.exact.contains_key(name) || patterns().any(|prefix| name.starts_with(prefix.as_str()))
    }

    /// The functions that handle the final failure of a function's runs.
    pub fn handlers_of_failure(&self, failing: &FunctionId) -> &[FunctionId] {
        self.failures.get(failing).map_or(&[], Vec::as_slice)
    }

    /// The functions that `event` starts, each once, in the order of their ids.
    ///
    /// `scope` gives the event as conditions see it; it is asked only if there is a condition.
    pub fn matching<'s>(
        &self,
        event: &Event,
        scope: impl Fn() -> &'s Scope,
    ) -> (Vec<FunctionId>, Vec<Undecided>) {
        let mut found = Vec::new();
        let mut undecided = Vec::new();
        let exact = self.exact.get(&*event.name);
        let patterns = self
            .prefixes
            .iter()
            .filter(|(prefix, _)| event.name.starts_with(prefix.as_str()))
            .map(|(_, candidates)| candidates);
        for candidate in exact.into_iter().chain(patterns).flatten() {
            match &candidate.condition {
                None => found.push(candidate.function.clone()),
                Some(condition) => match condition.matches(scope(), None) {
                    Ok(true) => found.push(candidate.function.clone()),
                    Ok(false) => {}
                    Err(error) => undecided.push(Undecided {
                        function: candidate.function.clone(),
                        option: format!("trigger {} if", candidate.place),
                        problem: format!("{error}; the event does not start the function"),
                    }),
                },
            }
        }
        found.sort();
        found.dedup();
        (found, undecided)
    }
}
