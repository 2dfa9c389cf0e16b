//! Retry schedules.

use std::time::Duration;

use crate::bindings::types;
use crate::duration::{IntoDuration, InvalidDuration, as_ms};

/// How the wait before the next attempt grows, in place of the default schedule (15 s, 30 s, 1 m, 2 m, 5 m, 10 m, 20 m, 40 m,
/// 1 h, 2 h, 2 h…). Of a function or of a single step; Inngest has its one schedule only.
///
/// ```
/// use abide_sdk::Backoff;
///
/// // 1 s, 3 s, 9 s, 27 s, 30 s, 30 s…, each plus up to half a second.
/// let gentle = Backoff::exponential("1s").factor(3.0).max("30s").jitter("500ms");
/// let steady = Backoff::constant("10s");
/// ```
///
/// Text that says no length of time is reported when the schedule is used: as a [`StepError`](crate::StepError) of the step, or when the app is
/// deployed.
#[derive(Debug, Clone, PartialEq)]
#[must_use]
pub struct Backoff(Result<types::Backoff, InvalidDuration>);

impl Backoff {
    /// `base`, `base · factor`, `base · factor²`… The factor is 2 unless [`Backoff::factor`] says otherwise.
    pub fn exponential(base: impl IntoDuration) -> Self {
        Self::new(types::BackoffKind::Exponential, base)
    }

    /// `base`, `2 · base`, `3 · base`…
    pub fn linear(base: impl IntoDuration) -> Self {
        Self::new(types::BackoffKind::Linear, base)
    }

    /// `base`, always.
    pub fn constant(base: impl IntoDuration) -> Self {
        Self::new(types::BackoffKind::Constant, base)
    }

    fn new(kind: types::BackoffKind, base: impl IntoDuration) -> Self {
        let schedule = |base: Duration| types::Backoff {
            kind,
            base: as_ms(base),
            factor: None,
            max: None,
            jitter: None,
        };
        Self(base.into_duration().map(schedule))
    }

    /// By how much an exponential schedule grows at each attempt; 1 to 1000.
    pub fn factor(mut self, factor: f64) -> Self {
        if let Ok(schedule) = &mut self.0 {
            schedule.factor = Some(factor);
        }
        self
    }

    /// The longest wait, before jitter. Default: 2 hours.
    pub fn max(self, max: impl IntoDuration) -> Self {
        self.with(max, |schedule, ms| schedule.max = Some(ms))
    }

    /// A random extra wait between 0 and this. Default: none.
    pub fn jitter(self, jitter: impl IntoDuration) -> Self {
        self.with(jitter, |schedule, ms| schedule.jitter = Some(ms))
    }

    fn with(self, duration: impl IntoDuration, set: impl FnOnce(&mut types::Backoff, u64)) -> Self {
        Self(self.0.and_then(|mut schedule| {
            set(&mut schedule, as_ms(duration.into_duration()?));
            Ok(schedule)
        }))
    }

    pub(crate) fn build(self) -> Result<types::Backoff, InvalidDuration> {
        self.0
    }
}
