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
mod tests {
    use super::*;
    use crate::notify::alert::From;
    use crate::notify::alert::tests::failed;

    const MINUTE_MS: u64 = 60_000;

    /// What the process does: it begins a message, stores the ledger, and sends.
    fn send(ledger: &mut Ledger, now_ms: u64, id: &str) -> Option<Message> {
        ledger.begin(now_ms, MINUTE_MS, || id.to_owned());
        *ledger = stored(ledger);
        ledger.attempt(now_ms).cloned()
    }

    /// As it is in the next life.
    fn stored(ledger: &Ledger) -> Ledger {
        let text = serde_json::to_string(ledger).expect("JSON");
        serde_json::from_str(&text).expect("it reads what it wrote")
    }

    fn count(message: &Message) -> u64 {
        let from = From {
            environment: "default",
            notification: "page",
        };
        message.json(from)["data"]["count"].as_u64().unwrap_or(0)
    }

    #[test]
    fn a_failure_is_told_at_once_and_those_of_the_next_minute_together() {
        let mut ledger = Ledger::since(1_000);
        ledger.failed(&failed(1, "pay", 1_000), 1_001);
        ledger.failed(&failed(1, "pay", 1_000), 1_002);
        ledger.failed(&failed(7, "pay", 999), 1_002);
        let first = send(&mut ledger, 1_003, "a").expect("it is due");
        assert_eq!((count(&first), &*first.id), (1, "a"));
        ledger.delivered(1_004);
        for id in 2..5 {
            ledger.failed(&failed(id, "pay", 1_100), 1_101);
        }
        ledger.failed(&failed(9, "ship", 1_100), 1_101);
        assert_eq!(send(&mut ledger, 50_000, "b"), None);
        assert_eq!(ledger.next_ms(MINUTE_MS), Some(61_004));
        let second = send(&mut ledger, 61_004, "b").expect("it is due");
        assert_eq!((count(&second), &*second.id), (4, "b"));
    }

    #[test]
    fn a_message_keeps_its_id_and_content_over_refusals_and_a_crash() {
        let mut ledger = Ledger::since(0);
        ledger.failed(&failed(1, "pay", 10), 10);
        let first = send(&mut ledger, 10, "a").expect("it is due");
        assert_eq!(
            ledger.refused(20, "the answer was 503".into()),
            Refused::Again
        );
        ledger.failed(&failed(2, "pay", 30), 30);
        assert_eq!(
            ledger.attempt(2_019),
            None,
            "the target is left alone for 2 s"
        );
        assert_eq!(ledger.next_ms(MINUTE_MS), Some(2_020));
        assert_eq!(send(&mut ledger, 2_020, "b").as_ref(), Some(&first));
        // The process dies before it knows what became of the attempt.
        let mut next = stored(&ledger).resumed(3_000);
        assert_eq!(next.attempt(3_000), Some(&first));
        next.delivered(3_001);
        assert_eq!((next.delivered_ms, &next.error), (Some(3_001), &None));
        let told: Vec<_> = stored(&next).told().collect();
        assert_eq!(
            (told.len(), &*told[0].id, &*told[0].kind),
            (1, "a", "run.failed")
        );
        assert_eq!(
            (told[0].attempts, told[0].over_ms, &told[0].reason),
            (2, Some(3_001), &None)
        );
        let second = send(&mut next, 70_000, "c").expect("what failed meanwhile");
        assert_eq!((count(&second), &*second.id), (1, "c"));
    }

    #[test]
    fn what_was_noticed_is_not_noticed_again_in_the_next_life_and_the_rest_is() {
        let mut ledger = Ledger::since(1_000);
        ledger.failed(&failed(1, "pay", 50_000), 50_000);
        send(&mut ledger, 50_000, "a").expect("it is due");
        ledger.delivered(50_001);
        let mut next = stored(&ledger).resumed(60_000);
        assert_eq!(next.noticed_before_ms(), 40_000);
        for id in [1, 2, 1] {
            next.failed(&failed(id, "pay", 50_000), 60_001);
        }
        let told = send(&mut next, 110_001, "b").expect("run 2");
        assert_eq!(count(&told), 1);
        // Of a storm only the end is known by name.
        let mut storm = Ledger::since(0);
        for id in 0..2 * MOST_NOTICED as u64 {
            storm.failed(&failed(u128::from(id), "pay", 20_000 + id), 30_000);
        }
        assert_eq!(storm.noticed_before_ms(), 20_000 + MOST_NOTICED as u64);
        // A clock that was ahead when the process died hides nothing.
        assert_eq!(storm.resumed(5_000).through_ms, 5_000);
    }

    #[test]
    fn a_message_is_not_tried_for_ever() {
        let mut ledger = Ledger::since(0);
        ledger.failed(&failed(1, "pay", 10), 10);
        let mut now_ms = 10;
        let mut attempts = 0;
        loop {
            send(&mut ledger, now_ms, "a").expect("it is due");
            attempts += 1;
            if ledger.refused(now_ms, "no".into()) == Refused::GivenUp {
                break;
            }
            now_ms = ledger.next_ms(MINUTE_MS).expect("it is tried again");
            assert_eq!(ledger.retry_ms(), Some(now_ms));
        }
        assert!((40..70).contains(&attempts), "{attempts} in a day");
        assert_eq!((ledger.waiting(), ledger.next_ms(MINUTE_MS)), (0, None));
        assert!(ledger.error.is_some());
        let told: Vec<_> = ledger.told().collect();
        assert_eq!((told.len(), told[0].attempts), (1, attempts));
        assert_eq!(
            (told[0].over_ms, told[0].reason.as_deref()),
            (Some(now_ms), Some("no"))
        );
    }

    #[test]
    fn what_became_of_the_last_messages_is_kept_and_a_new_target_has_all_the_time_for_the_present_one()
     {
        let mut ledger = Ledger::since(0);
        let mut now_ms = 0;
        for id in 1..=MOST_TOLD as u64 + 5 {
            now_ms += MINUTE_MS;
            ledger.failed(&failed(u128::from(id), "pay", now_ms), now_ms);
            send(&mut ledger, now_ms, &id.to_string()).expect("it is due");
            ledger.delivered(now_ms);
        }
        assert_eq!(ledger.told().count(), MOST_TOLD);
        assert_eq!(ledger.told().next().expect("the latest").id, "25");
        ledger.failed(&failed(99, "pay", now_ms), now_ms);
        let refused_ms = now_ms + MINUTE_MS;
        let message = send(&mut ledger, refused_ms, "z").expect("it is due");
        for _ in 0..5 {
            ledger.refused(refused_ms, "no".into());
        }
        let present = ledger.told().next().expect("the present one");
        assert_eq!(
            (&*present.id, present.attempts, present.over_ms),
            ("z", 5, None)
        );
        assert_eq!(present.reason.as_deref(), Some("no"));
        let moved_ms = refused_ms + GIVE_UP_MS;
        ledger.moved(moved_ms);
        assert_eq!(ledger.attempt(moved_ms), Some(&message), "at once");
        assert_eq!(
            ledger.refused(moved_ms + GIVE_UP_MS, "no".into()),
            Refused::Again
        );
        assert_eq!(
            ledger.next_ms(MINUTE_MS),
            Some(moved_ms + GIVE_UP_MS + 2_000)
        );
    }

    const AGE: Turn = Turn {
        rule: "backlog_age",
        wrong: Kind::BacklogAgeHigh,
        over: Kind::BacklogAgeRecovered,
    };

    #[test]
    fn what_is_wrong_is_told_once_and_what_nobody_was_told_of_is_not_taken_back() {
        let facts = Facts::Age {
            age_s: 60,
            threshold_s: 30,
        };
        let mut ledger = Ledger::since(0);
        for now_ms in [10, 20] {
            ledger.turn(AGE, "shop/pay", true, facts, now_ms);
            ledger.turn(AGE, "shop/ship", true, facts, now_ms);
        }
        ledger.turn(AGE, "shop/ship", false, facts, 25);
        assert_eq!(ledger.waiting(), 1);
        let told = send(&mut ledger, 30, "a").expect("it is due");
        assert_eq!((told.alert.kind(), count(&told)), (Kind::BacklogAgeHigh, 1));
        ledger.delivered(31);
        assert_eq!(
            ledger.wrong_by("backlog_age").collect::<Vec<_>>(),
            ["shop/pay"]
        );
        // Over, wrong and over again within the time in which nothing is told: it is over.
        let mut ledger = stored(&ledger).resumed(32);
        ledger.turn(AGE, "shop/pay", true, facts, 33);
        assert_eq!(ledger.waiting(), 0, "it was told in an earlier life");
        for is_wrong in [false, true, false] {
            ledger.turn(AGE, "shop/pay", is_wrong, facts, 40);
        }
        let told = send(&mut ledger, 50, "b").expect("it is due");
        assert_eq!(
            (told.alert.kind(), count(&told)),
            (Kind::BacklogAgeRecovered, 1)
        );
        assert_eq!(ledger.firing(), []);
    }

    #[test]
    fn a_notification_that_was_paused_begins_anew_and_remembers_its_target() {
        let mut ledger = Ledger::since(0);
        ledger.failed(&failed(1, "pay", 10), 10);
        send(&mut ledger, 10, "a");
        ledger.refused(20, "no".into());
        let ledger = stored(&ledger).restarted(500);
        assert_eq!((ledger.waiting(), ledger.noticed_before_ms()), (0, 500));
        assert!(ledger.error.is_some());
    }
}
