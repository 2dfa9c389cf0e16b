//! The bounds of each option. The first fault found is the one that is told.

use super::super::options::{
    BatchEvents, CancelOn, Concurrency, ConcurrencyScope, CronTrigger, Debounce, EventTrigger,
    RateLimit, Throttle, Trigger,
};
use super::super::triggers::prefix_of;
use super::super::{FunctionConfig, span};
use super::is_kebab_case;
use crate::cron::{MAX_JITTER_MS, MIN_JITTER_MS, Schedule};
use crate::expr::{EvalError, Expr, check_path};
use crate::journal::CANCEL_ON_OPS;
use crate::limits::MAX_NAME_CHARS;
use crate::retry::{Backoff, MAX_RETRIES};
use crate::{DAY_MS, HOUR_MS, SECOND_MS};

type Checked = Result<(), String>;

/// Limits of concurrency of one function: each costs every step of its runs.
const MAX_CONCURRENCY: usize = 2;

/// The longest period of a throttle or a debounce.
const MAX_PERIOD_MS: u64 = 7 * DAY_MS;

/// How long finished runs may be kept.
const RETENTION_MS: (u64, u64) = (HOUR_MS, 3_650 * DAY_MS);

/// Events of a batch.
const BATCH_SIZES: (u32, u32) = (2, 1_000);

impl FunctionConfig {
    pub(super) fn check_options(&self) -> Checked {
        if let Some(retries) = self.retries
            && retries > MAX_RETRIES
        {
            return Err(format!(
                "retries: {retries} is more than the limit of {MAX_RETRIES}"
            ));
        }
        if let Some(fault) = self.backoff.as_ref().and_then(Backoff::fault) {
            return Err(fault);
        }
        at_most("concurrency", self.concurrency.len(), MAX_CONCURRENCY)?;
        for (index, option) in self.concurrency.iter().enumerate() {
            within(&format!("concurrency {index}"), concurrency(option))?;
        }
        if let Some(option) = &self.throttle {
            within("throttle", throttle(option))?;
        }
        if let Some(option) = &self.rate_limit {
            within("rateLimit", rate_limit(option))?;
        }
        if let Some(option) = &self.debounce {
            within("debounce", debounce(option))?;
        }
        if let Some(option) = &self.batch_events {
            within("batchEvents", batch_events(option))?;
        }
        value("priority", self.priority.as_ref())?;
        value("idempotency", self.idempotency.as_ref())?;
        if let Some(option) = &self.singleton {
            within("singleton", value("key", option.key.as_ref()))?;
        }
        at_most("cancelOn", self.cancel_on.len(), CANCEL_ON_OPS as usize)?;
        for (index, option) in self.cancel_on.iter().enumerate() {
            within(&format!("cancelOn {index}"), cancel_on(option))?;
        }
        within("timeouts", some_time("start", self.timeouts.start_ms))?;
        within("timeouts", some_time("finish", self.timeouts.finish_ms))?;
        self.retention_ms
            .map_or(Ok(()), |ms| between("retention", ms, RETENTION_MS))
    }
}

pub(super) fn trigger(trigger: &Trigger) -> Checked {
    match trigger {
        Trigger::Event(trigger) => event_trigger(trigger),
        Trigger::Cron(trigger) => within("cron", cron(trigger)),
        Trigger::FailureOf(function) if !is_kebab_case(function) => {
            Err(format!("failure-of: `{function}` is no function's id"))
        }
        Trigger::FailureOf(_) => Ok(()),
    }
}

fn event_trigger(trigger: &EventTrigger) -> Checked {
    name(&trigger.event)?;
    let exact = prefix_of(&trigger.event).unwrap_or(&trigger.event);
    if exact.contains('*') {
        return Err(format!(
            "event: `{}` has a `*` in a place other than a last part `/*` or `.*`",
            trigger.event
        ));
    }
    within("if", trigger.condition().map(|_| ()))
}

fn cron(trigger: &CronTrigger) -> Checked {
    Schedule::parse(&trigger.schedule).map_err(|error| error.to_string())?;
    match trigger.jitter_ms {
        None | Some(0) => Ok(()),
        Some(ms) => between("jitter", ms, (MIN_JITTER_MS, MAX_JITTER_MS)),
    }
}

fn concurrency(option: &Concurrency) -> Checked {
    at_least_one("limit", option.limit)?;
    let scope = match option.scope {
        ConcurrencyScope::Fn => None,
        ConcurrencyScope::Env => Some("env"),
        ConcurrencyScope::Account => Some("account"),
    };
    if let (Some(scope), None) = (scope, &option.key) {
        return Err(format!(
            "key: the scope `{scope}` needs one, which names what is shared; a constant such as \"'openai'\" will do"
        ));
    }
    value("key", option.key.as_ref())
}

fn throttle(option: &Throttle) -> Checked {
    at_least_one("limit", option.limit)?;
    between("period", option.period_ms, (SECOND_MS, MAX_PERIOD_MS))?;
    value("key", option.key.as_ref())
}

fn rate_limit(option: &RateLimit) -> Checked {
    at_least_one("limit", option.limit)?;
    between("period", option.period_ms, (SECOND_MS, DAY_MS))?;
    value("key", option.key.as_ref())
}

fn debounce(option: &Debounce) -> Checked {
    between("period", option.period_ms, (SECOND_MS, MAX_PERIOD_MS))?;
    if let Some(timeout_ms) = option.timeout_ms
        && timeout_ms < option.period_ms
    {
        return Err(format!(
            "timeout: {} is less than the period, {}",
            span(timeout_ms),
            span(option.period_ms)
        ));
    }
    value("key", option.key.as_ref())
}

fn batch_events(option: &BatchEvents) -> Checked {
    let (least, most) = BATCH_SIZES;
    if !(least..=most).contains(&option.max_size) {
        let size = option.max_size;
        return Err(format!("maxSize: {size} is not between {least} and {most}"));
    }
    between("timeout", option.timeout_ms, (SECOND_MS, HOUR_MS))?;
    value("key", option.key.as_ref())?;
    let condition = option.if_expr.as_deref().map(Expr::compile_without_async);
    within("if", condition.transpose().map(|_| ()))
}

fn cancel_on(option: &CancelOn) -> Checked {
    name(&option.event)?;
    if option.event.ends_with("/*") || option.event.ends_with(".*") {
        return Err(format!(
            "event: `{}` must be an exact name; name each event on its own",
            option.event
        ));
    }
    let given: Vec<_> = [
        ("if", option.if_expr.is_some()),
        ("match", option.match_path.is_some()),
        ("all", option.all),
    ]
    .into_iter()
    .filter_map(|(name, is_set)| is_set.then_some(name))
    .collect();
    match given[..] {
        [] => {
            return Err(format!(
                "needs `if` or `match`, or `all: true` if every `{}` is to cancel every run of the function",
                option.event
            ));
        }
        [_] => {}
        [first, second, ..] => {
            return Err(format!(
                "`{first}` and `{second}` exclude each other; remove one of them"
            ));
        }
    }
    let condition = option.if_expr.as_deref().map(Expr::compile);
    within("if", condition.transpose().map(|_| ()))?;
    within(
        "match",
        option.match_path.as_deref().map_or(Ok(()), check_path),
    )?;
    some_time("timeout", option.timeout_ms)
}

fn name(event: &str) -> Checked {
    let chars = event.chars().count();
    if (1..=MAX_NAME_CHARS).contains(&chars) {
        return Ok(());
    }
    Err(format!(
        "event: must have 1 to {MAX_NAME_CHARS} characters, has {chars}"
    ))
}

/// An expression over `event` of any type.
fn value(option: &str, source: Option<&String>) -> Checked {
    let Some(source) = source else {
        return Ok(());
    };
    let expr = within(option, Expr::compile_value(source))?;
    if expr.uses_async() {
        return Err(format!("{option}: {}", EvalError::NoAsync));
    }
    Ok(())
}

pub(super) fn at_most(option: &str, count: usize, limit: usize) -> Checked {
    if count <= limit {
        return Ok(());
    }
    Err(format!(
        "{option}: {count} are more than the limit of {limit}"
    ))
}

fn at_least_one(option: &str, number: u32) -> Checked {
    if number >= 1 {
        return Ok(());
    }
    Err(format!("{option}: must be at least 1"))
}

fn between(option: &str, ms: u64, (least, most): (u64, u64)) -> Checked {
    if (least..=most).contains(&ms) {
        return Ok(());
    }
    Err(format!(
        "{option}: {} is not between {} and {}",
        span(ms),
        span(least),
        span(most)
    ))
}

fn some_time(option: &str, ms: Option<u64>) -> Checked {
    if ms == Some(0) {
        return Err(format!("{option}: must be more than 0"));
    }
    Ok(())
}

/// Names the option before its fault.
fn within<T, E: std::fmt::Display>(option: &str, checked: Result<T, E>) -> Result<T, String> {
    checked.map_err(|fault| format!("{option}: {fault}"))
}
