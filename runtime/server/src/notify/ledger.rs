//! What of a notification survives the process: what waits to be told, what is being told, what is wrong at present, and how far it looked.
//!
//! Pure: times and ids are arguments. It is stored whole, before each first attempt at a message and soon after every other change.
//! Invariants: a message keeps its id and its content until it is taken or given up; what comes meanwhile waits for the next one. Of two looks
//! at the same failed run, one counts.

use std::collections::VecDeque;

use abide_core::ids::RunId;
use abide_core::state::Run;
use serde::{Deserialize, Serialize};

use super::alert::{Alert, Facts, Kind, Message};
use crate::admin::AdminRecord;

/// Failed runs that are known to have been noticed.
const MOST_NOTICED: usize = 1_000;

/// Runs whose ends lie so far apart may be noticed in another order.
const DISORDER_MS: u64 = 10_000;

/// How long a target that refuses is left alone, in seconds, from the first refusal on; the last one repeats.
const RETRY_S: [u64; 7] = [2, 5, 15, 60, 300, 900, 1_800];

/// How long a message is tried.
const GIVE_UP_MS: u64 = 24 * 3_600_000;

/// The most things that can be wrong at once: a bound on what is stored.
const MOST_FIRING: usize = 2_000;

/// Messages that are over of which it is kept what became of them: what an operator looks at, not an archive.
const MOST_TOLD: usize = 20;

/// The most characters that are kept of what such a message said: the ledger is one row.
const MOST_TEXT: usize = 200;

/// See the [module](self).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Ledger {
    /// What was before is not told.
    pub(super) since_ms: u64,
    /// When the latest failure ended that was noticed.
    through_ms: u64,
    /// The failures that were noticed last, in that order, with their ends.
    #[serde(default)]
    noticed: VecDeque<(RunId, u64)>,
    #[serde(default)]
    waiting: Vec<Alert>,
    #[serde(default)]
    leaving: Option<Leaving>,
    /// When a message of each kind was last taken.
    #[serde(default)]
    last: Vec<(Kind, u64)>,
    /// What is wrong at present.
    #[serde(default)]
    firing: Vec<Firing>,
    /// When the target last took a message.
    #[serde(default)]
    pub(crate) delivered_ms: Option<u64>,
    /// How and when it last did not, unless it took one since.
    #[serde(default)]
    pub(crate) error: Option<DeliveryError>,
    /// What became of the last messages, the latest last.
    #[serde(default)]
    told: VecDeque<Told>,
}

impl AdminRecord for Ledger {
    const KIND: &'static str = "notification-ledger";
}

/// A message that is being told.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Leaving {
    message: Message,
    /// When it was first tried.
    since_ms: u64,
    refusals: u32,
    /// When it is tried next.
    next_ms: u64,
}

/// A message, and what became of it so far.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Told {
    /// Its id.
    pub(crate) id: String,
    /// What it tells, by the name that messages have for it.
    pub(crate) kind: String,
    /// What it says, shortened.
    pub(crate) text: String,
    /// When it was first tried.
    pub(crate) since_ms: u64,
    /// How often it was tried, as far as it is known how that ended.
    pub(crate) attempts: u32,
    /// When it was taken or given up; none while it is tried.
    pub(crate) over_ms: Option<u64>,
    /// Why it was not taken the last time; none once it was.
    pub(crate) reason: Option<String>,
}

/// Something that is wrong at present.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Firing {
    /// The rule that says so.
    pub(crate) rule: String,
    /// The function.
    pub(crate) function: String,
    /// Since when.
    pub(crate) since_ms: u64,
}

/// Why a message was not delivered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct DeliveryError {
    /// When.
    pub(crate) at_ms: u64,
    /// Why, in one sentence without secrets.
    pub(crate) reason: String,
}

/// What became of an attempt that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refused {
    /// It is tried again.
    Again,
    /// It was tried for long enough.
    GivenUp,
}

/// A rule that is about functions: what it says when something is wrong, and when that is over.
#[derive(Debug, Clone, Copy)]
pub(super) struct Turn {
    pub(super) rule: &'static str,
    pub(super) wrong: Kind,
    pub(super) over: Kind,
}

impl Ledger {
    /// One that looks at what happens from now on.
    pub(super) fn since(since_ms: u64) -> Self {
        Self {
            since_ms,
            through_ms: since_ms,
            ..Self::default()
        }
    }

    /// Goes on with what was stored: at once, whatever the target said before.
    pub(super) fn resumed(mut self, now_ms: u64) -> Self {
        // A clock that was ahead must not hide what fails now.
        self.through_ms = self.through_ms.min(now_ms).max(self.since_ms);
        self.try_now(now_ms);
        self
    }

    /// Starts anew with what happens from `since_ms` on; how its target was stays known.
    pub(super) fn restarted(self, since_ms: u64) -> Self {
        Self {
            delivered_ms: self.delivered_ms,
            error: self.error,
            told: self.told,
            ..Self::since(since_ms)
        }
    }

    /// The target is another one: it gets what its predecessor refused at once, and has all the time for it.
    pub(super) fn moved(&mut self, now_ms: u64) {
        if let Some(leaving) = &mut self.leaving {
            leaving.since_ms = now_ms;
            leaving.refusals = 0;
            leaving.next_ms = now_ms;
        }
    }

    /// Forgets what is wrong at present unless `stays` says of its rule and its function that it stays.
    pub(super) fn keep_firing(&mut self, stays: impl Fn(&str, &str) -> bool) {
        self.firing.retain(|it| stays(&it.rule, &it.function));
    }

    /// A message that waits for its next attempt need not wait any more.
    pub(super) fn try_now(&mut self, now_ms: u64) {
        if let Some(leaving) = &mut self.leaving {
            leaving.next_ms = leaving.next_ms.min(now_ms);
        }
    }

    /// Failures that ended before this were noticed, all of them.
    pub(super) fn noticed_before_ms(&self) -> u64 {
        let certain = self.through_ms.saturating_sub(DISORDER_MS);
        // Of a storm not all are known: what ended before the first known one was noticed before it.
        let known = match self.noticed.front() {
            Some((_, ended_ms)) if self.noticed.len() >= MOST_NOTICED => *ended_ms,
            Some(_) | None => 0,
        };
        certain.max(known).max(self.since_ms)
    }

    /// A run failed. It is told once, however often it is noticed.
    pub(super) fn failed(&mut self, run: &Run, now_ms: u64) {
        let ended_ms = run.ended_ms.unwrap_or(run.queued_ms);
        if ended_ms < self.since_ms || self.noticed.iter().any(|(id, _)| *id == run.id) {
            return;
        }
        self.through_ms = self.through_ms.max(ended_ms);
        if self.noticed.len() >= MOST_NOTICED {
            self.noticed.pop_front();
        }
        self.noticed.push_back((run.id, ended_ms));
        self.waiting_of(Kind::RunFailed, now_ms).add_run(run);
    }

    /// How a rule finds a function. What was told once is told again when it is over; what nobody was told of is not.
    pub(super) fn turn(
        &mut self,
        turn: Turn,
        function: &str,
        is_wrong: bool,
        facts: Facts,
        now_ms: u64,
    ) {
        let place = self
            .firing
            .iter()
            .position(|it| it.rule == turn.rule && it.function == function);
        match (is_wrong, place) {
            (true, None) if self.firing.len() < MOST_FIRING => {
                self.firing.push(Firing {
                    rule: turn.rule.to_owned(),
                    function: function.to_owned(),
                    since_ms: now_ms,
                });
                if !self.take_back(turn.over, function) {
                    self.waiting_of(turn.wrong, now_ms)
                        .set_function(function, facts);
                }
            }
            (false, Some(place)) => {
                self.firing.remove(place);
                if !self.take_back(turn.wrong, function) {
                    self.waiting_of(turn.over, now_ms)
                        .set_function(function, facts);
                }
            }
            (true, _) | (false, None) => {}
        }
    }

    /// The functions that a rule finds wrong at present.
    pub(super) fn wrong_by(&self, rule: &'static str) -> impl Iterator<Item = &str> {
        let firing = self.firing.iter().filter(move |it| it.rule == rule);
        firing.map(|it| &*it.function)
    }

    /// What is wrong at present.
    pub(crate) fn firing(&self) -> &[Firing] {
        &self.firing
    }

    /// Messages that wait, that which is being told included.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.len() + usize::from(self.leaving.is_some())
    }

    /// When the message that was refused is tried again.
    pub(crate) fn retry_ms(&self) -> Option<u64> {
        let leaving = self.leaving.as_ref().filter(|it| it.refusals > 0)?;
        Some(leaving.next_ms)
    }

    /// The last messages, the latest first: that which is being told, if it was tried, and those that are over.
    pub(crate) fn told(&self) -> impl Iterator<Item = Told> {
        let reason = self.error.as_ref().map(|it| it.reason.clone());
        let leaving = self.leaving.as_ref().filter(|it| it.refusals > 0);
        let leaving = leaving.map(|it| it.told(it.refusals, None, reason));
        leaving.into_iter().chain(self.told.iter().rev().cloned())
    }

    /// A message is over: taken, or given up for a reason.
    fn over(&mut self, leaving: &Leaving, now_ms: u64, reason: Option<String>) {
        if self.told.len() >= MOST_TOLD {
            self.told.pop_front();
        }
        let attempts = leaving.refusals.saturating_add(1);
        self.told
            .push_back(leaving.told(attempts, Some(now_ms), reason));
    }

    fn waiting_of(&mut self, kind: Kind, now_ms: u64) -> &mut Alert {
        let place = self.waiting.iter().position(|alert| alert.kind() == kind);
        let place = place.unwrap_or_else(|| {
            self.waiting.push(Alert::new(kind, now_ms));
            self.waiting.len() - 1
        });
        &mut self.waiting[place]
    }

    /// Takes a function out of what waits to be told of it; whether it was in there.
    fn take_back(&mut self, kind: Kind, function: &str) -> bool {
        let Some(place) = self.waiting.iter().position(|alert| alert.kind() == kind) else {
            return false;
        };
        let taken = self.waiting[place].remove_function(function);
        if self.waiting[place].is_empty() {
            self.waiting.remove(place);
        }
        taken
    }

    /// Makes a message of what is due, if nothing is being told. The ledger is to be stored before the message is sent.
    pub(super) fn begin(&mut self, now_ms: u64, interval_ms: u64, new_id: impl FnOnce() -> String) {
        if self.leaving.is_some() {
            return;
        }
        let due = |alert: &Alert| self.free_ms(alert.kind(), interval_ms) <= now_ms;
        let Some(place) = self.waiting.iter().position(due) else {
            return;
        };
        self.leaving = Some(Leaving {
            message: Message::new(new_id(), self.waiting.remove(place)),
            since_ms: now_ms,
            refusals: 0,
            next_ms: now_ms,
        });
    }

    /// The message to be sent now, if there is one.
    pub(super) fn attempt(&self, now_ms: u64) -> Option<&Message> {
        let leaving = self.leaving.as_ref()?;
        (leaving.next_ms <= now_ms).then_some(&leaving.message)
    }

    fn free_ms(&self, kind: Kind, interval_ms: u64) -> u64 {
        let last = self.last.iter().find(|(it, _)| *it == kind);
        last.map_or(0, |(_, last)| last.saturating_add(interval_ms))
    }

    /// When something is to be done next, if there is anything to do.
    pub(super) fn next_ms(&self, interval_ms: u64) -> Option<u64> {
        match &self.leaving {
            Some(leaving) => Some(leaving.next_ms),
            None => {
                let waiting = self.waiting.iter();
                waiting
                    .map(|alert| self.free_ms(alert.kind(), interval_ms))
                    .min()
            }
        }
    }

    /// The message was taken.
    pub(super) fn delivered(&mut self, now_ms: u64) {
        self.delivered_ms = Some(now_ms);
        self.error = None;
        let Some(leaving) = self.leaving.take() else {
            return;
        };
        let kind = leaving.message.alert.kind();
        self.last.retain(|(it, _)| *it != kind);
        self.last.push((kind, now_ms));
        self.over(&leaving, now_ms, None);
    }

    /// The message was not taken.
    pub(super) fn refused(&mut self, now_ms: u64, reason: String) -> Refused {
        self.error = Some(DeliveryError {
            at_ms: now_ms,
            reason: reason.clone(),
        });
        let tried_enough = |it: &mut Leaving| now_ms.saturating_sub(it.since_ms) > GIVE_UP_MS;
        if let Some(leaving) = self.leaving.take_if(tried_enough) {
            self.over(&leaving, now_ms, Some(reason));
            return Refused::GivenUp;
        }
        let Some(leaving) = &mut self.leaving else {
            return Refused::Again;
        };
        let step = usize::try_from(leaving.refusals).unwrap_or(usize::MAX);
        let delay_s = RETRY_S[step.min(RETRY_S.len() - 1)];
        leaving.refusals = leaving.refusals.saturating_add(1);
        leaving.next_ms = now_ms.saturating_add(delay_s * 1_000);
        Refused::Again
    }
}

impl Leaving {
    fn told(&self, attempts: u32, over_ms: Option<u64>, reason: Option<String>) -> Told {
        let alert = &self.message.alert;
        Told {
            id: self.message.id.clone(),
            kind: alert.kind().name().to_owned(),
            text: alert.text().chars().take(MOST_TEXT).collect(),
            since_ms: self.since_ms,
            attempts,
            over_ms,
            reason,
        }
    }
}

#[cfg(test)]
mod tests;
