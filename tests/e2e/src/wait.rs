//! Waiting for conditions.

use std::time::{Duration, Instant};

/// The pause between two looks at a condition.
const PAUSE: Duration = Duration::from_millis(10);

/// Looks until the condition gives something; `None` when the time is over.
pub fn eventually<T>(within: Duration, mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let began = Instant::now();
    loop {
        if let Some(found) = look() {
            return Some(found);
        }
        if began.elapsed() >= within {
            return None;
        }
        std::thread::sleep(PAUSE);
    }
}

/// As [`eventually`], but a condition that does not come true fails the test with what it was waiting for.
#[track_caller]
pub fn until<T>(what: &str, within: Duration, look: impl FnMut() -> Option<T>) -> T {
    match eventually(within, look) {
        Some(found) => found,
        None => panic!("waited {within:?} in vain: {what}"),
    }
}

/// Whether a condition stays true for this long.
pub fn holds_for(time: Duration, mut look: impl FnMut() -> bool) -> bool {
    eventually(time, || (!look()).then_some(())).is_none()
}
