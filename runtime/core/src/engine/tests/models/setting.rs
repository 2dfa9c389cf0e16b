//! What a history of [chaos](super::chaos) begins with: functions with many options each, in two versions, and what they do.

use proptest::prelude::*;

use super::super::script::Program;
use super::floor::step;
use crate::function::options::{
    BatchEvents, CancelOn, Concurrency, ConcurrencyScope, ConcurrencyUnit, Debounce, EventTrigger,
    RateLimit, Singleton, SingletonMode, Throttle, Timeouts,
};
use crate::function::{FunctionConfig, Trigger};

/// Functions that users start; one more handles what happens to them.
pub(super) const FUNCTIONS: usize = 3;

fn key(keyed: bool) -> Option<String> {
    keyed.then(|| "event.data.k".to_owned())
}

fn concurrency() -> impl Strategy<Value = Concurrency> {
    let scope = prop_oneof![4 => Just(ConcurrencyScope::Fn), 1 => Just(ConcurrencyScope::Env)];
    let per = prop_oneof![Just(ConcurrencyUnit::Step), Just(ConcurrencyUnit::Run)];
    (1..3_u32, any::<bool>(), scope, per).prop_map(|(limit, keyed, scope, per)| Concurrency {
        limit,
        key: key(keyed || scope == ConcurrencyScope::Env),
        scope,
        per,
    })
}

/// What merges events, or drops them.
#[derive(Debug, Clone)]
enum Merge {
    None,
    Batch(BatchEvents),
    Others(Option<Debounce>, Option<Singleton>, bool, bool),
}

fn merge() -> impl Strategy<Value = Merge> {
    let batch = (2..4_u32, any::<bool>()).prop_map(|(max_size, keyed)| {
        Merge::Batch(BatchEvents {
            max_size,
            timeout_ms: 3_000,
            key: key(keyed),
            if_expr: None,
        })
    });
    let debounce =
        (any::<bool>(), prop::option::of(Just(4_000_u64))).prop_map(|(keyed, timeout_ms)| {
            Debounce {
                period_ms: 2_000,
                key: key(keyed),
                timeout_ms,
            }
        });
    let mode = prop_oneof![1 => Just(SingletonMode::Skip), 2 => Just(SingletonMode::Cancel)];
    let singleton = (any::<bool>(), mode).prop_map(|(keyed, mode)| Singleton {
        key: key(keyed),
        mode,
    });
    let others = (
        prop::option::of(debounce),
        prop::option::weighted(0.7, singleton),
        prop::bool::weighted(0.2),
        prop::bool::weighted(0.2),
    );
    prop_oneof![
        3 => Just(Merge::None),
        1 => batch,
        3 => others.prop_map(|(debounce, singleton, idempotency, rate)| Merge::Others(debounce, singleton, idempotency, rate)),
    ]
}

fn config() -> impl Strategy<Value = FunctionConfig> {
    let throttle = (1..3_u32, 0..2_u32, any::<bool>()).prop_map(|(limit, burst, keyed)| Throttle {
        limit,
        period_ms: 2_000,
        burst,
        key: key(keyed),
    });
    let queue = (
        prop::collection::vec(concurrency(), 0..3),
        prop::option::weighted(0.3, throttle),
        prop::bool::weighted(0.3),
    );
    let timeouts = (
        prop::option::weighted(0.3, 1_000..6_000_u64),
        prop::option::weighted(0.3, 1_000..12_000_u64),
    );
    (
        queue,
        merge(),
        prop::option::weighted(0.4, any::<bool>()),
        timeouts,
        0..2_u32,
    )
        .prop_map(
            |(
                (concurrency, throttle, priority),
                merge,
                cancel_on,
                (start_ms, finish_ms),
                retries,
            )| {
                let mut config = FunctionConfig {
                    retries: Some(retries),
                    concurrency,
                    throttle,
                    timeouts: Timeouts {
                        start_ms,
                        finish_ms,
                    },
                    ..FunctionConfig::default()
                };
                match merge {
                    Merge::None => {}
                    Merge::Batch(batch) => {
                        config.batch_events = Some(batch);
                        return config;
                    }
                    Merge::Others(debounce, singleton, idempotency, rate) => {
                        config.debounce = debounce;
                        config.singleton = singleton;
                        config.idempotency = key(idempotency);
                        config.rate_limit = rate.then_some(RateLimit {
                            limit: 2,
                            period_ms: 4_000,
                            key: None,
                        });
                    }
                }
                config.priority = priority.then(|| "event.data.p".to_owned());
                config.cancel_on.extend(cancel_on.map(|all| {
                    CancelOn {
                        event: if all {
                            "inngest/function.failed"
                        } else {
                            "stop"
                        }
                        .into(),
                        if_expr: None,
                        match_path: (!all).then(|| "data.k".to_owned()),
                        all,
                        timeout_ms: None,
                    }
                }));
                config
            },
        )
}

/// A program; `inner` for those that others invoke or that handle others' ends.
fn program(inner: bool) -> impl Strategy<Value = Program> {
    let letters = if inner {
        vec!['b', 'b', 'b', 'f', 'x', 'q', 's', 'w']
    } else {
        vec!['b', 'b', 'b', 'f', 'x', 'q', 's', 'w', 'i', 'e']
    };
    let id = (prop::sample::select(letters), 1..5_u32)
        .prop_map(|(letter, seconds)| format!("{letter}{}", seconds * 1_000));
    let groups = prop::collection::vec(prop::collection::vec(id, 1..4), 1..4);
    (groups, any::<bool>(), prop::bool::weighted(0.2)).prop_map(|(groups, catches, fails)| {
        Program {
            groups: groups
                .iter()
                .map(|group| group.iter().map(|id| step(id)).collect())
                .collect(),
            catches,
            fails: u32::from(fails),
            ..Program::default()
        }
    })
}

/// What a history begins with.
#[derive(Debug, Clone)]
pub(super) struct Setting {
    /// Options of all functions, as they are first and as they are deployed later.
    pub versions: Vec<Vec<FunctionConfig>>,
    /// What the functions do, whatever their options.
    pub programs: Vec<Program>,
    /// Whatever rests leaves memory at once.
    pub evicting: bool,
    /// Executions that may be under way at once.
    pub room: usize,
}

pub(super) fn setting() -> impl Strategy<Value = Setting> {
    let versions = prop::collection::vec(prop::collection::vec(config(), FUNCTIONS + 1), 2);
    let programs = (
        prop::collection::vec(program(false), FUNCTIONS - 1),
        prop::collection::vec(program(true), 2),
    );
    let room = prop_oneof![3 => Just(512_usize), 1 => 1..4_usize];
    (versions, programs, any::<bool>(), room).prop_map(
        |(mut versions, (mut programs, inner), evicting, room)| {
            programs.extend(inner);
            for version in &mut versions {
                for (number, config) in version.iter_mut().enumerate() {
                    config.id = format!("f{number}");
                    let names: &[&str] = match number {
                        0 => &["start/f0", "all"],
                        1 => &["start/f1", "all"],
                        2 => &["start/f2"],
                        _ => &[
                            "inngest/function.finished",
                            "abide/function.cancelled",
                            "inngest/function.invoked",
                        ],
                    };
                    let triggers = names.iter().map(|name| {
                        Trigger::Event(EventTrigger {
                            event: (*name).into(),
                            if_expr: None,
                        })
                    });
                    config.triggers = triggers.collect();
                    if number == FUNCTIONS {
                        config.triggers.push(Trigger::FailureOf("f2".into()));
                    }
                }
            }
            Setting {
                versions,
                programs,
                evicting,
                room,
            }
        },
    )
}
