//! Where the time of runs and of their steps went that this process executed, for the latest of them. It is not stored: the journal says
//! what happened, not what it cost.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use abide_core::ids::RunId;
use abide_core::journal::OpNumber;
use abide_host::{Spent, StepSpent, StepTimes, Timings};
use parking_lot::Mutex;

/// Runs that are remembered: some three hundred bytes each.
const MOST: usize = 8_192;

/// Steps of all these runs together: beyond them the oldest runs are forgotten. Some seventy bytes each.
const MOST_STEPS: usize = 65_536;

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
    /// Steps that are remembered.
    steps: Arc<AtomicUsize>,
    most: usize,
    most_steps: usize,
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
            steps: Arc::default(),
            most: MOST,
            most_steps: MOST_STEPS,
        }
    }
}

impl RunTimings {
    /// An execution of a run begins: where its times are to be noted.
    pub(crate) fn begin(&self, run: RunId) -> Arc<Timings> {
        let mut inner = self.inner.lock();
        if let Some(times) = inner.by_run.get_mut(&run) {
            let latest = Arc::new(Timings::with_steps(times.latest.steps().clone()));
            times.earlier = times.earlier.and(times.latest.read());
            times.latest = latest.clone();
            self.forget(&mut inner);
            return latest;
        }
        let steps = Arc::new(StepTimes::new(self.steps.clone()));
        let latest = Arc::new(Timings::with_steps(steps));
        let times = Times {
            earlier: Spent::default(),
            latest: latest.clone(),
        };
        inner.by_run.insert(run, times);
        inner.order.push_back(run);
        self.forget(&mut inner);
        latest
    }

    /// Forgets runs, those first that executed first, until no more is kept than may be.
    fn forget(&self, inner: &mut Inner) {
        while inner.order.len() > 1
            && (inner.order.len() > self.most
                || self.steps.load(Ordering::Relaxed) > self.most_steps)
            && let Some(oldest) = inner.order.pop_front()
        {
            if let Some(times) = inner.by_run.remove(&oldest) {
                // Its execution may go on: it notes nothing more.
                times.latest.steps().close();
            }
        }
    }

    /// Where the times of a run's steps are noted, if they are.
    pub(crate) fn steps(&self, run: RunId) -> Option<Arc<StepTimes>> {
        let inner = self.inner.lock();
        Some(inner.by_run.get(&run)?.latest.steps().clone())
    }

    /// Where the time of a run's steps went, as far as this process executed them.
    pub(crate) fn of_steps(&self, run: RunId) -> Vec<(OpNumber, StepSpent)> {
        self.steps(run).map(|it| it.read()).unwrap_or_default()
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

    #[test]
    fn runs_are_forgotten_for_their_many_steps_but_never_the_latest() {
        let timings = RunTimings {
            most_steps: 4,
            ..RunTimings::default()
        };
        let requests = |run, steps: OpNumber| {
            let of = timings.begin(RunId(run));
            for op in 0..steps {
                of.steps().request_began(op, Duration::from_millis(1));
            }
            of
        };
        let steps = |run| timings.of_steps(RunId(run)).len();
        let first = requests(1, 3);
        requests(2, 2);
        assert_eq!((steps(1), steps(2)), (3, 2));
        // The first is forgotten with the next that begins, though it is still executing.
        requests(3, 9);
        first.steps().request_began(3, Duration::from_millis(1));
        assert_eq!((steps(1), steps(2), steps(3)), (0, 2, 9));
        requests(4, 1);
        assert_eq!((steps(2), steps(3), steps(4)), (0, 0, 1));
        // A run that is executed again keeps what is known.
        timings.begin(RunId(4));
        assert_eq!(steps(4), 1);
    }
}
