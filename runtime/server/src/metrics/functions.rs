//! What is counted of each function, for a bounded number of them: the rest share one place.
//!
//! A function is found once a run, not once a step.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use abide_core::ids::FunctionId;
use abide_core::state::{Run, RunStatus};
use parking_lot::{Mutex, RwLock};
use serde::Serialize;
use utoipa::ToSchema;

use super::measure::{Counter, Durations, Histogram};

/// Functions of an environment that have figures of their own: each has some forty lines in what Prometheus reads.
pub(crate) const MOST: usize = 200;

/// What functions beyond that are called together. No app or function can have this name alone: ids of functions are `app/function`.
pub(crate) const OTHER: &str = "other";

/// How runs end, by the place at which they are counted.
pub(crate) const ENDS: [RunStatus; 4] = [
    RunStatus::Completed,
    RunStatus::Failed,
    RunStatus::Cancelled,
    RunStatus::Skipped,
];

/// The place of a status; none for runs that have not ended.
pub(crate) fn place_of_end(status: RunStatus) -> Option<usize> {
    ENDS.iter().position(|end| *end == status)
}

/// The windows over which totals are kept: how long one part lasts, and how many there are.
const HOUR: (u64, usize) = (300_000, 12);
const DAY: (u64, usize) = (3_600_000, 24);

/// What is counted of one function.
#[derive(Debug, Default)]
pub(crate) struct Figures {
    pub(crate) started: Counter,
    /// By [`ENDS`].
    pub(crate) ended: [Counter; ENDS.len()],
    /// From the start of the code to the end.
    pub(crate) duration: Histogram,
    windows: Mutex<Windows>,
}

/// How many runs of a function started and ended within some time, and how long they took.
#[derive(Debug, Clone, Default, PartialEq, Serialize, ToSchema)]
#[schema(as = RunTotals)]
pub struct FunctionTotals {
    /// Runs whose code began.
    pub started: u64,
    /// Runs that completed.
    pub completed: u64,
    /// Runs that failed.
    pub failed: u64,
    /// Runs that were cancelled.
    pub cancelled: u64,
    /// Events that started no run because of a control.
    pub skipped: u64,
    /// From the start of the code to the end, in milliseconds: half of the runs took at most this. `None` without any.
    pub duration_p50_ms: Option<f64>,
    /// 95 in 100 took at most this.
    pub duration_p95_ms: Option<f64>,
    /// 99 in 100 took at most this.
    pub duration_p99_ms: Option<f64>,
}

/// Everything counted, at some time.
#[derive(Debug, Clone, Default)]
struct Sum {
    started: u64,
    ended: [u64; ENDS.len()],
    duration: Durations,
}

impl Sum {
    fn since(&self, earlier: &Self) -> Self {
        Self {
            started: self.started - earlier.started,
            ended: std::array::from_fn(|n| self.ended[n] - earlier.ended[n]),
            duration: self.duration.since(&earlier.duration),
        }
    }

    fn totals(&self) -> FunctionTotals {
        let ms = |part| self.duration.quantile_us(part).map(|us| us / 1_000.0);
        let [completed, failed, cancelled, skipped] = self.ended;
        FunctionTotals {
            started: self.started,
            completed,
            failed,
            cancelled,
            skipped,
            duration_p50_ms: ms(0.5),
            duration_p95_ms: ms(0.95),
            duration_p99_ms: ms(0.99),
        }
    }
}

/// What had been counted when each part of a window began, oldest first.
#[derive(Debug, Default)]
struct Windows {
    hour: VecDeque<(u64, Sum)>,
    day: VecDeque<(u64, Sum)>,
}

impl Figures {
    fn sum(&self) -> Sum {
        // What a run ends with is read before what it starts with: it never seems that more ended than started.
        let duration = self.duration.read();
        let ended = std::array::from_fn(|n| self.ended[n].get());
        Sum {
            started: self.started.get(),
            ended,
            duration,
        }
    }

    /// Begins a new part of a window, when it is time.
    fn turn(&self, now_ms: u64) {
        let mut windows = self.windows.lock();
        let Windows { hour, day } = &mut *windows;
        for (window, (length_ms, parts)) in [(hour, HOUR), (day, DAY)] {
            let part = now_ms / length_ms;
            match window.back() {
                // It was counted from nothing, a moment ago.
                None => window.push_back((part, Sum::default())),
                Some((last, _)) if *last < part => window.push_back((part, self.sum())),
                Some(_) => {}
            }
            while window
                .front()
                .is_some_and(|(first, _)| first + parts as u64 <= part)
                && window.len() > 1
            {
                window.pop_front();
            }
        }
    }
}

/// All functions of an environment.
#[derive(Debug)]
pub(crate) struct Functions {
    known: RwLock<HashMap<FunctionId, Arc<Figures>>>,
    other: Arc<Figures>,
    most: usize,
}

impl Default for Functions {
    fn default() -> Self {
        Self::with_most(MOST)
    }
}

impl Functions {
    fn with_most(most: usize) -> Self {
        Self {
            known: RwLock::default(),
            other: Arc::default(),
            most,
        }
    }

    /// The figures of a function: its own, or those of all for which there is no room.
    pub(crate) fn of(&self, function: &FunctionId) -> Arc<Figures> {
        if let Some(known) = self.known.read().get(function) {
            return known.clone();
        }
        let mut known = self.known.write();
        if known.len() >= self.most && !known.contains_key(function) {
            return self.other.clone();
        }
        known.entry(function.clone()).or_default().clone()
    }

    /// A run ended.
    pub(crate) fn ended(&self, run: &Run, place: usize) {
        let figures = self.of(&run.function);
        figures.ended[place].one();
        if let (Some(started_ms), Some(ended_ms)) = (run.started_ms, run.ended_ms) {
            figures
                .duration
                .observe_ms(ended_ms.saturating_sub(started_ms));
        }
    }

    /// How many runs of each function with figures of its own completed, and how many failed, since the server started.
    pub(crate) fn outcomes(&self) -> Vec<(FunctionId, u64, u64)> {
        let known = self.known.read();
        let outcomes = known.iter().map(|(id, figures)| {
            let [completed, failed, ..] = &figures.ended;
            (id.clone(), completed.get(), failed.get())
        });
        outcomes.collect()
    }

    /// All that have figures, by name; last the others, if there are any.
    pub(crate) fn all(&self) -> Vec<(Option<FunctionId>, Arc<Figures>)> {
        let known = self.known.read();
        let mut all: Vec<_> = known
            .iter()
            .map(|(id, figures)| (Some(id.clone()), figures.clone()))
            .collect();
        let full = known.len() >= self.most;
        drop(known);
        all.sort_by(|(a, _), (b, _)| a.cmp(b));
        if full {
            all.push((None, self.other.clone()));
        }
        all
    }

    /// Called now and then, so that totals know what had been counted when.
    pub(crate) fn turn(&self, now_ms: u64) {
        for figures in self.known.read().values() {
            figures.turn(now_ms);
        }
    }

    /// The totals of a function over the last hour and the last day, to five minutes and to an hour; nothing of those without figures of
    /// their own. They begin when the server does.
    pub(crate) fn totals(&self, function: &FunctionId) -> Option<(FunctionTotals, FunctionTotals)> {
        let figures = self.known.read().get(function)?.clone();
        let windows = figures.windows.lock();
        // No part of a window can begin between this and the look at them: nothing was counted after now.
        let now = figures.sum();
        let since = |window: &VecDeque<(u64, Sum)>| match window.front() {
            Some((_, first)) => now.since(first).totals(),
            None => now.totals(),
        };
        Some((since(&windows.hour), since(&windows.day)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn function(n: usize) -> FunctionId {
        FunctionId::new("shop", format!("f-{n}"))
    }

    #[test]
    fn ten_thousand_functions_share_what_a_bounded_number_leaves() {
        let functions = Functions::default();
        for n in 0..10_000 {
            functions.of(&function(n)).started.one();
        }
        let all = functions.all();
        assert_eq!(all.len(), MOST + 1);
        let others = all.last().map(|(id, it)| (id.is_none(), it.started.get()));
        assert_eq!(others, Some((true, 10_000 - MOST as u64)));
        let counted: u64 = all.iter().map(|(_, it)| it.started.get()).sum();
        assert_eq!(counted, 10_000);
        assert!(functions.totals(&function(9_999)).is_none());
    }

    #[test]
    fn totals_are_of_the_last_hour_and_the_last_day() {
        let functions = Functions::default();
        let one = function(1);
        let at = |minute: u64| functions.turn(1_767_225_600_000 + minute * 60_000);
        functions.of(&one);
        at(0);
        functions.of(&one).started.add(5);
        at(5);
        at(50);
        functions.of(&one).started.add(2);
        at(66);
        let (hour, day) = functions.totals(&one).expect("it is known");
        assert_eq!((hour.started, day.started), (2, 7));
        at(26 * 60);
        let (hour, day) = functions.totals(&one).expect("it is known");
        assert_eq!((hour.started, day.started), (0, 0));
        assert_eq!(hour.duration_p50_ms, None);
    }
}
