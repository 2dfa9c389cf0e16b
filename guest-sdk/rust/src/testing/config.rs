//! A function's configuration as tests compare it.

use serde_json::{Value, json};

use crate::bindings::types::{
    BackoffKind, CancelOn, Catchup, Concurrency, ConcurrencyScope, ConcurrencyUnit, FunctionConfig,
    SingletonMode, Trigger,
};
use crate::testing::view::without_nulls;

/// A configuration. Options that were not given are left out.
pub(super) fn config_as_value(config: &FunctionConfig) -> Value {
    let list = |values: Vec<Value>| (!values.is_empty()).then_some(values);
    without_nulls(json!({
        "id": config.id,
        "name": config.name,
        "triggers": list(config.triggers.iter().map(trigger).collect()),
        "retries": config.retries,
        "backoff": config.backoff.as_ref().map(|it| without_nulls(json!({
            "kind": match it.kind {
                BackoffKind::Exponential => "exponential",
                BackoffKind::Linear => "linear",
                BackoffKind::Constant => "constant",
            },
            "base_ms": it.base, "factor": it.factor, "max_ms": it.max, "jitter_ms": it.jitter,
        }))),
        "concurrency": list(config.concurrency.iter().map(concurrency).collect()),
        "throttle": config.throttle.as_ref().map(|it| without_nulls(json!({
            "limit": it.limit, "period_ms": it.period, "burst": it.burst, "key": it.key,
        }))),
        "rate_limit": config.rate_limit.as_ref().map(|it| without_nulls(json!({
            "limit": it.limit, "period_ms": it.period, "key": it.key,
        }))),
        "debounce": config.debounce.as_ref().map(|it| without_nulls(json!({
            "period_ms": it.period, "key": it.key, "timeout_ms": it.timeout,
        }))),
        "batch_events": config.batch_events.as_ref().map(|it| without_nulls(json!({
            "max_size": it.max_size, "timeout_ms": it.timeout, "key": it.key, "if": it.if_,
        }))),
        "priority": config.priority,
        "idempotency": config.idempotency,
        "singleton": config.singleton.as_ref().map(|it| without_nulls(json!({
            "mode": match it.mode {
                SingletonMode::Skip => "skip",
                SingletonMode::Cancel => "cancel",
            },
            "key": it.key,
        }))),
        "cancel_on": list(config.cancel_on.iter().map(cancel_on).collect()),
        "timeouts": config.timeouts.as_ref().map(|it| without_nulls(json!({
            "start_ms": it.start, "finish_ms": it.finish,
        }))),
        "retention_ms": config.retention,
    }))
}

fn trigger(trigger: &Trigger) -> Value {
    without_nulls(match trigger {
        Trigger::Event(it) => json!({"event": it.event, "if": it.if_}),
        Trigger::Cron(it) => json!({
            "cron": it.schedule,
            "jitter_ms": it.jitter,
            "catchup": it.catchup.map(|catchup| match catchup {
                Catchup::None => "none",
                Catchup::Last => "last",
                Catchup::All => "all",
            }),
        }),
        Trigger::FailureOf(function) => json!({"failure_of": function}),
    })
}

fn concurrency(limit: &Concurrency) -> Value {
    let scope = limit.scope.map(|scope| match scope {
        ConcurrencyScope::Fn => "fn",
        ConcurrencyScope::Env => "env",
        ConcurrencyScope::Account => "account",
    });
    let per = limit.per.map(|per| match per {
        ConcurrencyUnit::Step => "step",
        ConcurrencyUnit::Run => "run",
    });
    without_nulls(json!({"limit": limit.limit, "key": limit.key, "scope": scope, "per": per}))
}

fn cancel_on(event: &CancelOn) -> Value {
    without_nulls(json!({
        "event": event.event,
        "if": event.if_,
        "matching": event.match_,
        "all": event.all.then_some(true),
        "timeout_ms": event.timeout,
    }))
}
