//! Samples of apps: a function with every option, and what an option can be.

use std::sync::Arc;

use abide_core::function::FunctionConfig;
use abide_core::function::options::{
    BatchEvents, CancelOn, Catchup, Concurrency, ConcurrencyScope, ConcurrencyUnit, CronTrigger,
    Debounce, EventTrigger, RateLimit, Singleton, SingletonMode, Throttle, Timeouts, Trigger,
};
use abide_core::ids::Digest;
use abide_core::retry::BackoffKind;
use abide_core::state::{App, Deployed, EventSchema, Write};

use crate::records::json;
use crate::runs::backoff;
use crate::variants;

variants!(
    missing,
    Trigger {
        Event,
        Cron,
        FailureOf
    }
);

fn app(function: FunctionConfig) -> Write {
    let schema = EventSchema {
        event: "event".into(),
        v: Some("v".into()),
        schema: json("{}"),
    };
    Write::PutApp(Arc::new(App {
        id: "app".into(),
        current: Deployed {
            digest: Digest([9; 32]),
            at_ms: 1_000_201,
            bytes: 1_000_202,
            functions: vec![function],
            schemas: vec![schema],
        },
        variables: [("NAME".to_owned(), "value".to_owned())].into(),
        allow_net: vec!["host:1".into()],
        deployments: 3,
    }))
}

fn everything() -> FunctionConfig {
    let key = || Some("event.data.key".to_owned());
    FunctionConfig {
        id: "fn".into(),
        name: Some("Name".into()),
        triggers: Vec::new(),
        retries: Some(1),
        backoff: Some(backoff(BackoffKind::Constant)),
        concurrency: Vec::new(),
        throttle: Some(Throttle {
            limit: 1,
            period_ms: 1_000_203,
            burst: 2,
            key: key(),
        }),
        rate_limit: Some(RateLimit {
            limit: 1,
            period_ms: 1_000_204,
            key: key(),
        }),
        debounce: Some(Debounce {
            period_ms: 1_000_205,
            key: key(),
            timeout_ms: Some(1_000_206),
        }),
        batch_events: Some(BatchEvents {
            max_size: 2,
            timeout_ms: 1_000_207,
            key: key(),
            if_expr: Some("true".into()),
        }),
        priority: Some("1".into()),
        idempotency: key(),
        singleton: Some(Singleton {
            key: key(),
            mode: SingletonMode::Skip,
        }),
        cancel_on: vec![CancelOn {
            event: "stop".into(),
            if_expr: Some("true".into()),
            match_path: Some("data.id".into()),
            all: true,
            timeout_ms: Some(1_000_208),
        }],
        timeouts: Timeouts {
            start_ms: Some(1_000_209),
            finish_ms: Some(1_000_210),
        },
        retention_ms: Some(1_000_211),
    }
}

/// All of them.
pub(crate) fn samples() -> Vec<(String, Write)> {
    let mut samples = vec![("everything".to_owned(), app(everything()))];
    let with = |change: &dyn Fn(&mut FunctionConfig)| {
        let mut function = FunctionConfig {
            id: "fn".into(),
            ..FunctionConfig::default()
        };
        change(&mut function);
        app(function)
    };
    samples.push(("nothing".to_owned(), with(&|_| {})));
    for (name, trigger) in triggers() {
        let write = with(&|function| function.triggers = vec![trigger.clone()]);
        samples.push((format!("trigger-{name}"), write));
    }
    for scope in [
        ConcurrencyScope::Fn,
        ConcurrencyScope::Env,
        ConcurrencyScope::Account,
    ] {
        for per in [ConcurrencyUnit::Step, ConcurrencyUnit::Run] {
            let limit = Concurrency {
                limit: 1,
                key: Some("k".into()),
                scope,
                per,
            };
            let write = with(&|function| function.concurrency = vec![limit.clone()]);
            samples.push((format!("concurrency-{scope:?}-{per:?}"), write));
        }
    }
    for mode in [SingletonMode::Skip, SingletonMode::Cancel] {
        let write = with(&|function| function.singleton = Some(Singleton { key: None, mode }));
        samples.push((format!("singleton-{mode:?}"), write));
    }
    for kind in [
        BackoffKind::Exponential,
        BackoffKind::Linear,
        BackoffKind::Constant,
    ] {
        let write = with(&|function| function.backoff = Some(backoff(kind)));
        samples.push((format!("backoff-{kind:?}"), write));
    }
    samples
}

fn triggers() -> Vec<(String, Trigger)> {
    let event = EventTrigger {
        event: "event".into(),
        if_expr: Some("true".into()),
    };
    let mut triggers = vec![
        ("Event".to_owned(), Trigger::Event(event)),
        ("FailureOf".to_owned(), Trigger::FailureOf("fn".into())),
    ];
    for catchup in [Catchup::None, Catchup::Last, Catchup::All] {
        let cron = CronTrigger {
            schedule: "* * * * *".into(),
            jitter_ms: Some(1_000_212),
            catchup,
        };
        triggers.push((format!("Cron-{catchup:?}"), Trigger::Cron(cron)));
    }
    let missing = missing(&triggers);
    assert!(missing.is_empty(), "no sample of the triggers {missing:?}");
    triggers
}
