//! From turns to figures: the median over the rounds and, as the noise, the lowest and the highest of them.

use std::time::Duration;

use serde_json::{Value, json};

use super::drive::Turn;
use crate::machine::{ms, quantile};
use crate::throughput::rate;

/// A figure over several rounds.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
}

impl Spread {
    pub(crate) fn of(values: impl IntoIterator<Item = f64>) -> Self {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        let last = values.len().saturating_sub(1);
        let at = |index: usize| values.get(index).copied().unwrap_or_default();
        Self {
            median: f64::midpoint(at(last / 2), at(last.div_ceil(2))),
            min: at(0),
            max: at(last),
        }
    }

    pub(crate) fn json(self) -> Value {
        json!({"median": self.median, "min": self.min, "max": self.max})
    }
}

/// One system's turn in one round.
#[derive(Debug, Clone)]
struct Round {
    p50_ms: f64,
    per_s: f64,
    cpu_ms: f64,
    sync_ms: f64,
}

/// All turns of a system at a cell.
#[derive(Debug, Clone, Default)]
pub(crate) struct Figures {
    rounds: Vec<Round>,
    latencies: Vec<Duration>,
    slowest_turn: Duration,
    /// Why there are no (more) figures.
    pub(crate) failure: Option<String>,
}

impl Figures {
    /// Adds a turn, which took so long with all its preparations, and what a sync of the disk took right before it.
    pub(crate) fn add(&mut self, mut turn: Turn, took: Duration, sync: Duration) {
        let runs = turn.latencies.len();
        self.slowest_turn = self.slowest_turn.max(took);
        self.rounds.push(Round {
            p50_ms: ms(quantile(&mut turn.latencies, 0.5)),
            per_s: rate(runs, turn.elapsed.as_secs_f64()),
            cpu_ms: 1_000.0 / rate(runs, turn.cpu.as_secs_f64()),
            sync_ms: ms(sync),
        });
        self.latencies.extend(turn.latencies);
    }

    pub(crate) fn slowest_turn(&self) -> Duration {
        self.slowest_turn
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rounds.is_empty()
    }

    pub(crate) fn p50_ms(&self) -> Spread {
        self.spread(|round| round.p50_ms)
    }

    pub(crate) fn per_s(&self) -> Spread {
        self.spread(|round| round.per_s)
    }

    pub(crate) fn sync_ms(&self) -> Spread {
        self.spread(|round| round.sync_ms)
    }

    pub(crate) fn cpu_ms(&self) -> Spread {
        self.spread(|round| round.cpu_ms)
    }

    fn spread(&self, of: impl Fn(&Round) -> f64) -> Spread {
        Spread::of(self.rounds.iter().map(of))
    }

    /// Over the runs of all rounds.
    pub(crate) fn p99_ms(&self) -> f64 {
        ms(quantile(&mut self.latencies.clone(), 0.99))
    }

    /// How many times longer a run takes than with `other`, round by round.
    pub(crate) fn slower_than(&self, other: &Self) -> Spread {
        let rounds = self.rounds.iter().zip(&other.rounds);
        Spread::of(rounds.map(|(ours, theirs)| ours.p50_ms / theirs.p50_ms))
    }

    /// How many times fewer runs it does than `other`, round by round.
    pub(crate) fn fewer_than(&self, other: &Self) -> Spread {
        let rounds = self.rounds.iter().zip(&other.rounds);
        Spread::of(rounds.map(|(ours, theirs)| theirs.per_s / ours.per_s))
    }

    pub(crate) fn json(&self) -> Value {
        if let Some(failure) = &self.failure {
            return json!({"failure": failure});
        }
        json!({
            "rounds": self.rounds.len(),
            "runs": self.latencies.len(),
            "p50_ms": self.p50_ms().json(),
            "p99_ms": self.p99_ms(),
            "per_s": self.per_s().json(),
            "cpu_ms_per_run": self.cpu_ms().json(),
            "sync_p50_ms": self.sync_ms().json(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turn(ms: &[u64], elapsed_ms: u64) -> Turn {
        Turn {
            latencies: ms.iter().copied().map(Duration::from_millis).collect(),
            elapsed: Duration::from_millis(elapsed_ms),
            cpu: Duration::from_millis(10),
        }
    }

    #[test]
    fn rounds_are_compared_with_the_same_round_of_the_other_system() {
        let (mut fast, mut slow) = (Figures::default(), Figures::default());
        // The machine was half as quick in the second round, for both.
        fast.add(turn(&[1, 2, 9], 10), Duration::ZERO, Duration::ZERO);
        fast.add(turn(&[2, 4, 18], 20), Duration::ZERO, Duration::ZERO);
        slow.add(turn(&[10, 20, 90], 100), Duration::ZERO, Duration::ZERO);
        slow.add(turn(&[20, 40, 180], 200), Duration::ZERO, Duration::ZERO);
        let Spread { median, min, max } = slow.slower_than(&fast);
        assert_eq!((median, min, max), (10.0, 10.0, 10.0));
        let Spread { median, min, max } = slow.fewer_than(&fast);
        assert_eq!((median, min, max), (10.0, 10.0, 10.0));
        let Spread { median, min, max } = fast.p50_ms();
        assert_eq!((median, min, max), (3.0, 2.0, 4.0));
    }

    #[test]
    fn the_median_of_an_even_number_of_rounds_lies_between_the_middle_two() {
        let Spread { median, min, max } = Spread::of([4.0, 1.0, 3.0, 2.0]);
        assert_eq!((median, min, max), (2.5, 1.0, 4.0));
    }
}
