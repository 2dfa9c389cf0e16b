//! One notification at work: what it makes of runs that failed, of rates and of the backlog.
//!
//! Pure: what is seen and the time are arguments. What is told how often is the ledger's affair.

use std::collections::BTreeMap;

use abide_core::ids::FunctionId;
use abide_core::state::Run;

use super::alert::{Facts, Kind, Message};
use super::ledger::{Ledger, Turn};
use super::rates::{Counted, Ends, Rates};
use super::record::NotificationRecord;
use super::settings::Rule;

const RATE: Turn = Turn {
    rule: "failure_rate",
    wrong: Kind::FailureRateHigh,
    over: Kind::FailureRateRecovered,
};

const AGE: Turn = Turn {
    rule: "backlog_age",
    wrong: Kind::BacklogAgeHigh,
    over: Kind::BacklogAgeRecovered,
};

/// A notification with what it knows.
pub(super) struct Entry {
    pub(super) record: NotificationRecord,
    pub(super) ledger: Ledger,
    /// Of the rule about rates, once it was first looked at.
    rates: Option<Rates>,
    /// Whether an attempt at a message is under way.
    pub(super) under_way: bool,
    /// The ledger as it is stored, and when it was.
    pub(super) stored: Option<Ledger>,
    pub(super) stored_ms: u64,
}

impl Entry {
    /// Goes on from what an earlier life stored of it.
    pub(super) fn new(record: NotificationRecord, stored: Option<Ledger>, now_ms: u64) -> Self {
        let since_ms = record.since_ms;
        let ledger = match &stored {
            Some(ledger) if ledger.since_ms == since_ms => ledger.clone().resumed(now_ms),
            Some(ledger) => ledger.clone().restarted(since_ms),
            None => Ledger::since(since_ms),
        };
        let mut it = Self {
            record,
            ledger,
            rates: None,
            under_way: false,
            stored,
            stored_ms: 0,
        };
        it.forget_what_is_left_out();
        it
    }

    /// An operator changed it, and it goes on: what waits to be told is told, to whoever is its target now.
    pub(super) fn change(&mut self, record: NotificationRecord, now_ms: u64) {
        if record.target_since_ms != self.record.target_since_ms {
            self.ledger.moved(now_ms);
        }
        let (new, old) = (&record.settings, &self.record.settings);
        if new.rules != old.rules || new.functions != old.functions {
            // What was counted is of other functions, or over another time.
            self.rates = None;
        }
        self.record = record;
        self.forget_what_is_left_out();
    }

    /// What is wrong by a rule, or of a function, that it is about no more is nobody's affair.
    fn forget_what_is_left_out(&mut self) {
        let settings = &self.record.settings;
        self.ledger.keep_firing(|rule, function| {
            settings.rules.iter().any(|it| it.name() == rule) && settings.covers_named(function)
        });
    }

    fn interval_ms(&self) -> u64 {
        self.record.settings.min_interval_s * 1_000
    }

    /// The message to be sent now, if there is one and no attempt is under way. The ledger is to be stored before it is sent.
    pub(super) fn due(&mut self, now_ms: u64, new_id: impl FnOnce() -> String) -> Option<Message> {
        if self.under_way {
            return None;
        }
        self.ledger.begin(now_ms, self.interval_ms(), new_id);
        self.ledger.attempt(now_ms).cloned()
    }

    /// When something is to be done next, if there is anything to do.
    pub(super) fn next_ms(&self) -> Option<u64> {
        if self.under_way {
            return None;
        }
        self.ledger.next_ms(self.interval_ms())
    }

    /// Whether somebody is to be told of runs that failed.
    pub(super) fn wants_failures(&self) -> bool {
        self.record.settings.tells_of_failures()
    }

    pub(super) fn wants_rates(&self) -> bool {
        let mut rules = self.record.settings.rules.iter();
        rules.any(|rule| matches!(rule, Rule::FailureRate { .. }))
    }

    pub(super) fn wants_backlog(&self) -> bool {
        let mut rules = self.record.settings.rules.iter();
        rules.any(|rule| matches!(rule, Rule::BacklogAge { .. }))
    }

    /// A run failed.
    pub(super) fn failed(&mut self, run: &Run, now_ms: u64) {
        if self.record.tells_of(run) {
            self.ledger.failed(run, now_ms);
        }
    }

    /// Looks at how many runs of each function ended, and failed, since the process began.
    pub(super) fn look_at_rates(&mut self, counted: &BTreeMap<FunctionId, Ends>, now_ms: u64) {
        let rule = self
            .record
            .settings
            .rules
            .iter()
            .find_map(|rule| match rule {
                Rule::FailureRate {
                    percent,
                    window_s,
                    least_runs,
                } => Some((*percent, *window_s, *least_runs)),
                Rule::RunFailed {} | Rule::BacklogAge { .. } => None,
            });
        let Some((threshold_percent, window_s, least_runs)) = rule else {
            return;
        };
        let settings = &self.record.settings;
        let covered = counted
            .iter()
            .filter(|(function, _)| settings.covers(function));
        let counted: Counted = covered
            .map(|(function, ends)| (function.to_string(), *ends))
            .collect();
        let Some(rates) = &mut self.rates else {
            self.rates = Some(Rates::over(window_s * 1_000, now_ms, counted));
            return;
        };
        let mut seen = rates.at(now_ms, counted);
        let is_whole = rates.is_whole(now_ms);
        for function in self.ledger.wrong_by(RATE.rule) {
            seen.entry(function.to_owned()).or_default();
        }
        for (function, ends) in seen {
            let percent = share(ends.failed, ends.ended);
            let is_wrong = ends.ended >= least_runs && percent >= threshold_percent;
            // A process that has not seen a whole window yet cannot say that it is over.
            if !is_wrong && !is_whole {
                continue;
            }
            let facts = Facts::Rate {
                ended: ends.ended,
                failed: ends.failed,
                percent: (percent * 10.0).round() / 10.0,
                threshold_percent,
                window_s,
            };
            self.ledger.turn(RATE, &function, is_wrong, facts, now_ms);
        }
    }

    /// Looks at since when the first waiting run of each function waits.
    pub(super) fn look_at_backlog(&mut self, oldest: &BTreeMap<FunctionId, u64>, now_ms: u64) {
        let rule = self
            .record
            .settings
            .rules
            .iter()
            .find_map(|rule| match rule {
                Rule::BacklogAge { over_s } => Some(*over_s),
                Rule::RunFailed {} | Rule::FailureRate { .. } => None,
            });
        let Some(threshold_s) = rule else { return };
        let firing = self.ledger.wrong_by(AGE.rule);
        let mut ages: BTreeMap<String, u64> = firing.map(|it| (it.to_owned(), 0)).collect();
        for (function, since_ms) in oldest {
            if self.record.settings.covers(function) {
                ages.insert(
                    function.to_string(),
                    now_ms.saturating_sub(*since_ms) / 1_000,
                );
            }
        }
        for (function, age_s) in ages {
            let facts = Facts::Age { age_s, threshold_s };
            self.ledger
                .turn(AGE, &function, age_s >= threshold_s, facts, now_ms);
        }
    }

    /// Whether the ledger differs from what is stored.
    pub(super) fn is_changed(&self) -> bool {
        self.stored.as_ref() != Some(&self.ledger)
    }
}

/// How many of a hundred.
#[allow(clippy::cast_precision_loss, reason = "counts of runs in a window")]
fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 {
        0.0
    } else {
        part as f64 * 100.0 / whole as f64
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::notify::alert::From;
    use crate::notify::alert::tests::failed;
    use crate::notify::ledger::Refused;
    use crate::notify::{Settings, Wanted};

    fn entry(rules: &Value, functions: &Value) -> Entry {
        let settings = json!({
            "target": {"kind": "webhook", "url": "https://example.com/"},
            "rules": rules, "functions": functions, "min_interval_s": 0,
        });
        let wanted = Wanted {
            settings: serde_json::from_value(settings).expect("settings"),
            secret: None,
            enabled: true,
        };
        Entry::new(NotificationRecord::new(wanted, 1_000), None, 1_000)
    }

    /// The same with other rules, functions or another target.
    fn changed(
        entry: &Entry,
        change: impl FnOnce(&mut Settings),
        now_ms: u64,
    ) -> NotificationRecord {
        let mut settings = entry.record.settings.clone();
        change(&mut settings);
        let wanted = Wanted {
            settings,
            secret: None,
            enabled: true,
        };
        entry.record.changed(wanted, now_ms)
    }

    /// What is told now, as the target gets it.
    fn told(entry: &mut Entry, now_ms: u64) -> Option<Value> {
        let message = entry.due(now_ms, || "id".into())?;
        entry.ledger.delivered(now_ms);
        let from = From {
            environment: "default",
            notification: "page",
        };
        Some(message.json(from))
    }

    fn counted(pay: (u64, u64), ship: (u64, u64)) -> BTreeMap<FunctionId, Ends> {
        [("pay", pay), ("ship", ship)]
            .map(|(name, (ended, failed))| (FunctionId::new("shop", name), Ends { ended, failed }))
            .into()
    }

    #[test]
    fn failures_of_the_functions_that_it_is_about_are_told() {
        let mut entry = entry(&json!([{"on": "run_failed"}]), &json!(["shop/pay"]));
        entry.failed(&failed(1, "ship", 2_000), 2_000);
        assert_eq!(told(&mut entry, 2_000), None);
        entry.failed(&failed(2, "pay", 2_000), 2_000);
        let message = told(&mut entry, 2_000).expect("it is told");
        assert_eq!(message["data"]["runs"][0]["function_id"], "shop/pay");
        entry.failed(&failed(2, "pay", 2_000), 3_000);
        assert_eq!(told(&mut entry, 3_000), None);
    }

    #[test]
    fn a_rate_is_told_when_it_is_high_and_when_that_is_over() {
        let rule = json!([{"on": "failure_rate", "percent": 50, "window_s": 60, "least_runs": 4}]);
        let mut entry = entry(&rule, &json!(["*"]));
        // What ended before it began to look does not count.
        entry.look_at_rates(&counted((100, 100), (0, 0)), 10_000);
        entry.look_at_rates(&counted((103, 103), (4, 1)), 20_000);
        assert_eq!(
            told(&mut entry, 20_000),
            None,
            "3 runs are too few, and 25 % is too little"
        );
        entry.look_at_rates(&counted((106, 103), (4, 1)), 30_000);
        let message = told(&mut entry, 30_000).expect("3 of 6");
        assert_eq!(message["type"], "failure_rate.high");
        let function = &message["data"]["functions"][0];
        assert_eq!(function["function_id"], "shop/pay");
        assert_eq!(
            (&function["percent"], &function["ended"]),
            (&json!(50.0), &json!(6))
        );
        for now_ms in [40_000, 50_000, 60_000] {
            entry.look_at_rates(&counted((106, 103), (4, 1)), now_ms);
            assert_eq!(told(&mut entry, now_ms), None, "it is told once");
        }
        entry.look_at_rates(&counted((106, 103), (4, 1)), 200_000);
        let message = told(&mut entry, 200_000).expect("nothing failed since");
        assert_eq!(message["type"], "failure_rate.recovered");
        entry.look_at_rates(&counted((106, 103), (4, 1)), 210_000);
        assert_eq!(told(&mut entry, 210_000), None);
    }

    #[test]
    fn a_new_process_says_that_a_rate_is_over_when_it_has_seen_a_whole_window() {
        let rule = json!([{"on": "failure_rate", "percent": 50, "window_s": 60, "least_runs": 1}]);
        let mut old = entry(&rule, &json!(["*"]));
        old.look_at_rates(&counted((0, 0), (0, 0)), 0);
        old.look_at_rates(&counted((2, 2), (0, 0)), 10_000);
        assert!(told(&mut old, 10_000).is_some());
        let mut new = Entry::new(old.record.clone(), Some(old.ledger.clone()), 15_000);
        assert!(!new.is_changed());
        new.look_at_rates(&counted((0, 0), (0, 0)), 20_000);
        new.look_at_rates(&counted((0, 0), (0, 0)), 79_999);
        assert_eq!(told(&mut new, 79_999), None);
        new.look_at_rates(&counted((0, 0), (0, 0)), 80_000);
        assert!(told(&mut new, 80_000).is_some());
    }

    #[test]
    fn a_backlog_is_told_by_its_age_and_again_when_it_is_gone() {
        let mut entry = entry(
            &json!([{"on": "backlog_age", "over_s": 30}]),
            &json!(["shop/*"]),
        );
        let waits = |name: &str, since_ms: u64| [(FunctionId::new("shop", name), since_ms)].into();
        entry.look_at_backlog(&waits("pay", 10_000), 39_999);
        assert_eq!(told(&mut entry, 39_999), None);
        entry.look_at_backlog(&waits("pay", 10_000), 40_000);
        let message = told(&mut entry, 40_000).expect("it is 30 s old");
        assert_eq!(message["type"], "backlog_age.high");
        assert_eq!(message["data"]["functions"][0]["age_s"], 30);
        entry.look_at_backlog(&waits("pay", 10_000), 50_000);
        assert_eq!(told(&mut entry, 50_000), None);
        entry.look_at_backlog(&waits("pay", 49_000), 60_000);
        let message = told(&mut entry, 60_000).expect("the old ones are gone");
        assert_eq!(message["type"], "backlog_age.recovered");
        let other = [(FunctionId::new("other", "pay"), 0)].into();
        entry.look_at_backlog(&other, 70_000);
        assert_eq!(told(&mut entry, 70_000), None);
    }

    #[test]
    fn what_waits_when_it_is_changed_is_told_to_the_new_target_under_the_same_id() {
        let mut entry = entry(&json!([{"on": "run_failed"}]), &json!(["shop/pay"]));
        entry.failed(&failed(1, "pay", 2_000), 2_000);
        let first = entry.due(2_000, || "a".into()).expect("it is due");
        assert_eq!(
            entry.ledger.refused(2_001, "the answer was 503".into()),
            Refused::Again
        );
        let record = changed(
            &entry,
            |it| {
                let target = json!({"kind": "webhook", "url": "https://example.org/"});
                it.target = serde_json::from_value(target).expect("a target");
                it.functions = vec!["shop/ship".into()];
            },
            2_500,
        );
        entry.change(record, 2_500);
        let again = entry.due(2_500, || "b".into()).expect("at once");
        assert_eq!(again, first);
        entry.ledger.delivered(2_501);
        entry.failed(&failed(2, "pay", 2_600), 2_600);
        assert_eq!(told(&mut entry, 2_600), None, "it is left out now");
        entry.failed(&failed(3, "ship", 2_600), 2_600);
        assert!(told(&mut entry, 2_600).is_some());
    }

    #[test]
    fn what_is_wrong_of_a_function_that_is_left_out_is_forgotten_without_a_word() {
        let rule = json!([{"on": "backlog_age", "over_s": 30}]);
        let mut entry = entry(&rule, &json!(["*"]));
        let waits = [(FunctionId::new("shop", "pay"), 0)].into();
        entry.look_at_backlog(&waits, 40_000);
        assert!(told(&mut entry, 40_000).is_some());
        let record = changed(&entry, |it| it.functions = vec!["shop/ship".into()], 41_000);
        // Whether this process takes the change over, or the next one.
        let next = Entry::new(record.clone(), Some(entry.ledger.clone()), 42_000);
        entry.change(record, 42_000);
        for mut it in [entry, next] {
            it.look_at_backlog(&BTreeMap::new(), 45_000);
            assert_eq!(told(&mut it, 45_000), None);
            assert_eq!(it.ledger.firing(), []);
        }
    }

    #[test]
    fn a_changed_limit_is_told_to_be_kept_again() {
        let mut entry = entry(&json!([{"on": "backlog_age", "over_s": 30}]), &json!(["*"]));
        let waits = [(FunctionId::new("shop", "pay"), 0)].into();
        entry.look_at_backlog(&waits, 40_000);
        assert!(told(&mut entry, 40_000).is_some());
        let record = changed(
            &entry,
            |it| it.rules = vec![Rule::BacklogAge { over_s: 60 }],
            41_000,
        );
        entry.change(record, 41_000);
        entry.look_at_backlog(&waits, 45_000);
        let message = told(&mut entry, 45_000).expect("45 s are fewer than 60");
        assert_eq!(message["type"], "backlog_age.recovered");
    }
}
