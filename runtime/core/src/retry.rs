//! When a failed attempt is tried again: the default table and the schedules that a function or a step may set instead.
//!
//! Source of the rules: SEMANTICS, section 2, "retries" and section 3, "errors".

use std::hash::{Hash, Hasher};

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::failure::{Failure, RetryAdvice};
use crate::{HOUR_MS, MINUTE_MS, SECOND_MS};

/// Retries of a step, and of workflow code, where nothing else is configured.
pub const DEFAULT_RETRIES: u32 = 4;

/// The most retries that can be configured.
pub const MAX_RETRIES: u32 = 20;

/// The delay after the zero-based attempt of the same number; the last one repeats.
const DEFAULT_DELAYS_MS: [u64; 10] = [
    15 * SECOND_MS,
    30 * SECOND_MS,
    MINUTE_MS,
    2 * MINUTE_MS,
    5 * MINUTE_MS,
    10 * MINUTE_MS,
    20 * MINUTE_MS,
    40 * MINUTE_MS,
    HOUR_MS,
    2 * HOUR_MS,
];

/// The jitter that the default table adds.
const DEFAULT_JITTER_MS: u64 = 30 * SECOND_MS;

/// What an author's own "retry after" is clamped to.
const AFTER_MIN_MS: u64 = SECOND_MS;
const AFTER_MAX_MS: u64 = 24 * HOUR_MS;

/// The longest delay of a configured schedule, unless it sets its own.
pub(crate) const DEFAULT_MAX_MS: u64 = 2 * HOUR_MS;

/// How the delay grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BackoffKind {
    /// `base · factor^attempt`
    Exponential,
    /// `base · (attempt + 1)`
    Linear,
    /// `base`
    Constant,
}

/// A schedule in place of the default table. All times in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Backoff {
    /// The form.
    pub kind: BackoffKind,
    /// The delay after the first failed attempt.
    pub base_ms: u64,
    /// The growth per attempt of the exponential form, at least 1; 2 unless set.
    pub factor: Option<f64>,
    /// The longest delay before jitter; 2 hours unless set.
    pub max_ms: Option<u64>,
    /// The width of the uniform jitter; 0 unless set.
    pub jitter_ms: Option<u64>,
}

impl Hash for Backoff {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.kind.hash(state);
        self.base_ms.hash(state);
        self.factor.map(f64::to_bits).hash(state);
        self.max_ms.hash(state);
        self.jitter_ms.hash(state);
    }
}

impl Backoff {
    /// What is wrong with it, if anything is.
    pub fn fault(&self) -> Option<String> {
        match self.factor {
            Some(factor) if !(1.0..=1000.0).contains(&factor) => Some(format!(
                "backoff.factor is {factor}, but must lie between 1 and 1000"
            )),
            _ => None,
        }
    }

    fn delay_ms(&self, attempt: u32) -> u64 {
        let base = self.base_ms;
        let delay = match self.kind {
            BackoffKind::Constant => base,
            BackoffKind::Linear => base.saturating_mul(u64::from(attempt) + 1),
            BackoffKind::Exponential => {
                let exponent = i32::try_from(attempt).unwrap_or(i32::MAX);
                #[allow(clippy::cast_precision_loss, reason = "delays are far below 2^52")]
                let grown = base as f64 * self.factor.unwrap_or(2.0).powi(exponent);
                #[allow(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "saturates"
                )]
                let grown = grown as u64;
                grown
            }
        };
        delay.min(self.max_ms.unwrap_or(DEFAULT_MAX_MS))
    }
}

/// How often and when something is tried again.
#[derive(Debug, Clone, Copy, PartialEq, Hash, Serialize, Deserialize)]
pub struct RetryPolicy {
    /// Attempts altogether, at least 1.
    pub max_attempts: u32,
    /// The schedule; the default table if absent.
    pub backoff: Option<Backoff>,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            max_attempts: DEFAULT_RETRIES + 1,
            backoff: None,
        }
    }
}

impl RetryPolicy {
    /// This policy with what a single step sets for itself.
    #[must_use]
    pub fn overridden(&self, retries: Option<u32>, backoff: Option<Backoff>) -> Self {
        Self {
            max_attempts: retries.map_or(self.max_attempts, |retries| retries + 1),
            backoff: backoff.or(self.backoff),
        }
    }

    /// When to try again after the zero-based `attempt` failed with `failure` at `now_ms`; `None` when it is final.
    ///
    /// `identity` stands for what is retried: the jitter is a function of it and the attempt, so that a replayed
    /// decision is the same decision.
    pub fn next_attempt_ms(
        &self,
        failure: &Failure,
        attempt: u32,
        now_ms: u64,
        identity: &[u8],
    ) -> Option<u64> {
        if attempt + 1 >= self.max_attempts {
            return None;
        }
        let delay = match failure.retry {
            RetryAdvice::NonRetriable => return None,
            RetryAdvice::After(delay_ms) => delay_ms.clamp(AFTER_MIN_MS, AFTER_MAX_MS),
            RetryAdvice::At(at_ms) => at_ms
                .saturating_sub(now_ms)
                .clamp(AFTER_MIN_MS, AFTER_MAX_MS),
            RetryAdvice::Retriable => self.delay_ms(attempt, identity),
        };
        Some(now_ms.saturating_add(delay))
    }

    fn delay_ms(&self, attempt: u32, identity: &[u8]) -> u64 {
        let (delay, jitter) = match &self.backoff {
            Some(backoff) => (backoff.delay_ms(attempt), backoff.jitter_ms.unwrap_or(0)),
            None => {
                let row = (attempt as usize).min(DEFAULT_DELAYS_MS.len() - 1);
                (DEFAULT_DELAYS_MS[row], DEFAULT_JITTER_MS)
            }
        };
        delay.saturating_add(match jitter {
            0 => 0,
            width => xxh3_64_with_seed(identity, u64::from(attempt)) % width.saturating_add(1),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::Origin;

    fn failure(retry: RetryAdvice) -> Failure {
        Failure {
            retry,
            ..Failure::platform(Origin::Guest, "no")
        }
    }

    #[test]
    fn the_default_table_is_followed_and_its_last_row_repeats() {
        let policy = RetryPolicy {
            max_attempts: 21,
            backoff: None,
        };
        for attempt in 0..20 {
            let row = DEFAULT_DELAYS_MS[(attempt as usize).min(9)];
            let at = policy
                .next_attempt_ms(
                    &failure(RetryAdvice::Retriable),
                    attempt,
                    1_000,
                    b"run/step",
                )
                .expect("an attempt is left");
            assert!(
                (row..=row + DEFAULT_JITTER_MS).contains(&(at - 1_000)),
                "{attempt}: {at}"
            );
        }
    }

    #[test]
    fn the_last_attempt_and_a_non_retriable_error_are_final() {
        let policy = RetryPolicy::default();
        let retriable = failure(RetryAdvice::Retriable);
        assert!(policy.next_attempt_ms(&retriable, 3, 0, b"").is_some());
        assert!(policy.next_attempt_ms(&retriable, 4, 0, b"").is_none());
        assert!(
            policy
                .next_attempt_ms(&failure(RetryAdvice::NonRetriable), 0, 0, b"")
                .is_none()
        );
    }

    #[test]
    fn retry_after_is_clamped() {
        let policy = RetryPolicy::default();
        let at = |advice| policy.next_attempt_ms(&failure(advice), 0, 10_000, b"");
        assert_eq!(at(RetryAdvice::After(1)), Some(11_000));
        assert_eq!(at(RetryAdvice::After(5_000)), Some(15_000));
        assert_eq!(
            at(RetryAdvice::After(u64::MAX)),
            Some(10_000 + 24 * HOUR_MS)
        );
        assert_eq!(at(RetryAdvice::At(3)), Some(11_000));
        assert_eq!(at(RetryAdvice::At(13_000)), Some(13_000));
    }

    #[test]
    fn configured_schedules_grow_as_they_say() {
        let schedule = |kind| Backoff {
            kind,
            base_ms: 100,
            factor: Some(3.0),
            max_ms: Some(5_000),
            jitter_ms: None,
        };
        let delays = |kind| {
            let policy = RetryPolicy {
                max_attempts: 9,
                backoff: Some(schedule(kind)),
            };
            [0, 1, 2, 7].map(|n| {
                policy
                    .next_attempt_ms(&failure(RetryAdvice::Retriable), n, 0, b"")
                    .unwrap_or(0)
            })
        };
        assert_eq!(delays(BackoffKind::Constant), [100, 100, 100, 100]);
        assert_eq!(delays(BackoffKind::Linear), [100, 200, 300, 800]);
        assert_eq!(delays(BackoffKind::Exponential), [100, 300, 900, 5_000]);
    }
}
