//! What was observed of a run, against the worlds of its program.

use std::collections::{BTreeMap, BTreeSet};

use super::trace::{Rule, Trace};
use super::{End, World};

/// One call of the outside service by a body, as it was noted, in the order in which it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// The step's id, without its repeat.
    pub step: String,
    /// The same for every attempt; differs for every repeat.
    pub step_key: String,
    /// Which attempt, from 0.
    pub attempt: u32,
}

/// What was observed of a run.
#[derive(Debug, Clone, Copy)]
pub struct Seen<'a> {
    /// How it ended; nothing while it goes on.
    pub end: Option<&'a End>,
    /// Its calls.
    pub calls: &'a [Call],
    /// How many runs there are of each program that it started, by key; nothing where nobody looked.
    pub children: Option<&'a BTreeMap<String, u32>>,
}

pub(super) fn judge(worlds: &[World], seen: &Seen<'_>) -> Result<(), String> {
    let fits = |world: &&World| match seen.end {
        None | Some(End::Cancelled) => true,
        Some(end) => world.end == *end,
    };
    let whole = !matches!(seen.end, None | Some(End::Cancelled));
    let mut problem = None;
    for world in worlds.iter().filter(fits) {
        match fault(&world.trace, seen, whole) {
            None => return Ok(()),
            Some(fault) => {
                problem.get_or_insert(fault);
            }
        }
    }
    Err(problem.unwrap_or_else(|| {
        let ends: BTreeSet<String> = worlds
            .iter()
            .map(|world| format!("{:?}", world.end))
            .collect();
        let ends: Vec<String> = ends.into_iter().take(4).collect();
        format!(
            "it ended with {:?}, and may end with one of {}: {}",
            seen.end,
            ends.len(),
            ends.join(" or ")
        )
    }))
}

/// What does not fit a world; `whole` says whether the run came to its end.
fn fault(trace: &Trace, seen: &Seen<'_>, whole: bool) -> Option<String> {
    let mut by_step: BTreeMap<&str, BTreeMap<&str, Vec<u32>>> = BTreeMap::new();
    for call in seen.calls {
        let attempts = by_step.entry(&call.step).or_default();
        attempts
            .entry(&call.step_key)
            .or_default()
            .push(call.attempt);
    }
    for (step, repeats) in &by_step {
        match trace.steps.get(*step) {
            None => return Some(format!("step `{step}` executed, and must not")),
            Some(rule) => {
                if let Some(fault) = step_fault(rule, repeats, whole) {
                    return Some(format!("step `{step}`: {fault}"));
                }
            }
        }
    }
    if whole {
        let mut missing = trace.steps.iter().filter(|(_, rule)| rule.must > 0);
        if let Some((step, _)) = missing.find(|(step, _)| !by_step.contains_key(step.as_str())) {
            return Some(format!("step `{step}` did not execute, and must"));
        }
    }
    order_fault(trace, seen.calls).or_else(|| children_fault(trace, seen.children?, whole))
}

fn step_fault(rule: &Rule, repeats: &BTreeMap<&str, Vec<u32>>, whole: bool) -> Option<String> {
    let count = repeats.len();
    if count > rule.may as usize {
        return Some(format!("executed {count} times, at most {} may", rule.may));
    }
    if whole && count < rule.must as usize {
        return Some(format!("executed {count} times, {} must", rule.must));
    }
    for attempts in repeats.values() {
        let last = attempts.iter().max().copied().unwrap_or(0);
        if last > rule.last {
            return Some(format!(
                "came to attempt {last}, after the last, {}",
                rule.last
            ));
        }
        if rule.given_up {
            continue;
        }
        if whole && rule.must == rule.may && last < rule.reach {
            return Some(format!(
                "came to attempt {last} only, not to {}",
                rule.reach
            ));
        }
        if !attempts.is_sorted_by(|earlier, later| earlier < later) {
            return Some(format!(
                "an attempt that had reached outside executed again: {attempts:?}"
            ));
        }
    }
    None
}

/// A step that executed again although what comes after it had begun.
fn order_fault(trace: &Trace, calls: &[Call]) -> Option<String> {
    let single = |step: &str| trace.steps.get(step).is_some_and(|rule| rule.may == 1);
    let pairs = trace.order.iter();
    for (earlier, later) in pairs.filter(|(earlier, later)| single(earlier) && single(later)) {
        let first = calls.iter().position(|call| call.step == *later);
        let last = calls.iter().rposition(|call| call.step == *earlier);
        if let (Some(first), Some(last)) = (first, last)
            && last > first
        {
            return Some(format!(
                "step `{earlier}` executed after step `{later}` had begun"
            ));
        }
    }
    None
}

fn children_fault(trace: &Trace, children: &BTreeMap<String, u32>, whole: bool) -> Option<String> {
    for (key, count) in children {
        match trace.children.get(key) {
            None => return Some(format!("the program `{key}` was started, and must not be")),
            Some(rule) if *count > rule.may => {
                return Some(format!(
                    "the program `{key}` was started {count} times, at most {} may",
                    rule.may
                ));
            }
            Some(_) => {}
        }
    }
    let enough = |key: &str, must| children.get(key).copied().unwrap_or(0) >= must;
    let mut rules = trace.children.iter();
    let (key, _) = rules.find(|(key, rule)| whole && !enough(key, rule.must))?;
    Some(format!("the program `{key}` was not started, and must be"))
}
