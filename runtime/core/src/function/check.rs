//! What an author can get wrong in a function's configuration, each fault with the option and the reason.
//!
//! A function that passes can be served: its expressions compile, its schedules fire, its options go together. [`options`] has the bounds of
//! each option.

mod options;

use std::collections::BTreeSet;

use super::FunctionConfig;
use super::options::Trigger;

/// The most triggers of one function.
const MAX_TRIGGERS: usize = 10;

/// The longest id of an app or a function.
const MAX_ID_CHARS: usize = 128;

/// What is wrong with a function's configuration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("function `{function}`: {problem}")]
pub struct InvalidFunction {
    /// The function's id.
    pub function: String,
    /// What is wrong, with the field.
    pub problem: String,
}

/// Whether `id` can name an app or a function: 1 to 128 lower-case letters, digits and single hyphens inside.
pub fn is_kebab_case(id: &str) -> bool {
    (1..=MAX_ID_CHARS).contains(&id.len())
        && id
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        && !id.starts_with('-')
        && !id.ends_with('-')
        && !id.contains("--")
}

impl FunctionConfig {
    /// Checks everything that an author can get wrong.
    pub fn validate(&self) -> Result<(), InvalidFunction> {
        self.check().map_err(|problem| InvalidFunction {
            function: self.id.clone(),
            problem,
        })
    }

    fn check(&self) -> Result<(), String> {
        if !is_kebab_case(&self.id) {
            return Err(format!(
                "id: must be kebab-case (a-z, 0-9 and single hyphens) of 1 to {MAX_ID_CHARS} characters"
            ));
        }
        options::at_most("triggers", self.triggers.len(), MAX_TRIGGERS)?;
        for (index, trigger) in self.triggers.iter().enumerate() {
            if *trigger == Trigger::FailureOf(self.id.clone()) {
                return Err(format!(
                    "trigger {index}: failure-of: a function cannot be the handler of its own failure"
                ));
            }
            options::trigger(trigger).map_err(|fault| format!("trigger {index}: {fault}"))?;
        }
        self.check_options()?;
        self.check_together()
    }

    /// Options that contradict each other. One message names both.
    fn check_together(&self) -> Result<(), String> {
        if self.batch_events.is_none() {
            return Ok(());
        }
        let excluded = [
            ("cancelOn", !self.cancel_on.is_empty()),
            ("debounce", self.debounce.is_some()),
            ("singleton", self.singleton.is_some()),
            ("priority", self.priority.is_some()),
            ("idempotency", self.idempotency.is_some()),
            ("rateLimit", self.rate_limit.is_some()),
        ];
        match excluded.into_iter().find(|(_, is_set)| *is_set) {
            Some((other, _)) => Err(format!(
                "batchEvents and {other} exclude each other, because {other} is about one event and a batch has many; remove one of them"
            )),
            None => Ok(()),
        }
    }
}

/// Checks all functions of an app together.
pub fn validate_functions(functions: &[FunctionConfig]) -> Result<(), InvalidFunction> {
    let mut seen = BTreeSet::new();
    for function in functions {
        function.validate()?;
        if !seen.insert(&function.id) {
            return Err(InvalidFunction {
                function: function.id.clone(),
                problem: "the app has two functions of this id".into(),
            });
        }
    }
    for function in functions {
        for (index, trigger) in function.triggers.iter().enumerate() {
            if let Trigger::FailureOf(failing) = trigger
                && !seen.contains(failing)
            {
                return Err(InvalidFunction {
                    function: function.id.clone(),
                    problem: format!(
                        "trigger {index}: failure-of: the app has no function `{failing}`"
                    ),
                });
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::options::{
        BatchEvents, CancelOn, Concurrency, ConcurrencyScope, ConcurrencyUnit, CronTrigger,
        Debounce, EventTrigger, RateLimit, Singleton, SingletonMode, Throttle, Timeouts,
    };
    use super::*;
    use crate::cron::Catchup;
    use crate::retry::{Backoff, BackoffKind};
    use crate::{DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS};

    fn problem(change: impl FnOnce(&mut FunctionConfig)) -> String {
        let mut config = FunctionConfig {
            id: "f".into(),
            ..FunctionConfig::default()
        };
        change(&mut config);
        match config.validate() {
            Ok(()) => String::new(),
            Err(invalid) => invalid.problem,
        }
    }

    /// Each change is refused with these words.
    macro_rules! refused {
        ($($words:expr => $change:expr;)*) => {$(
            let told = problem($change);
            assert!(told.contains($words), "expected `{}` in `{told}`", $words);
        )*};
    }

    #[allow(clippy::unnecessary_wraps, reason = "as the options hold it")]
    fn key(source: &str) -> Option<String> {
        Some(source.into())
    }

    fn concurrency(limit: u32, scope: ConcurrencyScope, key: Option<String>) -> Concurrency {
        Concurrency {
            limit,
            key,
            scope,
            per: ConcurrencyUnit::Step,
        }
    }

    #[allow(clippy::unnecessary_wraps, reason = "as the options hold it")]
    fn batch(max_size: u32, timeout_ms: u64) -> Option<BatchEvents> {
        Some(BatchEvents {
            max_size,
            timeout_ms,
            key: key("event.data.user"),
            if_expr: key("event.data.n > 1"),
        })
    }

    fn cancel_on(event: &str) -> CancelOn {
        CancelOn {
            event: event.into(),
            if_expr: None,
            match_path: None,
            all: false,
            timeout_ms: None,
        }
    }

    fn cron(schedule: &str, jitter_ms: Option<u64>) -> Trigger {
        Trigger::Cron(CronTrigger {
            schedule: schedule.into(),
            jitter_ms,
            catchup: Catchup::Last,
        })
    }

    #[test]
    fn identity_and_triggers_are_checked() {
        let event = |event: &str, if_expr: Option<&str>| {
            Trigger::Event(EventTrigger {
                event: event.into(),
                if_expr: if_expr.map(str::to_owned),
            })
        };
        refused! {
            "id: must be kebab-case" => |f| f.id = "Not_Kebab".into();
            "triggers: 11 are more than the limit of 10" => |f| f.triggers = vec![cron("* * * * *", None); 11];
            "trigger 0: event: must have 1 to 256 characters, has 0" => |f| f.triggers = vec![event("", None)];
            "trigger 0: event: `a/*/b` has a `*` in a place" => |f| f.triggers = vec![event("a/*/b", None)];
            "trigger 1: if: at column" => |f| f.triggers = vec![event("a", None), event("a", Some("1 +"))];
            "if: there is no `async` event here" => |f| f.triggers = vec![event("a", Some("async.data.x == 1"))];
            "trigger 0: cron: the schedule needs five fields" => |f| f.triggers = vec![cron("* * *", None)];
            "cron: the schedule never fires" => |f| f.triggers = vec![cron("0 0 31 2 *", None)];
            "cron: jitter: 500ms is not between 1s and 5m" => |f| f.triggers = vec![cron("* * * * *", Some(500))];
            "failure-of: `No` is no function's id" => |f| f.triggers = vec![Trigger::FailureOf("No".into())];
            "failure-of: a function cannot be" => |f| f.triggers = vec![Trigger::FailureOf("f".into())];
        }
    }

    #[test]
    fn retries_limits_and_paces_are_checked() {
        use ConcurrencyScope::{Account, Env, Fn};
        let backoff = Backoff {
            kind: BackoffKind::Exponential,
            base_ms: 1,
            factor: Some(0.5),
            max_ms: None,
            jitter_ms: None,
        };
        let throttle = |limit, period_ms| {
            Some(Throttle {
                limit,
                period_ms,
                burst: 0,
                key: key("event.data.user"),
            })
        };
        let rate = |limit, period_ms| {
            Some(RateLimit {
                limit,
                period_ms,
                key: None,
            })
        };
        refused! {
            "retries: 21 is more than the limit of 20" => |f| f.retries = Some(21);
            "backoff.factor is 0.5" => |f| f.backoff = Some(backoff);
            "concurrency: 3 are more than the limit of 2" => |f| f.concurrency = vec![concurrency(1, Fn, None); 3];
            "concurrency 0: limit: must be at least 1" => |f| f.concurrency = vec![concurrency(0, Fn, None)];
            "concurrency 0: key: the scope `env` needs one" => |f| f.concurrency = vec![concurrency(1, Env, None)];
            "the scope `account` needs one" => |f| f.concurrency = vec![concurrency(1, Account, None)];
            "concurrency 1: key: at column" => |f| f.concurrency = vec![concurrency(1, Fn, None), concurrency(1, Fn, key("("))];
            "throttle: limit: must be at least 1" => |f| f.throttle = throttle(0, MINUTE_MS);
            "throttle: period: 999ms is not between 1s and 7d" => |f| f.throttle = throttle(1, 999);
            "rateLimit: limit: must be at least 1" => |f| f.rate_limit = rate(0, MINUTE_MS);
            "rateLimit: period: 1d 1s is not between 1s and 1d" => |f| f.rate_limit = rate(1, DAY_MS + SECOND_MS);
        }
    }

    #[test]
    fn what_merges_and_orders_events_is_checked() {
        let debounce = |period_ms, timeout_ms| {
            Some(Debounce {
                period_ms,
                key: None,
                timeout_ms,
            })
        };
        refused! {
            "debounce: period: 0ms is not between 1s and 7d" => |f| f.debounce = debounce(0, None);
            "debounce: timeout: 1s is less than the period, 2s" => |f| f.debounce = debounce(2_000, Some(1_000));
            "batchEvents: maxSize: 1 is not between 2 and 1000" => |f| f.batch_events = batch(1, MINUTE_MS);
            "batchEvents: maxSize: 1001 is not" => |f| f.batch_events = batch(1_001, MINUTE_MS);
            "batchEvents: timeout: 2h is not between 1s and 1h" => |f| f.batch_events = batch(2, 2 * HOUR_MS);
            "batchEvents: if: the expression gives" => |f| {
                f.batch_events = batch(2, MINUTE_MS);
                f.batch_events.as_mut().unwrap().if_expr = key("'text'");
            };
            "priority: at column" => |f| f.priority = key("event.");
            "priority: there is no `async` event here" => |f| f.priority = key("async.data.n");
            "idempotency: at column" => |f| f.idempotency = key("[");
            "singleton: key: at column" => |f| f.singleton = Some(Singleton { key: key("?"), mode: SingletonMode::Skip });
        }
    }

    #[test]
    fn what_ends_runs_is_checked() {
        let with = |change: fn(&mut CancelOn)| {
            let mut option = cancel_on("order/cancelled");
            change(&mut option);
            move |f: &mut FunctionConfig| f.cancel_on = vec![option]
        };
        refused! {
            "cancelOn: 6 are more than the limit of 5" => |f| f.cancel_on = vec![cancel_on("a"); 6];
            "cancelOn 0: event: must have" => with(|it| it.event = String::new());
            "cancelOn 0: event: `a/*` must be an exact name" => with(|it| it.event = "a/*".into());
            "cancelOn 0: needs `if` or `match`, or `all: true`" => with(|_| {});
            "cancelOn 0: `if` and `match` exclude each other" => with(|it| {
                it.if_expr = Some("true".into());
                it.match_path = Some("data.id".into());
            });
            "cancelOn 0: `match` and `all` exclude each other" => with(|it| {
                it.match_path = Some("data.id".into());
                it.all = true;
            });
            "cancelOn 0: if: at column" => with(|it| it.if_expr = Some("async.".into()));
            "cancelOn 0: match: the path begins inside the event" => with(|it| it.match_path = Some("event.data.id".into()));
            "cancelOn 0: timeout: must be more than 0" => with(|it| {
                it.all = true;
                it.timeout_ms = Some(0);
            });
            "timeouts: start: must be more than 0" => |f| f.timeouts = Timeouts { start_ms: Some(0), finish_ms: None };
            "timeouts: finish: must be more than 0" => |f| f.timeouts = Timeouts { start_ms: None, finish_ms: Some(0) };
            "retention: 1m is not between 1h and 3650d" => |f| f.retention_ms = Some(MINUTE_MS);
        }
    }

    #[test]
    fn a_batch_goes_with_nothing_that_is_about_one_event() {
        let both = |change: fn(&mut FunctionConfig)| {
            problem(|f| {
                f.batch_events = batch(10, MINUTE_MS);
                change(f);
            })
        };
        let named = |problem: String, other: &str| {
            let words = format!("batchEvents and {other} exclude each other");
            assert!(problem.contains(&words), "{problem}");
        };
        named(
            both(|f| {
                f.cancel_on = vec![CancelOn {
                    all: true,
                    ..cancel_on("a")
                }];
            }),
            "cancelOn",
        );
        named(
            both(|f| {
                f.debounce = Some(Debounce {
                    period_ms: 1_000,
                    key: None,
                    timeout_ms: None,
                });
            }),
            "debounce",
        );
        named(
            both(|f| {
                f.singleton = Some(Singleton {
                    key: None,
                    mode: SingletonMode::Cancel,
                });
            }),
            "singleton",
        );
        named(both(|f| f.priority = key("1")), "priority");
        named(both(|f| f.idempotency = key("event.id")), "idempotency");
        named(
            both(|f| {
                f.rate_limit = Some(RateLimit {
                    limit: 1,
                    period_ms: 1_000,
                    key: None,
                });
            }),
            "rateLimit",
        );
    }

    #[test]
    fn a_function_with_everything_that_goes_together_passes() {
        let everything = problem(|f| {
            f.triggers = vec![
                cron("TZ=Europe/Berlin 0 9 * * MON-FRI", Some(30_000)),
                Trigger::FailureOf("other".into()),
            ];
            f.retries = Some(20);
            f.concurrency = vec![
                concurrency(1, ConcurrencyScope::Fn, key("event.data.user")),
                concurrency(9, ConcurrencyScope::Account, key("'shared'")),
            ];
            f.rate_limit = Some(RateLimit {
                limit: 1,
                period_ms: DAY_MS,
                key: key("event.data.vip ? false : event.data.user"),
            });
            f.debounce = Some(Debounce {
                period_ms: 7 * DAY_MS,
                key: key("event.data.user"),
                timeout_ms: Some(7 * DAY_MS),
            });
            f.idempotency = key("event.data.order");
            f.priority = key("event.data.plan == 'pro' ? 60 : 0");
            f.cancel_on = vec![CancelOn {
                match_path: key("data.order"),
                timeout_ms: Some(HOUR_MS),
                ..cancel_on("order/cancelled")
            }];
            f.retention_ms = Some(HOUR_MS);
        });
        assert_eq!(everything, "");
        assert_eq!(problem(|f| f.batch_events = batch(1_000, HOUR_MS)), "");
    }

    #[test]
    fn functions_of_an_app_are_checked_together() {
        let function = |id: &str, triggers| FunctionConfig {
            id: id.into(),
            triggers,
            ..FunctionConfig::default()
        };
        let handler = |of: &str| function("handler", vec![Trigger::FailureOf(of.into())]);
        let good = [handler("f"), function("f", Vec::new())];
        assert!(validate_functions(&good).is_ok());
        let fault = |functions: &[FunctionConfig]| {
            validate_functions(functions).expect_err("refused").problem
        };
        assert!(fault(&[handler("g"), function("f", Vec::new())]).contains("has no function `g`"));
        assert!(fault(&[function("f", Vec::new()), function("f", Vec::new())]).contains("two"));
    }
}
