//! What an app says of its functions and events, in core's words.

use abide_core::function::FunctionConfig;
use abide_core::function::options::{
    BatchEvents, CancelOn, Catchup, Concurrency, ConcurrencyScope, ConcurrencyUnit, CronTrigger,
    Debounce, EventTrigger, RateLimit, Singleton, SingletonMode, Throttle, Timeouts, Trigger,
};
use abide_core::state::EventSchema;

use super::backoff;
use crate::bindings::types;

pub(crate) fn function(config: types::FunctionConfig) -> FunctionConfig {
    FunctionConfig {
        id: config.id,
        name: config.name,
        triggers: config.triggers.into_iter().map(trigger).collect(),
        retries: config.retries,
        backoff: config.backoff.map(backoff),
        concurrency: config.concurrency.into_iter().map(concurrency).collect(),
        throttle: config.throttle.map(|it| Throttle {
            limit: it.limit,
            period_ms: it.period,
            burst: it.burst.unwrap_or(0),
            key: it.key,
        }),
        rate_limit: config.rate_limit.map(|it| RateLimit {
            limit: it.limit,
            period_ms: it.period,
            key: it.key,
        }),
        debounce: config.debounce.map(|it| Debounce {
            period_ms: it.period,
            key: it.key,
            timeout_ms: it.timeout,
        }),
        batch_events: config.batch_events.map(|it| BatchEvents {
            max_size: it.max_size,
            timeout_ms: it.timeout,
            key: it.key,
            if_expr: it.if_,
        }),
        priority: config.priority,
        idempotency: config.idempotency,
        singleton: config.singleton.map(|it| Singleton {
            key: it.key,
            mode: match it.mode {
                types::SingletonMode::Skip => SingletonMode::Skip,
                types::SingletonMode::Cancel => SingletonMode::Cancel,
            },
        }),
        cancel_on: config.cancel_on.into_iter().map(cancel_on).collect(),
        timeouts: config
            .timeouts
            .map_or_else(Timeouts::default, |it| Timeouts {
                start_ms: it.start,
                finish_ms: it.finish,
            }),
        retention_ms: config.retention,
    }
}

fn trigger(trigger: types::Trigger) -> Trigger {
    match trigger {
        types::Trigger::Event(it) => Trigger::Event(EventTrigger {
            event: it.event,
            if_expr: it.if_,
        }),
        types::Trigger::Cron(it) => Trigger::Cron(CronTrigger {
            schedule: it.schedule,
            jitter_ms: it.jitter,
            catchup: match it.catchup {
                Some(types::Catchup::None) => Catchup::None,
                Some(types::Catchup::Last) | None => Catchup::Last,
                Some(types::Catchup::All) => Catchup::All,
            },
        }),
        types::Trigger::FailureOf(function) => Trigger::FailureOf(function),
    }
}

fn concurrency(it: types::Concurrency) -> Concurrency {
    Concurrency {
        limit: it.limit,
        key: it.key,
        scope: match it.scope {
            Some(types::ConcurrencyScope::Fn) | None => ConcurrencyScope::Fn,
            Some(types::ConcurrencyScope::Env) => ConcurrencyScope::Env,
            Some(types::ConcurrencyScope::Account) => ConcurrencyScope::Account,
        },
        per: match it.per {
            Some(types::ConcurrencyUnit::Step) | None => ConcurrencyUnit::Step,
            Some(types::ConcurrencyUnit::Run) => ConcurrencyUnit::Run,
        },
    }
}

fn cancel_on(it: types::CancelOn) -> CancelOn {
    CancelOn {
        event: it.event,
        if_expr: it.if_,
        match_path: it.match_,
        all: it.all,
        timeout_ms: it.timeout,
    }
}

pub(crate) fn schema(it: types::EventSchema) -> EventSchema {
    EventSchema {
        event: it.event,
        v: it.v,
        schema: it.schema.into(),
    }
}
