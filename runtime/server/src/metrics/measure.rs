//! What measures are made of: a counter, a gauge, a histogram. Each change is one or two atomic additions, from any thread.
//!
//! A histogram counts durations by powers of two of microseconds: its bucket is found without a search, and it is fine enough for
//! quantiles. What is read of several measures at once is not one instant's: a scrape may see a run's end before its duration.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Bucket `n` holds what is longer than `2^(n-1)` and at most `2^n` microseconds; the last one also everything longer than 50 days.
pub(crate) const BUCKETS: usize = 44;

/// Something that only grows.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn one(&self) {
        self.add(1);
    }

    pub(crate) fn add(&self, count: u64) {
        self.0.fetch_add(count, Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Something that is so much now.
#[derive(Debug, Default)]
pub(crate) struct Gauge(AtomicU64);

impl Gauge {
    pub(crate) fn set(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Durations, counted by their length.
#[derive(Debug)]
pub(crate) struct Histogram {
    counts: [AtomicU64; BUCKETS],
    sum_us: AtomicU64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self {
            counts: std::array::from_fn(|_| AtomicU64::new(0)),
            sum_us: AtomicU64::new(0),
        }
    }
}

impl Histogram {
    pub(crate) fn observe(&self, duration: Duration) {
        self.observe_us(u64::try_from(duration.as_micros()).unwrap_or(u64::MAX));
    }

    /// From the milliseconds that records have.
    pub(crate) fn observe_ms(&self, ms: u64) {
        self.observe_us(ms.saturating_mul(1_000));
    }

    pub(crate) fn observe_us(&self, us: u64) {
        self.counts[bucket_of(us)].fetch_add(1, Ordering::Relaxed);
        self.sum_us.fetch_add(us, Ordering::Relaxed);
    }

    pub(crate) fn read(&self) -> Durations {
        Durations {
            counts: std::array::from_fn(|n| self.counts[n].load(Ordering::Relaxed)),
            sum_us: self.sum_us.load(Ordering::Relaxed),
        }
    }
}

fn bucket_of(us: u64) -> usize {
    let bits = u64::BITS - us.saturating_sub(1).leading_zeros();
    (bits as usize).min(BUCKETS - 1)
}

/// What a histogram held at some time, or between two times.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Durations {
    pub(crate) counts: [u64; BUCKETS],
    pub(crate) sum_us: u64,
}

impl Default for Durations {
    fn default() -> Self {
        Self {
            counts: [0; BUCKETS],
            sum_us: 0,
        }
    }
}

impl Durations {
    /// From counts by the same powers of two, of which there may be fewer.
    pub(crate) fn of_counts(counts: &[u64], sum: Duration) -> Self {
        let mut own = [0; BUCKETS];
        for (n, count) in counts.iter().enumerate() {
            own[n.min(BUCKETS - 1)] += count;
        }
        Self {
            counts: own,
            sum_us: u64::try_from(sum.as_micros()).unwrap_or(u64::MAX),
        }
    }

    pub(crate) fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// What came since then.
    pub(crate) fn since(&self, earlier: &Self) -> Self {
        Self {
            counts: std::array::from_fn(|n| self.counts[n].saturating_sub(earlier.counts[n])),
            sum_us: self.sum_us.saturating_sub(earlier.sum_us),
        }
    }

    /// The duration below which this part of all was, in microseconds: between two bounds as if evenly spread. None if there were none.
    #[allow(
        clippy::cast_precision_loss,
        reason = "what is lost is far below the width of a bucket"
    )]
    pub(crate) fn quantile_us(&self, part: f64) -> Option<f64> {
        let total = self.count();
        if total == 0 {
            return None;
        }
        let rank = part * total as f64;
        let mut below = 0.0;
        for (n, &count) in self.counts.iter().enumerate() {
            let count = count as f64;
            if count > 0.0 && below + count >= rank {
                let upper = (1_u64 << n) as f64;
                let lower = if n == 0 { 0.0 } else { upper / 2.0 };
                let within = ((rank - below) / count).clamp(0.0, 1.0);
                return Some(lower + (upper - lower) * within);
            }
            below += count;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_counted_under_the_first_bound_that_it_does_not_exceed() {
        for (us, bucket) in [
            (0, 0),
            (1, 0),
            (2, 1),
            (3, 2),
            (4, 2),
            (5, 3),
            (1_024, 10),
            (1_025, 11),
            (u64::MAX, BUCKETS - 1),
        ] {
            assert_eq!(bucket_of(us), bucket, "{us}");
        }
    }

    #[test]
    fn quantiles_lie_between_the_bounds_of_their_bucket() {
        let histogram = Histogram::default();
        for _ in 0..90 {
            histogram.observe_us(1_000);
        }
        for _ in 0..10 {
            histogram.observe_ms(100);
        }
        let read = histogram.read();
        assert_eq!((read.count(), read.sum_us), (100, 1_090_000));
        let median = read.quantile_us(0.5).expect("there are some");
        assert!((512.0..=1_024.0).contains(&median), "{median}");
        let late = read.quantile_us(0.99).expect("there are some");
        assert!((65_536.0..=131_072.0).contains(&late), "{late}");
        assert_eq!(Durations::default().quantile_us(0.5), None);
    }

    #[test]
    fn what_came_since_is_the_difference() {
        let histogram = Histogram::default();
        histogram.observe_us(7);
        let earlier = histogram.read();
        histogram.observe_us(70);
        let since = histogram.read().since(&earlier);
        assert_eq!((since.count(), since.sum_us), (1, 70));
    }
}
