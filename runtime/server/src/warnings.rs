//! What the node noticed about functions that their authors should know: expressions that could not be decided.
//!
//! Kept in memory only, so that the same fault in a million events is one line with a count. Invariants: at most [`KEPT`] warnings a
//! function, of which the one that has been quiet for longest goes first; a new deployment begins without any.

use std::collections::BTreeMap;

use abide_core::function::Undecided;
use abide_core::ids::FunctionId;
use parking_lot::Mutex;

/// Warnings of one function: enough for every option to have one, and a few events that differ.
const KEPT: usize = 32;

/// The longest problem that is kept, in characters: it may quote an event.
const PROBLEM_CHARS: usize = 500;

/// One thing that an author should know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Warning {
    /// The option that holds the expression.
    pub(crate) option: String,
    /// What went wrong, and what followed from it.
    pub(crate) problem: String,
    /// How often.
    pub(crate) count: u64,
    /// When for the first time since the node started.
    pub(crate) first_ms: u64,
    /// When for the last time.
    pub(crate) last_ms: u64,
}

/// The warnings of all functions.
#[derive(Debug, Default)]
pub(crate) struct Warnings {
    by_function: Mutex<BTreeMap<FunctionId, Vec<Warning>>>,
}

impl Warnings {
    /// Notes one; answers whether it is new.
    pub(crate) fn note(&self, undecided: &Undecided, now_ms: u64) -> bool {
        let mut by_function = self.by_function.lock();
        let warnings = by_function.entry(undecided.function.clone()).or_default();
        let problem: String = undecided.problem.chars().take(PROBLEM_CHARS).collect();
        let known = warnings
            .iter_mut()
            .find(|known| known.option == undecided.option && known.problem == problem);
        if let Some(known) = known {
            known.count += 1;
            known.last_ms = now_ms;
            return false;
        }
        if warnings.len() >= KEPT {
            let quietest = (0..warnings.len()).min_by_key(|at| warnings[*at].last_ms);
            if let Some(at) = quietest {
                warnings.remove(at);
            }
        }
        warnings.push(Warning {
            option: undecided.option.clone(),
            problem,
            count: 1,
            first_ms: now_ms,
            last_ms: now_ms,
        });
        true
    }

    /// Those of a function, the latest first.
    pub(crate) fn of(&self, function: &FunctionId) -> Vec<Warning> {
        let mut warnings = self
            .by_function
            .lock()
            .get(function)
            .cloned()
            .unwrap_or_default();
        warnings.sort_by_key(|warning| std::cmp::Reverse(warning.last_ms));
        warnings
    }

    /// Forgets those of an app's functions.
    pub(crate) fn forget(&self, app: &str) {
        self.by_function
            .lock()
            .retain(|function, _| *function.app != *app);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn undecided(function: &str, problem: &str) -> Undecided {
        Undecided {
            function: FunctionId::new("shop", function),
            option: "trigger 0 if".into(),
            problem: problem.into(),
        }
    }

    #[test]
    fn the_same_warning_again_is_counted() {
        let warnings = Warnings::default();
        assert!(warnings.note(&undecided("pay", "no boolean"), 5));
        assert!(!warnings.note(&undecided("pay", "no boolean"), 7));
        assert!(warnings.note(&undecided("mail", "no boolean"), 8));
        let pay = warnings.of(&FunctionId::new("shop", "pay"));
        assert_eq!(pay.len(), 1);
        assert_eq!((pay[0].count, pay[0].first_ms, pay[0].last_ms), (2, 5, 7));
        warnings.forget("shop");
        assert!(warnings.of(&FunctionId::new("shop", "pay")).is_empty());
    }

    #[test]
    fn the_quietest_warning_makes_room() {
        let warnings = Warnings::default();
        for n in 0..KEPT as u64 {
            warnings.note(&undecided("pay", &format!("problem {n}")), n);
        }
        warnings.note(&undecided("pay", "problem 0"), 100);
        warnings.note(&undecided("pay", "one more"), 101);
        let pay = warnings.of(&FunctionId::new("shop", "pay"));
        assert_eq!(pay.len(), KEPT);
        assert_eq!(pay[0].problem, "one more");
        assert_eq!((pay[1].problem.as_str(), pay[1].count), ("problem 0", 2));
        assert!(pay.iter().all(|warning| warning.problem != "problem 1"));
    }
}
