//! What can be known to be wrong with a function before it is deployed: every fault, each with its option.
//!
//! The host checks the same again, for guests of every language, and what only it can: the expressions and the schedules.

use std::fmt;

use crate::bindings::types::{
    self, BatchEvents, CancelOn, Concurrency, ConcurrencyScope, FunctionConfig, Trigger,
};
use crate::config::limits::{
    self, BATCH_SIZE, Bounds, FACTOR, MAX_CANCEL_ON, MAX_CONCURRENCY, MAX_EVENT_NAME, MAX_ID,
    MAX_RETRIES, MAX_TRIGGERS,
};

/// Why a function cannot be deployed: everything that is wrong with its configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidFunction {
    id: String,
    faults: Vec<String>,
}

impl InvalidFunction {
    pub(crate) fn unless_empty(id: &str, faults: Vec<String>) -> Result<(), Self> {
        if faults.is_empty() {
            return Ok(());
        }
        Err(Self {
            id: id.to_owned(),
            faults,
        })
    }

    /// The faults, each beginning with its option: `throttle.period: …`.
    pub fn faults(&self) -> &[String] {
        &self.faults
    }
}

impl fmt::Display for InvalidFunction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "function `{}`: {}", self.id, self.faults.join("; "))
    }
}

impl std::error::Error for InvalidFunction {}

/// Everything that is wrong with a configuration.
pub(crate) fn faults(config: &FunctionConfig) -> Vec<String> {
    let mut faults = Faults(Vec::new());
    faults.id(&config.id);
    faults.triggers(&config.triggers);
    if let Some(retries) = config.retries.filter(|it| *it > MAX_RETRIES) {
        faults.add(
            "retries",
            format_args!("must be 0 to {MAX_RETRIES}, not {retries}"),
        );
    }
    if let Some(backoff) = &config.backoff {
        faults.backoff(backoff);
    }
    faults.concurrency(&config.concurrency);
    faults.pace(config);
    faults.merge(config);
    faults.text("priority", config.priority.as_deref());
    faults.text("idempotency", config.idempotency.as_deref());
    faults.text(
        "singleton.key",
        config.singleton.as_ref().and_then(|it| it.key.as_deref()),
    );
    faults.cancel_on(&config.cancel_on);
    if let Some(timeouts) = &config.timeouts {
        faults.timeouts(timeouts);
    }
    faults.length("retention", config.retention, limits::RETENTION);
    faults.0
}

struct Faults(Vec<String>);

impl Faults {
    fn add(&mut self, option: &str, fault: impl fmt::Display) {
        self.0.push(format!("{option}: {fault}"));
    }

    fn id(&mut self, id: &str) {
        let kebab = id.split('-').all(|part| {
            let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
            !part.is_empty() && part.bytes().all(fits)
        });
        if !kebab || id.len() > MAX_ID {
            self.add(
                "id",
                format_args!(
                    "`{id}` must be kebab-case (`welcome-drip`) of at most {MAX_ID} characters"
                ),
            );
        }
    }

    fn triggers(&mut self, triggers: &[Trigger]) {
        if triggers.len() > MAX_TRIGGERS {
            self.add(
                "on",
                format_args!(
                    "{} triggers, at most {MAX_TRIGGERS} are allowed",
                    triggers.len()
                ),
            );
        }
        for trigger in triggers {
            match trigger {
                Trigger::Event(it) => {
                    self.event_name("on", &it.event, true);
                    self.text("on.if", it.if_.as_deref());
                }
                Trigger::Cron(it) => {
                    self.schedule(&it.schedule);
                    self.length("cron.jitter", it.jitter, limits::CRON_JITTER);
                }
                Trigger::FailureOf(_) => {}
            }
        }
    }

    fn schedule(&mut self, schedule: &str) {
        let mut words = schedule.split_ascii_whitespace().peekable();
        let zone = words.next_if(|word| word.starts_with("TZ="));
        let fields = words.count();
        if fields != 5 || zone == Some("TZ=") {
            self.add(
                "cron",
                format_args!(
                    "`{schedule}` is not a schedule: five fields (minute, hour, day of month, month, day of week), after an optional `TZ=Area/City `"
                ),
            );
        }
    }

    fn backoff(&mut self, backoff: &types::Backoff) {
        if backoff.factor.is_some_and(|it| !FACTOR.contains(&it)) {
            // Not `FACTOR` itself: writing a float takes 20 KB of code, which every app would carry.
            self.add("backoff.factor", "must be 1 to 1000");
        }
    }

    fn concurrency(&mut self, all: &[Concurrency]) {
        if all.len() > MAX_CONCURRENCY {
            self.add(
                "concurrency",
                format_args!(
                    "{} limits, at most {MAX_CONCURRENCY} are allowed",
                    all.len()
                ),
            );
        }
        for one in all {
            self.at_least_one("concurrency.limit", one.limit);
            self.text("concurrency.key", one.key.as_deref());
            let wide = match one.scope {
                Some(ConcurrencyScope::Env) => Some("env"),
                Some(ConcurrencyScope::Account) => Some("account"),
                Some(ConcurrencyScope::Fn) | None => None,
            };
            if let (Some(scope), None) = (wide, &one.key) {
                self.add(
                    "concurrency.key",
                    format_args!("the scope `{scope}` needs a key, which says who shares the limit, for example `\"'billing-api'\"`"),
                );
            }
        }
    }

    fn pace(&mut self, config: &FunctionConfig) {
        if let Some(it) = &config.throttle {
            self.at_least_one("throttle.limit", it.limit);
            self.length("throttle.period", Some(it.period), limits::THROTTLE_PERIOD);
            self.text("throttle.key", it.key.as_deref());
        }
        if let Some(it) = &config.rate_limit {
            self.at_least_one("rate_limit.limit", it.limit);
            let period = Some(it.period);
            self.length("rate_limit.period", period, limits::RATE_LIMIT_PERIOD);
            self.text("rate_limit.key", it.key.as_deref());
        }
    }

    fn merge(&mut self, config: &FunctionConfig) {
        if let Some(it) = &config.debounce {
            self.length("debounce.period", Some(it.period), limits::DEBOUNCE_PERIOD);
            self.text("debounce.key", it.key.as_deref());
            if it.timeout.is_some_and(|timeout| timeout < it.period) {
                self.add("debounce.timeout", "must be at least the period");
            }
        }
        if let Some(it) = &config.batch_events {
            self.batch(it);
            self.beside_batch(config);
        }
    }

    fn batch(&mut self, batch: &BatchEvents) {
        if !BATCH_SIZE.contains(&batch.max_size) {
            let (least, most) = (BATCH_SIZE.start(), BATCH_SIZE.end());
            self.add(
                "batch_events.max_size",
                format_args!("must be {least} to {most}, not {}", batch.max_size),
            );
        }
        let timeout = Some(batch.timeout);
        self.length("batch_events.timeout", timeout, limits::BATCH_TIMEOUT);
        self.text("batch_events.key", batch.key.as_deref());
        self.text("batch_events.if", batch.if_.as_deref());
    }

    fn beside_batch(&mut self, config: &FunctionConfig) {
        for (option, given) in [
            ("cancel_on", !config.cancel_on.is_empty()),
            ("debounce", config.debounce.is_some()),
            ("singleton", config.singleton.is_some()),
            ("priority", config.priority.is_some()),
            ("idempotency", config.idempotency.is_some()),
            ("rate_limit", config.rate_limit.is_some()),
        ] {
            if given {
                self.add(
                    "batch_events",
                    format_args!(
                        "cannot be combined with `{option}`, which is about single events"
                    ),
                );
            }
        }
    }

    fn cancel_on(&mut self, all: &[CancelOn]) {
        if all.len() > MAX_CANCEL_ON {
            self.add(
                "cancel_on",
                format_args!("{} events, at most {MAX_CANCEL_ON} are allowed", all.len()),
            );
        }
        for one in all {
            self.event_name("cancel_on.event", &one.event, false);
            self.text("cancel_on.if", one.if_.as_deref());
            if let Some(path) = &one.match_ {
                self.path("cancel_on.matching", path);
            }
            self.length("cancel_on.timeout", one.timeout, limits::ANY_TIME);
            let given = [one.if_.is_some(), one.match_.is_some(), one.all];
            if given.iter().filter(|given| **given).count() != 1 {
                self.add(
                    "cancel_on",
                    format_args!(
                        "`{}` needs exactly one of `matching`, `if` (`when`) and `all`, to say which runs it cancels",
                        one.event
                    ),
                );
            }
        }
    }

    fn timeouts(&mut self, timeouts: &types::Timeouts) {
        if timeouts.start.is_none() && timeouts.finish.is_none() {
            self.add("timeouts", "`start`, `finish` or both must be given");
        }
        self.length("timeouts.start", timeouts.start, limits::ANY_TIME);
        self.length("timeouts.finish", timeouts.finish, limits::ANY_TIME);
    }

    fn event_name(&mut self, option: &str, name: &str, patterns: bool) {
        if name.is_empty() || name.chars().count() > MAX_EVENT_NAME {
            let fault = format_args!("the name of an event has 1 to {MAX_EVENT_NAME} characters");
            return self.add(option, fault);
        }
        let pattern = name.strip_suffix("/*").or_else(|| name.strip_suffix(".*"));
        if !patterns && name.contains('*') {
            self.add(
                option,
                format_args!("`{name}` must be the exact name of an event, without `*`"),
            );
        } else if pattern.unwrap_or(name).contains('*') {
            self.add(
                option,
                format_args!("`{name}`: `*` can only be the last part of a pattern: `order/*` or `order/paid.*`"),
            );
        }
    }

    fn path(&mut self, option: &str, path: &str) {
        let outside = path.starts_with("event.") || path.starts_with("async.");
        if outside || path.split('.').any(str::is_empty) {
            self.add(
                option,
                format_args!(
                    "`{path}` must be names between dots, inside the event: `data.orderId`"
                ),
            );
        }
    }

    fn text(&mut self, option: &str, text: Option<&str>) {
        if text.is_some_and(|text| text.trim().is_empty()) {
            self.add(option, "the expression is empty");
        }
    }

    fn at_least_one(&mut self, option: &str, number: u32) {
        if number == 0 {
            self.add(
                option,
                "must be at least 1; to stop a function for a while, pause it",
            );
        }
    }

    fn length(&mut self, option: &str, ms: Option<u64>, bounds: Bounds) {
        if ms.is_some_and(|ms| !bounds.hold(ms)) {
            self.add(option, format_args!("must be {}", bounds.words));
        }
    }
}
