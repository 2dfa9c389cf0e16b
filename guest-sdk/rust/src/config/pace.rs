//! How fast runs may start: throttle (those beyond it wait) and rate limit (those beyond it are dropped).

use crate::bindings::types;
use crate::duration::{IntoDuration, as_ms};
use crate::operation::Draft;

/// How fast runs may start: `limit` in a period. Those beyond it wait; none is lost. For [`Function::throttle`](crate::Function::throttle).
///
/// Use it to keep within what a service allows in a minute. `limit + burst` runs may start at once after a quiet time, then one per
/// `period / limit`. Use [`RateLimit`] where the surplus should be dropped, and [`Concurrency`](crate::Concurrency) to limit what goes on at the same
/// time, however long it takes.
///
/// ```
/// use abide_sdk::prelude::*;
///
/// Function::new("sync", async |ctx: Context| Ok::<_, Error>(ctx.run_id().to_owned()))
///     .on("product/changed")
///     .throttle(Throttle::new(10, "1m").burst(5).key("event.data.shop"));
/// ```
#[derive(Debug, Clone, PartialEq)]
#[must_use]
pub struct Throttle(Draft<types::Throttle>);

impl Throttle {
    /// `limit` starts, at least 1, in `period`, 1 second to 7 days.
    pub fn new(limit: u32, period: impl IntoDuration) -> Self {
        let mut draft = Draft::new(types::Throttle {
            limit,
            period: 0,
            burst: None,
            key: None,
        });
        draft.set("period", period.into_duration(), |it, period| {
            it.period = as_ms(period);
        });
        Self(draft)
    }

    /// How many more than `limit` may start at once after a quiet time. Default: 0.
    pub fn burst(mut self, burst: u32) -> Self {
        self.0.options.burst = Some(burst);
        self
    }

    /// A throttle of its own for every value of this CEL expression over `event`. Default: one for all.
    pub fn key(mut self, expression: impl Into<String>) -> Self {
        self.0.options.key = Some(expression.into());
        self
    }

    pub(crate) fn build(self) -> Result<types::Throttle, Vec<String>> {
        self.0.build()
    }
}

/// How many events of a period start runs: those beyond it are dropped. For [`Function::rate_limit`](crate::Function::rate_limit).
///
/// Use it where the surplus has no value: a notification once an hour at most, whatever happens. The period begins with the first event that is let
/// through. A dropped event is recorded as a Skipped run with its reason (Inngest forgets it), and the whole `limit` may come at once (Inngest spreads it over the period,
/// without saying so). Use [`Throttle`] where no event may be lost, and [`Debounce`](crate::Debounce) where the last of a burst counts, not the
/// first.
///
/// ```
/// use abide_sdk::prelude::*;
///
/// Function::new("alert", async |ctx: Context| Ok::<_, Error>(ctx.run_id().to_owned()))
///     .on("disk/almost.full")
///     .rate_limit(RateLimit::new(1, "1 hour").key("event.data.machine"));
/// ```
#[derive(Debug, Clone, PartialEq)]
#[must_use]
pub struct RateLimit(Draft<types::RateLimit>);

impl RateLimit {
    /// `limit` events, at least 1, in `period`, 1 second to 24 hours.
    pub fn new(limit: u32, period: impl IntoDuration) -> Self {
        let mut draft = Draft::new(types::RateLimit {
            limit,
            period: 0,
            key: None,
        });
        draft.set("period", period.into_duration(), |it, period| {
            it.period = as_ms(period);
        });
        Self(draft)
    }

    /// A limit of its own for every value of this CEL expression over `event`. An event for which it is `false` is let through, and not counted.
    /// Default: one limit for all.
    pub fn key(mut self, expression: impl Into<String>) -> Self {
        self.0.options.key = Some(expression.into());
        self
    }

    pub(crate) fn build(self) -> Result<types::RateLimit, Vec<String>> {
        self.0.build()
    }
}
