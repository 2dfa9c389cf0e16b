//! The bounds of options, as the contract gives them. The attribute checks against the same ones while the app is compiled.

use crate::duration::parse_ms;

const SECOND: u64 = 1_000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// The least and the greatest length of time that an option takes, in milliseconds, and how people say that.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    pub(crate) least: u64,
    pub(crate) greatest: u64,
    pub(crate) words: &'static str,
}

const fn bounds(least: u64, greatest: u64, words: &'static str) -> Bounds {
    Bounds {
        least,
        greatest,
        words,
    }
}

/// The jitter of a schedule.
pub const CRON_JITTER: Bounds = bounds(SECOND, 5 * MINUTE, "1 second to 5 minutes");
/// The period of a throttle.
pub const THROTTLE_PERIOD: Bounds = bounds(SECOND, 7 * DAY, "1 second to 7 days");
/// The period of a rate limit.
pub const RATE_LIMIT_PERIOD: Bounds = bounds(SECOND, DAY, "1 second to 24 hours");
/// The quiet time of a debounce.
pub const DEBOUNCE_PERIOD: Bounds = bounds(SECOND, 7 * DAY, "1 second to 7 days");
/// How long a batch is collected.
pub const BATCH_TIMEOUT: Bounds = bounds(SECOND, HOUR, "1 second to 1 hour");
/// How long a finished run is kept.
pub const RETENTION: Bounds = bounds(HOUR, 3_650 * DAY, "1 hour to 10 years");
/// Any length of time but none.
pub const ANY_TIME: Bounds = bounds(1, u64::MAX, "longer than nothing");

pub(crate) const BATCH_SIZE: std::ops::RangeInclusive<u32> = 2..=1_000;
pub(crate) const FACTOR: std::ops::RangeInclusive<f64> = 1.0..=1000.0;
pub(crate) const MAX_TRIGGERS: usize = 10;
pub(crate) const MAX_CONCURRENCY: usize = 2;
pub(crate) const MAX_CANCEL_ON: usize = 5;
pub(crate) const MAX_RETRIES: u32 = 20;
pub(crate) const MAX_ID: usize = 128;
pub(crate) const MAX_EVENT_NAME: usize = 256;

impl Bounds {
    /// Whether `ms` milliseconds are within the bounds.
    pub(crate) const fn hold(&self, ms: u64) -> bool {
        self.least <= ms && ms <= self.greatest
    }

    /// Whether `text` says a length of time within the bounds. Text that says none is within all of them: that is another fault.
    pub const fn hold_for(&self, text: &str) -> bool {
        match parse_ms(text) {
            Some(ms) => self.hold(ms),
            None => true,
        }
    }
}
