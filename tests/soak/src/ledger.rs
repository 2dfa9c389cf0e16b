//! What was acknowledged and has not been seen to its end; and what must be gone after a while.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::orders::Order;

/// The first look at a run, and the longest pause between two.
const FIRST_LOOK: Duration = Duration::from_millis(400);
const LONGEST_PAUSE: Duration = Duration::from_secs(8);

/// One of so many settled entries is looked for again after its retention.
const LOOKED_FOR: u64 = 40;

/// Where the run of an order is found.
#[derive(Debug, Clone)]
pub(crate) enum Place {
    Event(String),
    Run(String),
}

impl Place {
    pub(crate) fn path(&self) -> String {
        match self {
            Self::Event(id) => format!("/api/v1/events/{id}"),
            Self::Run(id) => format!("/api/v1/runs/{id}"),
        }
    }
}

/// Something acknowledged.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) order: Order,
    pub(crate) place: Place,
    pub(crate) since: Instant,
    looks: u32,
}

/// All of it.
#[derive(Default)]
pub(crate) struct Ledger {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    number: u64,
    /// By the time of the next look.
    waiting: BTreeMap<(Instant, u64), Entry>,
    /// Being looked at.
    in_hand: u64,
    settled: u64,
    /// What must be gone, by when it is looked for.
    gone: BTreeMap<(Instant, u64), String>,
}

impl State {
    fn put(&mut self, at: Instant, entry: Entry) {
        self.number += 1;
        self.waiting.insert((at, self.number), entry);
    }
}

impl Ledger {
    /// Something was acknowledged.
    pub(crate) fn open(&self, order: Order, place: Place) {
        let entry = Entry {
            order,
            place,
            since: Instant::now(),
            looks: 0,
        };
        self.state.lock().put(entry.since + FIRST_LOOK, entry);
    }

    /// An entry whose time has come; it is given back by `not_yet` or `settle`.
    pub(crate) fn take(&self) -> Option<Entry> {
        let mut state = self.state.lock();
        let first = state.waiting.first_entry()?;
        if first.key().0 > Instant::now() {
            return None;
        }
        let entry = first.remove();
        state.in_hand += 1;
        Some(entry)
    }

    pub(crate) fn not_yet(&self, mut entry: Entry) {
        let pause = FIRST_LOOK * 2_u32.pow(entry.looks.min(6));
        entry.looks += 1;
        let mut state = self.state.lock();
        state.in_hand -= 1;
        state.put(Instant::now() + pause.min(LONGEST_PAUSE), entry);
    }

    /// It has ended. One of many must be found no more after `kept`.
    pub(crate) fn settle(&self, entry: &Entry, kept: Duration) {
        let mut state = self.state.lock();
        state.in_hand -= 1;
        state.settled += 1;
        if state.settled.is_multiple_of(LOOKED_FOR) {
            let key = (Instant::now() + kept, state.settled);
            state.gone.insert(key, entry.place.path());
        }
    }

    /// Something that must be gone now.
    pub(crate) fn must_be_gone(&self) -> Option<String> {
        let mut state = self.state.lock();
        let first = state.gone.first_entry()?;
        (first.key().0 <= Instant::now()).then(|| first.remove())
    }

    /// What is open.
    pub(crate) fn open_entries(&self) -> u64 {
        let state = self.state.lock();
        state.waiting.len() as u64 + state.in_hand
    }

    /// What has ended.
    pub(crate) fn settled(&self) -> u64 {
        self.state.lock().settled
    }

    /// The oldest open entries, to be named when the soak ends in vain.
    pub(crate) fn oldest(&self, most: usize) -> Vec<Entry> {
        let mut all: Vec<_> = self.state.lock().waiting.values().cloned().collect();
        all.sort_by_key(|entry| entry.since);
        all.truncate(most);
        all
    }

    /// An open entry, the choice being left to `pick`.
    pub(crate) fn some(&self, pick: usize) -> Option<Place> {
        let state = self.state.lock();
        let at = pick % state.waiting.len().max(1);
        state
            .waiting
            .values()
            .nth(at)
            .map(|entry| entry.place.clone())
    }
}
