//! A notification as the admin store holds it, and what becomes of it when an operator changes it.
//!
//! Pure: the time is an argument. Invariant: a change makes nobody be told of what failed before it, where that was nobody's wish then, and takes
//! no failure away that was to be told and still is: for each pattern it is kept since when its failures are told.

use std::borrow::Cow;

use abide_core::state::Run;
use serde::{Deserialize, Serialize};

use super::settings::{Settings, covers_name};
use crate::admin::AdminRecord;
use crate::webhooks::Secret;

/// The most patterns that it is kept of since when they are watched: those in force, and some that they took the place of.
const MOST_WATCHED: usize = 64;

/// A notification, its secret included: the admin store is readable for the server's user alone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct NotificationRecord {
    /// What the operator chose.
    pub(crate) settings: Settings,
    /// What a webhook's requests are signed with.
    #[serde(default)]
    pub(crate) secret: Option<Secret>,
    /// Whether it tells anything.
    pub(crate) enabled: bool,
    /// When it was made, in milliseconds since the Unix epoch.
    pub(crate) created_ms: u64,
    /// When it was last changed, if it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) changed_ms: Option<u64>,
    /// Since when it is enabled: what was before is not told.
    pub(crate) since_ms: u64,
    /// Since when it has its target, if that was another one before.
    #[serde(default)]
    pub(crate) target_since_ms: u64,
    /// Whose failures are told since when, if it was changed: without a row, of all that the settings cover, for as long as it is enabled.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    watched: Vec<Watched>,
    /// The request that made it, if that has a name: a repetition is known by it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) request: Option<String>,
}

impl AdminRecord for NotificationRecord {
    const KIND: &'static str = "notification";
}

/// Functions whose failures are told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Watched {
    /// As in the settings.
    pattern: String,
    since_ms: u64,
}

/// What an operator wants of a notification.
#[derive(Debug)]
pub(crate) struct Wanted {
    /// The settings, checked.
    pub(crate) settings: Settings,
    /// The secret that it then has.
    pub(crate) secret: Option<Secret>,
    /// Whether it tells anything.
    pub(crate) enabled: bool,
}

impl NotificationRecord {
    /// A new one.
    pub(crate) fn new(wanted: Wanted, now_ms: u64) -> Self {
        Self {
            settings: wanted.settings,
            secret: wanted.secret,
            enabled: wanted.enabled,
            created_ms: now_ms,
            changed_ms: None,
            since_ms: now_ms,
            target_since_ms: 0,
            watched: Vec::new(),
            request: None,
        }
    }

    /// What becomes of it. Enabled or disabled, it begins anew; otherwise what waits to be told still does.
    pub(crate) fn changed(&self, wanted: Wanted, now_ms: u64) -> Self {
        let begins_anew = wanted.enabled != self.enabled;
        let watched = if begins_anew {
            Vec::new()
        } else {
            self.watched_then(&wanted.settings, now_ms)
        };
        Self {
            since_ms: if begins_anew { now_ms } else { self.since_ms },
            target_since_ms: if wanted.settings.target == self.settings.target {
                self.target_since_ms
            } else {
                now_ms
            },
            changed_ms: Some(now_ms),
            watched,
            created_ms: self.created_ms,
            request: self.request.clone(),
            settings: wanted.settings,
            secret: wanted.secret,
            enabled: wanted.enabled,
        }
    }

    /// Whether somebody is to be told that this run failed.
    pub(super) fn tells_of(&self, run: &Run) -> bool {
        let settings = &self.settings;
        if !settings.tells_of_failures() || !settings.covers(&run.function) {
            return false;
        }
        let function = run.function.to_string();
        let ended_ms = run.ended_ms.unwrap_or(run.queued_ms);
        self.watched()
            .iter()
            .any(|it| it.since_ms <= ended_ms && covers_name(&it.pattern, &function))
    }

    fn watched(&self) -> Cow<'_, [Watched]> {
        if !self.watched.is_empty() {
            return Cow::Borrowed(&self.watched);
        }
        let all = self.settings.functions.iter().map(|pattern| Watched {
            pattern: pattern.clone(),
            since_ms: self.since_ms,
        });
        Cow::Owned(all.collect())
    }

    /// Whose failures are told since when, once these settings hold.
    fn watched_then(&self, then: &Settings, now_ms: u64) -> Vec<Watched> {
        if !then.tells_of_failures() {
            return Vec::new();
        }
        let before = if self.settings.tells_of_failures() {
            self.watched()
        } else {
            Cow::Borrowed(&[][..])
        };
        let since_ms = |pattern: &str| {
            let covering = before.iter().filter(|it| covers_name(&it.pattern, pattern));
            covering.map(|it| it.since_ms).min().unwrap_or(now_ms)
        };
        let mut watched: Vec<Watched> = then
            .functions
            .iter()
            .map(|pattern| Watched {
                pattern: pattern.clone(),
                since_ms: since_ms(pattern),
            })
            .collect();
        // What a wider pattern takes the place of was watched for longer.
        let kept = before.iter().filter(|old| {
            let wider = |new: &Watched| covers_name(&new.pattern, &old.pattern);
            watched.iter().any(wider)
                && !watched
                    .iter()
                    .any(|new| wider(new) && new.since_ms <= old.since_ms)
        });
        let kept: Vec<_> = kept.cloned().collect();
        watched.extend(kept);
        watched.truncate(MOST_WATCHED);
        watched
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::notify::alert::tests::failed;

    fn wanted(rules: &Value, functions: &Value) -> Wanted {
        let settings = json!({
            "target": {"kind": "webhook", "url": "https://example.com/"}, "rules": rules, "functions": functions,
        });
        Wanted {
            settings: serde_json::from_value(settings).expect("settings"),
            secret: None,
            enabled: true,
        }
    }

    fn failures(functions: &Value) -> Wanted {
        wanted(&json!([{"on": "run_failed"}]), functions)
    }

    /// Whether a failure of `shop/FUNCTION` at this time is told.
    fn tells(record: &NotificationRecord, function: &str, ended_ms: u64) -> bool {
        record.tells_of(&failed(1, function, ended_ms))
    }

    #[test]
    fn what_failed_before_a_change_is_told_where_it_was_to_be_told_before_and_still_is() {
        let made = NotificationRecord::new(failures(&json!(["shop/pay"])), 100);
        assert!(tells(&made, "pay", 100) && !tells(&made, "pay", 99));
        let wider = made.changed(failures(&json!(["*"])), 200);
        assert!(tells(&wider, "pay", 150), "it was to be told before");
        assert!(
            !tells(&wider, "ship", 199),
            "that was nobody's wish when it failed"
        );
        assert!(tells(&wider, "ship", 200));
        let narrower = wider.changed(failures(&json!(["shop/ship"])), 300);
        assert!(!tells(&narrower, "pay", 400), "it is left out");
        assert!(tells(&narrower, "ship", 250), "all were watched before");
        // Stored and read again, it says the same.
        let text = serde_json::to_string(&wider).expect("JSON");
        let read: NotificationRecord = serde_json::from_str(&text).expect("it reads what it wrote");
        assert_eq!(read, wider);
    }

    #[test]
    fn a_rule_about_failures_that_is_added_tells_of_those_that_come() {
        let age = json!([{"on": "backlog_age", "over_s": 30}]);
        let made = NotificationRecord::new(wanted(&age, &json!(["*"])), 100);
        assert!(!tells(&made, "pay", 150));
        let with = made.changed(failures(&json!(["*"])), 200);
        assert!(!tells(&with, "pay", 150) && tells(&with, "pay", 200));
        let without = with.changed(wanted(&age, &json!(["*"])), 300);
        let again = without.changed(failures(&json!(["*"])), 400);
        assert!(!tells(&again, "pay", 350) && tells(&again, "pay", 400));
    }

    #[test]
    fn enabled_again_it_begins_anew_and_a_new_target_is_known_by_its_time() {
        let made = NotificationRecord::new(failures(&json!(["*"])), 100);
        let off = Wanted {
            enabled: false,
            ..failures(&json!(["*"]))
        };
        let on = made.changed(off, 200).changed(failures(&json!(["*"])), 300);
        assert_eq!(
            (on.since_ms, on.created_ms, on.changed_ms),
            (300, 100, Some(300))
        );
        assert!(!tells(&on, "pay", 250) && tells(&on, "pay", 300));
        assert_eq!(on.target_since_ms, 0, "it is the same one");
        let mut elsewhere = failures(&json!(["*"]));
        let target = json!({"kind": "webhook", "url": "https://example.org/"});
        elsewhere.settings.target = serde_json::from_value(target).expect("a target");
        let moved = on.changed(elsewhere, 400);
        assert_eq!((moved.target_since_ms, moved.since_ms), (400, 300));
        assert!(tells(&moved, "pay", 350), "it is still to be told");
    }

    #[test]
    fn patterns_do_not_pile_up() {
        let mut record = NotificationRecord::new(failures(&json!(["shop/pay"])), 0);
        for round in 1..200_u64 {
            let functions = if round % 2 == 0 {
                json!(["*"])
            } else {
                json!([format!("shop/f{round}")])
            };
            record = record.changed(failures(&functions), round);
            assert!(record.watched.len() <= 3, "{:?}", record.watched);
        }
    }
}
