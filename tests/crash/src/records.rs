//! What the outside knows, and the rules that hold whenever the node dies.
//!
//! The rules, for an effect (a report of a step's body) that arrives:
//! 1. A step never executes again once its record must be durable: after an effect of a step that follows it was seen, after the
//!    API showed it completed, after the API showed its run ended.
//! 2. An attempt at a step that was seen never executes again: not under its number, and nothing before it does.
//! 3. The same key starts one run of a function, however often its request was repeated.
//! 4. Value, step key and idempotency key are those that follow from the order.
//!
//! Later attempts are counted: a body may execute again, under the next number, when its outcome was not durable.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::order::{Order, Place, order_of, place_name};

/// Violations that are kept with their text; more are only counted.
const MOST_KEPT: usize = 20;

/// What a body reports.
#[derive(Debug, Clone, Deserialize)]
pub struct Effect {
    /// The run.
    pub run_id: String,
    /// The function's id without the app.
    pub function: String,
    /// The key in the run's event.
    pub key: String,
    /// The step's id as the code gives it.
    pub step: String,
    /// From 0.
    pub attempt: u32,
    /// Differs by attempt.
    pub idempotency_key: String,
    /// The same for all attempts.
    pub step_key: String,
    /// What the step will return.
    pub value: u64,
}

/// What is known of one step.
#[derive(Debug, Clone)]
struct Step {
    place: Place,
    /// The latest attempt that was seen, and how often.
    latest: Option<u32>,
    seen: u64,
    /// Why it must not execute any more.
    recorded: Option<&'static str>,
}

/// An order that is not settled yet.
#[derive(Debug)]
struct Open {
    order: Order,
    steps: BTreeMap<String, Step>,
    floor: u32,
    /// The runs, by function and key.
    runs: BTreeMap<(String, String), String>,
    ended: BTreeSet<String>,
}

/// Counters for the summary.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Requests that were answered with ids.
    pub acknowledged: u64,
    /// Requests that got no answer and were repeated.
    pub unanswered: u64,
    /// Reports of bodies.
    pub effects: u64,
    /// Of these, those of a step that had been seen before at an earlier attempt.
    pub repeated: u64,
    /// Runs that were paused because they executed at several deaths in a row, and were told to go on.
    pub resumed: u64,
    /// Runs that were checked to their last entry.
    pub runs: u64,
    /// Broken rules.
    pub violations: u64,
}

impl std::ops::AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.acknowledged += other.acknowledged;
        self.unanswered += other.unanswered;
        self.effects += other.effects;
        self.repeated += other.repeated;
        self.resumed += other.resumed;
        self.runs += other.runs;
        self.violations += other.violations;
    }
}

#[derive(Debug, Default)]
struct State {
    open: HashMap<String, Open>,
    settled: HashSet<String>,
    counts: Counts,
    violations: Vec<String>,
}

/// What the outside knows. Shared by the witness, the senders and the checks.
#[derive(Debug, Default)]
pub struct Records {
    state: Mutex<State>,
}

impl Records {
    /// Notes an order; before it is sent.
    pub fn open(&self, order: &Order) {
        let step = |place| Step {
            place,
            latest: None,
            seen: 0,
            recorded: None,
        };
        let steps = order
            .places()
            .into_iter()
            .map(|(name, place)| (name, step(place)))
            .collect();
        let open = Open {
            order: order.clone(),
            steps,
            floor: 0,
            runs: BTreeMap::new(),
            ended: BTreeSet::new(),
        };
        self.state.lock().open.insert(order.key.clone(), open);
    }

    /// Takes an effect and checks it against the rules.
    pub fn effect(&self, effect: &Effect) {
        let mut state = self.state.lock();
        state.counts.effects += 1;
        match state.take(effect) {
            Ok(true) => state.counts.repeated += 1,
            Ok(false) => {}
            Err(rule) => state.violated(format!("{rule}: {effect:?}")),
        }
    }

    /// The API showed this run: steps with outcomes, and the run's end, must last.
    pub fn observed(&self, key: &str, run: &Value) {
        let mut state = self.state.lock();
        let Some(open) = state.open.get_mut(order_of(key)) else {
            return;
        };
        let function = run["function_id"].as_str().unwrap_or_default();
        let function = function.rsplit('/').next().unwrap_or_default();
        if matches!(
            run["status"].as_str(),
            Some("Completed" | "Failed" | "Cancelled")
        ) {
            open.ended
                .insert(run["run_id"].as_str().unwrap_or_default().to_owned());
        }
        for step in run["steps"].as_array().into_iter().flatten() {
            let over = matches!(step["status"].as_str(), Some("completed" | "failed"));
            let hash = step["hash"].as_str().unwrap_or_default();
            if let Some(known) = open
                .steps
                .get_mut(&place_name(function, key, hash))
                .filter(|_| over)
            {
                known.recorded = Some("the API showed it completed");
            }
        }
    }

    /// A request was answered, or was not.
    pub fn answered(&self, acknowledged: bool) {
        let counts = &mut self.state.lock().counts;
        if acknowledged {
            counts.acknowledged += 1;
        } else {
            counts.unanswered += 1;
        }
    }

    /// A run was paused because of deaths, and goes on.
    pub fn resumed(&self) {
        self.state.lock().counts.resumed += 1;
    }

    /// A run was checked.
    pub fn checked(&self) {
        self.state.lock().counts.runs += 1;
    }

    /// Notes a broken rule.
    pub fn violated(&self, what: String) {
        self.state.lock().violated(what);
    }

    /// The runs that the order's own runs have started, as far as they were seen: function, key, run.
    pub fn inner_runs(&self, order: &Order) -> Vec<(String, String, String)> {
        let state = self.state.lock();
        let Some(open) = state.open.get(&order.key) else {
            return Vec::new();
        };
        let inner = open.runs.iter().filter(|((_, key), _)| *key != order.key);
        inner
            .map(|((function, key), run)| (function.clone(), key.clone(), run.clone()))
            .collect()
    }

    /// Steps of an order that were never seen outside.
    pub fn unseen(&self, order: &Order) -> Vec<String> {
        let state = self.state.lock();
        let steps = state
            .open
            .get(&order.key)
            .into_iter()
            .flat_map(|open| open.steps.values());
        let unseen = steps.filter(|step| step.seen == 0);
        unseen
            .map(|step| {
                format!(
                    "{} of {} for {}",
                    step.place.step, step.place.function, step.place.key
                )
            })
            .collect()
    }

    /// The order is checked: nothing of it may ever execute again.
    pub fn settle(&self, order: &Order) {
        let mut state = self.state.lock();
        state.open.remove(&order.key);
        state.settled.insert(order.key.clone());
    }

    /// The counters.
    pub fn counts(&self) -> Counts {
        self.state.lock().counts
    }

    /// The broken rules, the first ones of many.
    pub fn violations(&self) -> Vec<String> {
        self.state.lock().violations.clone()
    }
}

impl State {
    fn violated(&mut self, what: String) {
        self.counts.violations += 1;
        if self.violations.len() < MOST_KEPT {
            self.violations.push(what);
        }
    }

    /// Whether it is a later attempt at a step that was seen; the rule that it breaks otherwise.
    fn take(&mut self, effect: &Effect) -> Result<bool, String> {
        let name = order_of(&effect.key);
        if self.settled.contains(name) {
            return Err("a step executed again after its order was settled".into());
        }
        let open = self
            .open
            .get_mut(name)
            .ok_or("a step of an order that was never given")?;
        open.take(effect)
    }
}

impl Open {
    fn take(&mut self, effect: &Effect) -> Result<bool, String> {
        let hash = effect.step_key.rsplit('/').next().unwrap_or_default();
        let name = place_name(&effect.function, &effect.key, hash);
        let floor = self.floor;
        let step = self
            .steps
            .get_mut(&name)
            .ok_or_else(|| format!("{:?} has no such step", self.order))?;
        let keys_fit = effect.step_key == format!("{}/{hash}", effect.run_id)
            && effect.idempotency_key == format!("{}/{}", effect.step_key, effect.attempt);
        if !keys_fit || effect.value != step.place.value || effect.step != step.place.step {
            return Err(format!("the report does not fit {:?}", step.place));
        }
        let first = self
            .runs
            .entry((effect.function.clone(), effect.key.clone()))
            .or_insert_with(|| effect.run_id.clone());
        if *first != effect.run_id {
            return Err(format!("a second run for one event; the first is {first}"));
        }
        if let Some(why) = step.recorded {
            return Err(format!("a recorded step executed again ({why})"));
        }
        if self.ended.contains(&effect.run_id) {
            return Err("a step of a run that had ended executed again".into());
        }
        if step.place.stage < floor {
            return Err(
                "a recorded step executed again (an effect of a step after it was seen)".into(),
            );
        }
        if let Some(latest) = step.latest.filter(|latest| effect.attempt <= *latest) {
            return Err(format!(
                "an attempt that had reached outside executed again (attempt {latest} was seen)"
            ));
        }
        let repeated = step.latest.is_some();
        step.latest = Some(effect.attempt);
        step.seen += 1;
        self.floor = floor.max(step.place.implies);
        Ok(repeated)
    }
}

#[cfg(test)]
mod tests {
    use abide_core::journal::step_hash;
    use serde_json::json;

    use super::*;
    use crate::order::{Kind, value};
    use crate::rng::Rng;

    fn order() -> Order {
        let mut rng = Rng::new(0);
        loop {
            let order = Order::draw("k".into(), &mut rng);
            if order.kind == Kind::Sequence && order.places().len() > 2 {
                return order;
            }
        }
    }

    fn effect(order: &Order, number: u32, attempt: u32) -> Effect {
        let run_id = "R".to_owned();
        let step_key = format!("R/{}", step_hash("step", number));
        let seed = order.events()[0]["data"]["seed"].as_u64().expect("a seed");
        Effect {
            run_id,
            function: "sequence".into(),
            key: "k".into(),
            step: "step".into(),
            attempt,
            idempotency_key: format!("{step_key}/{attempt}"),
            step_key,
            value: value(seed, number.into()),
        }
    }

    fn violations(check: impl FnOnce(&Records, &Order)) -> Vec<String> {
        let (records, order) = (Records::default(), order());
        records.open(&order);
        check(&records, &order);
        records.violations()
    }

    #[test]
    fn a_body_may_execute_again_under_the_next_number_until_its_outcome_was_durable() {
        let found = violations(|records, order| {
            records.effect(&effect(order, 0, 0));
            records.effect(&effect(order, 0, 1));
            records.effect(&effect(order, 1, 0));
            assert_eq!(records.counts().repeated, 1);
        });
        assert_eq!(found, Vec::<String>::new());
    }

    #[test]
    fn a_step_before_one_that_was_seen_must_not_execute_again() {
        let found = violations(|records, order| {
            records.effect(&effect(order, 1, 0));
            records.effect(&effect(order, 0, 0));
        });
        assert!(
            found.len() == 1 && found[0].contains("a step after it was seen"),
            "{found:?}"
        );
    }

    #[test]
    fn an_attempt_that_was_seen_must_not_execute_again() {
        for again in [0, 1] {
            let found = violations(|records, order| {
                records.effect(&effect(order, 0, 1));
                records.effect(&effect(order, 0, again));
            });
            assert!(
                found.len() == 1 && found[0].contains("reached outside"),
                "{found:?}"
            );
        }
    }

    #[test]
    fn what_the_api_showed_must_last() {
        let found = violations(|records, order| {
            let steps = json!([{"hash": step_hash("step", 0), "status": "completed"}]);
            records.observed("k", &json!({"function_id": "ledger/sequence", "run_id": "R", "status": "Running", "steps": steps}));
            records.effect(&effect(order, 0, 0));
            records.observed(
                "k",
                &json!({"function_id": "ledger/sequence", "run_id": "R", "status": "Completed"}),
            );
            records.effect(&effect(order, 1, 0));
        });
        assert!(
            found.len() == 2
                && found[0].contains("showed it completed")
                && found[1].contains("had ended"),
            "{found:?}"
        );
    }

    #[test]
    fn a_second_run_and_a_wrong_value_are_noticed() {
        let found = violations(|records, order| {
            records.effect(&effect(order, 0, 0));
            let mut other = effect(order, 1, 0);
            other.value += 1;
            records.effect(&other);
            let mut other = effect(order, 1, 0);
            other.run_id = "S".into();
            other.step_key = other.step_key.replace('R', "S");
            other.idempotency_key = other.idempotency_key.replace('R', "S");
            records.effect(&other);
            records.settle(order);
            records.effect(&effect(order, 2, 0));
        });
        assert_eq!(found.len(), 3, "{found:?}");
    }
}
