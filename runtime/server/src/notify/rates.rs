//! How many of a function's runs ended lately, and how many of them failed: differences of counters that only grow.
//!
//! Pure. It begins with the process: what was counted in an earlier one is not in it.

use std::collections::{BTreeMap, VecDeque};

/// Parts of a window: what ended is forgotten at most one part too late.
const PARTS: u64 = 30;

/// How many runs of a function ended since the process began.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Ends {
    pub(super) ended: u64,
    pub(super) failed: u64,
}

/// The counters of each function.
pub(super) type Counted = BTreeMap<String, Ends>;

/// The counters at some times within a window.
#[derive(Debug, Clone)]
pub(super) struct Rates {
    window_ms: u64,
    samples: VecDeque<(u64, Counted)>,
    since_ms: u64,
}

impl Rates {
    /// Begins to count.
    pub(super) fn over(window_ms: u64, now_ms: u64, counted: Counted) -> Self {
        Self {
            window_ms,
            samples: [(now_ms, counted)].into(),
            since_ms: now_ms,
        }
    }

    /// Whether it has counted for a whole window.
    pub(super) fn is_whole(&self, now_ms: u64) -> bool {
        now_ms.saturating_sub(self.since_ms) >= self.window_ms
    }

    /// What ended within the window, of each function of which anything did.
    pub(super) fn at(&mut self, now_ms: u64, counted: Counted) -> Counted {
        // The last one that is as old as the window is where it begins.
        while let Some((next_ms, _)) = self.samples.get(1)
            && next_ms.saturating_add(self.window_ms) <= now_ms
        {
            self.samples.pop_front();
        }
        let none = Counted::new();
        let before = self.samples.front().map_or(&none, |(_, counted)| counted);
        let since = |(function, ends): (&String, &Ends)| {
            let before = before.get(function).copied().unwrap_or_default();
            let within = Ends {
                ended: ends.ended.saturating_sub(before.ended),
                failed: ends.failed.saturating_sub(before.failed),
            };
            (within.ended > 0).then(|| (function.clone(), within))
        };
        let within = counted.iter().filter_map(since).collect();
        let part_ms = (self.window_ms / PARTS).max(1);
        let last_ms = self.samples.back().map_or(0, |(at_ms, _)| *at_ms);
        if now_ms.saturating_sub(last_ms) >= part_ms {
            self.samples.push_back((now_ms, counted));
        }
        within
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(ended: u64, failed: u64) -> Counted {
        [("shop/pay".to_owned(), Ends { ended, failed })].into()
    }

    #[test]
    fn what_left_the_window_counts_no_more() {
        // 100 runs ended before; then one a second for 60 s, of which the first 40 fail.
        let mut rates = Rates::over(30_000, 0, counted(100, 0));
        let mut last = Counted::new();
        for second in 1..=60 {
            last = rates.at(second * 1_000, counted(100 + second, second.min(40)));
            let within = last["shop/pay"];
            assert!(
                within.ended <= 31 && within.failed <= 31,
                "{second}: {within:?}"
            );
        }
        assert_eq!(last, counted(30, 10));
        assert_eq!(rates.at(75_000, counted(160, 40)), counted(15, 0));
        assert_eq!(rates.at(200_000, counted(160, 40)), Counted::new());
        assert!(rates.is_whole(30_000) && !rates.is_whole(29_999));
    }

    #[test]
    fn a_day_is_kept_in_a_few_samples() {
        let mut rates = Rates::over(86_400_000, 0, Counted::new());
        for look in 1..40_000 {
            rates.at(look * 5_000, counted(look, look));
        }
        assert!(rates.samples.len() <= 32, "{}", rates.samples.len());
    }
}
