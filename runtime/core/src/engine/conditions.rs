//! Conditions of waits and of events that cancel runs, compiled.
//!
//! A registration holds a condition as text. Very many runs share few texts, and an event may have to decide the condition of each, so what
//! was compiled is kept. It is only a cache: bounded, and never asked for anything that the text does not say.

use std::collections::BTreeMap;

use crate::expr::Expr;

/// Conditions that are kept: each holds some kilobytes at the most.
const MAX_KEPT: usize = 1_024;

/// Compiled conditions by their text; none where the text is not a condition.
#[derive(Debug, Default)]
pub(super) struct Conditions(BTreeMap<String, Option<Expr>>);

impl Conditions {
    /// The condition; none if the text is not one: it was accepted by an earlier version, and matches nothing.
    pub(super) fn compiled(&mut self, source: &str) -> Option<Expr> {
        if let Some(kept) = self.0.get(source) {
            return kept.clone();
        }
        if self.0.len() >= MAX_KEPT {
            // Texts that are made anew for every run would fill it: whoever is still in use comes back at once.
            self.0.clear();
        }
        let compiled = Expr::compile(source).ok();
        self.0.insert(source.to_owned(), compiled.clone());
        compiled
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_are_compiled_once_and_not_kept_without_end() {
        let mut conditions = Conditions::default();
        let first = conditions
            .compiled("event.a == async.a")
            .expect("a condition");
        assert_eq!(first.source(), "event.a == async.a");
        assert!(conditions.compiled("1 +").is_none());
        assert!(conditions.compiled("1 +").is_none());
        assert_eq!(conditions.0.len(), 2);
        for n in 0..2 * MAX_KEPT {
            assert!(conditions.compiled(&format!("async.n == {n}")).is_some());
        }
        assert!(conditions.0.len() <= MAX_KEPT);
    }
}
