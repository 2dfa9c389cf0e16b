//! From times to places on the waterfall.
//!
//! Where one wait is nearly all of a run, everything else would be too small to see: then times are drawn shorter the longer they are,
//! which keeps their order and shows each.

/// The width of the waterfall, in units of the drawing.
pub(super) const WIDTH: f64 = 1_000.0;

/// More bounds than these would be no more to be seen.
const MOST_BOUNDS: usize = 4_000;

/// A scale.
pub(super) struct Scale {
    /// Times with their places, in order.
    bounds: Vec<(u64, f64)>,
    /// Whether long times are shortened.
    pub(super) fitted: bool,
}

impl Scale {
    /// Over these times, at which something begins or ends.
    pub(super) fn over(mut times: Vec<u64>) -> Self {
        times.sort_unstable();
        times.dedup();
        let (first, last) = match (times.first(), times.last()) {
            (Some(first), Some(last)) => (*first, *last),
            _ => (0, 0),
        };
        let whole = last - first;
        let longest = times.windows(2).map(|pair| pair[1] - pair[0]).max();
        let mostly_waits = longest.is_some_and(|longest| longest > whole / 10 * 6);
        let fitted = times.len() > 3 && whole > 200 && mostly_waits;
        if times.len() > MOST_BOUNDS {
            times = vec![first, last];
        }
        let weigh = |ms: u64| if fitted { log(ms) } else { as_f64(ms) };
        let weights = times.windows(2).map(|pair| weigh(pair[1] - pair[0]));
        let all: f64 = weights.sum();
        let mut at = 0.0;
        let mut bounds = vec![(first, 0.0)];
        for pair in times.windows(2) {
            at += weigh(pair[1] - pair[0]);
            bounds.push((pair[1], if all > 0.0 { at / all * WIDTH } else { 0.0 }));
        }
        Self { bounds, fitted }
    }

    /// The place of a time; those outside are at the edges.
    pub(super) fn place(&self, at_ms: u64) -> f64 {
        let after = self.bounds.partition_point(|(time, _)| *time <= at_ms);
        let before = after.checked_sub(1).and_then(|at| self.bounds.get(at));
        match (before, self.bounds.get(after)) {
            (None, _) => 0.0,
            (Some((_, place)), None) => *place,
            (Some((from, left)), Some((to, right))) => {
                let part = as_f64(at_ms - from) / as_f64(to - from);
                left + part * (right - left)
            }
        }
    }
}

fn log(ms: u64) -> f64 {
    (as_f64(ms) + 1.0).ln()
}

#[allow(clippy::cast_precision_loss, reason = "a picture is no more exact")]
fn as_f64(ms: u64) -> f64 {
    ms as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(a: f64, b: f64) -> bool {
        (a - b).abs() < 0.01
    }

    #[test]
    fn times_are_drawn_to_scale_unless_one_wait_is_nearly_all_of_them() {
        let even = Scale::over(vec![0, 10, 20, 30, 100]);
        assert!(!even.fitted && close(even.place(50), 500.0));
        let waits = Scale::over(vec![0, 20, 40, 3 * 86_400_000, 3 * 86_400_000 + 20]);
        assert!(waits.fitted);
        let places = [0, 20, 40, 3 * 86_400_000, 3 * 86_400_000 + 20].map(|at| waits.place(at));
        assert!(
            places.windows(2).all(|pair| pair[1] - pair[0] > 50.0),
            "{places:?}"
        );
        assert!(close(places[4], WIDTH));
    }

    #[test]
    fn a_run_of_no_time_is_a_place_too() {
        for times in [vec![], vec![7], vec![7, 7]] {
            let scale = Scale::over(times);
            assert!(close(scale.place(7), 0.0) && close(scale.place(0), 0.0));
        }
        let scale = Scale::over(vec![10, 20]);
        assert!(close(scale.place(99), WIDTH) && close(scale.place(1), 0.0));
    }
}
