//! Where the time of runs went that this process executed, for the latest of them. It is not stored: the journal says what happened, not
//! what it cost.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use abide_core::ids::RunId;
use abide_host::{Spent, Timings};
use parking_lot::Mutex;

/// Runs that are remembered: some two hundred bytes each.
const MOST: usize = 8_192;

/// The times of one run.
#[derive(Debug)]
struct Times {
    /// Of executions before the latest.
    earlier: Spent,
    latest: Arc<Timings>,
}

/// The times of the runs that began to execute last.
#[derive(Debug)]
pub(crate) struct RunTimings {
    inner: Mutex<Inner>,
    most: usize,
}

#[derive(Debug, Default)]
struct Inner {
    by_run: HashMap<RunId, Times>,
    /// In the order in which they first executed.
    order: VecDeque<RunId>,
}

impl Default for RunTimings {
    fn default() -> Self {
        Self {
            inner: Mutex::default(),
            most: MOST,
        }
    }
}

impl RunTimings {
    /// An execution of a run begins: where its times are to be noted.
    pub(crate) fn begin(&self, run: RunId) -> Arc<Timings> {
        let latest = Arc::new(Timings::default());
        let mut inner = self.inner.lock();
        if let Some(times) = inner.by_run.get_mut(&run) {
            times.earlier = times.earlier.and(times.latest.read());
            times.latest = latest.clone();
            return latest;
        }
        let times = Times {
            earlier: Spent::default(),
            latest: latest.clone(),
        };
        inner.by_run.insert(run, times);
        inner.order.push_back(run);
        if inner.order.len() > self.most
            && let Some(oldest) = inner.order.pop_front()
        {
            inner.by_run.remove(&oldest);
        }
        latest
    }

    /// Where the time of a run went; none if this process did not execute it, or too many others since.
    pub(crate) fn of(&self, run: RunId) -> Option<Spent> {
        let inner = self.inner.lock();
        let times = inner.by_run.get(&run)?;
        Some(times.earlier.and(times.latest.read()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn executions_of_a_run_are_added_up_and_old_runs_are_forgotten() {
        let timings = RunTimings {
            most: 2,
            ..RunTimings::default()
        };
        let second = Duration::from_secs(1);
        for run in [1, 1, 2] {
            timings.begin(RunId(run)).prepared(second, true);
        }
        let replay = |run| timings.of(RunId(run)).map(|spent| spent.replay);
        assert_eq!((replay(1), replay(2)), (Some(2 * second), Some(second)));
        timings.begin(RunId(3));
        assert_eq!((replay(1), replay(3)), (None, Some(Duration::ZERO)));
    }
}
