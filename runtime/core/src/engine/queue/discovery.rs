//! Finding lanes in the store: after a start, and when a paused function goes on. One row a lane is read, page by page.
//!
//! | a function                      | and then                                  | its lanes                             |
//! |---------------------------------|-------------------------------------------|---------------------------------------|
//! | is covered by a sweep           | a page holds lanes of it                  | are in memory, hidden                 |
//! | is covered by a sweep           | the sweep comes to another function       | are all known: they are candidates    |
//! | is covered by a sweep           | a run is queued in a lane that is unknown | are looked up one by one at the end   |
//! | is paused                       | a sweep comes to it                       | are passed over in one read           |
//!
//! Invariant: nothing of a function starts before all its lanes are known, so older runs go before younger ones.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use super::super::{Context, Engine};
use super::gates::{Spot, Turn, Who};
use super::lane::Lane;
use crate::ids::FunctionId;
use crate::state::{LaneKey, ReadError};

/// Lanes that are read at once.
const PAGE: usize = 1_000;

/// Pages that one step reads: other inputs must have their turn.
const PAGES: usize = 8;

/// What is still to be found.
#[derive(Debug, Default)]
pub(in crate::engine) struct Discovery(VecDeque<Sweep>);

/// One pass over the lanes of all functions, or of one.
#[derive(Debug, Default)]
struct Sweep {
    only: Option<FunctionId>,
    after: Option<LaneKey>,
    /// The last read met a paused function: the next goes past all its lanes.
    past_function: bool,
    /// The function whose lanes are being read, and those that are known.
    current: Option<FunctionId>,
    known: BTreeSet<FunctionId>,
    /// Lanes that runs were put into meanwhile: the sweep may have passed them when they were empty.
    late: BTreeSet<LaneKey>,
}

impl Sweep {
    fn covers(&self, function: &FunctionId) -> bool {
        match &self.only {
            Some(only) => only == function,
            None => !self.known.contains(function),
        }
    }
}

impl Discovery {
    /// Looks at the lanes of all functions.
    pub(in crate::engine) fn all(&mut self) {
        self.0.push_back(Sweep::default());
    }

    /// Looks at the lanes of one function.
    pub(super) fn one(&mut self, function: FunctionId) {
        self.0.push_back(Sweep {
            only: Some(function),
            ..Sweep::default()
        });
    }

    /// Looks no more at the lanes of one function.
    pub(super) fn forget(&mut self, function: &FunctionId) {
        self.0.retain(|sweep| sweep.only.as_ref() != Some(function));
        for sweep in &mut self.0 {
            sweep.late.retain(|lane| lane.function != *function);
        }
    }

    pub(super) fn is_over(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether lanes of the function may exist that are not known.
    pub(super) fn covers(&self, function: &FunctionId) -> bool {
        self.0.iter().any(|sweep| sweep.covers(function))
    }

    /// A run was put into a lane that is not known, of a function that is covered.
    pub(super) fn note_late(&mut self, lane: LaneKey) {
        let covering = self.0.iter_mut();
        if let Some(sweep) = covering.rev().find(|sweep| sweep.covers(&lane.function)) {
            sweep.late.insert(lane);
        }
    }
}

impl Engine {
    /// Reads some pages of lanes, if there are any left to be found.
    pub(in crate::engine) fn discover(&mut self, cx: &Context<'_>) -> Result<(), ReadError> {
        for _ in 0..PAGES {
            if self.queues.discovery.is_over() {
                break;
            }
            self.discover_page(cx)?;
        }
        Ok(())
    }

    fn discover_page(&mut self, cx: &Context<'_>) -> Result<(), ReadError> {
        let Some(mut sweep) = self.queues.discovery.0.pop_front() else {
            return Ok(());
        };
        if let (Some(function), None) = (&sweep.only, &sweep.after) {
            // The lane with the empty name comes before all that a key can stand before.
            let first = LaneKey {
                function: function.clone(),
                lane: "".into(),
            };
            if let Some(head) = cx.read.queued(&first, None, 1)?.first() {
                self.found(first.clone(), Lane::found(*head));
            }
            sweep.after = Some(first);
        }
        let page = cx
            .read
            .lanes_after(sweep.after.as_ref(), sweep.past_function, PAGE)?;
        let mut over = page.len() < PAGE;
        sweep.past_function = false;
        for (key, head) in page {
            if sweep
                .only
                .as_ref()
                .is_some_and(|only| *only != key.function)
            {
                over = true;
                break;
            }
            if sweep.current.as_ref() != Some(&key.function) {
                self.known(&mut sweep, cx)?;
                sweep.current = Some(key.function.clone());
            }
            sweep.after = Some(key.clone());
            if self.queues.paused.contains(&key.function) {
                sweep.past_function = true;
                over = false;
                break;
            }
            self.found(key, Lane::found(head));
        }
        if over {
            self.known(&mut sweep, cx)?;
            self.finish(sweep, cx)
        } else {
            self.queues.discovery.0.push_front(sweep);
            Ok(())
        }
    }

    fn found(&mut self, key: LaneKey, lane: Lane) {
        self.queues.lanes.entry(Arc::new(key)).or_insert(lane);
    }

    /// All lanes of the function that was being read are known.
    fn known(&mut self, sweep: &mut Sweep, cx: &Context<'_>) -> Result<(), ReadError> {
        let Some(function) = sweep.current.take() else {
            return Ok(());
        };
        let late = sweep.late.iter().filter(|lane| lane.function == function);
        for lane in late.cloned().collect::<Vec<_>>() {
            sweep.late.remove(&lane);
            self.found(lane, Lane::unknown());
        }
        self.reveal(&function, cx)?;
        sweep.known.insert(function);
        Ok(())
    }

    /// The sweep is over.
    fn finish(&mut self, sweep: Sweep, cx: &Context<'_>) -> Result<(), ReadError> {
        let functions: BTreeSet<_> = sweep
            .late
            .iter()
            .map(|lane| lane.function.clone())
            .collect();
        for lane in sweep.late {
            self.found(lane, Lane::unknown());
        }
        let only = sweep.only.into_iter();
        only.chain(functions)
            .try_for_each(|function| self.reveal(&function, cx))
    }

    /// Makes the hidden lanes of a function candidates.
    fn reveal(&mut self, function: &FunctionId, cx: &Context<'_>) -> Result<(), ReadError> {
        for key in self.queues.lanes_of(function) {
            let Some(lane) = self.queues.lanes.get_mut(&key) else {
                continue;
            };
            if lane.spot != Spot::Hidden {
                continue;
            }
            if lane.head().is_none() {
                lane.refill(&key, cx.read)?;
            }
            if lane.is_empty() {
                self.queues.lanes.remove(&key);
                continue;
            }
            let turn = Turn::of_start(lane.turn());
            self.queues.stand(Who::Lane(key), turn, None);
        }
        Ok(())
    }
}
