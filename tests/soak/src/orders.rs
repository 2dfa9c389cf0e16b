//! What is sent, and how it must end.

use std::time::Duration;

use rand::RngExt;
use rand::rngs::StdRng;
use serde_json::{Value, json};

/// A function of the app, with its share of all events in percent.
const SHARES: [(Kind, u64); 17] = [
    (Kind::Quiet, 22),
    (Kind::Parallel, 8),
    (Kind::Outside, 14),
    (Kind::Sleeper, 10),
    (Kind::Waiter, 8),
    (Kind::Signal, 6),
    (Kind::Parent, 4),
    (Kind::Fanout, 4),
    (Kind::Big, 3),
    (Kind::Failing, 3),
    (Kind::Stopped, 4),
    (Kind::Debounced, 4),
    (Kind::Batched, 4),
    (Kind::Throttled, 2),
    (Kind::Limited, 2),
    (Kind::Rated, 1),
    (Kind::Single, 1),
];

/// Which function an event starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Quiet,
    Parallel,
    Outside,
    Sleeper,
    Waiter,
    Signal,
    Parent,
    Fanout,
    Leaf,
    Big,
    Failing,
    Mended,
    Stopped,
    Debounced,
    Batched,
    Throttled,
    Limited,
    Rated,
    Single,
}

/// What is done after an event was acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Then {
    Nothing,
    /// The event that it waits for.
    Tell(Duration),
    /// The signal that it waits for.
    Signal(Duration),
    /// The event that cancels it.
    Stop(Duration),
    /// An operator cancels it.
    Cancel(Duration),
    /// An operator pauses it, and resumes it after the second time.
    Pause(Duration, Duration),
}

/// An event, and what follows it.
#[derive(Debug, Clone)]
pub(crate) struct Order {
    pub(crate) kind: Kind,
    pub(crate) key: String,
    pub(crate) n: u64,
    pub(crate) ms: u64,
    pub(crate) ballast: usize,
    pub(crate) then: Then,
}

impl Kind {
    /// The name of its event, behind `soak/`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Quiet => "quiet",
            Self::Parallel => "parallel",
            Self::Outside => "outside",
            Self::Sleeper => "sleeper",
            Self::Waiter => "waiter",
            Self::Signal => "signal",
            Self::Parent => "parent",
            Self::Fanout => "fanout",
            Self::Leaf => "leaf",
            Self::Big => "big",
            Self::Failing | Self::Mended => "failing",
            Self::Stopped => "stopped",
            Self::Debounced => "debounced",
            Self::Batched => "batched",
            Self::Throttled => "throttled",
            Self::Limited => "limited",
            Self::Rated => "rated",
            Self::Single => "single",
        }
    }
}

impl Order {
    /// An order of a kind that this generator chooses.
    pub(crate) fn draw(number: u64, rng: &mut StdRng) -> Self {
        let total = SHARES.iter().map(|(_, share)| share).sum();
        let mut at = rng.random_range(0..total);
        let chosen = SHARES.iter().find(|(_, share)| {
            let found = at < *share;
            at = at.saturating_sub(*share);
            found
        });
        let kind = chosen.map_or(Kind::Quiet, |(kind, _)| *kind);
        Self::of(kind, number, rng)
    }

    fn of(kind: Kind, number: u64, rng: &mut StdRng) -> Self {
        let mut order = Self {
            kind,
            key: format!("order-{number}"),
            n: 0,
            ms: 0,
            ballast: 0,
            then: Then::Nothing,
        };
        let soon = Duration::from_millis(rng.random_range(200..8_000));
        let shared = |keys: u64| format!("{}-{}", kind.name(), number % keys);
        match kind {
            Kind::Quiet | Kind::Parallel => order.n = rng.random_range(1..12),
            Kind::Outside => order.n = rng.random_range(1..5),
            Kind::Parent | Kind::Fanout => order.n = rng.random_range(1..4),
            Kind::Sleeper => {
                order.n = rng.random_range(1..4);
                order.ms = rng.random_range(100..4_000);
                if rng.random_ratio(1, 8) {
                    order.then = Then::Pause(soon / 8, soon);
                }
            }
            Kind::Waiter | Kind::Signal => {
                (order.ms, order.then) = match (kind, rng.random_ratio(3, 4)) {
                    (_, false) => (rng.random_range(500..6_000), Then::Nothing),
                    (Kind::Waiter, true) => (3_600_000, Then::Tell(soon)),
                    (_, true) => (3_600_000, Then::Signal(soon)),
                };
            }
            Kind::Stopped => {
                order.ms = 36_000_000;
                order.then = if rng.random_bool(0.5) {
                    Then::Stop(soon)
                } else {
                    Then::Cancel(soon)
                };
            }
            Kind::Big => order.ballast = 1 << rng.random_range(12..18),
            Kind::Debounced => order.key = shared(5),
            Kind::Batched | Kind::Rated => order.key = shared(10),
            Kind::Throttled | Kind::Limited => order.key = shared(4),
            Kind::Single => {
                order.key = shared(3);
                order.ms = 500;
            }
            Kind::Leaf | Kind::Failing | Kind::Mended => {}
        }
        order
    }

    pub(crate) fn event(&self) -> Value {
        json!({
            "name": format!("soak/{}", self.kind.name()),
            "data": {
                "key": self.key,
                "n": self.n,
                "ms": self.ms,
                "ballast": "b".repeat(self.ballast),
            },
        })
    }

    /// What is wrong with how its run has ended, if something is.
    pub(crate) fn complaint(&self, run: &Value) -> Option<String> {
        let status = run["status"].as_str().unwrap_or_default();
        let (statuses, output): (&[&str], Option<Value>) = match self.kind {
            Kind::Quiet | Kind::Parallel | Kind::Outside | Kind::Sleeper | Kind::Parent => {
                (&["Completed"], Some(json!(self.n)))
            }
            Kind::Waiter | Kind::Signal => {
                (&["Completed"], Some(json!(self.then != Then::Nothing)))
            }
            Kind::Big => (&["Completed"], Some(json!(self.ballast))),
            Kind::Leaf | Kind::Mended | Kind::Throttled | Kind::Limited => {
                (&["Completed"], Some(json!(1)))
            }
            Kind::Fanout | Kind::Debounced | Kind::Batched => (&["Completed"], None),
            Kind::Failing => (&["Failed"], None),
            Kind::Stopped => (&["Cancelled"], None),
            Kind::Rated | Kind::Single => (&["Completed", "Skipped"], None),
        };
        let as_expected =
            statuses.contains(&status) && output.is_none_or(|output| output == run["output"]);
        (!as_expected).then(|| {
            format!(
                "a run of {} ended as {status} with {} and {}, not as it must: {self:?}",
                self.kind.name(),
                run["output"],
                run["error"]
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    #[test]
    fn an_outcome_that_does_not_follow_from_the_event_is_a_complaint() {
        let mut order = Order::of(Kind::Quiet, 1, &mut StdRng::seed_from_u64(1));
        order.n = 3;
        assert_eq!(
            order.complaint(&json!({"status": "Completed", "output": 3})),
            None
        );
        for wrong in [
            json!({"status": "Completed", "output": 2}),
            json!({"status": "Failed", "output": 3}),
        ] {
            assert!(
                order
                    .complaint(&wrong)
                    .is_some_and(|says| says.contains("quiet"))
            );
        }
    }

    #[test]
    fn every_kind_is_drawn() {
        let mut rng = StdRng::seed_from_u64(2);
        let drawn: Vec<Kind> = (0..2_000).map(|n| Order::draw(n, &mut rng).kind).collect();
        assert!(SHARES.iter().all(|(kind, _)| drawn.contains(kind)));
    }
}
