//! Values, steps and sleeps.

use serde_json::{Value, json};

use super::{MAX_RETRIES, Maker, Place};
use crate::program::{Expr, Fails, Growth, Retrying, SPARE_ATTEMPTS, Statement, Step};

impl Maker<'_> {
    pub(super) fn text(&mut self, prefix: &str) -> String {
        match self.rng.within(0..4) {
            0 => format!("{prefix} ünïcödé 🦀 \"quoted\" \n\t\\"),
            _ => format!("{prefix} {}", self.rng.within(0..1_000)),
        }
    }

    pub(super) fn constant(&mut self) -> Expr {
        if self.rng.chance(90) {
            return Expr::Literal(self.literal());
        }
        Expr::Text(match self.rng.within(0..40) {
            0 => 40_000,
            1..=5 => 3_000,
            _ => self.chars(),
        })
    }

    pub(super) fn chars(&mut self) -> u32 {
        u32::try_from(self.rng.within(1..200)).unwrap_or(1)
    }

    pub(super) fn literal(&mut self) -> Value {
        match self.rng.within(0..10) {
            0 => Value::Null,
            1 => json!(true),
            2 => json!(-1.5),
            3 => json!({"a": [1, {"é": null}], "b": ""}),
            4 => json!([]),
            5 => json!("тест 🦀 \u{0} \u{7f} \"\\"),
            6 => json!(u64::MAX),
            7 => json!(i64::MIN),
            _ => self.rng.within(0..1_000).into(),
        }
    }

    pub(super) fn expr(&mut self) -> Expr {
        match self.rng.within(0..10) {
            0..=5 => Expr::Mix(self.rng.within(0..1_000)),
            6 => Expr::Last,
            _ => self.constant(),
        }
    }

    pub(super) fn step(&mut self, place: Place) -> Step {
        let call = self.rng.chance(45);
        let bad = if place.caught { 30 } else { 2 };
        let fails = match self.rng.within(0..100) {
            n if n < bad / 2 => Fails::Always,
            n if n < bad => Fails::Refuses(self.few(3)),
            n if n < bad + 20 => Fails::First(1 + self.few(3), self.after()),
            _ => Fails::Never,
        };
        let retries = match fails {
            Fails::Never | Fails::First(..) if call => {
                let needed = if let Fails::First(below, _) = fails {
                    below
                } else {
                    0
                };
                Some((needed + SPARE_ATTEMPTS + self.few(4)).min(MAX_RETRIES))
            }
            Fails::Never => self.rng.chance(20).then(|| self.few(5)),
            Fails::First(below, _) if below > self.function.retries() || self.rng.chance(60) => {
                Some(below + self.few(3))
            }
            // It fails for good.
            Fails::First(below, _) if place.caught && self.rng.chance(20) => Some(below - 1),
            Fails::First(..) => None,
            Fails::Always | Fails::Refuses(_) => Some(self.few(4)),
        };
        let fails_for_good = matches!(fails, Fails::Always | Fails::Refuses(_));
        let (call, fails) = if call && fails_for_good && !self.opens(2) {
            (false, fails)
        } else {
            (call, fails)
        };
        let growth = match self.rng.within(0..3) {
            0 => Growth::Constant,
            1 => Growth::Linear,
            _ => Growth::Exponential,
        };
        let backoff = self.rng.chance(60).then(|| Retrying {
            growth,
            base_ms: self.rng.within(1..2_000),
        });
        Step {
            id: self.id(),
            value: self.expr(),
            call,
            fails,
            retries,
            backoff,
            timeout_ms: (call && !fails_for_good && self.rng.chance(15)).then_some(20_000),
        }
    }

    pub(super) fn few(&mut self, below: u64) -> u32 {
        u32::try_from(self.rng.within(0..below)).unwrap_or(0)
    }

    pub(super) fn after(&mut self) -> Option<u64> {
        self.rng.chance(30).then(|| self.rng.within(0..100_000))
    }

    /// A length of time.
    pub(super) fn time(&mut self) -> u64 {
        match self.rng.within(0..12) {
            0 => 0,
            1 => self.rng.within(3_600_000..3 * 24 * 3_600_000),
            2..=4 => self.rng.within(10_000..600_000),
            _ => self.rng.within(1..10_000),
        }
    }

    pub(super) fn sleep(&mut self) -> Statement {
        let id = self.id();
        if self.rng.chance(75) {
            return Statement::Sleep {
                id,
                ms: self.time(),
            };
        }
        let ahead = self.time();
        Statement::SleepUntil {
            id,
            at: if self.rng.chance(20) {
                self.start_ms.saturating_sub(ahead)
            } else {
                self.start_ms + ahead
            },
        }
    }
}
