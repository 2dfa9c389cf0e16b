//! The throttle: how fast runs of a function start. Those beyond it wait; none is dropped.
//!
//! The generic cell rate algorithm. What is remembered is one time, the *theoretical arrival time*: how far the starts so far reach into the
//! future at one every `period / limit`. It is a fraction of a millisecond exactly, so that a million starts drift by nothing.
//!
//! | now, against the time remembered                    | then                                          |
//! |-----------------------------------------------------|-----------------------------------------------|
//! | it is at most `limit + burst − 1` intervals ahead   | a run starts; the time grows by one interval  |
//! | it is further ahead                                 | the run waits until it is not                 |
//! | it is in the past                                   | it counts as now                              |

use crate::function::options::Throttle;
use crate::state::Control;

/// What is remembered after a start at `now_ms`, or when one is possible.
pub(super) fn start(
    earlier: Option<&Control>,
    option: &Throttle,
    now_ms: u64,
) -> Result<Control, u64> {
    let limit = u128::from(option.limit.max(1));
    let (now, interval) = (u128::from(now_ms) * limit, u128::from(option.period_ms));
    let at_once = limit + u128::from(option.burst);
    // All times in parts of a millisecond, `limit` of them: then an interval is `period_ms` of them.
    let arrival = match earlier {
        Some(Control::Throttle {
            whole_ms,
            part,
            limit: of,
        }) => {
            // Rounded up: after a redeploy with another limit nothing starts early.
            let part = (u128::from(*part) * limit).div_ceil(u128::from(*of).max(1));
            u128::from(*whole_ms) * limit + part
        }
        Some(_) | None => 0,
    };
    // No further ahead than starts under these very options can have brought it: others may have been in force, and clocks jump.
    let arrival = arrival.clamp(now, now + at_once * interval);
    let earliest = arrival.saturating_sub((at_once - 1) * interval);
    if earliest > now {
        return Err(u64::try_from(earliest.div_ceil(limit)).unwrap_or(u64::MAX));
    }
    let next = arrival + interval;
    Ok(Control::Throttle {
        whole_ms: u64::try_from(next / limit).unwrap_or(u64::MAX),
        part: u32::try_from(next % limit).unwrap_or(0),
        limit: option.limit.max(1),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn option(limit: u32, period_ms: u64, burst: u32) -> Throttle {
        Throttle {
            limit,
            period_ms,
            burst,
            key: None,
        }
    }

    /// Starts as early as possible, `count` times.
    fn starts(option: &Throttle, count: usize) -> Vec<u64> {
        let (mut now_ms, mut control, mut times) = (1_000, None, Vec::new());
        while times.len() < count {
            match start(control.as_ref(), option, now_ms) {
                Ok(next) => {
                    times.push(now_ms - 1_000);
                    control = Some(next);
                }
                Err(at_ms) => now_ms = at_ms,
            }
        }
        times
    }

    #[test]
    fn limit_and_burst_start_at_once_and_then_one_every_interval_without_drift() {
        assert_eq!(
            starts(&option(3, 1_000, 2), 9),
            [0, 0, 0, 0, 0, 334, 667, 1_000, 1_334]
        );
        let many = starts(&option(7, 1_000, 0), 7_001);
        // 7,001 starts less the 7 at once, of which the last is one interval before: 6,994 sevenths of a second.
        assert_eq!(many[7_000], 999_143);
    }

    #[test]
    fn a_slower_rate_of_earlier_does_not_hold_up_the_new_one() {
        let slow = start(None, &option(1, 3_600_000, 0), 1_000).expect("the first");
        assert_eq!(start(Some(&slow), &option(10, 1_000, 0), 1_000), Err(1_100));
    }

    #[test]
    fn a_clock_that_was_far_ahead_does_not_stop_the_function() {
        let ahead = start(None, &option(1, 1_000, 0), 99_000_000).expect("the first");
        assert_eq!(start(Some(&ahead), &option(1, 1_000, 0), 1_000), Err(2_000));
    }
}
