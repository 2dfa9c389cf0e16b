//! Counters of the committer.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

/// One bucket for each power of two of microseconds: the last one holds everything above half an hour.
const BUCKETS: usize = 32;

/// One bucket for each power of two of batches.
const SIZES: usize = 16;

/// What the committer did since the store was opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stats {
    /// Commit groups that became durable.
    pub groups: u64,
    /// Submitted batches in them.
    pub batches: u64,
    /// Rows written, after writes to the same key in one group were merged.
    pub writes: u64,
    /// Bytes of keys and values in these rows.
    pub bytes: u64,
    /// Values that went to payload files.
    pub payloads: u64,
    /// Batches that wait for their group now.
    pub queued: u64,
    /// How long groups took from the first write to the end of the sync.
    pub commit_time: Histogram,
    /// `group_sizes[n]`: groups of at most `2^n` batches that did not fit the bucket before; the last one holds all larger ones.
    pub group_sizes: [u64; SIZES],
}

/// Durations by powers of two.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Histogram {
    /// `counts[n]`: durations of at most `2^n` microseconds that did not fit the bucket before.
    pub counts: [u64; BUCKETS],
    /// The sum of all durations.
    pub sum: Duration,
    /// The newest duration.
    pub last: Duration,
}

impl Histogram {
    /// An upper bound of the given quantile (0 to 1), as exact as the buckets are.
    pub fn quantile(&self, quantile: f64) -> Duration {
        let total: u64 = self.counts.iter().sum();
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss
        )]
        let rank = (total as f64 * quantile).ceil() as u64;
        let mut seen = 0;
        for (bucket, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= rank && seen > 0 {
                return Duration::from_micros(1 << bucket);
            }
        }
        Duration::ZERO
    }
}

#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) groups: AtomicU64,
    pub(crate) batches: AtomicU64,
    pub(crate) writes: AtomicU64,
    pub(crate) bytes: AtomicU64,
    pub(crate) payloads: AtomicU64,
    times: [AtomicU64; BUCKETS],
    sizes: [AtomicU64; SIZES],
    sum_us: AtomicU64,
    last_us: AtomicU64,
}

impl Counters {
    pub(crate) fn record_time(&self, took: Duration) {
        let us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.times[bucket_of(us).min(BUCKETS - 1)].fetch_add(1, Ordering::Relaxed);
        self.sum_us.fetch_add(us, Ordering::Relaxed);
        self.last_us.store(us, Ordering::Relaxed);
    }

    pub(crate) fn record_size(&self, batches: usize) {
        let bucket = bucket_of(batches as u64).min(SIZES - 1);
        self.sizes[bucket].fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn read(&self, queued: u64) -> Stats {
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Stats {
            groups: load(&self.groups),
            batches: load(&self.batches),
            writes: load(&self.writes),
            bytes: load(&self.bytes),
            payloads: load(&self.payloads),
            queued,
            commit_time: Histogram {
                counts: std::array::from_fn(|bucket| load(&self.times[bucket])),
                sum: Duration::from_micros(load(&self.sum_us)),
                last: Duration::from_micros(load(&self.last_us)),
            },
            group_sizes: std::array::from_fn(|bucket| load(&self.sizes[bucket])),
        }
    }
}

/// The bucket whose bound is the first power of two that is not smaller.
fn bucket_of(value: u64) -> usize {
    (u64::BITS - value.saturating_sub(1).leading_zeros()) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_name_the_bucket() {
        let counters = Counters::default();
        for us in [3, 3, 3, 900] {
            counters.record_time(Duration::from_micros(us));
        }
        let times = counters.read(0).commit_time;
        assert_eq!(times.quantile(0.5), Duration::from_micros(4));
        assert_eq!(times.quantile(1.0), Duration::from_micros(1024));
        assert_eq!(times.last, Duration::from_micros(900));
        assert_eq!(Histogram::default().quantile(0.5), Duration::ZERO);
    }

    #[test]
    fn groups_are_counted_by_their_size() {
        let counters = Counters::default();
        for batches in [1, 2, 3, 4, 5, 1 << 20] {
            counters.record_size(batches);
        }
        let sizes = counters.read(0).group_sizes;
        assert_eq!(sizes[..4], [1, 1, 2, 1]);
        assert_eq!(sizes[SIZES - 1], 1);
    }
}
