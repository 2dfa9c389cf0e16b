//! How the functions are configured: every control of flow has one.

use crate::bindings::abide::durable::types::{
    Backoff, BackoffKind, BatchEvents, CancelOn, Catchup, Concurrency, ConcurrencyScope,
    ConcurrencyUnit, CronTrigger, Debounce, EventTrigger, FunctionConfig, RateLimit, Singleton,
    SingletonMode, Throttle, Timeouts, Trigger,
};

const MINUTE: u64 = 60_000;
const HOUR: u64 = 60 * MINUTE;

/// A function that the event `golden/ID` starts. Its failures are tried again after a minute, without chance in it.
fn plain(id: &str) -> FunctionConfig {
    FunctionConfig {
        id: id.to_owned(),
        name: None,
        triggers: vec![Trigger::Event(EventTrigger {
            event: format!("golden/{id}"),
            if_: None,
        })],
        retries: Some(2),
        backoff: Some(Backoff {
            kind: BackoffKind::Constant,
            base: MINUTE,
            factor: None,
            max: None,
            jitter: None,
        }),
        concurrency: Vec::new(),
        throttle: None,
        rate_limit: None,
        debounce: None,
        batch_events: None,
        priority: None,
        idempotency: None,
        singleton: None,
        cancel_on: Vec::new(),
        timeouts: None,
        retention: None,
    }
}

fn key() -> Option<String> {
    Some("event.data.key".to_owned())
}

fn singleton(id: &str, mode: SingletonMode) -> FunctionConfig {
    let singleton = Some(Singleton { key: key(), mode });
    FunctionConfig {
        singleton,
        ..plain(id)
    }
}

fn concurrency(scope: ConcurrencyScope, per: ConcurrencyUnit) -> Vec<Concurrency> {
    vec![Concurrency {
        limit: 1,
        key: key(),
        scope: Some(scope),
        per: Some(per),
    }]
}

/// All of them.
pub(crate) fn all() -> Vec<FunctionConfig> {
    let plains = [
        "steps", "retry", "again", "fails", "parallel", "race", "wait", "signal", "send", "invoke",
        "fetch", "infer", "outside", "input",
    ];
    let mut configs: Vec<_> = plains.iter().map(|id| plain(id)).collect();
    configs.extend(started_otherwise());
    configs.extend(controlled());
    configs
}

fn started_otherwise() -> [FunctionConfig; 3] {
    let cron = CronTrigger {
        schedule: "TZ=Europe/Berlin 0 3 * * *".to_owned(),
        jitter: None,
        catchup: Some(Catchup::Last),
    };
    [
        FunctionConfig {
            triggers: vec![Trigger::FailureOf("fails".to_owned())],
            ..plain("on-failure")
        },
        FunctionConfig {
            name: Some("Every night".to_owned()),
            triggers: vec![Trigger::Cron(cron)],
            ..plain("nightly")
        },
        FunctionConfig {
            triggers: Vec::new(),
            ..plain("child")
        },
    ]
}

fn controlled() -> Vec<FunctionConfig> {
    vec![
        FunctionConfig {
            timeouts: Some(Timeouts {
                start: Some(HOUR),
                finish: Some(48 * HOUR),
            }),
            cancel_on: vec![
                CancelOn {
                    event: "golden/stop".to_owned(),
                    if_: None,
                    match_: Some("data.key".to_owned()),
                    all: false,
                    timeout: Some(72 * HOUR),
                },
                CancelOn {
                    event: "golden/stop-large".to_owned(),
                    if_: Some("async.data.above < event.data.ms".to_owned()),
                    match_: None,
                    all: false,
                    timeout: None,
                },
            ],
            retention: Some(24 * 365 * HOUR),
            ..plain("sleep")
        },
        FunctionConfig {
            concurrency: concurrency(ConcurrencyScope::Fn, ConcurrencyUnit::Run),
            priority: Some("event.data.ahead".to_owned()),
            timeouts: Some(Timeouts {
                start: Some(72 * HOUR),
                finish: None,
            }),
            ..plain("one-at-a-time")
        },
        FunctionConfig {
            concurrency: concurrency(ConcurrencyScope::Env, ConcurrencyUnit::Step),
            ..plain("gated")
        },
        FunctionConfig {
            throttle: Some(Throttle {
                limit: 3,
                period: 1_000_000,
                burst: None,
                key: key(),
            }),
            ..plain("throttled")
        },
        FunctionConfig {
            rate_limit: Some(RateLimit {
                limit: 1,
                period: HOUR,
                key: key(),
            }),
            ..plain("rated")
        },
        FunctionConfig {
            debounce: Some(Debounce {
                period: HOUR,
                key: key(),
                timeout: Some(4 * HOUR),
            }),
            ..plain("debounced")
        },
        FunctionConfig {
            batch_events: Some(BatchEvents {
                max_size: 3,
                timeout: HOUR,
                key: key(),
                if_: None,
            }),
            ..plain("batched")
        },
        FunctionConfig {
            idempotency: key(),
            ..plain("once")
        },
        singleton("single", SingletonMode::Skip),
        singleton("latest", SingletonMode::Cancel),
    ]
}
