//! The workload: orders for the functions of `tests/guests/ledger`, and what must come of each. The README there has the rules.

use std::collections::BTreeMap;

use abide_core::journal::step_hash;
use serde_json::{Value, json};

use crate::rng::Rng;

/// Values stay below this.
const MODULUS: u64 = 1_000_003;

/// Longer than any test: waits must end by what they wait for.
const NEVER_MS: u64 = 7_200_000;

/// The value of the step with this number.
pub fn value(seed: u64, number: u64) -> u64 {
    ((seed % MODULUS) * 31 + (number % MODULUS) * 17 + 7) % MODULUS
}

/// Which function, or which pair of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Steps one after the other.
    Sequence,
    /// Steps side by side.
    Parallel,
    /// A flaky step, a doomed one, one more.
    Retry,
    /// Steps and sleeps.
    Sleeper,
    /// Invokes children side by side.
    Parent,
    /// Sends events that start leaves.
    Fanout,
    /// Waits for an event, which is sent with it.
    Waiter,
    /// A run that waits for a signal, and one that sends it.
    Signal,
    /// A little of all.
    Everything,
}

const KINDS: [Kind; 9] = [
    Kind::Sequence,
    Kind::Parallel,
    Kind::Retry,
    Kind::Sleeper,
    Kind::Parent,
    Kind::Fanout,
    Kind::Waiter,
    Kind::Signal,
    Kind::Everything,
];

/// One thing that is asked for: one atomic request with one or two events.
#[derive(Debug, Clone)]
pub struct Order {
    /// Its name, unique in the test.
    pub key: String,
    /// What is asked for.
    pub kind: Kind,
    seed: u64,
    count: u64,
    failures: u32,
    sleep_ms: u64,
    /// The second event of a pair goes first.
    turned: bool,
}

/// Where a step stands in the order in which things must happen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The function whose step it is.
    pub function: &'static str,
    /// The key in its run's event.
    pub key: String,
    /// The step's id as the code gives it.
    pub step: String,
    /// What its body returns.
    pub value: u64,
    /// Steps of a lower stage are recorded, durably, before a step of a higher one can reach outside.
    pub stage: u32,
    /// Once this step was seen outside, all steps of stages below this are recorded: they must not execute again.
    pub implies: u32,
}

/// A stage beyond all others: nothing follows from others about such a step.
const LOOSE: u32 = u32::MAX;

/// A run that an event of the order starts.
#[derive(Debug, Clone, PartialEq)]
pub struct ExpectedRun {
    /// `ledger/FUNCTION`.
    pub function: String,
    /// What it must return.
    pub output: Value,
}

impl Order {
    /// Some order of this name.
    pub fn draw(key: String, rng: &mut Rng) -> Self {
        let kind = rng.choice(&KINDS).copied().unwrap_or(Kind::Sequence);
        Self {
            key,
            kind,
            seed: rng.within(0..1_000_000),
            count: rng.within(1..6),
            failures: u32::try_from(rng.within(0..4)).unwrap_or(0),
            sleep_ms: rng.within(0..120),
            turned: rng.chance(50),
        }
    }

    /// The events of its request.
    pub fn events(&self) -> Vec<Value> {
        let data = json!({
            "key": self.key,
            "seed": self.seed,
            "count": self.count,
            "failures": self.failures,
            "sleep_ms": self.sleep_ms,
            "timeout_ms": NEVER_MS,
        });
        let event =
            |name: &str, data: &Value| json!({"name": format!("ledger/{name}"), "data": data});
        let mut events = match self.kind {
            Kind::Sequence => vec![event("sequence", &data)],
            Kind::Parallel => vec![event("parallel", &data)],
            Kind::Retry => vec![event("retry", &data)],
            Kind::Sleeper => vec![event("sleep", &data)],
            Kind::Parent => vec![event("parent", &data)],
            Kind::Fanout => vec![event("fanout", &data)],
            Kind::Everything => vec![event("everything", &data)],
            Kind::Waiter => vec![
                event("wait", &data),
                event("go", &json!({"key": self.key, "value": self.go()})),
            ],
            Kind::Signal => vec![event("signal-wait", &data), event("signal-send", &data)],
        };
        if self.turned {
            events.reverse();
        }
        events
    }

    /// The runs that each event must start: one, or none for an event that only a wait is for.
    pub fn runs(&self) -> Vec<Option<ExpectedRun>> {
        let v = |number| value(self.seed, number);
        let run = |function: &str, values: Value| {
            let output = json!({"key": self.key, "values": values});
            Some(ExpectedRun {
                function: format!("ledger/{function}"),
                output,
            })
        };
        let counted: Vec<u64> = (0..self.count).map(v).collect();
        let mut runs = match self.kind {
            Kind::Sequence => vec![run("sequence", json!(counted))],
            Kind::Parallel => vec![run("parallel", json!(counted))],
            Kind::Retry => vec![run("retry", json!([v(0), "Doomed", v(1)]))],
            Kind::Sleeper => vec![run("sleeper", json!(counted))],
            Kind::Parent => {
                let children: Vec<u64> = (0..self.count).map(|n| value(self.seed + n, 0)).collect();
                vec![run("parent", json!(children))]
            }
            Kind::Fanout => vec![run("fanout", json!([v(0), self.count, v(1)]))],
            Kind::Waiter => vec![run("waiter", json!([v(0), self.go(), v(1)])), None],
            Kind::Signal => vec![
                run("signal-wait", json!([v(99), v(1)])),
                run("signal-send", json!([v(99)])),
            ],
            Kind::Everything => {
                let child = value(self.seed + 5, 0);
                vec![run(
                    "everything",
                    json!([v(0), v(1), v(2), v(3), v(4), child, 2, v(99), v(6)]),
                )]
            }
        };
        if self.turned {
            runs.reverse();
        }
        runs
    }

    /// The output of an inner run: one that is started by what the order's own runs do.
    pub fn inner_output(&self, function: &str, key: &str) -> Option<Value> {
        let number: u64 = key.rsplit('-').next()?.parse().ok()?;
        let only = value(self.seed + number, 0);
        match function {
            "child" => Some(json!(only)),
            "leaf" => Some(json!({"key": key, "values": [only]})),
            _ => None,
        }
    }

    fn go(&self) -> u64 {
        self.seed + 1
    }

    /// Every step of every run of the order, by the last part of its key: the hash, behind function and key.
    pub fn places(&self) -> BTreeMap<String, Place> {
        let mut table = Table {
            key: &self.key,
            seed: self.seed,
            places: BTreeMap::new(),
        };
        let counted = |n: u64| u32::try_from(n).unwrap_or(LOOSE);
        match self.kind {
            Kind::Sequence => (0..self.count)
                .for_each(|n| table.own("sequence", "step", counted(n), n, counted(n))),
            Kind::Sleeper => (0..self.count)
                .for_each(|n| table.own("sleeper", "before-nap", counted(n), n, counted(n))),
            Kind::Parallel => {
                (0..self.count)
                    .for_each(|n| table.own("parallel", &format!("branch-{n}"), 0, n, 0));
            }
            Kind::Parent => (0..self.count).for_each(|n| table.inner("child", n, 0, 0)),
            Kind::Retry => {
                table.own("retry", "flaky", 0, 0, 0);
                table.doomed("retry", 1);
                table.own("retry", "after", 0, 1, 2);
            }
            Kind::Fanout => {
                table.own("fanout", "before", 0, 0, 0);
                (0..self.count).for_each(|n| table.inner("leaf", n, LOOSE, 1));
                table.own("fanout", "after", 0, 1, 1);
            }
            Kind::Waiter => {
                table.own("waiter", "before", 0, 0, 0);
                table.own("waiter", "after", 0, 1, 1);
            }
            Kind::Signal => table.own("signal-wait", "after", 0, 1, 0),
            Kind::Everything => {
                table.own("everything", "first", 0, 0, 0);
                table.own("everything", "left", 0, 1, 1);
                table.own("everything", "middle", 0, 2, 1);
                table.own("everything", "right", 0, 3, 1);
                table.own("everything", "flaky", 0, 4, 2);
                table.inner("child", 5, 3, 3);
                (0..2).for_each(|n| table.inner("leaf", n, LOOSE, 4));
                table.own("everything", "last", 0, 6, 4);
            }
        }
        table.places
    }
}

/// How a step is found in [`Order::places`].
pub fn place_name(function: &str, key: &str, hash: &str) -> String {
    format!("{function} {key} {hash}")
}

/// The order that a key belongs to: inner runs have keys of their own, `ORDER/leaf-0`.
pub fn order_of(key: &str) -> &str {
    key.split('/').next().unwrap_or(key)
}

struct Table<'a> {
    key: &'a str,
    seed: u64,
    places: BTreeMap<String, Place>,
}

impl Table<'_> {
    fn add(&mut self, occurrence: u32, place: Place) {
        let name = place_name(
            place.function,
            &place.key,
            &step_hash(&place.step, occurrence),
        );
        self.places.insert(name, place);
    }

    fn own(
        &mut self,
        function: &'static str,
        step: &str,
        occurrence: u32,
        number: u64,
        stage: u32,
    ) {
        let place = Place {
            function,
            key: self.key.to_owned(),
            step: step.to_owned(),
            value: value(self.seed, number),
            stage,
            implies: stage,
        };
        self.add(occurrence, place);
    }

    fn doomed(&mut self, function: &'static str, stage: u32) {
        let key = self.key.to_owned();
        self.add(
            0,
            Place {
                function,
                key,
                step: "doomed".into(),
                value: 0,
                stage,
                implies: stage,
            },
        );
    }

    fn inner(&mut self, function: &'static str, number: u64, stage: u32, implies: u32) {
        let place = Place {
            function,
            key: format!("{}/{function}-{number}", self.key),
            step: "only".into(),
            value: value(self.seed + number, 0),
            stage,
            implies,
        };
        self.add(0, place);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(kind: Kind) -> Order {
        let mut order = Order::draw("k-1".into(), &mut Rng::new(1));
        order.kind = kind;
        order.count = 3;
        order
    }

    #[test]
    fn every_event_has_its_run_or_is_waited_for() {
        for kind in KINDS {
            let order = order(kind);
            assert_eq!(order.events().len(), order.runs().len(), "{kind:?}");
            assert!(order.runs().iter().any(Option::is_some), "{kind:?}");
            assert!(!order.places().is_empty(), "{kind:?}");
        }
    }

    #[test]
    fn repetitions_of_a_step_have_places_of_their_own() {
        let places = order(Kind::Sequence).places();
        let stages: Vec<u32> = places.values().map(|place| place.stage).collect();
        assert_eq!(places.len(), 3);
        assert_eq!(stages.iter().sum::<u32>(), 3);
        assert!(places.contains_key(&place_name("sequence", "k-1", &step_hash("step", 2))));
    }

    #[test]
    fn inner_runs_belong_to_their_order() {
        let order = order(Kind::Fanout);
        assert_eq!(order_of("k-1/leaf-2"), "k-1");
        assert_eq!(
            order.inner_output("leaf", "k-1/leaf-2"),
            Some(json!({"key": "k-1/leaf-2", "values": [value(order.seed + 2, 0)]}))
        );
        assert_eq!(order.inner_output("sequence", "k-1"), None);
    }
}
