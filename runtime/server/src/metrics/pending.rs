//! How many runs stand in lanes, and how many things are watched for runs: kept up to date from the engine's writes, on the shard's thread.
//!
//! After a start it has to count what the store holds already. It does so a page a turn of the shard, in the order of the keys, so that
//! neither the start nor the engine waits for it; a write counts at once if its row lies where it has counted already, and is found later
//! otherwise. So the figures are exact as soon as it is done.

use std::sync::Arc;

use abide_core::state::{Registration, WaitKey, Write};
use abide_store::keys::Key;
use abide_store::{PendingRow, View};
use bytes::Bytes;

use super::measure::Gauge;

/// Rows of a page: well below a millisecond of the shard's time.
const PAGE: usize = 128;

/// What is watched, by the place at which it is counted.
pub(crate) const WATCHED: [&str; 11] = [
    "sleep",
    "retry",
    "start",
    "event",
    "signal",
    "run",
    "request",
    "debounce",
    "batch",
    "timeout",
    "cancellation",
];

/// Those of them that make a run sleep: nothing but time ends them.
pub(crate) const SLEEPS: std::ops::Range<usize> = 0..3;

/// Those of them that make a run wait for something outside.
pub(crate) const WAITS: std::ops::Range<usize> = 3..7;

fn place(registration: &Registration) -> usize {
    match registration {
        Registration::Sleep { .. } => 0,
        Registration::Retry { .. } => 1,
        Registration::Start { .. } => 2,
        Registration::Event { .. } => 3,
        Registration::Signal { .. } => 4,
        Registration::Invoke { .. } => 5,
        Registration::Fetch { .. } | Registration::AiInfer { .. } => 6,
        Registration::Debounce(_) => 7,
        Registration::Batch(_) => 8,
        Registration::Timeout { .. } => 9,
        Registration::CancelOn { .. } => 10,
    }
}

/// What others may read of it.
#[derive(Debug, Default)]
pub(crate) struct Pending {
    /// Runs in lanes.
    pub(crate) queued: Gauge,
    pub(crate) watched: [Gauge; WATCHED.len()],
}

impl Pending {
    /// Of these places together.
    pub(crate) fn of(&self, places: std::ops::Range<usize>) -> u64 {
        self.watched[places].iter().map(Gauge::get).sum()
    }
}

/// Counts. Owned by the shard.
#[derive(Debug)]
pub(crate) struct Census {
    queued: i64,
    watched: [i64; WATCHED.len()],
    counted: Counted,
    shown: Arc<Pending>,
}

/// How far it has counted what was there at the start.
#[derive(Debug)]
enum Counted {
    /// Up to this key; none: nothing yet.
    Until(Option<Bytes>),
    Everything,
}

impl Census {
    pub(crate) fn new(shown: Arc<Pending>) -> Self {
        Self {
            queued: 0,
            watched: [0; WATCHED.len()],
            counted: Counted::Until(None),
            shown,
        }
    }

    /// Whether there is something left to count.
    pub(crate) fn is_behind(&self) -> bool {
        matches!(self.counted, Counted::Until(_))
    }

    /// Counts one page. A row that cannot be read ends the counting, and nothing else: whoever needs the row will say so.
    pub(crate) fn go_on(&mut self, view: &View) {
        let Counted::Until(after) = &self.counted else {
            return;
        };
        let rows = match view.pending_rows(after.as_ref(), PAGE) {
            Ok(rows) => rows,
            Err(error) => {
                tracing::warn!(%error, "what queues and waits is not counted to the end");
                Vec::new()
            }
        };
        for (_, row) in &rows {
            match row {
                PendingRow::Queued => self.queued += 1,
                PendingRow::Watched(registration) => self.watched[place(registration)] += 1,
            }
        }
        self.counted = match rows.into_iter().last() {
            Some((key, _)) => Counted::Until(Some(key)),
            None => Counted::Everything,
        };
        self.publish();
    }

    /// Takes note of writes that were submitted.
    pub(crate) fn note(&mut self, writes: &[Write]) {
        let mut changed = false;
        for write in writes {
            let (by, row) = match write {
                Write::PutQueued { .. } => (1, None),
                Write::DeleteQueued { .. } => (-1, None),
                Write::Register { registration, .. } => (1, Some(registration)),
                Write::Unregister { registration, .. } => (-1, Some(registration)),
                _ => continue,
            };
            if !self.has_counted(write) {
                continue;
            }
            match row {
                None => self.queued += by,
                Some(registration) => self.watched[place(registration)] += by,
            }
            changed = true;
        }
        if changed {
            self.publish();
        }
    }

    /// Whether the write's row lies where rows are counted already.
    fn has_counted(&self, write: &Write) -> bool {
        let after = match &self.counted {
            Counted::Everything => return true,
            Counted::Until(None) => return false,
            Counted::Until(Some(after)) => after,
        };
        let key = match write {
            Write::PutQueued { lane, place } | Write::DeleteQueued { lane, place } => {
                Key::queued(lane, *place)
            }
            Write::Register { run, op, .. } | Write::Unregister { run, op, .. } => {
                Key::Registration(WaitKey { run: *run, op: *op })
            }
            _ => return false,
        };
        key.encode() <= *after
    }

    fn publish(&self) {
        let shown = |count: i64| u64::try_from(count).unwrap_or(0);
        self.shown.queued.set(shown(self.queued));
        for (gauge, count) in self.shown.watched.iter().zip(self.watched) {
            gauge.set(shown(count));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use abide_core::ids::{FunctionId, RunId};
    use abide_core::state::{LaneKey, Place};
    use abide_store::{Commits, MemoryDisk, Store};

    fn watch(run: u128, on: bool) -> Write {
        let registration = Arc::new(Registration::Sleep { due_ms: 5 });
        let (run, op) = (RunId(run), 0);
        if on {
            Write::Register {
                run,
                op,
                registration,
            }
        } else {
            Write::Unregister {
                run,
                op,
                registration,
            }
        }
    }

    fn queue(run: u128) -> Write {
        Write::PutQueued {
            lane: LaneKey {
                function: FunctionId::new("shop", "pay"),
                lane: "[]".into(),
            },
            place: Place {
                order_ms: 7,
                run: RunId(run),
            },
        }
    }

    fn write(store: &Store, census: &mut Census, writes: &[Write]) {
        let batch = abide_store::encode(writes).expect("it encodes");
        let _queued = store.submit(batch);
        census.note(writes);
    }

    #[test]
    fn what_changes_while_it_counts_is_counted_once() {
        let disk = MemoryDisk::new();
        let store = Store::in_memory(&disk, Commits::ByHand).expect("it opens");
        let shown = Arc::new(Pending::default());
        let mut census = Census::new(shown.clone());
        let before: Vec<_> = (0..300).map(|run| watch(run, true)).collect();
        let _queued = store.submit(abide_store::encode(&before).expect("it encodes"));
        write(&store, &mut census, &[queue(1)]);
        census.go_on(&store.view());
        assert!(census.is_behind());
        // Behind what it has counted, and ahead of it.
        let changes = [
            watch(3, false),
            watch(299, false),
            watch(1_000, true),
            queue(2),
        ];
        write(&store, &mut census, &changes);
        while census.is_behind() {
            census.go_on(&store.view());
        }
        assert_eq!(shown.of(SLEEPS), 299);
        assert_eq!(shown.queued.get(), 2);
        write(&store, &mut census, &[watch(1_000, false), watch(4, false)]);
        assert_eq!((shown.of(SLEEPS), shown.of(WAITS)), (297, 0));
    }
}
