//! What is in force for a function: every option with its value, defaults included, in words for people.

use serde::Serialize;

use super::FunctionConfig;
use super::options::{
    CancelOn, Concurrency, ConcurrencyScope, ConcurrencyUnit, SingletonMode, Trigger,
};
use crate::cron::{Catchup, Schedule};
use crate::retry::{Backoff, BackoffKind, DEFAULT_MAX_MS, DEFAULT_RETRIES};
use crate::{DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS};

/// One option of a function.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Setting {
    /// Its name as the documentation has it; of several alike also which, from 0: `trigger 1`.
    pub option: String,
    /// Its value.
    pub value: String,
    /// Whether the author left it to the platform.
    pub is_default: bool,
}

/// A length of time for people: `1h 30m`, `1500ms`.
pub(crate) fn span(ms: u64) -> String {
    let mut rest = ms;
    let mut parts = Vec::new();
    if !ms.is_multiple_of(SECOND_MS) && ms < MINUTE_MS {
        return format!("{ms}ms");
    }
    let units = [
        (DAY_MS, "d"),
        (HOUR_MS, "h"),
        (MINUTE_MS, "m"),
        (SECOND_MS, "s"),
        (1, "ms"),
    ];
    for (unit_ms, unit) in units {
        let count = rest / unit_ms;
        rest %= unit_ms;
        if count > 0 {
            parts.push(format!("{count}{unit}"));
        }
    }
    if parts.is_empty() {
        return "0ms".into();
    }
    parts.join(" ")
}

impl FunctionConfig {
    /// Every option in force, in the order of the documentation.
    pub fn effective(&self) -> Vec<Setting> {
        let mut settings = Settings(Vec::new());
        let name = self.name.clone();
        settings.or("name", name, || self.id.clone());
        settings.each(
            "trigger",
            &self.triggers,
            "none: runs only by invoke",
            trigger,
        );
        let retries = self.retries.map(|retries| retries.to_string());
        settings.or("retries", retries, || DEFAULT_RETRIES.to_string());
        settings.or("backoff", self.backoff.as_ref().map(backoff), || {
            "15s, 30s, 1m, 2m, 5m, 10m, 20m, 40m, 1h, 2h, 2h…, each plus up to 30s".into()
        });
        let everything = "unlimited";
        settings.each("concurrency", &self.concurrency, everything, concurrency);
        let none = || "none".to_owned();
        let throttle = self.throttle.as_ref().map(|it| {
            let burst = match it.burst {
                0 => "no burst".to_owned(),
                more => format!("{more} more at once"),
            };
            let pace = format!("{} per {}, {burst}", it.limit, span(it.period_ms));
            keyed(pace, it.key.as_ref())
        });
        settings.or("throttle", throttle, none);
        let rate_limit = self.rate_limit.as_ref().map(|it| {
            let pace = format!("{} per {}", it.limit, span(it.period_ms));
            keyed(pace, it.key.as_ref())
        });
        settings.or("rateLimit", rate_limit, none);
        let debounce = self.debounce.as_ref().map(|it| {
            let cap = match it.timeout_ms {
                Some(ms) => format!("after {} at the latest", span(ms)),
                None => "however long that takes".into(),
            };
            let quiet = format!("after {} of quiet, {cap}", span(it.period_ms));
            keyed(quiet, it.key.as_ref())
        });
        settings.or("debounce", debounce, none);
        let batch = self.batch_events.as_ref().map(|it| {
            let size = format!("{} events, or {}", it.max_size, span(it.timeout_ms));
            let batch = keyed(size, it.key.as_ref());
            match &it.if_expr {
                Some(condition) => format!("{batch}, if `{condition}`"),
                None => batch,
            }
        });
        settings.or("batchEvents", batch, none);
        settings.or("priority", quoted(self.priority.as_ref()), || "0".into());
        settings.or("idempotency", quoted(self.idempotency.as_ref()), none);
        let singleton = self.singleton.as_ref().map(|it| {
            let mode = match it.mode {
                SingletonMode::Skip => "skip",
                SingletonMode::Cancel => "cancel",
            };
            keyed(mode.into(), it.key.as_ref())
        });
        settings.or("singleton", singleton, none);
        settings.each("cancelOn", &self.cancel_on, "none", cancel_on);
        let timeouts = self.timeouts;
        settings.or("timeouts.start", timeouts.start_ms.map(span), none);
        settings.or("timeouts.finish", timeouts.finish_ms.map(span), none);
        let retention = self.retention_ms.map(span);
        settings.or("retention", retention, || {
            "as the node is configured".into()
        });
        settings.0
    }
}

struct Settings(Vec<Setting>);

impl Settings {
    fn or(&mut self, option: &str, value: Option<String>, default: impl FnOnce() -> String) {
        self.0.push(Setting {
            option: option.to_owned(),
            is_default: value.is_none(),
            value: value.unwrap_or_else(default),
        });
    }

    fn each<T>(&mut self, option: &str, values: &[T], none: &str, text: fn(&T) -> String) {
        if values.is_empty() {
            self.or(option, None, || none.to_owned());
        }
        for (index, value) in values.iter().enumerate() {
            self.or(&format!("{option} {index}"), Some(text(value)), String::new);
        }
    }
}

fn quoted(expr: Option<&String>) -> Option<String> {
    expr.map(|expr| format!("`{expr}`"))
}

fn keyed(text: String, key: Option<&String>) -> String {
    match key {
        Some(key) => format!("{text}, for every `{key}`"),
        None => text,
    }
}

fn trigger(trigger: &Trigger) -> String {
    match trigger {
        Trigger::Event(event) => match &event.if_expr {
            Some(condition) => format!("event {}, if `{condition}`", event.event),
            None => format!("event {}", event.event),
        },
        Trigger::Cron(cron) => {
            let words = match Schedule::parse(&cron.schedule) {
                Ok(schedule) => format!(" ({})", schedule.describe()),
                Err(_) => String::new(),
            };
            let jitter = cron.jitter_ms.unwrap_or(0);
            let catchup = match cron.catchup {
                Catchup::None => "none",
                Catchup::Last => "last",
                Catchup::All => "all",
            };
            format!(
                "cron {}{words}, jitter {}, catchup {catchup}",
                cron.schedule,
                span(jitter)
            )
        }
        Trigger::FailureOf(function) => format!("failure of {function}"),
    }
}

fn backoff(backoff: &Backoff) -> String {
    let growth = match backoff.kind {
        BackoffKind::Exponential => format!(
            "exponential, from {} times {}",
            span(backoff.base_ms),
            backoff.factor.unwrap_or(2.0)
        ),
        BackoffKind::Linear => format!("linear, by {}", span(backoff.base_ms)),
        BackoffKind::Constant => format!("constant, {}", span(backoff.base_ms)),
    };
    let most = span(backoff.max_ms.unwrap_or(DEFAULT_MAX_MS));
    match backoff.jitter_ms {
        Some(ms) => format!("{growth}, at most {most}, plus up to {}", span(ms)),
        None => format!("{growth}, at most {most}"),
    }
}

fn concurrency(option: &Concurrency) -> String {
    let what = match option.per {
        ConcurrencyUnit::Step => "steps",
        ConcurrencyUnit::Run => "runs",
    };
    let scope = match option.scope {
        ConcurrencyScope::Fn => "fn",
        ConcurrencyScope::Env => "env",
        ConcurrencyScope::Account => "account",
    };
    let text = format!("{} {what}, scope {scope}", option.limit);
    keyed(text, option.key.as_ref())
}

fn cancel_on(option: &CancelOn) -> String {
    let which = match (&option.if_expr, &option.match_path) {
        (Some(condition), _) => format!("if `{condition}`"),
        (None, Some(path)) => format!("match {path}"),
        (None, None) => "all".into(),
    };
    let until = match option.timeout_ms {
        Some(ms) => format!(", within {}", span(ms)),
        None => String::new(),
    };
    format!("{}, {which}{until}", option.event)
}

#[cfg(test)]
mod tests {
    use super::super::options::{
        BatchEvents, CronTrigger, Debounce, RateLimit, Singleton, Throttle,
    };
    use super::*;

    fn shown(config: &FunctionConfig) -> Vec<String> {
        let line = |it: Setting| {
            let mark = if it.is_default { "" } else { "*" };
            format!("{mark}{} = {}", it.option, it.value)
        };
        config.effective().into_iter().map(line).collect()
    }

    #[test]
    fn a_function_without_options_shows_every_default() {
        let config = FunctionConfig {
            id: "f".into(),
            ..FunctionConfig::default()
        };
        let expected = [
            "name = f",
            "trigger = none: runs only by invoke",
            "retries = 4",
            "backoff = 15s, 30s, 1m, 2m, 5m, 10m, 20m, 40m, 1h, 2h, 2h…, each plus up to 30s",
            "concurrency = unlimited",
            "throttle = none",
            "rateLimit = none",
            "debounce = none",
            "batchEvents = none",
            "priority = 0",
            "idempotency = none",
            "singleton = none",
            "cancelOn = none",
            "timeouts.start = none",
            "timeouts.finish = none",
            "retention = as the node is configured",
        ];
        assert_eq!(shown(&config), expected);
    }

    #[test]
    fn what_an_author_set_is_shown_and_marked() {
        let key = Some("event.data.user".to_owned());
        let config = FunctionConfig {
            id: "f".into(),
            triggers: vec![
                Trigger::Cron(CronTrigger {
                    schedule: "30 9 * * *".into(),
                    jitter_ms: None,
                    catchup: Catchup::Last,
                }),
                Trigger::FailureOf("g".into()),
            ],
            retries: Some(4),
            concurrency: vec![Concurrency {
                limit: 5,
                key: key.clone(),
                scope: ConcurrencyScope::Fn,
                per: ConcurrencyUnit::Run,
            }],
            throttle: Some(Throttle {
                limit: 3,
                period_ms: MINUTE_MS,
                burst: 2,
                key: None,
            }),
            rate_limit: Some(RateLimit {
                limit: 1,
                period_ms: 90 * SECOND_MS,
                key,
            }),
            debounce: Some(Debounce {
                period_ms: 1_500,
                key: None,
                timeout_ms: Some(HOUR_MS),
            }),
            batch_events: Some(BatchEvents {
                max_size: 10,
                timeout_ms: SECOND_MS,
                key: None,
                if_expr: Some("true".into()),
            }),
            singleton: Some(Singleton {
                key: None,
                mode: SingletonMode::Skip,
            }),
            cancel_on: vec![CancelOn {
                event: "x".into(),
                if_expr: None,
                match_path: Some("data.id".into()),
                all: false,
                timeout_ms: Some(DAY_MS),
            }],
            ..FunctionConfig::default()
        };
        let shown = shown(&config);
        let set: Vec<_> = shown.iter().filter(|line| line.starts_with('*')).collect();
        let expected = [
            "*trigger 0 = cron 30 9 * * * (at 09:30 every day, UTC), jitter 0ms, catchup last",
            "*trigger 1 = failure of g",
            "*retries = 4",
            "*concurrency 0 = 5 runs, scope fn, for every `event.data.user`",
            "*throttle = 3 per 1m, 2 more at once",
            "*rateLimit = 1 per 1m 30s, for every `event.data.user`",
            "*debounce = after 1500ms of quiet, after 1h at the latest",
            "*batchEvents = 10 events, or 1s, if `true`",
            "*singleton = skip",
            "*cancelOn 0 = x, match data.id, within 1d",
        ];
        assert_eq!(set, expected);
    }
}
