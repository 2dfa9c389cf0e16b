//! The small built-in time series: how a node did over the last hour, day and month, for the dashboard and for whoever has no Prometheus.
//!
//! Every ten seconds a task reads what [`metrics`](crate::metrics) counted, and makes points of it: by ten seconds, by minutes and by hours. Points
//! are kept in memory, some 180 KiB an environment, and stored now and then, so that they survive a restart: after a crash the last
//! minutes are missing. It must not be needed by anything: what cannot be stored or read is only missed.

mod measure;
mod ring;
mod stored;

use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Weak};
use std::time::Duration;

use abide_core::state::Read as _;
use abide_host::Surroundings;
use parking_lot::Mutex;

use crate::admin::{Admin, AdminError};
use crate::metrics::{self, Durations, SLEEPS, WAITS};
use crate::node::Inner;
pub use measure::{Kind, Measure, Range};
use ring::{Reading, Ring};

/// Readings after which it is looked up again what has to be searched for: the store's size is that of every payload file.
const LOOK_EVERY: u64 = 6;

/// Lanes among which the run that waits longest is searched for.
const LANES: usize = 1_000;

/// The points of a node. Clones share them.
#[derive(Debug, Clone)]
pub struct Series {
    inner: Arc<Mutex<Kept>>,
}

#[derive(Debug)]
struct Kept {
    rings: [Ring; Range::ALL.len()],
    /// The slot from which on points of each range are not stored yet.
    unsaved: [u64; Range::ALL.len()],
    looked_up: LookedUp,
}

/// What has to be searched for, as it was lately.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct LookedUp {
    /// What the store takes on the disk.
    pub(crate) store_bytes: Option<u64>,
    /// The place in its queue of the run that waits longest there: milliseconds since the Unix epoch.
    pub(crate) oldest_queued_ms: Option<u64>,
}

/// The points of one measure over one range.
#[derive(Debug, Clone, PartialEq)]
pub struct SeriesPoints {
    /// What they are of.
    pub measure: Measure,
    /// For how long each stands, in milliseconds.
    pub step_ms: u64,
    /// When the time begins that the first one stands for: milliseconds since the Unix epoch.
    pub start_ms: u64,
    /// Oldest first; none for times at which nothing was measured. The last one still changes.
    pub values: Vec<Option<f64>>,
}

impl Default for Series {
    fn default() -> Self {
        let kept = Kept {
            rings: Range::ALL.map(Ring::new),
            unsaved: [0; Range::ALL.len()],
            looked_up: LookedUp::default(),
        };
        Self {
            inner: Arc::new(Mutex::new(kept)),
        }
    }
}

impl Series {
    /// The points of a measure, as it is `now_ms`.
    pub fn points(&self, measure: Measure, range: Range, now_ms: u64) -> SeriesPoints {
        let inner = self.inner.lock();
        let ring = inner.rings.iter().find(|ring| ring.range() == range);
        let (first, values) = ring.map_or((0, Vec::new()), |ring| ring.values(measure, now_ms));
        let step_ms = range.step_ms();
        SeriesPoints {
            measure,
            step_ms,
            start_ms: first * step_ms,
            values,
        }
    }

    /// What was last looked up.
    pub(crate) fn looked_up(&self) -> LookedUp {
        self.inner.lock().looked_up
    }

    /// Takes up what a former process stored.
    pub(crate) async fn restore(&self, admin: &Admin, environment: &str, now_ms: u64) {
        let stored = match admin.list::<stored::Block>(environment).await {
            Ok(stored) => stored,
            Err(error) => {
                tracing::warn!(environment, %error, "the time series of earlier cannot be read");
                return;
            }
        };
        let mut found: [Vec<_>; Range::ALL.len()] = Default::default();
        for block in &stored {
            if let Some((range, points)) = stored::points(&block.id, &block.record) {
                found[range as usize].extend(points);
            }
        }
        let mut inner = self.inner.lock();
        for (ring, points) in inner.rings.iter_mut().zip(found) {
            ring.restore(points, now_ms);
        }
    }

    /// Stores what is new, and removes what is too old to be shown.
    pub(crate) async fn save(
        &self,
        admin: &Admin,
        environment: &str,
        now_ms: u64,
    ) -> Result<(), AdminError> {
        let (blocks, reached) = {
            let inner = self.inner.lock();
            let mut blocks = Vec::new();
            let mut reached = inner.unsaved;
            for ((ring, unsaved), reached) in
                inner.rings.iter().zip(inner.unsaved).zip(&mut reached)
            {
                // A block is written whole.
                let from = stored::first_of(unsaved);
                blocks.extend(stored::blocks(ring.range(), ring.from(from)));
                if let Some(last) = ring.from(from).last() {
                    *reached = last.slot;
                }
            }
            (blocks, reached)
        };
        admin.put_all(environment, blocks).await?;
        self.inner.lock().unsaved = reached;
        let past = |id: &str, _: &stored::Block| stored::is_past(id, now_ms);
        admin.delete_where(environment, past).await.map(drop)
    }
}

/// Makes points of what a node counts, until it is gone.
pub(crate) async fn sample(node: Weak<Inner>, surroundings: Arc<dyn Surroundings>) {
    let step_ms = Range::Hour.step_ms();
    let mut turns = 0;
    loop {
        let Some(now_ms) = node.upgrade().map(|node| node.clock.now_ms()) else {
            return;
        };
        surroundings
            .sleep(Duration::from_millis(step_ms - now_ms % step_ms))
            .await;
        let Some(node) = node.upgrade() else { return };
        if turns % LOOK_EVERY == 0 {
            look_up(&node).await;
        }
        turns += 1;
        measure(&node);
    }
}

/// Measures once, for the step that ends now.
pub(crate) fn measure(node: &Inner) {
    let now_ms = node.clock.now_ms();
    node.metrics.functions.turn(now_ms);
    let mut inner = node.series.inner.lock();
    let reading = read(node, inner.looked_up);
    for ring in &mut inner.rings {
        ring.measure(now_ms, &reading);
    }
}

/// Looks up what has to be searched for. What cannot be found is missed.
pub(crate) async fn look_up(node: &Inner) {
    let (store, view) = (node.store.clone(), node.view.clone());
    let look = move || {
        let lanes = view.lanes_after(None, false, LANES).unwrap_or_default();
        LookedUp {
            store_bytes: store.bytes_on_disk().ok().flatten(),
            oldest_queued_ms: lanes.iter().map(|(_, place)| place.order_ms).min(),
        }
    };
    if let Ok(found) = node.blocking(look).await {
        node.series.inner.lock().looked_up = found;
    }
}

#[allow(clippy::cast_precision_loss, reason = "charts need no more")]
fn read(node: &Inner, looked_up: LookedUp) -> Reading {
    let counted = &node.metrics;
    let gauges = node.shard.gauges();
    let store = node.store.stats();
    let [completed, failed, cancelled, _] = &counted.runs_ended;
    let queued = gauges.queued.load(Relaxed) as u64 + counted.pending.queued.get();
    let steps = counted.steps.ended.iter().flatten();
    let values = Measure::ALL.map(|measure| match measure {
        Measure::RunsStarted => counted.runs_started.get() as f64,
        Measure::RunsCompleted => completed.get() as f64,
        Measure::RunsFailed => failed.get() as f64,
        Measure::RunsCancelled => cancelled.get() as f64,
        Measure::Events => counted
            .events
            .iter()
            .map(metrics::Counter::get)
            .sum::<u64>() as f64,
        Measure::Steps => steps.clone().map(metrics::Counter::get).sum::<u64>() as f64,
        Measure::Backlog => queued as f64,
        Measure::Executing => gauges.executing.load(Relaxed) as f64,
        Measure::Waiting => counted.pending.of(WAITS) as f64,
        Measure::Sleeping => counted.pending.of(SLEEPS) as f64,
        Measure::StoreBytes => looked_up.store_bytes.map_or(f64::NAN, |bytes| bytes as f64),
        Measure::MemoryBytes => metrics::memory_bytes().map_or(f64::NAN, |bytes| bytes as f64),
        Measure::Resident => gauges.resident.load(Relaxed) as f64,
        Measure::RunDurationP50
        | Measure::RunDurationP95
        | Measure::RunDurationP99
        | Measure::SyncP50
        | Measure::SyncP99 => f64::NAN,
    });
    let syncs = &store.commit_time;
    Reading {
        values,
        runs: counted.run_duration.read(),
        syncs: Durations::of_counts(&syncs.counts, syncs.sum),
    }
}
